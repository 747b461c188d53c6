from __future__ import annotations

import pytest

from runners.campaign.combinations import combinations
from specs.catalog import Catalog
from specs.faults import Refused
from specs.schema import Experiment


def asked(**fields: object) -> Experiment:
    base = {"models": ["reference"], "concepts": ["kind", "bold"], "name": "x"}
    return Experiment.model_validate({**base, **fields})


def test_a_cross_product_in_the_order_of_its_lists(catalog: Catalog) -> None:
    found = combinations(asked(variants=["base", "user_*"], scopes=["answer", "decision"]), catalog)
    assert len(found) == 2 * 3 * 2
    assert [c.concept for c in found[:6]] == ["kind"] * 6
    assert [c.scope for c in found[:2]] == ["answer", "decision"]
    assert len(set(found)) == len(found)


def test_include_adds_and_exclude_takes_away(catalog: Catalog) -> None:
    experiment = asked(
        include=[{"concept": "calm", "variant": "user_positive"}],
        exclude=[{"concept": "b*"}, {"concept": "tag:nothing"}],
    )
    found = {(c.concept, c.variant) for c in combinations(experiment, catalog)}
    assert found == {("kind", "base"), ("calm", "user_positive")}


def test_nothing_left_is_refused(catalog: Catalog) -> None:
    with pytest.raises(Refused, match="leaves nothing"):
        combinations(asked(exclude=[{"model": "reference"}]), catalog)


def test_norms_multiply(catalog: Catalog) -> None:
    found = combinations(asked(norms=["base", "unit"], seeds=[0, 1]), catalog)
    assert {(c.norm, c.seed) for c in found} == {("base", 0), ("base", 1), ("unit", 0), ("unit", 1)}


def test_vectors_go_to_the_questions_of_others(catalog: Catalog) -> None:
    fields = {"concepts": ["kind", "bold", "calm"], "variants": ["base", "user_positive"]}
    found = combinations(asked(**fields, fit_concepts=["kind", "calm"]), catalog)
    assert len(set(found)) == len(found) == 3 * 2 + 2 * 2 * 2
    pairs = {(c.fit_concept, c.concept) for c in found}
    others = {("kind", "bold"), ("kind", "calm"), ("calm", "kind"), ("calm", "bold")}
    assert pairs == {("kind", "kind"), ("bold", "bold"), ("calm", "calm")} | others
    assert combinations(asked(**fields), catalog) == found[:6]


def test_a_vector_of_a_concept_that_is_not_asked_about_is_refused(catalog: Catalog) -> None:
    with pytest.raises(Refused, match=r"fit_concepts names calm.*add it to concepts"):
        combinations(asked(fit_concepts=["kind", "calm"]), catalog)
