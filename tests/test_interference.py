"""Vectors on the questions of other concepts: the same prompts, planted to do nothing there."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tests.command import steerhouse
from tests.experiments import ask

PAIRS = {("kind", "frank"), ("frank", "kind")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interference")
    ways = ("--model", "reference", "--layers", "best", "--nulls", "3", "--limit", "24")
    names = ("--concept", "kind", "--concept", "frank", "--fit-concept", "kind")
    done = steerhouse("run", *names, "--fit-concept", "frank", *ways, "--verify", "20", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_no_vector_is_fitted_twice_and_none_chooses_a_layer_elsewhere(folder: Path) -> None:
    fitted = "from run_card where role = 'fitted'"
    assert ask(folder, f"select count(distinct vector_id), count(*) {fitted}") == [(2, 4)]
    layers = ask(
        folder,
        "select fit_concept, count(distinct layer) from steerability where role = 'fitted' "
        "and split = 'test' group by all",
    )
    assert sorted(layers) == [("frank", 1), ("kind", 1)]
    swept = ask(
        folder,
        "select count(distinct layer) from steerability where role = 'fitted' "
        "and split = 'validation' and fit_concept <> concept and fit_concept = 'kind'",
    )
    assert swept == [(1,)]  # at the layer that the vector's own questions chose


def test_nulls_ride_along_there_too(folder: Path) -> None:
    counts = ask(
        folder,
        "select concept, method, count(*) from run_card where role = 'null' group by all",
    )
    assert sorted(counts) == [
        (concept, method, 6)
        for concept in ("frank", "kind")
        for method in ("label_shuffled", "random")
    ]


def test_side_effects_are_those_planted_none(folder: Path) -> None:
    done = steerhouse("analyse", "side_effects", "--format", "csv", cwd=folder)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {(row["fit_concept"], row["concept"]) for row in rows} == PAIRS
    for row in rows:
        assert abs(float(row["side_effect"])) < 0.02 * float(row["own_steerability"])
        assert row["nulls"] == "3 random, 3 label_shuffled"
        assert row["complete"] == "true"
        assert abs(float(row["cosine"])) < 0.05
