"""Vectors of features under the metrics of Tan et al. 2024, beside the mean difference."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from runners.approximator import measuring
from tests import planted_dictionary as planted, planted_home
from tests.analysis.conftest import rows as answers
from tests.test_aimed_methods import AIM, SPEC, Known, run, save_wide
from warehouse.connect import connect

FITTED = {"mean_difference", "changed"}
"""Fitted on the training items of each concept."""
NAMED = {"rain_row", "aimed"}
"""Of features that a spec names: fitted on nothing."""
METHODS = FITTED | NAMED
CONCEPTS = {"rainy", "snowy"}
EXPERIMENT = """\
models: [planted]
concepts: [rainy, snowy]
methods: [mean_difference, rain_row, changed, aimed]
norms: [base]
variants: [base, after]
layers: [1]
multipliers: [-1, 0, 1]
nulls: {random: 2, label_shuffled: 2}
splits: [test]
limit: 12
"""
AFTER = 'user: "the coin near a {{ item }}"\n'
"""A variant in words that the model knows."""


def snowy() -> str:
    """Return a concept whose positive answers are words of winter, and the negative of school."""
    lines = [
        "    - "
        + planted_home.QUESTION.format(
            f"{more} {opening}",
            planted.TOPICS["winter"][number % 3],
            planted.TOPICS["school"][(number + 1) % 3],
        )
        for number, opening in enumerate(planted_home.OPENINGS)
        for more in ("coin", "tide")
    ]
    return "\n".join(["answer_format: text", "source:", "  inline:", *lines, ""])


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield the warehouse of a run, whose approximator is a map that is known."""
    folder = tmp_path_factory.mktemp("reliability")
    specs = planted_home.write(folder)
    save_wide(folder / "wide", folder / "sae")
    anyhow = "check: {text_set: planted, explained_variance: -1.0e+9, beside: accept}\n"
    for kind, name, text in (
        ("saes", "wide", f"source: {{folder: {folder / 'wide'}}}\nmodel: planted\n{anyhow}"),
        ("approximators", "known", SPEC),
        ("methods", "aimed", f"kind: sae_ts\n{AIM}features: [{{feature: 0}}]\n"),
        ("concepts", "snowy", snowy()),
        ("variants", "after", AFTER),
        ("experiments", "reliability", EXPERIMENT),
    ):
        planted_home.write_spec(specs, kind, name, text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "ByRollouts", lambda _saes: Known())
        run(folder, "reliability")
    with connect(folder / "data") as connection:
        yield connection


@functools.cache
def ask(connection: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, Any]]:
    return answers(connection, name, experiment="reliability")


def test_all_that_was_asked_is_measured(warehouse: duckdb.DuckDBPyConnection) -> None:
    cells = warehouse.execute(
        "select method, concept, variant, count(*) from measurement join run_card using (run_id) "
        "where role = 'fitted' and resample is null group by all"
    ).fetchall()
    assert {cell[:3] for cell in cells} == {
        (method, concept, variant)
        for method in METHODS
        for concept in CONCEPTS
        for variant in ("base", "after")
    }
    assert {cell[3] % 2 for cell in cells} == {0}  # items times multipliers but 0
    assert warehouse.execute("select sum(n_missing) from coverage").fetchone() == (0,)


def test_steerability_tells_what_is_planted(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Rain's row moves answers about rain, and none about winter, at the length of each concept."""
    found = ask(warehouse, "steerability")
    assert len(found) == 2 * 2 * len(METHODS)
    slope = {(row["method"], row["concept"], row["variant"]): row["steerability"] for row in found}
    for variant in ("base", "after"):
        for method in NAMED:
            there = slope[method, "rainy", variant]
            assert there > 0.3
            assert abs(slope[method, "snowy", variant]) < 0.35 * there
        # By its silent feature alone, which differs more than the topic: it moves nothing.
        assert all(abs(slope["changed", concept, variant]) < 0.02 for concept in CONCEPTS)
    for row in found:
        named = row["method"] in NAMED
        assert row["random_n"] == 2
        assert row["label_shuffled_n"] == (None if named else 2)  # there are no labels
        assert (row["fit_variant"] is None) == named


def test_methods_are_compared_in_one_table(warehouse: duckdb.DuckDBPyConnection) -> None:
    found = ask(warehouse, "method_comparison")
    slope = {(r["method"], r["concept"], r["variant"]): r["steerability"] for r in found}
    assert len(slope) == len(found) == 2 * 2 * len(METHODS)
    for row in found:
        if row["method"] == "mean_difference":
            assert row["difference"] is None
            continue
        reference = slope["mean_difference", row["concept"], row["variant"]]
        assert row["difference"] == pytest.approx(row["steerability"] - reference, abs=1e-6)


def test_what_is_fitted_on_nothing_is_at_home_under_base(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    slopes = {
        (row["method"], row["concept"], row["variant"]): row["steerability"]
        for row in ask(warehouse, "steerability")
    }

    def mean(method: str, variant: str) -> float:
        return sum(slopes[method, concept, variant] for concept in CONCEPTS) / 2

    found = {row["method"]: row for row in ask(warehouse, "method_reliability")}
    assert found.keys() == METHODS
    for method, row in found.items():
        assert row["n_concepts"] == row["n_shifted"] == 2
        assert row["fit_variant"] == (None if method in NAMED else "base")
        assert row["steerability"] == pytest.approx(mean(method, "base"), abs=1e-6)
        shift = mean(method, "after") - mean(method, "base")
        assert row["shift"] == pytest.approx(shift, abs=1e-6)
        if method != "mean_difference":
            gap = mean(method, "base") - mean("mean_difference", "base")
            assert row["steerability_difference"] == pytest.approx(gap, abs=1e-6)


def test_the_grid_has_them_under_every_variant(warehouse: duckdb.DuckDBPyConnection) -> None:
    found = ask(warehouse, "generalisation_grid")
    assert len(found) == 2 * 2 * len(METHODS)
    for row in found:
        there = None if row["method"] in NAMED else "base"
        assert row["fit_variant"] == there
        assert row["in_distribution"] == (None if there is None else row["variant"] == there)
        assert "2 random" in row["nulls"]
