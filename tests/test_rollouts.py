"""Rollouts through a whole run: planned, sampled, killed, resumed, asked again, forgotten."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import torch

from analysis.catalog import checks
from runners.campaign import execute, prepare
from runners.campaign.outcome import Options, Outcome
from runners.models.load import load
from runners.rollouts import asked, step
from runners.rollouts.prompts import tokenise_prompts
from runners.rollouts.reference import reread
from runners.rollouts.sampled import Ask, Manner
from runners.rollouts.sampling import Sampling
from specs import references
from specs.catalog import Catalog
from specs.faults import Refused
from specs.settings import Settings
from tests.analysis.conftest import rows
from tests.command import steerhouse
from tests.empty_warehouse import place
from tests.experiments import ask
from tests.runners.fake_sae import FakeSae
from warehouse.connect import connect
from warehouse.forget import forget
from warehouse.health import check as check_warehouse

PROMPTS = 'prompts: ["", "You would find", "would you not"]\ncopies: {"": 2}\n'
SPEC = """models: [reference]
concepts: [kind]
multipliers: [-2, 0, 2]
layers: [2]
splits: [test]
limit: 4
nulls: {random: 1}
rollouts:
  prompt_sets: [mine]
  tokens: 5
  samples: 3
"""
PAIRS, CELLS = 12, 4
READ = "  saes: [fake]\n"


@dataclass
class World:
    """A folder of specs with a home, and SAEs that are not read from anywhere."""

    folder: Path
    saes: tuple[FakeSae, ...] = ()

    @property
    def home(self) -> Path:
        return self.folder / "data"

    def write(self, spec: str = SPEC, prompts: str = PROMPTS) -> World:
        for kind, name, text in (
            ("experiments", "say", spec),
            ("prompt_sets", "mine", prompts),
            ("text_sets", "few", 'texts: [You would find it there, "would you not ?"]\n'),
        ):
            path = self.folder / "specs" / kind / f"{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        place(self.home)
        return self

    def catalog(self) -> Catalog:
        return Catalog([self.folder / "specs"])

    def run(self, **options: Any) -> Outcome:
        settings = Settings(home=self.home, specs=(self.folder / "specs",))
        spec = self.catalog().get("experiments", "say")
        faults, step.load_saes = step.load_saes, lambda _campaign: self.saes
        known, execute.refuse_faulty = execute.refuse_faulty, lambda *_: None
        named, prepare.read_by = prepare.read_by, lambda *_: []
        try:
            return execute.run(spec, self.catalog(), settings, Options(**options))
        finally:
            step.load_saes, execute.refuse_faulty, prepare.read_by = faults, known, named

    def faults(self) -> str:
        try:
            experiment = self.catalog().get("experiments", "say")
            self.catalog().get("prompt_sets", "mine")
        except Refused as refused:
            return str(refused)
        return "\n".join(references.faults(experiment, self.catalog()))

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return ask(self.folder, query)

    def tokens(self) -> list[tuple[Any, ...]]:
        return self.ask("select rollout_id, token_ids from rollout order by all")

    def files(self) -> dict[str, list[float]]:
        """Return all numbers of all files; the order of a header's words is by chance."""
        folder = self.home / "effects"
        return {
            f"{path.relative_to(folder)} {name}": tensor.flatten().tolist()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
            for name, tensor in sorted(step.effects.read(path).items())
        }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    saes = (FakeSae(2, 128), FakeSae(1, 128, 24))
    found = World(tmp_path_factory.mktemp("rollouts"), saes).write(SPEC + READ)
    assert found.run().rollouts == PAIRS * (1 + CELLS)
    return found


