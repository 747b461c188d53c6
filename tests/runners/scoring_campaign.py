"""As much of a campaign as the scoring step asks for, over a warehouse of made-up rollouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb

from runners.campaign.execution import execution_row
from runners.campaign.outcome import Options, Outcome
from runners.scoring.step import ScoringStep
from specs.catalog import Catalog
from specs.schema import Experiment
from specs.settings import Settings
from tests.empty_warehouse import place
from tests.rollout_world import World, identity

TEXTS = """kind: texts
positive: [a, b]
negative: [c, d]
"""


def home_of(folder: Path, world: World) -> Path:
    """Write a world into the warehouse of `folder/data`."""
    home = folder / "data"
    with duckdb.connect(str(place(home))) as connection:
        world.write(connection)
    return home


def spec(folder: Path, kind: str, name: str, text: str) -> None:
    path = folder / "specs" / kind / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def campaign(folder: Path, scorers: Sequence[str], vectors: Mapping[str, Sequence[str]]) -> Any:
    """Return a stand-in: concept -> vector_ids, those after the first being nulls of the first."""
    made = [
        SimpleNamespace(vector_id=vector, parent_vector_id=some[0] if vector != some[0] else None)
        for some in vectors.values()
        for vector in some
    ]
    first = {concept: some[0] for concept, some in vectors.items()}
    return SimpleNamespace(
        experiment=Experiment(name="e", models=("m",), concepts=("c",), scorers=tuple(scorers)),
        catalog=Catalog([folder / "specs"]),
        settings=Settings(home=folder / "data"),
        loaded=SimpleNamespace(spec=SimpleNamespace(name="m"), model_id=identity("model", "m")),
        combinations=[SimpleNamespace(fit_concept=concept) for concept in vectors],
        fitters={
            concept: SimpleNamespace(
                bench=SimpleNamespace(dataset=SimpleNamespace(dataset_id=identity("dataset", concept)))
            )
            for concept in vectors
        },
        vector=lambda combination: SimpleNamespace(vector_id=first[combination.fit_concept]),
        vectors=lambda: made,
    )  # fmt: skip


def do(asked: Any, **options: Any) -> Outcome:
    """Score what is missing."""
    outcome = Outcome()
    execution = execution_row("cpu", "float32")
    ScoringStep(asked, Options(**options), execution).do(outcome)
    return outcome


def ask(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / "data" / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()
