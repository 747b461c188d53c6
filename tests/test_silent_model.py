"""A model that does not answer is said to, in one line, wherever its slopes are shown."""

from __future__ import annotations

from pathlib import Path

from tests.command import steerhouse
from tests.runners import toy_models


def test_a_random_model_does_not_answer_and_the_reference_model_does(tmp_path: Path) -> None:
    toy = toy_models.save(tmp_path / "toy", max_position_embeddings=1024)
    asked = ("--concept", "kind", "--layers", "1", "--limit", "4", "--split", "test")
    done = steerhouse(
        "run", *asked, "--model", str(toy), "--model", "reference", "--multipliers", "-1,1",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "less than half" in line]
    assert len(said) == 1
    assert said[0].startswith("Warning: in 1 of 2 evaluations both answers together")
    assert "toy · kind · base (0.0" in said[0]
    assert "steerhouse analyse answer_mass" in said[0]
    for args, n in {
        ("steerability",): 1,
        ("steerability", "--model", "reference"): 0,
        ("answer_mass",): 0,
    }.items():
        done = steerhouse("analyse", *args, "--format", "csv", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("less than half") == n
        assert "less than half" not in done.stdout
