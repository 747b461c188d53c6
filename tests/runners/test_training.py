"""Reading the training side of a fit: bit-equal however it was read, bounded, kept when asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
import torch

from runners.campaign.bench import Bench
from runners.engine.reference import reference_activations
from runners.fitting import extraction
from runners.fitting.derived import Draw
from runners.fitting.fitter import Fitter
from runners.fitting.shelf import Place, Shelf
from runners.fitting.training import TrainingReader
from specs.catalog import Catalog
from specs.faults import Refused
from specs.schema import MeanDifference, Read

ROOT = Path(__file__).parents[2]
READS = get_args(Read)
LAYER = 3


def method(read: str, norm: Any = None) -> MeanDifference:
    return MeanDifference(kind="mean_difference", name=read, read=read, norm=norm)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Return the read positions of every pass over training prompts from now on."""
    found: list[tuple[str, ...]] = []
    own = extraction.read_into

    def counted(loaded: Any, items: Any, reads: Any, *rest: Any) -> None:
        found.append(tuple(reads))
        own(loaded, items, reads, *rest)

    monkeypatch.setattr(extraction, "read_into", counted)
    return found


def test_every_read_position_is_read_in_one_pass(
    kind: Bench, tmp_path: Path, passes: list[tuple[str, ...]]
) -> None:
    fitter = Fitter(kind, tmp_path, {}, 8192, reads=frozenset(READS))
    made = {read: fitter.vector(method(read, "raw"), "user_positive", None, 0) for read in READS}
    assert passes == [tuple(sorted(READS))]
    assert len({vector.vector_id for vector in made.values()}) == 4
    tokenised = kind.tokenised("user_positive").fit
    items = [tokenised[i] for i in kind.item_ids("train")]
    for read in ("last_token", "mean_all"):
        slow = [reference_activations(kind.loaded, item, read) for item in items]
        differences = torch.stack([positive - negative for positive, negative in slow])
        expected = differences.double().mean(0)
        for layer, direction in made[read].directions.items():
            scale = float(torch.stack(slow[0])[:, layer].norm())
            torch.testing.assert_close(
                direction.double(), expected[layer], rtol=0, atol=1e-5 * scale
            )


def test_norm_base_is_the_length_at_the_answer_token(
    kind: Bench, tmp_path: Path, passes: list[tuple[str, ...]]
) -> None:
    fitter = Fitter(kind, tmp_path, {}, 8192, reads=frozenset({"mean_completion"}))
    vector = fitter.vector(method("mean_completion"), "base", None, 0)
    base = fitter.vector(method("answer_token"), "base", None, 0)
    assert passes == [("answer_token", "mean_completion")]
    assert vector.norm_vector_id == base.vector_id
    assert vector.raw_length[LAYER] < 0.5 * base.raw_length[LAYER]
    lengths = [float(v.directions[LAYER].norm()) for v in (vector, base)]
    assert np.isclose(*lengths, rtol=1e-5)
    assert {*vector.geometry[LAYER]} >= {"split_half_cosine", "noise_length", "effective_rank"}


def test_nulls_and_resamples_are_of_their_vector_s_own_read_position(
    kind: Bench, tmp_path: Path
) -> None:
    fitter = Fitter(kind, tmp_path, {}, 8192)
    drawn = []
    for read in ("answer_token", "mean_completion"):
        parent = fitter.vector(method(read, "raw"), "base", None, 0)
        drawn += fitter.derived(parent, [Draw("resample", LAYER, 0, 1)])
    one, other = (vector.directions[LAYER] for vector in drawn)
    assert float(other.norm() / one.norm()) < 0.5


def directions(fitter: Fitter, read: str = "answer_token") -> bytes:
    vector = fitter.vector(method(read), "base", None, 0)
    return b"".join(direction.numpy().tobytes() for direction in vector.directions.values())


def test_a_vector_is_the_same_to_the_bit_read_once_kept_or_again(
    kind: Bench, tmp_path: Path, passes: list[tuple[str, ...]]
) -> None:
    once = directions(Fitter(kind, tmp_path / "once", {}, 300))
    keeping = Fitter(kind, tmp_path / "kept", {}, 300, keep_activations=True)
    assert directions(keeping) == once
    (file,) = (tmp_path / "kept" / "activations").iterdir()
    for vector in (tmp_path / "kept" / "vectors").iterdir():
        vector.unlink()
    assert len(passes) == 2
    assert directions(Fitter(kind, tmp_path / "kept", {}, 8192)) == once
    assert len(passes) == 2, "what was kept is used"
    file.write_bytes(file.read_bytes()[:-8])
    for vector in (tmp_path / "kept" / "vectors").iterdir():
        vector.unlink()
    assert directions(Fitter(kind, tmp_path / "kept", {}, 300)) == once
    assert len(passes) == 3, "what is damaged is read again"


