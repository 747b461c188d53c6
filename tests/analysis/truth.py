"""What a made-up warehouse is made of, and the same numbers computed by numpy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Shape:
    models: int = 1
    concepts: int = 2
    variants: tuple[str, ...] = ("base", "user_positive")
    questions: int = 24
    """Questions of the test split; train and validation have half as many."""
    layers: int = 3
    multipliers: tuple[float, ...] = (-1.5, -1.0, -0.5, 0.5, 1.0, 1.5)
    random: int = 5
    label_shuffled: int = 4
    nulls_at: int = 1
    """The layer at which nulls are measured, on the test split only."""
    noise: float = 0.02
    seed: int = 0


class Item(NamedTuple):
    item_id: str
    question_id: str
    split: str
    positive_option: int
    positive_answer: str
    order: str


@dataclass(frozen=True)
class Run:
    run_id: str
    evaluation_id: str
    vector_id: str
    role: str
    kind: str
    concept: str
    variant: str
    items: list[Item]
    layers: list[int]
    logit_diff: np.ndarray
    """float32 [items, layers, multipliers], nonzero multipliers."""
    answer_logmass: np.ndarray


@dataclass
class Synthetic:
    shape: Shape
    runs: list[Run] = field(default_factory=list)
    baseline: dict[str, np.ndarray] = field(default_factory=dict)
    """evaluation_id -> float32 [items of the concept]."""
    damage: dict[str, np.ndarray] = field(default_factory=dict)
    """run_id -> KL [layers, multipliers, texts]."""
    items: dict[str, list[Item]] = field(default_factory=dict)
    relations: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, relation: str, **row: Any) -> None:
        self.relations.setdefault(relation, []).append(row)

    def fitted(self, concept: str = "concept0", variant: str = "base") -> Run:
        found = [
            run
            for run in self.runs
            if (run.role, run.concept, run.variant) == ("fitted", concept, variant)
        ]
        return found[0]

    def slopes(self, run: Run, layer: int, split: str = "test", bound: float = 1.5) -> np.ndarray:
        """Return the slope of each item of the split, by polyfit, 0 included."""
        grid = np.array([0.0, *self.shape.multipliers])
        kept = np.abs(grid) <= bound
        curves = self.curves(run, layer, split)
        return np.array([np.polyfit(grid[kept], curve[kept], 1)[0] for curve in curves])

    def curves(self, run: Run, layer: int, split: str = "test") -> np.ndarray:
        """Return float64 [items of the split, 1 + multipliers], unsteered first."""
        rows = [n for n, item in enumerate(run.items) if item.split == split]
        where = {item.item_id: n for n, item in enumerate(self.items[run.concept])}
        own = [where[run.items[n].item_id] for n in rows]
        steered = run.logit_diff[rows, run.layers.index(layer)].astype(float)
        return np.column_stack([self.baseline[run.evaluation_id][own].astype(float), steered])

    def questions(self, run: Run, split: str = "test") -> np.ndarray:
        return np.array([item.question_id for item in run.items if item.split == split])
