"""Feature effects on a model whose features are known, from YAML and sae-lens to the warehouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import planted_home
from tests.command import steerhouse
from tests.empty_warehouse import place
from tests.experiments import ask
from warehouse.health import check

pytestmark = pytest.mark.slow
EXPERIMENT = """models: [planted]
concepts: [rainy]
methods: [rain_row]
layers: [1]
multipliers: [0, 3]
splits: [test]
limit: 2
rollouts:
  prompt_sets: [near]
  tokens: 12
  samples: 40
  saes: [planted]
"""
RAIN, SILENT_OF_RAIN = 0, 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted_rollouts")
    specs = planted_home.write(folder)
    planted_home.write_spec(specs, "prompt_sets", "near", 'prompts: ["", near the, a hedge]\n')
    planted_home.write_spec(specs, "experiments", "say", EXPERIMENT)
    place(folder / "data")
    for command in (("check", "say"), ("run", "say")):
        done = steerhouse("--specs", "specs", *command, cwd=folder)
        assert done.returncode == 0, done.stderr
    assert "240 rollouts written" in done.stderr
    return folder


def test_the_features_that_the_vector_makes_the_model_say_about_rise(folder: Path) -> None:
    """More rain words are said: their topic rises, and the silent feature that they bring."""
    effects = ask(
        folder,
        "select feature, effect, standard_error, steered_mean, unsteered_mean, n_rollouts "
        "from feature_effect order by effect desc",
    )
    assert {row[0] for row in effects[:2]} == {RAIN, SILENT_OF_RAIN}
    for feature, effect, error, steered, unsteered, n in effects:
        assert effect == pytest.approx(steered - unsteered, abs=1e-9)
        assert n == 120
        if feature in (RAIN, SILENT_OF_RAIN):
            assert effect > 10 * error > 0
    others = [abs(row[1]) for row in effects[2:] if row[0] != 11]  # 11 counts content words
    assert max(others) < 0.5 * effects[1][1]
    assert not [row for row in effects if row[0] in (12, 13, 14, 15)]  # they never fire


def test_the_books_are_in_order(folder: Path) -> None:
    assert [line.check for line in check(folder / "data") if line.fault] == []
    said = ask(folder, "select text from rollout_card where prompt = 'a hedge' and sample = 0")
    assert len(said) == 2
    assert ask(folder, "select name from name where kind = 'sae'") == [("planted",)]
