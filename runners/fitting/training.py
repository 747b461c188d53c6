"""The training side of a fit: which items, and their activations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runners.campaign.bench import Bench
from runners.campaign.budgets import Budgets
from runners.campaign.ids import Fit, items_sha256
from runners.console import bar, say
from runners.fitting.activations import FORMAT, ActivationFile, Shape, sized
from runners.fitting.vectors import HOOK
from runners.methods.pairs import Pairs
from specs.faults import Refused
from specs.identity import identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from runners.campaign.texts_bench import TextsBench
    from runners.engine.budget import Budget
    from runners.methods.texts import Texts
    from runners.prompts.positions import TokenisedItem
    from specs.schema import Read


@dataclass
class Training:
    """The activations of one concept's training items under one variant at one read position."""

    fit: Fit
    questions: list[str]
    """question_id of each item."""
    order: np.ndarray
    """float64 [items]: +1 where the positive option is first, -1 second, 0 where none is shown."""
    file: ActivationFile
    _at_hand: tuple[int, tuple[np.ndarray, np.ndarray]] | None = field(default=None, repr=False)

    @property
    def residual_norm(self) -> np.ndarray:
        """Mean length of the activations, float64 [layers]."""
        return self.file.residual_norm

    def layer(self, layer: int) -> tuple[np.ndarray, np.ndarray]:
        """Return positive and negative activations, float32 [items, d_model].

        The layer that was asked for last stays in memory, and no other.
        """
        if self._at_hand is None or self._at_hand[0] != layer:
            self._at_hand = None
            self._at_hand = layer, self.file.layer(layer)
        return self._at_hand[1]

    def pairs(self, layer: int) -> Pairs:
        """Return the pairs of one layer."""
        return Pairs.of(*self.layer(layer), self.order)

    def data(self, layer: int) -> Pairs | Texts:
        """Return what methods are fitted on at one layer: the pairs."""
        return self.pairs(layer)

    def close(self) -> None:
        """Let go of the activations; what was not to be kept is gone."""
        self._at_hand = None
        self.file.close()


def joined(trainings: Sequence[Training], layer: int) -> Pairs | Texts:
    """Return what methods are fitted on at one layer: of several fits their pairs as one."""
    parts = [training.data(layer) for training in trainings]
    if len(parts) == 1:
        return parts[0]
    return Pairs.joined([part for part in parts if isinstance(part, Pairs)])


def questions_of(trainings: Sequence[Training]) -> list[str]:
    """Return the question_id of each item of several fits, one fit after the other."""
    return [question for training in trainings for question in training.questions]


def residual_norm_of(trainings: Sequence[Training]) -> np.ndarray:
    """Return the mean length of the activations of several fits' items, float64 [layers]."""
    n_items = [len(training.questions) for training in trainings]
    found: np.ndarray = np.average(
        [training.residual_norm for training in trainings], axis=0, weights=n_items
    )
    return found


def fit_of(bench: Bench | TextsBench, variant: str) -> tuple[Fit, list[str]]:
    """Return the description of a fit on `variant`, and its usable training items.

    Raises:
        Refused: there are none.
    """
    tokenised = bench.tokenised(variant)
    used = [item for item in bench.item_ids("train") if item in tokenised.fit]
    if not used:
        name = bench.concept.name
        raise Refused(
            f"concept {name}: no training item can be used under variant {variant}; `steerhouse "
            f"show {name} --variant {variant}` shows its prompts"
        )
    n_questions = len(set(bench.questions(used)))
    digest = items_sha256(used)
    dataset_id, variant_id = bench.dataset.dataset_id, tokenised.variant_id
    return Fit(dataset_id, "train", variant_id, digest, len(used), n_questions), used


