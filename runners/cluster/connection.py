"""The Ray cluster of one command: found or started, counted, and let go of."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from specs.faults import Refused

PATIENCE = 10.0
"""Seconds in which the head of a cluster must answer."""


class Wanted(NamedTuple):
    """What a command says of its cluster; null: found out."""

    address: str | None = None
    workers: int | None = None
    """At most so many."""
    cpus: int | None = None
    """CPUs, and torch threads, of each."""
    gpus: int | None = None
    """GPUs of each."""


class Size(NamedTuple):
    """What each worker takes."""

    cpus: int
    gpus: int

    def __str__(self) -> str:
        return f"{self.gpus} GPU(s) and {self.cpus} CPU(s)" if self.gpus else f"{self.cpus} CPU(s)"


@dataclass(frozen=True)
class Cluster:
    """A cluster that this process is connected to."""

    wanted: Wanted

    def size(self) -> Size:
        """Return what a worker takes, where the command leaves it open.

        One GPU and one CPU where a node has GPUs, else all CPUs of the smallest node: a model then
        loads once per GPU, or once per node.
        """
        nodes = _nodes()
        gpus = self.wanted.gpus
        if gpus is None:
            gpus = int(any(node.gpus for node in nodes))
        cpus = self.wanted.cpus or (
            1 if gpus else min((n.cpus for n in nodes if n.cpus), default=1)
        )
        return Size(cpus, gpus)

    def places(self, size: Size) -> list[int]:
        """Return how many workers of `size` each node has room for now, nodes without left out."""
        room = (
            min(n.cpus // size.cpus, n.gpus // size.gpus if size.gpus else n.cpus) for n in _nodes()
        )
        return [count for count in room if count]

    def fitting(self) -> tuple[Size, list[int]]:
        """Return the size of a worker and the places for it.

        Raises:
            Refused: no node has room for one.
        """
        size = self.size()
        places = self.places(size)
        if not places:
            nodes = "; ".join(f"{n.cpus} CPU(s), {n.gpus} GPU(s)" for n in _nodes()) or "none"
            raise Refused(
                f"--engine ray: no node has room for a worker of {size} (nodes: {nodes}); lower "
                "--cpus-per-worker or --gpus-per-worker, or start the nodes with more"
            )
        return size, places

    def limit(self, places: int) -> int:
        """Return how many workers there may be."""
        return min(places, self.wanted.workers or places)


class _Node(NamedTuple):
    cpus: int
    gpus: int


def _nodes() -> list[_Node]:
    """Return the nodes that are alive."""
    import ray

    found = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [_Node(int(r.get("CPU", 0)), int(r.get("GPU", 0))) for r in found]


@contextmanager
def connected(wanted: Wanted) -> Iterator[Cluster]:
    """Connect to a cluster while the body runs; one that was started for it ends with it.

    Without an address: what RAY_ADDRESS names, else a cluster that `ray start` started here, else
    one of this machine alone, started now.

    Raises:
        Refused: Ray is not installed, or there is no cluster at the address.
    """
    ray = _ray()
    _reach(wanted.address or os.environ.get("RAY_ADDRESS"))
    try:
        ray.init(
            address=wanted.address,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
        )
    except (ConnectionError, ValueError, RuntimeError, OSError, SystemExit) as error:
        # Where what answers is no cluster, Ray ends the process in its own way.
        raise Refused(_no_cluster(wanted.address, _first_line(error))) from None
    try:
        _hush(ray)
        yield Cluster(wanted)
    finally:
        ray.shutdown()


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster of ours reports to nobody
    try:
        import ray
    except ImportError:
        raise Refused("--engine ray needs the extra `ray`: pip install 'steerhouse[ray]'") from None
    return ray


def _reach(address: str | None) -> None:
    """Refuse an address where nobody answers: Ray itself would try for two minutes."""
    if address in (None, "", "auto", "local"):
        return
    assert address is not None
    if address.startswith("ray://"):
        raise Refused(
            f"--address {address}: Ray's client is not supported; run the command on a machine of "
            "the cluster, with --address HOST:PORT of its head"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise Refused(_no_cluster(address, "not HOST:PORT"))
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise Refused(
            _no_cluster(address, getattr(error, "strerror", None) or str(error))
        ) from None


def _no_cluster(address: str | None, why: str) -> str:
    return (
        f"--address {address or '(none)'}: no Ray cluster there ({why}); `ray status` on its head "
        "shows the address, and without --address a cluster of this machine is started"
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _hush(ray: Any) -> None:
    """Keep the deaths of workers, which we report ourselves, off stdout: Ray has no switch."""
    ray._private.worker._worker_logs_enabled = False
