"""The library `steering-vectors` beside the engine: a child in its own environment, asked in turn.

    python3 -m venv /tmp/peer
    /tmp/peer/bin/pip install torch==2.13.0
    /tmp/peer/bin/pip install steering-vectors==0.12.2 'transformers<5'
    python -m benchmarks.sweep --peer-python /tmp/peer/bin/python

The child (`benchmarks/peer.py`) loads the same files, gets the same prompts as token ids and the
same vectors, and keeps time itself; it waits while others are timed.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from benchmarks import material
from benchmarks.timing import Took
from runners.engine.batches import batches
from runners.engine.chains import sweep

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

SCRIPT = Path(__file__).with_name("peer.py")
FEW, BATCH_CELLS, BARE_ITEMS = 2, 2, 20
"""Items measured one at a time, cells measured by batch, items of the control."""


@dataclass
class Peer:
    """A running child and what it was given."""

    loaded: LoadedModel
    few: Sequence[TokenisedItem]
    batch: Sequence[TokenisedItem]
    control: Sequence[TokenisedItem]
    vectors: Mapping[int, torch.Tensor]
    """layer -> float32 [d_model]."""
    multipliers: Sequence[float]
    budget: int
    child: subprocess.Popen[str] = field(init=False)
    libraries: dict[str, str] = field(init=False)

    @classmethod
    def of(
        cls,
        loaded: LoadedModel,
        items: Sequence[TokenisedItem],
        vectors: Mapping[int, torch.Tensor],
        multipliers: Sequence[float],
        budget: int,
    ) -> Peer:
        """Return a peer for items of every length among `items`."""
        longest = max(item.decision + 1 for item in items)
        return cls(
            loaded,
            material.spread(items, FEW),
            material.spread(items, min(len(items), max(1, budget // longest))),
            material.spread(items, BARE_ITEMS),
            vectors,
            multipliers,
            budget,
        )

    @property
    def n_cells(self) -> int:
        """Cells of an item measured one at a time."""
        return len(self.vectors) * len(self.multipliers)

    def start(self, python: str, home: Path) -> None:
        """Start the child and wait until it has loaded the model from `home`/model."""
        work = home / "peer.json"
        work.write_text(json.dumps(self._work(home)), encoding="utf-8")
        self.child = subprocess.Popen(
            [python, str(SCRIPT), str(work)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.libraries = self._answer()

    def stop(self) -> None:
        """End the child."""
        with self.child:  # closes its stdin, waits
            pass

    def ask(self, way: str) -> Took:
        """Let the child do something, and return what it says that took."""
        answer = self._ask(way)
        return Took(answer["wall"], answer["processor"])

    def largest_difference(self) -> dict[str, float]:
        """Return how far its logit differences lie from the sweep's, per way, in logits."""
        ours = {
            "one at a time, two passes": ("two_passes", self.few, None),
            "one at a time, one pass": ("one_pass", self.few, None),
            "batched, one pass": ("batched_one_pass", self.batch, BATCH_CELLS),
        }
        return {
            name: self._difference(way, items, cells) for name, (way, items, cells) in ours.items()
        }

    def _difference(self, way: str, items: Sequence[TokenisedItem], n_cells: int | None) -> float:
        newborn = {
            layer: torch.tensor(self.multipliers)[:, None] * vector
            for layer, vector in self.vectors.items()
        }
        steered = sweep(self.loaded, items, newborn, "decision").steered
        ours = torch.cat([steered[layer].logit_diff for layer in newborn], 1)[:, :n_cells]
        theirs = torch.tensor(self._ask(way)["found"])
        if n_cells is not None:  # cell by cell, all items of each
            theirs = theirs.reshape(-1, len(items)).T.flatten()
        return float((ours.flatten() - theirs).abs().max())

    def _work(self, home: Path) -> dict[str, Any]:
        return {
            "model": str(home / "model"),
            "device": str(self.loaded.device),
            "dtype": str(self.loaded.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
            "few": _tokens(self.few),
            "batch": _tokens(self.batch),
            "bare": [
                _tokens([self.control[i] for i in batch])
                for batch in batches(self.control, self.budget)
            ],
            "batch_cells": BATCH_CELLS,
            "multipliers": list(self.multipliers),
            "vectors": {layer: vector.tolist() for layer, vector in self.vectors.items()},
        }

    def _ask(self, way: str) -> dict[str, Any]:
        assert self.child.stdin is not None
        self.child.stdin.write(way + "\n")
        self.child.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(
                f"the peer ended with status {self.child.wait()}; see its lines above"
            )
        found: dict[str, Any] = json.loads(line)
        return found


def _tokens(items: Sequence[TokenisedItem]) -> list[dict[str, list[int]]]:
    parts = ("prompt", "shared", "positive", "negative")
    return [{part: list(getattr(item, part)) for part in parts} for item in items]
