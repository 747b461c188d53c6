"""`run --verify` in half precision and on numbers that are wrong, through the real entry point."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import torch

from tests.command import steerhouse
from tests.experiments import ask
from tests.runners import toy_models

CONCEPT = """\
description: Likes tea.
source:
  inline:
    - {question: "Tea one?", positive: "Yes please", negative: "No thanks", part: train}
    - {question: "Tea nine?", positive: "Yes do", negative: "No don't", part: train}
    - {question: "Tea zero?", positive: "Yes please", negative: "No thanks", part: validation}
    - {question: "Tea two, or rather three?", positive: "Yes", negative: "No", part: test}
    - {question: "Tea four?", positive: "Yes please", negative: "No thanks", part: test}
splits: {by: given, field: part}
persona: {positive: "You like tea.", negative: "You hate tea."}
"""
RUN = ("--specs", "specs", "run", "--concept", "tea", "--layers", "1", "--multipliers", "-1,0,1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    for kind in ("concepts", "models"):
        (folder / "specs" / kind).mkdir(parents=True)
    (folder / "specs" / "concepts" / "tea.yaml").write_text(CONCEPT)
    toy_models.save(
        folder / "specs" / "models" / "toy",
        dtype=torch.bfloat16,
        max_position_embeddings=400,
        initializer_range=0.3,
    )
    (folder / "specs" / "models" / "half.yaml").write_text("folder: toy\ndtype: bfloat16\n")
    (folder / "specs" / "models" / "whole.yaml").write_text("folder: toy\n")
    return folder


@pytest.mark.slow
def test_half_precision_is_verified_against_a_float32_copy(folder: Path) -> None:
    done = steerhouse(*RUN, "--model", "half", "--verify", "8", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "the model's own rounding in bfloat16 (reference path against a float32" in done.stderr
    ((n, own, unsteered, outliers),) = ask(
        folder,
        "select count(*), max(abs(reference - float32)), count(float32_unsteered), "
        "count(*) filter (where outlier) from verification where float32 is not null",
    )
    assert n == unsteered == 8
    assert 0 < own < 1
    assert outliers == 0
    ((floor, largest),) = ask(folder, "select slope_floor, largest_error from slope_floor")
    ((by_hand,),) = ask(
        folder,
        "select max(abs(logit_diff - reference) + coalesce(abs(reference - reference_unsteered "
        "- float32 + float32_unsteered), 0)) from verification",
    )
    assert largest == pytest.approx(by_hand)
    assert floor >= 3 * largest * 0.5


@pytest.mark.slow
def test_a_wrong_number_is_kept_as_a_row_and_then_refused(folder: Path) -> None:
    done = steerhouse(*RUN, "--model", "whole", cwd=folder)
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(folder / "data" / "warehouse.duckdb")) as connection:
        ((run,),) = connection.execute(
            "select run_id from run join evaluation using (evaluation_id) join model "
            "using (model_id) where dtype = 'float32'"
        ).fetchall()
        connection.execute(
            "update measurement set logit_diff = logit_diff + 1 where run_id = ?", [run]
        )
    done = steerhouse(*RUN, "--model", "whole", "--verify", "4", cwd=folder)
    assert done.returncode == 1
    assert f"`steerhouse warehouse forget --run {run}` removes the run" in done.stderr
    assert "Traceback" not in done.stderr
    ((wrong,),) = ask(
        folder,
        f"select count(*) from verification where run_id = '{run}' "
        "and abs(logit_diff - reference) > 0.9",
    )
    assert wrong >= 1