def test_every_reported_vector_continues_every_opening(world: World) -> None:
    counts = world.ask(
        "select method, role, layer, multiplier, prompt, count(*), count(distinct sample) "
        "from rollout_card where run_id is not null group by all order by all"
    )
    assert {row[:2] for row in counts} == {("mean_difference", "fitted"), ("random", "null")}
    assert {row[2:4] for row in counts} == {(2, -2.0), (2, 2.0)}
    assert {row[4:] for row in counts} == {("", 6, 6), ("You would find", 3, 3), ("would you not", 3, 3)}  # fmt: skip
    assert world.ask("select distinct model, prompt_set, fit_concept, scope from rollout_card where run_id is not null") == [("reference", "mine", "kind", "all")]  # fmt: skip
    unsteered = "select multiplier, layer, count(*), max(abs(logprob - unsteered_logprob)) from rollout_card where run_id is null group by all"  # fmt: skip
    assert world.ask(unsteered) == [(0.0, None, PAIRS, 0.0)]
    changed = "select count(*) from rollout_card where role = 'null' and abs(logprob - unsteered_logprob) > 0.01"  # fmt: skip
    assert world.ask(changed)[0][0] > PAIRS
    assert world.ask("select max(n_tokens), min(len(token_ids) = n_tokens) from rollout") == [(5, True)]  # fmt: skip


def test_the_books_are_in_order(world: World) -> None:
    with connect(world.home) as connection:
        for check in checks():
            if check.name != "broken_relations":
                assert rows(connection, check.name) == [], check.name
    faults = [line.check for line in check_warehouse(world.home) if line.fault]
    assert faults == ["feature effect without its SAE"]  # they were read from nowhere
    assert world.ask(
        "select split, sum(n_asked), sum(n_missing) from coverage where split = 'rollout' group by all"
    ) == [("rollout", PAIRS * CELLS, 0)]
    done = steerhouse("--home", "data", "status", cwd=world.folder)
    assert "rollouts on mine" in done.stdout


def test_asked_again_nothing_is_done(world: World) -> None:
    before = world.tokens(), world.files()
    assert world.run().rollouts == 0
    assert (world.tokens(), world.files()) == before


def test_effects_are_those_of_a_slow_second_pass(world: World) -> None:
    settings, catalog = Settings(home=world.home), world.catalog()
    loaded = load(catalog.get("models", "reference"), settings)
    spec = catalog.get("experiments", "say").rollouts
    openings = tokenise_prompts(loaded, catalog.get("prompt_sets", "mine"), spec).openings
    tokens = {one.prompt_id: one.tokens for one in openings}
    manner = Manner(Sampling(), 5, saes=world.saes)

    def read(condition: str) -> list[np.ndarray]:
        said = world.ask(
            f"select prompt_id, token_ids from rollout where {condition} order by prompt_id, sample"
        )
        each = [
            reread(loaded, Ask(tokens[p], torch.zeros(5), None), ids, [], manner).features
            for p, ids in said
        ]
        return [torch.stack(of_sae).double().numpy() for of_sae in zip(*each, strict=True)]

    before = read("run_id is null")
    cells = world.ask("select distinct run_id, layer, multiplier from rollout where run_id is not null order by all")  # fmt: skip
    assert len(cells) == CELLS
    largest = 0.0
    for run, layer, multiplier in cells:
        after = read(f"run_id = '{run}' and multiplier = {multiplier}")
        for sae, old, new in zip(world.saes, before, after, strict=True):
            mean = (new - old).mean(0)
            error = (new - old).std(0, ddof=1) / np.sqrt(PAIRS)
            name = f"{sae.sae_id}-unsteered-layer{layer}-x{multiplier!r}.safetensors"
            path = world.home / "effects" / run / name
            dense = step.effects.read(path)
            assert np.abs(dense["effect"].numpy() - mean).max() < 1e-4
            assert np.abs(dense["standard_error"].numpy() - error).max() < 1e-4
            stored = world.ask(
                "select feature, effect, standard_error, steered_mean, unsteered_mean, n_rollouts "
                f"from feature_effect where run_id = '{run}' and multiplier = {multiplier} "
                f"and sae_id = '{sae.sae_id}' order by feature"
            )
            wanted = {*np.flatnonzero(np.abs(mean) >= 0.01).tolist(), int(np.abs(mean).argmax())}
            assert {row[0] for row in stored} == wanted
            for feature, effect, spread, steered, unsteered, n in stored:
                assert effect == pytest.approx(mean[feature], abs=1e-4)
                assert spread == pytest.approx(error[feature], abs=1e-4)
                assert steered == pytest.approx(new[:, feature].mean(), abs=1e-4)
                assert unsteered == pytest.approx(old[:, feature].mean(), abs=1e-4)
                assert n == PAIRS
            largest = max(largest, np.abs(mean).max())
    assert largest > 0.05
    assert not (world.home / "effects" / "parts").exists() or not [
        p for p in (world.home / "effects" / "parts").rglob("*") if p.is_file()
    ]


