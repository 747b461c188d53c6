"""What is planted in the reference model about prompt shifts is what the analyses say of it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from runners.reference_model.traits import PERSONA_SHIFT, TRAITS
from runners.reference_model.truth import truth
from tests.command import steerhouse

pytestmark = pytest.mark.slow

EXPERIMENT = """\
models: [reference]
concepts: [kind, frank, idle]
fit_variants: [base, system_positive, user_positive]
variants: [base, system_positive, user_positive, user_negative]
layers: [3]
multipliers: [-1.5, -1, -0.5, 0, 0.5, 1, 1.5]
splits: [test]
"""
PLANTED = {
    (concept, row.quantity, row.variant): row.value
    for concept in ("kind", "frank", "idle")
    for row in truth(concept)
    if row.layer == 3 or row.layer is None
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shifts")
    (folder / "specs" / "experiments").mkdir(parents=True)
    (folder / "specs" / "experiments" / "shifts.yaml").write_text(EXPERIMENT, "utf-8")
    done = steerhouse("--specs", "specs", "--home", "home", "run", "shifts", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def ask(folder: Path, name: str, *options: str) -> list[dict[str, str]]:
    done = steerhouse("--home", "home", "analyse", name, "--format", "csv", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_the_grid_is_the_planted_one_whatever_the_vector_was_fitted_on(folder: Path) -> None:
    found = ask(folder, "generalisation_grid", "--experiment", "shifts")
    assert len(found) == 3 * 3 * 4
    for row in found:
        planted = PLANTED[row["concept"], "mean_slope", row["variant"]]
        assert float(row["steerability"]) == pytest.approx(planted, rel=0.02, abs=0.01)
        if row["concept"] != "idle":
            share = PLANTED[row["concept"], "anti_steerable_fraction", row["variant"]]
            assert float(row["anti_steerable_fraction"]) == pytest.approx(share)


def test_vectors_carry_over_whole(folder: Path) -> None:
    """All fits find one direction, so the target's own vector does no better."""
    found = ask(folder, "relative_steerability", "--concept", "kind", "--concept", "frank")
    assert len(found) == 2 * 6
    for row in found:
        assert row["denominator"] == "clear"
        assert float(row["relative_steerability"]) == pytest.approx(1, abs=0.01)
        assert float(row["difference_p"]) == 1  # below what the model's own error allows to say


def test_away_from_home_one_concept_keeps_three_tenths(folder: Path) -> None:
    found = ask(folder, "relative_steerability", "--param", "reference=source")
    kept = {(row["concept"], row["variant"]): row for row in found if row["fit_variant"] == "base"}
    for concept in ("kind", "frank"):
        for variant in ("user_positive", "user_negative"):
            row = kept[concept, variant]
            low, high = float(row["relative_low"]), float(row["relative_high"])
            assert low - 0.01 <= TRAITS[concept].abroad <= high + 0.01
        assert float(kept[concept, "system_positive"]["relative_steerability"]) == pytest.approx(
            1, abs=0.01
        )
    assert float(kept["frank", "user_negative"]["difference_q"]) < 1e-6


def test_a_concept_that_nothing_steers_has_no_ratio(folder: Path) -> None:
    for row in ask(folder, "relative_steerability", "--concept", "idle"):
        assert (row["relative_tan"], float(row["difference_p"])) == ("", 1)


def test_unsteered_distance_is_the_planted_shift(folder: Path) -> None:
    shifts = {"base": 0, "system_positive": 1, "user_positive": 1, "user_negative": -1}
    found = ask(folder, "variant_distance")
    assert len(found) == 3 * 6
    for row in found:
        shift = PERSONA_SHIFT * (shifts[row["variant_b"]] - shifts[row["variant_a"]])
        assert float(row["shift"]) == pytest.approx(shift, abs=0.01)
        assert float(row["distance"]) == pytest.approx(abs(shift), abs=0.01)


def test_vectors_of_all_variants_point_the_same_way(folder: Path) -> None:
    found = ask(folder, "vector_cosine", "--param", "layer=3")
    assert len(found) == 3 * 3
    assert min(float(row["cosine"]) for row in found) > 0.99


def test_the_papers_figures_hold_the_same_numbers(folder: Path) -> None:
    found = ask(folder, "tan_id_ood", "--experiment", "shifts")
    shifts = {row["shift"] for row in found}
    assert shifts == {f"{a} -> {b}" for a, b in (("base", "user_negative"), ("base", "user_positive"), ("system_positive", "user_negative"))}  # fmt: skip
    for row in found:
        assert row["wording"] == "wording differs"
        planted = PLANTED[row["concept"], "mean_slope", row["shift"].split(" -> ")[1]]
        assert float(row["ood_steerability"]) == pytest.approx(planted, rel=0.02, abs=0.01)
    assert len(ask(folder, "tan_relative_steerability")) == 3 * (3 * 4 - 3)
