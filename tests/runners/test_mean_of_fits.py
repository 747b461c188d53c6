"""The mean vector over fit variants: its raw vector, its norm, its draws, its place among others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runners.campaign.bench import Bench
from runners.campaign.combinations import combinations
from runners.fitting.derived import Draw
from runners.fitting.draws import label_signs, resampled_rows
from runners.fitting.fitter import Fitter
from specs.catalog import Catalog
from specs.faults import Refused
from specs.schema import Experiment

LAYER = 3
BOTH = ("base", "user_positive")


def differences(fitter: Fitter, variant: str) -> np.ndarray:
    positive, negative = fitter.training(variant).layer(LAYER)
    found: np.ndarray = positive.astype(np.float64) - negative
    return found


def test_it_is_the_mean_of_raw_vectors_at_the_norm_asked(fitter: Fitter, catalog: Catalog) -> None:
    method = catalog.get("methods", "mean_difference")
    raw = fitter.vector(method, BOTH, "raw", 0)
    expected = np.mean([differences(fitter, variant).mean(0) for variant in BOTH], axis=0)
    assert raw.directions[LAYER].numpy() == pytest.approx(expected, abs=1e-6)
    assert raw.combination == "mean"
    assert len(raw.fits) == 2
    based, base = fitter.vector(method, BOTH, None, 0), fitter.vector(method, "base", None, 0)
    assert based.norm_vector_id == base.vector_id
    lengths = [float(v.directions[LAYER].norm()) for v in (based, base)]
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-6)
    assert {"split_half_cosine", "auroc"} <= {*raw.geometry[LAYER]}
    norms = [fitter.training(variant).residual_norm[LAYER] for variant in BOTH]
    assert raw.residual_norm[LAYER] == pytest.approx(np.mean(norms))


def test_names_and_their_order_decide_nothing(
    fitter: Fitter, catalog: Catalog, kind: Bench, tmp_path: Path
) -> None:
    method = catalog.get("methods", "pca_no_letter")
    first = fitter.vector(method, BOTH, None, 0)
    again = Fitter(kind, tmp_path, {}, 8192)
    second = again.vector(method, BOTH[::-1], None, 0)
    assert again.n_fitted == 0
    assert second.vector_id == first.vector_id
    assert second.combination == "mean"
    assert fitter.vector(method, ("base", "base"), None, 0).combination is None


def test_a_draw_of_a_mean_draws_questions_under_all_variants(
    fitter: Fitter, catalog: Catalog
) -> None:
    parent = fitter.vector(catalog.get("methods", "mean_difference"), BOTH, "raw", 0)
    again, shuffled = fitter.derived(
        parent, [Draw("resample", LAYER, 0, 4), Draw("label_shuffled", LAYER, 0, 4)]
    )
    questions = fitter.training("base").questions
    rows = resampled_rows(questions, 0, 4)
    names = sorted(set(questions))
    sign = dict(zip(names, label_signs(0, 4, names), strict=True))
    signs = np.array([sign[question] for question in questions])
    whole = [differences(fitter, variant) for variant in BOTH]
    expected = np.mean([rows_[rows].mean(0) for rows_ in whole], axis=0)
    assert again.directions[LAYER].numpy() == pytest.approx(expected, abs=1e-5)
    assert again.combination == "mean"
    expected = np.mean([(signs[:, None] * rows_).mean(0) for rows_ in whole], axis=0)
    assert shuffled.directions[LAYER].numpy() == pytest.approx(expected, abs=1e-5)
    assert shuffled.combination is None


def asked(**fields: object) -> Experiment:
    base = {"models": ["reference"], "concepts": ["kind", "bold"], "name": "x"}
    return Experiment.model_validate({**base, **fields})


def test_a_mean_stands_beside_its_singles_or_alone(catalog: Catalog) -> None:
    three = ["base", "user_*"]
    both = combinations(asked(fit_variants=three, combinations=["single", "mean"]), catalog)
    assert len(both) == 2 * (3 + 1)
    alone = combinations(asked(fit_variants=three, combinations=["mean"], variants=three), catalog)
    assert len(alone) == 2 * 3
    assert {c.fit_variants for c in alone} == {("base", "user_negative", "user_positive")}


def test_it_is_over_the_fits_that_are_kept(catalog: Catalog) -> None:
    experiment = asked(
        fit_variants=["base", "user_*"],
        combinations=["mean"],
        variants=["base", "no_system"],
        exclude=[
            {"concept": "kind", "fit_variant": "user_negative"},
            {"concept": "bold", "variant": "no_system"},
        ],
    )
    found = {(c.concept, c.variant, c.fit_variants) for c in combinations(experiment, catalog)}
    two, three = ("base", "user_positive"), ("base", "user_negative", "user_positive")
    assert found == {("kind", "base", two), ("kind", "no_system", two), ("bold", "base", three)}


def test_a_mean_of_one_is_refused(catalog: Catalog) -> None:
    with pytest.raises(Refused, match="fitted on base only; name more variants"):
        combinations(asked(combinations=["mean"]), catalog)


def test_no_room_for_all_variants_at_once_is_said(
    fitter: Fitter, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        type(fitter.shelf), "make_room", lambda shelf, *_: shelf.drop(*list(shelf._held))
    )
    with pytest.raises(Refused, match="no room for the training activations of 2 variants"):
        fitter.vector(catalog.get("methods", "mean_difference"), BOTH, "raw", 0)