def test_effects_that_the_warehouse_lost_come_back(world: World, tmp_path: Path) -> None:
    """By their files where the rollouts are there; with these where they were forgotten."""
    shutil.copytree(world.folder, tmp_path / "again")
    again = World(tmp_path / "again", world.saes)
    query = "select run_id, multiplier, sae_id, feature, effect, n_rollouts from feature_effect order by all"  # fmt: skip
    before = world.ask(query)
    with duckdb.connect(str(again.home / "warehouse.duckdb")) as connection:
        connection.execute("delete from feature_effect where multiplier > 0")
    assert again.run().rollouts == 0
    found = again.ask(query)
    assert [row[:4] for row in found] == [row[:4] for row in before]
    assert [row[4] for row in found] == pytest.approx([row[4] for row in before], abs=1e-6)
    runs = [run for (run,) in again.ask("select distinct run_id from feature_effect")]
    forget(again.home, runs, [], really=True)
    assert again.ask(query) == []
    assert again.run().rollouts == PAIRS * (1 + CELLS)
    assert again.ask(query) == before
    assert again.files() == world.files()


def killed_at(world: World, name: str, count: int) -> None:
    """Run in a process of its own that kills itself when `name` is called for the n-th time."""
    child = os.fork()
    if child == 0:
        real: Callable[..., Any] = getattr(step.RolloutStep, name)
        calls = [0]

        def die(*args: Any) -> Any:
            calls[0] += 1
            if calls[0] == count:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args)

        setattr(step.RolloutStep, name, die)
        world.run()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_killed_anywhere_it_goes_on_there(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "BLOCK_PAIRS", 5)
    monkeypatch.setitem(asked.BLOCK_ROLLOUTS, "cpu", 10)
    whole = World(tmp_path / "whole", world.saes).write(SPEC + READ)
    cut = World(tmp_path / "cut", world.saes).write(SPEC + READ)
    assert whole.run().rollouts == PAIRS * (1 + CELLS)
    assert whole.tokens() == world.tokens()  # other blocks, the same rollouts
    # 3 blocks unsteered, 2 groups of 2 cells of 3 blocks each; _finish is called once before.
    for name, count in (("_keep", 2), ("_keep", 3), ("_finish", 4), ("_keep", 2)):
        killed_at(cut, name, count)
    assert [p for p in (cut.home / "effects" / "parts").rglob("*") if p.is_file()]
    cut.run()
    columns = "rollout_id, token_ids, logprob, unsteered_logprob, margin"
    for table, what in (("rollout", columns), ("feature_effect", "*")):
        query = f"select {what} from {table} order by all"
        assert cut.ask(query) == whole.ask(query)
    assert cut.files() == whole.files()
    assert cut.run().rollouts == 0


@pytest.mark.slow
def test_more_samples_and_an_autoencoder_later(world: World, tmp_path: Path) -> None:
    later = World(tmp_path).write(SPEC)
    later.run()
    few = dict(later.tokens())
    assert later.ask("select count(*) from feature_effect") == [(0,)]
    later.saes = world.saes
    later.write(SPEC + READ)
    # Features are there only while a rollout is sampled: the same ones are sampled again.
    assert later.run().rollouts == PAIRS * (1 + CELLS)
    assert dict(later.tokens()) == few == dict(world.tokens())
    query = "select run_id, multiplier, sae_id, feature, effect from feature_effect order by all"
    assert later.ask(query) == world.ask(query)
    later.write(SPEC.replace("samples: 3", "samples: 4") + READ)
    later.run()
    more = dict(later.tokens())
    assert len(more) == 16 * (1 + CELLS)
    assert few.items() <= more.items()
    assert later.ask("select distinct n_rollouts from feature_effect") == [(16,)]
    assert later.ask("select sum(n_missing) from coverage where split = 'rollout'") == [(0,)]


