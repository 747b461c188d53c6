"""What is asked of the warehouse: runs, and the cells of each that an experiment wants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runners.campaign.ids import run_id
from specs import operators

if TYPE_CHECKING:
    from runners.campaign.bench import Bench
    from runners.fitting.vectors import SteeringVector

BLOCK_ITEMS = 128
"""Items of a block: the unit that is staged, and redone whole. Part of no id, but a resumed run
repeats the same shapes only while it stays the same."""


@dataclass(frozen=True)
class Run:
    """One vector, one operator, one scope, on one dataset under one variant by one model."""

    run_id: str
    evaluation_id: str
    vector: SteeringVector = field(compare=False)
    operator: str
    scope: str

    @classmethod
    def of(
        cls, bench: Bench, variant: str, vector: SteeringVector, operator: str, scope: str
    ) -> Run:
        """Return the run of `vector` on `bench` under `variant`."""
        evaluation = bench.tokenised(variant).evaluation_id
        identity = run_id(evaluation, vector.vector_id, operator, scope)
        return cls(identity, evaluation, vector, operator, scope)

    @classmethod
    def of_none(cls, vector: SteeringVector, operator: str, scope: str) -> Run:
        """Return a run on no questions: a text set or prompt set will give it an evaluation."""
        return cls(run_id("", vector.vector_id, operator, scope), "", vector, operator, scope)


@dataclass(frozen=True)
class Asked:
    """A run on one split, at one layer, over multipliers."""

    run: Run
    split: str
    layer: int
    multipliers: tuple[float, ...]

    @property
    def measured(self) -> tuple[float, ...]:
        """The multipliers that are rows of their own; `baseline` holds 0 where nothing is done."""
        return tuple(m for m in self.multipliers if operators.measured(self.run.operator, m))


@dataclass
class Unit:
    """Everything asked of one model, concept and evaluation variant: one set of prompts."""

    bench: Bench
    variant: str
    asked: list[Asked]
    limit: int | None

    @property
    def label(self) -> str:
        """The unit as a person would say it."""
        return f"{self.bench.loaded.spec.name} · {self.bench.concept.name} · {self.variant}"

    @property
    def evaluation_id(self) -> str:
        """The evaluation that all runs of the unit share."""
        return self.bench.tokenised(self.variant).evaluation_id

    def splits(self) -> list[str]:
        """Return the splits asked for."""
        return list(dict.fromkeys(asked.split for asked in self.asked))

    def blocks(self, split: str) -> Iterator[tuple[int, list[str]]]:
        """Yield (number, item_ids) of the fixed slices of a split, unfit items included."""
        items = self.bench.item_ids(split, self.limit)
        for start in range(0, len(items), BLOCK_ITEMS):
            yield start // BLOCK_ITEMS, items[start : start + BLOCK_ITEMS]


def gathered(named: Iterable[tuple[Bench, str, Asked]], limit: int | None) -> list[Unit]:
    """Gather what is asked of the same prompts (bench, variant): two names of one are one unit."""
    units: dict[str, Unit] = {}
    for bench, variant, one in named:
        unit = units.setdefault(one.run.evaluation_id, Unit(bench, variant, [], limit))
        unit.asked.append(one)
    for unit in units.values():
        unit.asked = list(dict.fromkeys(unit.asked))
    return list(units.values())
