"""Two Ray nodes on this machine, a toy model in a folder, and a concept of many small blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from runners.campaign import execute
from runners.campaign.outcome import Options, Outcome
from runners.cluster.connection import Wanted
from specs.catalog import Catalog
from specs.schema import Experiment
from specs.settings import Settings
from tests.runners import toy_models

TEA = """\
description: Prefers tea to coffee.
source: {file: tea.csv}
splits: {train: 0.2, validation: 0.2, test: 0.6}
"""
ASKED = Experiment(
    name="drinks",
    concepts=("tea",),
    models=("toy",),
    multipliers=(-1.0, 0.0, 1.0),
    splits=("test",),
)
TOLD = Experiment(
    name="told",
    concepts=("told",),
    models=("toy",),
    layers=(0, 1),
    multipliers=(-1.0, 0.0, 1.0),
    scopes=("answer", "all"),
    splits=("test",),
)
"""The same options as whole texts, by chains and by replay."""
NUMBERS = "select run_id, item_id, layer, multiplier, logit_diff, answer_logmass from measurement"


@contextmanager
def two_nodes(nodes: int = 2) -> Iterator[Any]:
    """Start Ray nodes of one CPU each, and stop them."""
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=small)
    try:
        for _ in range(nodes - 1):
            cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
        yield cluster
    finally:
        cluster.shutdown()


def write_specs(folder: Path, questions: int = 50) -> None:
    """Write a user's folder: specs of a toy model and of a concept with `questions`."""
    for kind in ("concepts", "models"):
        (folder / "specs" / kind).mkdir(parents=True)
    toy_models.save(folder / "toy", max_position_embeddings=256)
    (folder / "specs" / "models" / "toy.yaml").write_text("folder: ../../toy\n")
    (folder / "specs" / "concepts" / "tea.yaml").write_text(TEA)
    (folder / "specs" / "concepts" / "told.yaml").write_text(TEA + "answer_format: text\n")
    lines = [f"What goes with meal number {i}?,Tea,Coffee\n" for i in range(questions)]
    (folder / "specs" / "concepts" / "tea.csv").write_text(
        "question,positive,negative\n" + "".join(lines)
    )


def run(
    folder: Path,
    home: str,
    address: str | None = None,
    experiment: Experiment = ASKED,
    **options: Any,
) -> Outcome:
    """Run an experiment in this process: locally, or on the cluster at `address`."""
    settings = Settings(home=folder / home, specs=(folder / "specs",))
    cluster = Wanted(address) if address else None
    engine = "ray" if address else "fast"
    asked = Options(engine=engine, cluster=cluster, **options)
    return execute.run(experiment, Catalog(settings.specs), settings, asked)


def numbers(home: Path) -> dict[tuple[Any, ...], tuple[float, float]]:
    """Return (run, item, layer, multiplier) -> logit difference and answer mass."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(NUMBERS).fetchall()
    found = {row[:4]: row[4:] for row in rows}
    assert len(found) == len(rows), "a row is doubled"
    return found


def largest_gap(one: Path, other: Path) -> float:
    """Return the largest difference of two homes that hold the same rows."""
    a, b = numbers(one), numbers(other)
    assert a.keys() == b.keys()
    assert a
    return max(abs(x - y) for key, pair in a.items() for x, y in zip(pair, b[key], strict=True))
