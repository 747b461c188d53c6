"""Approximators from spec to file: what is measured once, what a kill costs, what is refused."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from runners.approximator.blocks import EffectBlocks
from runners.approximator.ids import Subject, approximator_id, effects_id
from runners.approximator.inputs import drawn_features, input_vectors, n_held_out
from runners.approximator.linear_map import LinearMap
from runners.approximator.make import make_approximator
from runners.approximator.saved import load, path_of
from specs.faults import Refused
from specs.schema import Approximator
from warehouse.ingest import ingest
from warehouse.staged import waiting

SUBJECT = Subject("m", "s", "i", "p")
D_MODEL, D_SAE = 6, 10


@dataclass(frozen=True)
class Rows:
    """An autoencoder of which only the decoder is asked for."""

    decoder: Tensor
    layer: int = 1
    sae_id: str = "s"

    @property
    def d_sae(self) -> int:
        return len(self.decoder)

    @property
    def d_model(self) -> int:
        return self.decoder.shape[1]


def drawn(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


SAE, INPUTS = Rows(drawn(D_SAE, D_MODEL, 0)), Rows(drawn(60, D_MODEL, 1) * 3)
TRUTH = LinearMap(drawn(D_MODEL, D_SAE, 2), drawn(1, D_SAE, 3)[0])


@dataclass
class Effects:
    """A known map, that remembers what it was asked and fails after so many calls."""

    fails_after: int = 99
    asked: list[Tensor] = field(default_factory=list)

    def __call__(self, vectors: Tensor) -> Tensor:
        if len(self.asked) == self.fails_after:
            raise KeyboardInterrupt
        self.asked.append(vectors)
        return TRUTH.effects(vectors)


def spec(**given: Any) -> Approximator:
    about = {
        "name": "small",
        "model": "a",
        "layer": 1,
        "sae": "b",
        "inputs": {"sae": "c", **given.pop("inputs", {})},
        "prompt_set": "d",
        "scale": 3.0,
        "held_out": 0.25,
        "fit": {"penalty": 1e-6},
        "causes": 4,
        "block": 8,
        **given,
    }
    return Approximator.model_validate(about)


def make(home: Path, effects: Effects, **given: Any) -> Any:
    return make_approximator(home, spec(**given), SUBJECT, SAE, INPUTS, effects)  # type: ignore[arg-type]


def test_a_known_map_is_found(tmp_path: Path) -> None:
    effects = Effects()
    found = make(tmp_path, effects)
    torch.testing.assert_close(found.map.weights, TRUTH.weights, rtol=0, atol=1e-3)
    torch.testing.assert_close(found.map.bias, TRUTH.bias, rtol=0, atol=1e-3)
    asked = torch.cat(effects.asked)
    assert [len(block) for block in effects.asked] == [8] * 7 + [4]
    torch.testing.assert_close(asked.norm(dim=1), torch.ones(60))
    order = drawn_features(60, 0)
    unit = INPUTS.decoder / INPUTS.decoder.norm(dim=1, keepdim=True)
    torch.testing.assert_close(asked, unit[order])
    assert (found.skill.n, found.about["n_held_out"]) == (15, 15)
    columns = TRUTH.weights / TRUTH.weights.norm(dim=0)
    rows = SAE.decoder / SAE.decoder.norm(dim=1, keepdim=True)
    torch.testing.assert_close(found.decoder_cosine, (columns.T * rows).sum(1), atol=1e-3, rtol=0)
    best = (rows @ TRUTH.weights).argmax(0)
    assert found.causes.features[:, 0].tolist() == best.tolist()


def test_held_out_vectors_are_never_fitted(tmp_path: Path) -> None:
    """Effects of held-out vectors that are out of all proportion leave the map as it is."""
    order = drawn_features(60, 0)
    held = input_vectors(INPUTS, order[:15])  # type: ignore[arg-type]

    class Odd(Effects):
        def __call__(self, vectors: Tensor) -> Tensor:
            odd = torch.cdist(vectors, held).amin(dim=1) < 1e-6
            return super().__call__(vectors) + 1000 * odd[:, None]

    found = make(tmp_path, Odd())
    torch.testing.assert_close(found.map.weights, TRUTH.weights, rtol=0, atol=1e-3)
    assert float(found.skill.squared_error.min()) > 15 * 990**2


def test_what_is_there_is_read_back(tmp_path: Path) -> None:
    first = make(tmp_path, Effects())
    again = Effects()
    second = make(tmp_path, again, name="other")
    assert not again.asked
    assert len(waiting(tmp_path)) == 1
    torch.testing.assert_close(second.map.weights, first.map.weights, rtol=0, atol=0)
    for a, b in ((first.skill, second.skill), (first.causes, second.causes)):
        for one, other in zip(a, b, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert second.about == first.about
    assert load(tmp_path, "nothing") is None


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole", Effects())
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "cut", Effects(fails_after=3))
    rest = Effects()
    found = make(tmp_path / "cut", rest, block=16)  # cut otherwise: only gaps are filled
    assert [len(block) for block in rest.asked] == [16, 16, 4]
    torch.testing.assert_close(found.map.weights, whole.map.weights, rtol=0, atol=1e-6)
    assert found.approximator_id == whole.approximator_id


KILLED = """
import sys, time
from pathlib import Path
from tests.runners.test_approximator_make import Effects, make

class Slow(Effects):
    def __call__(self, vectors):
        if len(self.asked) == 2:
            print("two blocks are done", flush=True)
            time.sleep(60)
        return super().__call__(vectors)

