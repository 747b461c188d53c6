"""A cluster of two nodes on this machine: the same rows, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest
import torch

from runners.campaign import asked
from runners.cluster import parcels
from runners.cluster.connection import Size, Wanted, connected
from runners.cluster.crew import Crew, Worker
from runners.cluster.executor import OnCluster
from runners.cluster.holder import About, ModelHolder, Task
from runners.engine.reference_sweep import reference_sweep
from specs.faults import Refused
from tests.command import STEERHOUSE, steerhouse
from tests.runners import ray_cluster, toy_models
from tests.runners.families import random_items, tiny

pytest.importorskip("ray")
torch.set_num_threads(1)
TOLERANCE = 3e-5 * 8
"""Of logits of this size."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ray")
    ray_cluster.write_specs(folder)
    return folder


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ray_cluster.two_nodes() as cluster:
        yield cluster.address


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "BLOCK_ITEMS", 4)


def kill_after_first(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let a worker with a block on its way be killed when the first block has been staged."""
    own, killed = OnCluster.measure, []

    def measure(self: OnCluster, blocks: Any, at: Any) -> Iterator[Any]:
        for result in own(self, blocks, at):
            yield result  # behind this line it is staged
            if not killed:
                assert self.crew is not None
                killed.append(self.crew.ready()[0].about.pid)  # type: ignore[union-attr]
                os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(OnCluster, "measure", measure)
    return killed


def test_a_killed_worker_loses_its_block_only(
    folder: Path, address: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ray_cluster.run(folder, "local")
    killed = kill_after_first(monkeypatch)
    capfd.readouterr()
    outcome = ray_cluster.run(folder, "killed", address)
    out, err = capfd.readouterr()
    gap = ray_cluster.largest_gap(folder / "local", folder / "killed")
    assert gap <= TOLERANCE
    assert len(killed) == 1
    assert err.count("its block is measured again") == 1
    assert "2 worker(s) of 1 CPU(s) each, 2 node(s)" in err
    assert "Traceback" not in err
    assert "(raylet)" not in out + err
    assert outcome.measured == len(ray_cluster.numbers(folder / "killed"))


@pytest.mark.slow
def test_text_answers_are_the_same_from_a_cluster(folder: Path, address: str) -> None:
    """Completions of several tokens, of unequal length, go to workers and come back as numbers."""
    ray_cluster.run(folder, "told", experiment=ray_cluster.TOLD)
    outcome = ray_cluster.run(folder, "told-far", address, experiment=ray_cluster.TOLD)
    assert outcome.measured == len(ray_cluster.numbers(folder / "told-far")) > 100
    assert ray_cluster.largest_gap(folder / "told", folder / "told-far") <= TOLERANCE
    tokens = "select distinct positive_tokens > 1 and negative_tokens > 1 from baseline"
    for home in ("told", "told-far"):
        with duckdb.connect(str(folder / home / "warehouse.duckdb"), read_only=True) as connection:
            assert connection.execute("select distinct score from evaluation").fetchall() == [
                ("sequence",)
            ]
            assert connection.execute(tokens).fetchall() == [(True,)]


class Deadly:
    """What ends the process that reads it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (1,)


def spoil(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Let every task go out with other fields."""
    own = parcels.task
    monkeypatch.setattr(parcels, "task", lambda *some: own(*some)._replace(**changes))


def refusal(folder: Path, home: str, address: str) -> str:
    """Return the one line with which a run on the cluster is refused."""
    with pytest.raises(Refused) as refused:
        ray_cluster.run(folder, home, address)
    (line,) = refused.value.faults
    return line


def test_what_a_worker_refuses_reaches_the_driver_as_it_was(
    folder: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = parcels.task

    def endless(block: Any, tokens: int) -> Any:
        task = own(block, tokens)
        return task._replace(cells=[(*task.cells[0][:2], float("inf"))])

    monkeypatch.setattr(parcels, "task", endless)
    assert "not finite" in refusal(folder, "refused", address)


@pytest.mark.slow
def test_another_model_on_a_node_is_refused_with_what_differs(
    folder: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = parcels.as_loaded
    other = toy_models.save(folder / "other", max_position_embeddings=128)

    def elsewhere(loaded: Any) -> Any:
        return own(loaded).model_copy(update={"folder": str(other)})

    monkeypatch.setattr(parcels, "as_loaded", elsewhere)
    line = refusal(folder, "other-home", address)
    assert "its model is not the driver's" in line
    assert "context_length is 128, the driver's 256" in line


def test_a_worker_is_compared_with_the_driver(capfd: pytest.CaptureFixture[str]) -> None:
    mine = {"model_id": "a", "dtype": "float32", "revision": "r"}
    theirs = {"model_id": "b", "dtype": "bfloat16", "revision": "r"}
    crew: Any = Crew(cluster=None, size=Size(1, 0), order=None, row=mine)  # type: ignore[arg-type]
    there = About("far", 1, theirs, "cpu", 128, {"torch": "0.1"})
    worker = Worker(1, None, None, there)
    with pytest.raises(Refused) as refused:
        crew._compare(worker, there)
    assert "worker 1 on far: its model is not the driver's: dtype is 'bfloat16', the driver's " in (
        str(refused.value)
    )
    assert "revision" not in str(refused.value)
    for _ in range(2):
        crew._compare(worker, there._replace(row=mine))
    assert capfd.readouterr().err.count("torch 0.1 there") == 1


def test_a_worker_tells_of_halved_batches() -> None:
    def small(loaded: Any, items: Any, births: Any, scope: str) -> Any:
        if len(items) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return reference_sweep(loaded, items, births, scope)

    sweeps: dict[str, Any] = {"unit": small}
    holder = ModelHolder(tiny("llama"), sweeps)
    items = random_items([10] * 6, [0] * 6)
    done = holder.measure(Task("unit", "label", items, [], 60), {})
    assert done.tokens == 15
    assert [line.partition(":")[0] for line in done.said] == [
        "out of memory in a batch of 6 prompts, 60 tokens",
        "out of memory in a batch of 3 prompts, 30 tokens",
    ]
    assert len(done.measured.unsteered) == 6
    assert holder.measure(Task("unit", "label", items, [], 15), {}).said == []


@pytest.mark.slow
def test_a_block_on_which_three_workers_died_is_named(
    folder: Path, address: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    spoil(monkeypatch, items=Deadly())
    line = refusal(folder, "deadly", address)
    assert "toy · tea · base, block 0 of split test: 3 workers died on it" in line
    assert capfd.readouterr().err.count("its block is measured again") == 2


def test_more_than_a_node_has_is_refused(address: str) -> None:
    with connected(Wanted(address, cpus=64)) as cluster, pytest.raises(Refused) as refused:
        cluster.fitting()
    assert "no node has room for a worker of 64 CPU(s)" in str(refused.value)


def test_a_dry_run_tells_of_the_cluster_and_starts_no_worker(
    folder: Path, address: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Crew, "grow", lambda *_: pytest.fail("a worker is started"))
    ray_cluster.run(folder, "dry", address, dry_run=True)
    assert "on a Ray cluster: 2 worker(s)" in capfd.readouterr().err


@pytest.mark.slow
def test_nodes_that_come_later_join(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray_cluster.run(folder, "local")
    own, crews = OnCluster.measure, []
    with ray_cluster.two_nodes(nodes=1) as cluster:

        def measure(self: OnCluster, blocks: Any, at: Any) -> Iterator[Any]:
            for number, result in enumerate(own(self, blocks, at)):
                yield result
                assert self.crew is not None
                crews.append(len(self.crew.workers))
                if number == 0:
                    cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
                    cluster.wait_for_nodes()

        monkeypatch.setattr(OnCluster, "measure", measure)
        ray_cluster.run(folder, "growing", cluster.address)
    assert crews[0] == 1
    assert crews[-1] == 2
    assert ray_cluster.largest_gap(folder / "local", folder / "growing") <= TOLERANCE


# Through the real command -------------------------------------------------------------------------


ASK = (
    "--specs", "specs", "run", "--concept", "tea", "--model", "toy", "--multipliers", "-1,0,1",
)  # fmt: skip


@pytest.mark.parametrize(
    ("address", "why"),
    [("127.0.0.1:1", "Connection refused"), ("nowhere", "not HOST:PORT"), ("ray://a:1", "client")],
)
def test_a_bad_address_is_one_line(folder: Path, address: str, why: str) -> None:
    done = steerhouse(*ASK, "--engine", "ray", "--address", address, cwd=folder)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: --address {address}: ")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Refused, match=r"pip install 'steerhouse\[ray\]'"), connected(Wanted()):
        pass


def test_options_of_the_cluster_need_the_engine(folder: Path) -> None:
    done = steerhouse(*ASK, "--workers", "2", cwd=folder)
    assert done.returncode == 2
    assert "go with --engine ray" in done.stderr


def busy_worker() -> int:
    """Return the process id of a worker that is measuring, on a cluster that this test started."""
    while True:  # Ray names a process by the method that it runs
        for process in psutil.Process().children(recursive=True):
            if process.is_running() and "ModelHolder.measure" in " ".join(process.cmdline()[:1]):
                return int(process.pid)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["worker", "driver", "ctrl-c"])
def test_the_command_survives_what_is_killed(tmp_path: Path, what: str) -> None:
    """A worker, or the command itself, killed when the first block is staged; then all is there."""
    ray_cluster.write_specs(tmp_path, questions=900)
    local = steerhouse("--home", "local", *ASK, cwd=tmp_path)
    assert local.returncode == 0, local.stderr
    with ray_cluster.two_nodes() as cluster:
        command = ("--home", "far", *ASK, "--engine", "ray", "--address", cluster.address)
        process = subprocess.Popen(
            [STEERHOUSE, *command], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        while process.poll() is None and not any(tmp_path.glob("far/staged/*/*.parquet")):
            time.sleep(0.001)
        assert process.poll() is None, process.communicate()[1]
        if what == "worker":
            os.kill(busy_worker(), signal.SIGKILL)
        else:
            os.killpg(process.pid, signal.SIGKILL if what == "driver" else signal.SIGINT)
        _, said = process.communicate(timeout=300)
        assert "Traceback" not in said
        if what == "worker":
            assert process.returncode == 0, said
            assert "its block is measured again" in said
        elif what == "ctrl-c":
            assert process.returncode == 130
            assert said.rstrip().endswith("the same command goes on there.")
        if what != "worker":
            again = steerhouse(*command, cwd=tmp_path)
            assert again.returncode == 0, again.stderr
            assert " 0 already there" not in again.stderr
    assert ray_cluster.largest_gap(tmp_path / "local", tmp_path / "far") <= TOLERANCE
