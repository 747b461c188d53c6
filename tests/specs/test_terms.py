"""Sums of methods: what their terms may name, and where a fault stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from specs.catalog import Catalog
from specs.faults import Refused
from specs.schema import CombinedMethod, takes_letter_out, with_terms
from tests.command import steerhouse
from tests.doc_blocks import block

SUM = "kind: combined\nterms:\n  - {method: pca}\n  - {method: %s, coefficient: -2}\n"


def catalog_of(folder: Path, **texts: str) -> Catalog:
    (folder / "methods").mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / "methods" / f"{name}.yaml").write_text(text)
    return Catalog([folder])


def test_a_sum_holds_the_specs_that_its_terms_name(here: Path) -> None:
    catalog = catalog_of(
        here, own=SUM % "logistic_probe_no_letter", sums="kind: combined\nterms: [{method: own}]\n"
    )
    assert catalog.faults() == []
    spec = catalog.get("methods", "sums")
    assert isinstance(spec, CombinedMethod)
    names = [part.name for part in with_terms(spec)]
    assert names == ["sums", "own", "pca", "logistic_probe_no_letter"]
    assert takes_letter_out(spec)
    assert not takes_letter_out(catalog.get("methods", "pca"))


def test_the_sum_of_the_docs_is_one(here: Path) -> None:
    catalog = catalog_of(here, own=block("methods.md", "yaml", "kind: combined"))
    assert catalog.faults() == []
    assert len(list(with_terms(catalog.get("methods", "own")))) == 3


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("pcaa", "unknown method 'pcaa'; did you mean 'pca'?"),
        ("pc*", "no method matches 'pc*'"),
        ("random", "method random is not fitted on training activations"),
        ("vector", "method vector is not fitted on training activations"),
        ("sae_difference", "sae_difference is not fitted on training activations alone"),
        ("mean_difference_last_token", "reads last_token, and this sum answer_token"),
        ("own", "method own is a sum that this one is part of"),
        ("other", "method other is a sum that this one is part of"),
    ],
)
def test_terms_that_cannot_be_are_told_with_their_place(name: str, what: str, here: Path) -> None:
    texts = {"own": SUM % name, "vector": "kind: file\nfile: a.npy\n"}
    if name == "other":
        texts["other"] = "kind: combined\nterms: [{method: own}]\n"
    catalog = catalog_of(here, **texts)
    lines = [line for line in catalog.faults() if line.startswith("methods/own.yaml")]
    assert len(lines) == 1
    assert lines[0].startswith("methods/own.yaml:4:14: terms[1].method: ")
    assert what in lines[0]
    with pytest.raises(Refused) as refused:
        catalog.get("methods", "own")
    assert refused.value.faults[0] == lines[0]


def test_a_term_whose_own_file_has_faults_is_told_there_once(here: Path) -> None:
    catalog = catalog_of(here, own=SUM % "bad", bad="kind: pcc\n")
    (line,) = catalog.faults()
    assert line.startswith("methods/bad.yaml:1:7: kind")
    with pytest.raises(Refused):
        catalog.get("methods", "own")


def test_a_sum_of_a_round_of_others_is_refused_and_ends(here: Path) -> None:
    one = "kind: combined\nterms: [{method: two}]\n"
    two = "kind: combined\nterms: [{method: one}]\n"
    catalog = catalog_of(here, start="kind: combined\nterms: [{method: one}]\n", one=one, two=two)
    assert len(catalog.faults()) == 2
    with pytest.raises(Refused, match="is a sum that this one is part of"):
        catalog.get("methods", "start")


def test_check_prints_the_place_and_no_traceback(here: Path) -> None:
    catalog_of(here, own=SUM % "pcaa")
    done = steerhouse("--specs", ".", "check", cwd=here)
    assert done.returncode == 1
    assert "methods/own.yaml:4:14: terms[1].method: unknown method 'pcaa'" in done.stderr
    assert "Traceback" not in done.stderr
