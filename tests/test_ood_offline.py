"""The grid of Tan et al. 2024 without a network: fit variants by evaluation variants, all layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command import steerhouse

pytestmark = pytest.mark.slow  # 600,000 and 180,000 measurements

FIVE = ("base", "system_positive", "system_negative", "user_positive", "user_negative")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    folder = tmp_path_factory.mktemp("grid")
    (folder / "specs" / "models").mkdir(parents=True)
    (folder / "specs" / "models" / "stories.yaml").write_text(
        f"folder: {shared / 'models' / 'stories260k'}\ntemplate: plain\n", encoding="utf-8"
    )
    return folder


def run(folder: Path, shared: Path, *args: str) -> str:
    common = ("--specs", "specs", "--sources", str(shared / "sources"))
    done = steerhouse(*common, "run", *args, "--verify", "25", cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stderr


def ask(folder: Path, query: str) -> list[dict[str, Any]]:
    done = steerhouse("sql", "--format", "json", query, cwd=folder)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


CELLS = (
    "select model, concept, fit_variant, variant, count(distinct layer) as n_layers, "
    "count(distinct multiplier) as n_multipliers, count(*) as n from sweep "
    "where split = 'test' group by all"
)


def fits(cells: list[dict[str, Any]]) -> set[str]:
    """Return what vectors were fitted on: each of the five, and all of them for the mean."""
    found = {str(cell["fit_variant"]) for cell in cells}
    assert {cell["variant"] for cell in cells} == set(FIVE)
    assert found == {*FIVE, " + ".join(sorted(FIVE))}
    return found


def test_reference_concepts_on_two_models_by_one_command(folder: Path, shared: Path) -> None:
    run(folder, shared, "ood-offline", "--model", "reference", "--model", "stories")
    cells = ask(folder, CELLS)
    assert len(cells) == 2 * 3 * len(fits(cells)) * len(FIVE)
    for cell in cells:
        layers = {"reference": 6, "stories": 5}[cell["model"]]
        assert (cell["n_layers"], cell["n_multipliers"]) == (layers, 7)
        assert cell["n"] == 96 * layers * 7
    done = steerhouse("analyse", "planted_truth", "--format", "json", cwd=folder)
    truths = json.loads(done.stdout)
    assert {row["variant"] for row in truths} == set(FIVE)
    assert [row for row in truths if not row["within"]] == []


def test_mirror_concepts_on_a_trained_model(folder: Path, shared: Path) -> None:
    said = run(folder, shared, "ood-mwe", "--model", "stories")
    assert "verified 25 random rows" in said
    names = "('openness', 'survival-instinct', 'power-seeking-inclination')"
    cells = ask(folder, f"from ({CELLS}) where concept in {names}")
    assert len(cells) == 3 * len(fits(cells)) * len(FIVE)
    assert {(cell["n_layers"], cell["n_multipliers"]) for cell in cells} == {(5, 7)}
    ((missing,),) = [
        tuple(row.values()) for row in ask(folder, "select sum(n_missing) from coverage")
    ]
    assert missing == 0