@dataclass
class TrainingReader:
    """Reads the training prompts of one bench under one variant."""

    bench: Bench | TextsBench
    variant: str
    home: Path
    provenance: Mapping[str, str] = field(default_factory=dict)
    """What the header of a kept file says beside its own description."""
    keep: bool = False
    """Whether the activations stay in `<home>/activations/` for later runs."""

    def __post_init__(self) -> None:
        self.fit, self.used = fit_of(self.bench, self.variant)
        loaded = self.bench.loaded
        self.shape = Shape(loaded.n_layers, len(self.used), loaded.d_model)

    def kept(self, read: Read) -> Training | None:
        """Return what an earlier run kept, or None; a file that does not fit is named."""
        path = self._path(read)
        if not path.exists():
            return None
        try:
            file = ActivationFile.open(path, self.shape, self._about(read))
        except Refused as refusal:
            say(f"Warning: {refusal}; reading the training prompts again")
            return None
        say(f"using the activations kept in {path}")
        return self._training(file)

    def read(self, reads: Sequence[Read], tokens_per_batch: int | Budgets) -> dict[Read, Training]:
        """Return the activations of all layers at `reads`, from one pass over the prompts.

        Raises:
            Refused: no room on the disk; what `runners.fitting.extraction.read_into` refuses.
        """
        items = [self.bench.tokenised(self.variant).fit[item] for item in self.used]
        files: dict[Read, ActivationFile] = {}

        try:
            for read in reads:
                files[read] = self._create(read)
            with bar(len(items)) as progress:
                label = f"{self.bench.concept.name} · {self.variant}"
                progress.label(f"reading {label}")
                self._say(label, items, len(reads))
                budget = Budgets.of(tokens_per_batch).at(f"{self.fit.variant_id}/fit")
                self._read_into(items, reads, files, budget, progress.advance)
            for file in files.values():
                file.finish()
        except BaseException:
            for file in files.values():
                file.close()
            raise
        return {read: self._training(file) for read, file in files.items()}

    def size(self, n_reads: int) -> int:
        """Return the bytes that `n_reads` read positions take."""
        return n_reads * self.shape.size

    def _read_into(
        self,
        items: Sequence[TokenisedItem],
        reads: Sequence[Read],
        files: Mapping[Read, ActivationFile],
        budget: Budget,
        advance: Callable[[int], None],
    ) -> None:
        """Write the activations of `items`, in the order of `used`, into the file of each read."""
        from runners.fitting.extraction import read_into

        def keep(side: int, read: Read, layer: int, rows: Sequence[int], hidden: Tensor) -> None:
            files[read].write(side, layer, rows, hidden.numpy())

        read_into(self.bench.loaded, items, reads, budget, keep, advance)

    def _say(self, label: str, items: Sequence[TokenisedItem], n_reads: int) -> None:
        tokens = sum(item.decision + 1 for item in items)
        say(
            f"reading {label}: {len(self.used):,} training prompts of {tokens:,} tokens, "
            f"{sized(self.size(n_reads))} on disk"
        )

    def _create(self, read: Read) -> ActivationFile:
        header = {
            **self.provenance,
            **self._about(read),
            "concept": self.bench.concept.name,
            "variant": self.variant,
            "model": self.bench.loaded.spec.name,
            "item_ids": json.dumps(self.used),
            "question_ids": json.dumps(self.bench.questions(self.used)),
        }
        path = self._path(read) if self.keep else None
        folder = path.parent if path else self.home
        return ActivationFile.create(folder, self.shape, header, path)

    def _about(self, read: Read) -> dict[str, str]:
        """Return what decides the numbers, as a header says it."""
        return {
            "format": FORMAT,
            "hook": HOOK,
            "read": read,
            "dtype": "float32",
            "model_id": self.bench.loaded.model_id,
            "dataset_id": self.fit.dataset_id,
            "split": self.fit.split,
            "variant_id": self.fit.variant_id,
            "items_sha256": self.fit.items_sha256,
        }

    def _path(self, read: Read) -> Path:
        names = f"{self.bench.concept.name}-{self.variant}-{read}"
        key = identity("activations", **self._about(read))
        return self.home / "activations" / f"{names}-{key}.safetensors"

    def _training(self, file: ActivationFile) -> Training:
        used = self.used
        return Training(self.fit, self.bench.questions(used), self.bench.order(used), file)
