"""The training side of a fit on texts: which of them, and their activations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runners.campaign.texts_bench import POSITIVE
from runners.console import say
from runners.fitting.activations import ActivationFile, sized
from runners.fitting.training import Training, TrainingReader
from runners.methods.texts import Texts

if TYPE_CHECKING:
    from torch import Tensor

    from runners.engine.budget import Budget
    from runners.prompts.positions import TokenisedItem
    from specs.schema import Read


@dataclass
class TextsTraining(Training):
    """The activations of one concept's texts at one read position; `questions` names the texts."""

    def data(self, layer: int) -> Texts:
        """Return the texts of one layer, positive ones first, in the order of their names."""
        return Texts.of(*self.layer(layer))


@dataclass
class TextsReader(TrainingReader):
    """Reads the texts of one bench."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.n_positive = sum(name.startswith(POSITIVE) for name in self.used)
        n_negative = len(self.used) - self.n_positive
        self.shape = self.shape._replace(items=self.n_positive, negatives=n_negative)

    def _read_into(
        self,
        items: Sequence[TokenisedItem],
        reads: Sequence[Read],
        files: Mapping[Read, ActivationFile],
        budget: Budget,
        advance: Callable[[int], None],
    ) -> None:
        """Write the activations of texts, positive ones on one side and the others on the other."""
        from runners.fitting.text_extraction import read_texts_into

        def keep(read: Read, layer: int, rows: Sequence[int], hidden: Tensor) -> None:
            for side in (0, 1):
                own = [n for n, row in enumerate(rows) if (row >= self.n_positive) == bool(side)]
                there = [rows[n] - side * self.n_positive for n in own]
                files[read].write(side, layer, there, hidden[own].numpy())

        read_texts_into(self.bench.loaded, items, reads, budget, keep, advance)

    def _say(self, label: str, items: Sequence[TokenisedItem], n_reads: int) -> None:
        del label
        tokens = sum(len(item.prompt) + len(item.positive) for item in items)
        say(
            f"reading {self.bench.concept.name}: {len(self.used):,} texts of {tokens:,} tokens, "
            f"{sized(self.size(n_reads))} on disk"
        )

    def _training(self, file: ActivationFile) -> Training:
        used = self.used
        return TextsTraining(self.fit, self.bench.questions(used), self.bench.order(used), file)