def test_what_is_not_to_be_kept_leaves_nothing(kind: Bench, tmp_path: Path) -> None:
    fitter = Fitter(kind, tmp_path, {}, 8192)
    fitter.vector(method("answer_token"), "base", None, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["vectors"]


def test_keeping_works_where_the_vector_is_there_already(
    kind: Bench, tmp_path: Path, passes: list[tuple[str, ...]]
) -> None:
    directions(Fitter(kind, tmp_path, {}, 8192))
    directions(Fitter(kind, tmp_path, {}, 8192, keep_activations=True))
    directions(Fitter(kind, tmp_path, {}, 8192, keep_activations=True))
    assert len(passes) == 2
    directions(Fitter(kind, tmp_path, {}, 8192, plan_only=True, keep_activations=True))
    assert len(passes) == 2


def test_a_kept_file_says_what_it_is(kind: Bench, tmp_path: Path) -> None:
    import json

    from safetensors import safe_open

    fitter = Fitter(kind, tmp_path, {"model.source": "here"}, 8192, keep_activations=True)
    fitter.training("user_positive", "last_token")
    (path,) = (tmp_path / "activations").iterdir()
    with safe_open(path, framework="np") as file:
        header = file.metadata()
        positive = file.get_slice("positive")[LAYER : LAYER + 1][0]
    items = json.loads(header["item_ids"])
    assert items == kind.item_ids("train")
    assert header["read"] == "last_token"
    assert header["variant"] == "user_positive"
    assert header["model_id"] == kind.loaded.model_id
    assert {"hook", "dtype", "concept", "dataset_id", "question_ids", "model.source"} <= set(header)
    item = kind.tokenised("user_positive").fit[items[7]]
    slow = reference_activations(kind.loaded, item, "last_token")[0][LAYER]
    np.testing.assert_allclose(positive[7], slow, atol=1e-5 * float(slow.norm()))


def test_nothing_is_left_where_reading_fails(kind: Bench, tmp_path: Path) -> None:
    def fail(*_: Any) -> None:
        raise Refused("no")

    for keep in (False, True):
        reader = TrainingReader(kind, "base", tmp_path, keep=keep)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(extraction, "read_into", fail)
            with pytest.raises(Refused, match="no"):
                reader.read(["answer_token", "last_token"], 8192)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.slow
def test_a_run_killed_while_it_reads_is_cleaned_up_and_repeated(
    kind: Bench, catalog: Catalog, tmp_path: Path
) -> None:
    """A kept run is killed as soon as its file is there; the next one removes it and keeps its own."""
    home = tmp_path / "home"
    command = [sys.executable, "-m", "steerhouse", "--home", str(home), "run"]
    command += "--concept kind --model reference --layers 3 --limit 1 --keep-activations".split()
    command += ["--tokens-per-batch", "60"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    # Started with its reading held up at the first batch, so that the kill finds it there.
    hold = (
        "import sys, time, runpy; import runners.fitting.extraction as e; own = e._read_batch\n"
        "def held(*a): own(*a); time.sleep(60)\n"
        "e._read_batch = held; sys.argv = sys.argv[1:]; runpy.run_module('steerhouse', "
        "run_name='__main__')"
    )
    killed = subprocess.Popen(
        [sys.executable, "-c", hold, "steerhouse", *command[3:]], cwd=ROOT, env=env,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    folder = home / "activations"
    deadline = time.monotonic() + 120
    while not (folder.is_dir() and list(folder.iterdir())) and time.monotonic() < deadline:
        assert killed.poll() is None
        time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    (unfinished,) = folder.iterdir()
    assert unfinished.name.endswith(f".{killed.pid}.tmp")
    subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True)
    (kept,) = folder.iterdir()
    fitter = Fitter(kind, tmp_path / "other", {}, 60, keep_activations=True)
    fitter.training("base")
    (own,) = (tmp_path / "other" / "activations").iterdir()
    assert own.name == kept.name
    assert tensors(own) == tensors(kept)


def tensors(path: Path) -> bytes:
    data = path.read_bytes()
    return data[8 + int.from_bytes(data[:8], "little") :]


def test_the_shelf_lets_go_of_the_oldest_where_room_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, closed = [0], []

    class Held:
        def __init__(self, name: str) -> None:
            self.name = name

        def close(self) -> None:
            closed.append(self.name)
            free[0] += 10

    shelf: Any = Shelf()
    for name in "abc":
        shelf.put(Place("d", name, "answer_token"), Held(name))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free[0]))
    shelf.make_room(tmp_path, 10)
    assert closed == ["a", "b"]
    shelf.drop_dataset("other")
    assert shelf.get(Place("d", "c", "answer_token")).name == "c"
    shelf.drop_dataset("d", keep={"c"})
    assert closed == ["a", "b"]
    shelf.drop_dataset("d")
    assert closed == ["a", "b", "c"]