make(Path(sys.argv[1]), Slow())
"""


def test_a_killed_run_loses_no_block(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, cwd=root
    ) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    rest = Effects()
    found = make(tmp_path, rest)
    assert sum(map(len, rest.asked)) == 60 - 16
    torch.testing.assert_close(found.map.weights, TRUTH.weights, rtol=0, atol=1e-3)


def test_more_vectors_later_and_another_fit_use_what_was_measured(tmp_path: Path) -> None:
    few, more, trained = Effects(), Effects(), Effects()
    first = make(tmp_path, few, inputs={"features": 20})
    second = make(tmp_path, more)
    assert (sum(map(len, few.asked)), sum(map(len, more.asked))) == (20, 40)
    third = make(tmp_path, trained, fit={"kind": "adam", "epochs": 1, "validation": 5})
    assert not trained.asked
    ids = {one.approximator_id for one in (first, second, third)}
    assert len(ids) == 3
    assert {one.about["effects_id"] for one in (first, second, third)} == {
        effects_id(spec(), SUBJECT)
    }


def test_what_ids_are_about() -> None:
    def ids(n: int = 60, subject: Subject = SUBJECT, **given: Any) -> tuple[str, str]:
        return effects_id(spec(**given), subject), approximator_id(spec(**given), subject, n)

    effects, one = ids()
    for same in ({"causes": 9}, {"block": 3}, {"name": "x"}, {"model": "x"}):
        assert ids(**same) == (effects, one), same  # names and books are in no id
    for fit in ({"held_out": 0.5}, {"fit": {"penalty": 2.0}}, {"fit": {"kind": "adam"}}):
        assert ids(**fit)[0] == effects, fit
        assert ids(**fit)[1] != one, fit
    assert ids(n=61)[0] == effects != ids(n=61)[1]
    for other in (
        {"subject": SUBJECT._replace(prompt_set_id="q")},
        {"layer": 2},
        {"scale": 4.0},
        {"scale": None, "rise": {"nats": 3.0}},
        {"scale": None, "rise": {"nats": 4.0}},
        {"subject": SUBJECT._replace(text_set_id="t")},
        {"inputs": {"seed": 1}},
        {"rollouts": {"tokens": 5}},
    ):
        assert ids(**other)[0] != effects, other
        assert ids(**other)[1] != one, other


def test_a_larger_sample_begins_with_the_smaller() -> None:
    order = drawn_features(50, 3)
    assert sorted(order) == list(range(50))
    assert drawn_features(40, 3) == [feature for feature in order if feature < 40]
    assert order != drawn_features(50, 4)


def test_gaps_between_files_are_what_is_missing(tmp_path: Path) -> None:
    blocks = EffectBlocks.of(tmp_path, "e", 20)
    assert list(blocks.missing(8)) == [range(8), range(8, 16), range(16, 20)]
    x, y = drawn(20, 3, 0), drawn(20, 2, 1)
    for rows in (range(5, 9), range(12, 20)):
        blocks.write(rows, x[rows.start : rows.stop], y[rows.start : rows.stop])
    assert list(blocks.missing(3)) == [range(3), range(3, 5), range(9, 12)]
    fewer = EffectBlocks(blocks.folder, "e", 14)
    assert list(fewer.missing(9)) == [range(5), range(9, 12)]
    assert fewer.sizes() == [4, 2]
    torch.testing.assert_close(fewer.block(1)[1], y[12:14])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layer": 2}, "layer 2, but SAE b was trained on layer 1"),
        ({"inputs": {"features": 61}}, "61 features of c, which has 60"),
        ({"held_out": 0.01}, "0.01 of 60 vectors leaves 1 to judge by and 59"),
        ({"held_out": 0.99}, "leaves 59 to judge by and 1 to fit on"),
        (
            {"fit": {"penalty": 0.0}, "inputs": {"features": 8}},
            "6 vectors do not tell 6 directions",
        ),
    ],
)
def test_what_cannot_be(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        make(tmp_path, Effects(), **given)


def test_effects_must_be_finite_and_one_for_each(tmp_path: Path) -> None:
    class Broken(Effects):
        def __call__(self, vectors: Tensor) -> Tensor:
            found = super().__call__(vectors)
            if len(self.asked) == 2:
                found[3, 1] = torch.inf
            return found

    with pytest.raises(Refused, match="vector 11 of the drawn order has one that is not finite"):
        make(tmp_path, Broken())
    blocks = EffectBlocks.of(tmp_path, effects_id(spec(), SUBJECT), 60)
    assert blocks.sizes() == [8]
    with pytest.raises(Refused, match="effects of 4 vectors: 3 came back"):
        blocks.write(range(8, 12), drawn(4, 6, 0), drawn(3, 10, 0))


def test_files_that_are_damaged_or_of_another(tmp_path: Path) -> None:
    found = make(tmp_path, Effects())
    path = path_of(tmp_path, found.approximator_id)
    path.with_name("other.safetensors").write_bytes(path.read_bytes())
    with pytest.raises(Refused, match="does not fit here: approximator_id is"):
        load(tmp_path, "other")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(Refused, match=r"not readable .* delete it"):
        make(tmp_path, Effects())


def test_rows_reach_the_warehouse(tmp_path: Path) -> None:
    make(tmp_path, Effects())
    rows = ingest(tmp_path).rows
    assert rows == {
        "name": 1,
        "approximator": 1,
        "approximator_feature": D_SAE,
        "feature_cause": D_SAE * 4,
        "feature_neighbour": D_SAE * 4,
    }


def test_held_out_count() -> None:
    assert n_held_out(50_000, 0.02) == 1000
