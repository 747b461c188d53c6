"""The reference model through the real command: what was planted is what the analyses say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.analysis.conftest import rows
from tests.command import steerhouse
from warehouse.connect import connect

pytestmark = pytest.mark.slow

EXPERIMENT = """\
models: [reference]
concepts: ["tag:reference"]
nulls: {random: 20, label_shuffled: 20}
resamples: 20
"""
VERDICTS = {
    "kind": "steers reliably",  # clean
    "calm": "steers reliably",  # saturating
    "frank": "steers reliably",  # Yes steers more than No, both the right way
    "bold": "steers in part",  # a third of the items the wrong way
    "loud": "steers in part",  # a sixth
    "proud": "only through a bias",  # the letter outweighs the concept
    "rude": "not beyond the null",  # half of the items either way, mean .14
    "idle": "not beyond the null",  # represented, never read
}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("reference")
    path = folder / "specs" / "experiments" / "planted.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(EXPERIMENT, encoding="utf-8")
    done = steerhouse("--specs", "specs", "--home", "home", "run", "planted", cwd=Path(folder))
    assert done.returncode == 0, done.stderr
    with connect(folder / "home") as connection:
        yield connection


def test_verdicts_are_what_was_planted(reference: duckdb.DuckDBPyConnection) -> None:
    found = {row["concept"]: row for row in rows(reference, "verdict")}
    assert {concept: row["verdict"] for concept, row in found.items()} == VERDICTS
    assert found["proud"]["remedy"] == "project out the letter"  # it was fitted on both orders
    assert {row["nulls"] for row in found.values()} == {"20 random, 20 label_shuffled"}
    assert {row["layer_by"] for row in found.values()} == {"validation"}


def test_planted_truths_are_measured(reference: duckdb.DuckDBPyConnection) -> None:
    found = rows(reference, "planted_truth")
    assert len(found) > 80
    assert [row for row in found if not row["within"]] == []


def test_shapes_and_signs(reference: duckdb.DuckDBPyConnection) -> None:
    shapes = {row["concept"]: row for row in rows(reference, "curve_shape", layer="best")}
    assert shapes["calm"]["shape"] == "saturating"  # clipped at .6
    assert shapes["idle"]["shape"] == "undetermined"
    rest = set(VERDICTS) - {"calm", "idle"}
    assert {shapes[concept]["shape"] for concept in rest} == {"linear"}
    signs = {row["concept"]: row for row in rows(reference, "sign_stability")}
    planted = {r["concept"]: r["planted"] for r in rows(reference, "planted_truth") if r["quantity"] == "anti_steerable_fraction" and r["variant"] == "base"}  # fmt: skip
    for concept in rest:
        assert signs[concept]["sign_stable_fraction"] == 1, concept
        assert signs[concept]["stable_negative_fraction"] == pytest.approx(planted[concept])
    assert signs["idle"]["sign_stable_fraction"] == 0
    for row in rows(reference, "compare"):  # one method alone has no pair
        raise AssertionError(row)