@pytest.mark.slow
def test_neither_batches_nor_engines_change_a_token(world: World, tmp_path: Path) -> None:
    for name, options in {
        "small": {"tokens_per_batch": 40},
        "slow": {"engine": "reference"},
    }.items():
        other = World(tmp_path / name).write(SPEC)
        other.run(**options)
        assert other.tokens() == world.tokens()


@pytest.mark.slow
def test_forgetting_the_runs_takes_their_rollouts(tmp_path: Path) -> None:
    gone = World(tmp_path, (FakeSae(2, 128),)).write(SPEC + READ)
    gone.run()
    runs = [run for (run,) in gone.ask("select distinct run_id from rollout where run_id is not null")]  # fmt: skip
    done = steerhouse("--home", "data", "warehouse", "forget", *(w for r in runs for w in ("--run", r)), "--yes", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    for table in ("rollout", "feature_effect"):
        assert gone.ask(f"select count(*) from {table}") == [(0,)]


def test_the_multiplier_at_which_a_text_set_costs_so_much(tmp_path: Path) -> None:
    raised = World(tmp_path).write(
        SPEC.replace("nulls: {random: 1}", "nulls: {random: 2}\ntext_sets: [few]")
        + "  rise: {text_set: few, nats: 0.5}\n"
    )
    raised.run()
    scales = raised.ask(
        "select vector_id, multiplier, cross_entropy_rise, cross_entropy from rise_multiplier"
    )
    assert len(scales) == 2  # the fitted vector is read nowhere in a text: it never costs it that
    for vector, multiplier, cost, unsteered in scales:
        assert cost == pytest.approx(0.5, abs=2e-3)
        assert unsteered > 0.1
        found = raised.ask(
            f"select distinct multiplier from rollout_card where vector_id = '{vector}'"
        )
        assert found == [(multiplier,)]
    before = raised.tokens()
    again = raised.run()
    assert again.rollouts == 0
    assert raised.tokens() == before


def test_what_a_user_can_mend(tmp_path: Path) -> None:
    for change, fault in (
        ("  prompt_sets: [mien]\n", "did you mean 'mine'"),
        ("  prompt_sets: [mine]\n  temperature: 0\n", "say `samples: 1`"),
        ("  prompt_sets: [mine]\n  saes: [none]\n", "'none'"),
        ("  prompt_sets: [mine]\n  rise: {text_set: nothing}\n", "unknown text_set 'nothing'"),
        ("  prompt_sets: [mine]\n  rise: {loss: 4}\n", "needs a `grid`"),
    ):
        world = World(tmp_path).write(SPEC.replace("  prompt_sets: [mine]\n", change))
        assert fault in world.faults(), change
    world.write(SPEC, 'prompts: [""]\ncopies: {x: 2}\n')
    assert "copies names 'x'" in world.faults()
    world.write(SPEC.replace("tokens: 5", "tokens: 5000"))
    done = steerhouse("--specs", "specs", "run", "say", cwd=tmp_path)
    assert done.returncode == 1
    assert "do not fit into the" in done.stderr


@pytest.mark.slow
def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    World(tmp_path).write(SPEC.replace("nulls: {random: 1}\n", ""))
    done = steerhouse("--specs", "specs", "--home", "data", "run", "say", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "rollouts of 12 sample(s) of openings in 1 set(s), 36 asked, 0 already there" in done.stderr  # fmt: skip
    assert ask(tmp_path, "select count(*) from rollout") == [(0,)]
