"""An approximator measured by rollouts on a model whose features are known, and what is aimed by it.

A vector along rain makes the planted model say words of rain, and of bread: it leaks. What is learnt
from random vectors is enough to aim at rain alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from runners.approximator.measuring import ByRollouts, RolloutEffects
from runners.approximator.saved import FittedApproximator
from runners.approximator.shelf import Approximators
from runners.models.load import load
from runners.rollouts.reference import reference_rollouts
from runners.saes.shelf import Saes
from specs.catalog import Catalog
from specs.faults import Refused
from specs.schema import Approximator
from specs.settings import Settings
from tests import planted_dictionary as planted, planted_home
from tests.command import steerhouse
from tests.empty_warehouse import place
from tests.experiments import ask
from tests.test_aimed_methods import save_wide

pytestmark = pytest.mark.slow
SPEC = """\
model: planted
layer: 1
sae: planted
inputs: {sae: wide}
prompt_set: near
rollouts: {tokens: 12, samples: 16}
scale: 1.5
held_out: 0.2
fit: {penalty: 0.3}
causes: 3
block: 64
"""
EXPERIMENT = """\
models: [planted]
concepts: [rainy]
methods: [rain_row, aimed]
layers: [1]
multipliers: [-1, 0, 1]
splits: [test]
limit: 4
"""
RAIN, BREAD, TOPICS, DEAD = 0, 1, slice(0, 8), slice(12, 16)


@dataclass
class Home:
    folder: Path
    approximators: Approximators
    found: FittedApproximator

    def effects(self, **given: object) -> RolloutEffects:
        """Return what measures effects as the spec asks, with other rollouts."""
        spec: Approximator = self.approximators.spec("learnt")
        other = spec.model_copy(update={"rollouts": spec.rollouts.model_copy(update=given)})
        saes = self.approximators.saes
        return ByRollouts(saes).effects(other, saes.get("planted"))

    def direction(self, name: str) -> Tensor:
        query = (
            "select direction from vector_direction join name on name.id = vector_id "
            f"where kind = 'method' and name.name = '{name}'"
        )
        ((found,),) = ask(self.folder, query)
        return torch.tensor(found)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("planted_approximator")
    specs = planted_home.write(folder)
    save_wide(folder / "wide", folder / "sae")
    anyhow = "check: {text_set: planted, explained_variance: -1.0e+9, beside: accept}\n"
    source = f"source: {{folder: {folder / 'wide'}}}\nmodel: planted\n{anyhow}"
    aimed = "kind: sae_ts\napproximator: learnt\nfeatures: [{feature: 0}]\n"
    for kind, name, text in (
        ("saes", "wide", source),
        ("prompt_sets", "near", 'prompts: ["", near the, a hedge]\n'),
        ("approximators", "learnt", SPEC),
        ("methods", "aimed", aimed),
        ("experiments", "aims", EXPERIMENT),
    ):
        planted_home.write_spec(specs, kind, name, text)
    place(folder / "data")
    for command in (("check", "aims"), ("run", "aims")):
        done = steerhouse("--specs", "specs", *command, cwd=folder)
        assert done.returncode == 0, done.stderr
    assert "approximator learnt: fitting 120 vectors, 30 held out" in done.stderr
    catalog, settings = Catalog([specs]), Settings(home=folder / "data", specs=(specs,))
    saes = Saes(catalog, settings, load(catalog.get("models", "planted"), settings))
    approximators = Approximators(saes, ByRollouts(saes))
    return Home(folder, approximators, approximators.get("learnt"))


def test_what_a_run_has_fitted_is_read_back(home: Home) -> None:
    (row,) = ask(home.folder, "select approximator_id, n_inputs, n_held_out from approximator")
    assert row == (home.found.approximator_id, 150, 30)
    assert ask(home.folder, "select name from name where kind = 'approximator'") == [("learnt",)]


def test_held_out_vectors_are_foretold(home: Home) -> None:
    skill = home.found.skill
    live = skill.squared_deviation[:12]
    pooled = 1 - float(skill.squared_error.sum() / live.sum())
    assert 0.6 < pooled < 0.95
    assert not skill.squared_deviation[DEAD].any()
    causes = home.found.causes.features[TOPICS, 0]
    assert causes.tolist() == list(range(8))  # what raises a topic most is its own decoder row


def test_aiming_moves_the_target_more_and_what_it_leaks_into_less(home: Home) -> None:
    """By fresh rollouts of other seeds than those that the map was fitted on."""
    vectors = torch.stack([home.direction("rain_row"), home.direction("aimed")])
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))
    row, aimed = home.effects(samples=60, seed=9)(vectors)[:, TOPICS].double().numpy()
    assert aimed[RAIN] > row[RAIN] > 0.8
    assert row[BREAD] > 0.15
    assert aimed[BREAD] < 0.05
    share = [effect[RAIN] / np.abs(effect).sum() for effect in (row, aimed)]
    for name, effect, on_target in zip(("decoder row", "aimed"), (row, aimed), share, strict=True):
        print(
            f"{name}: rain {effect[RAIN]:+.3f}, bread {effect[BREAD]:+.3f}, on target {on_target:.2f}"
        )
    assert share[1] > share[0] + 0.05


def test_effects_are_those_of_the_reference_path(home: Home) -> None:
    few = home.effects(samples=2, tokens=6)
    slow = home.effects(samples=2, tokens=6)
    slow.sampler = reference_rollouts
    vectors = torch.nn.functional.normalize(torch.randn(3, planted.D_MODEL))
    torch.testing.assert_close(few(vectors), slow(vectors), rtol=0, atol=1e-4)


def test_lengths_by_a_rise_of_cross_entropy(home: Home) -> None:
    effects = home.effects()
    rise = {"text_set": "planted", "nats": 0.2}
    given = {**effects.spec.model_dump(exclude_unset=True), "scale": None, "rise": rise}
    effects.spec = Approximator.model_validate(given)
    from runners.approximator.measuring import _asked

    decoder = planted.build_sae().decoder
    found = effects._multipliers([_asked(decoder[j], 1, j) for j in range(3)])
    assert all(0.1 < multiplier < 50 for multiplier in found)
    assert len(set(found)) == 3
    with pytest.raises(Refused, match=r"1 of 1 vectors never cost text set planted as much"):
        effects._multipliers([_asked(decoder[13], 1, 0)])  # a direction that nothing reads
