"""Logit differences of steered prompts as functions of what is added, for autograd to follow.

`chains.sweep` and `replay.replay_sweep` measure; this is for methods that look for a vector by the
gradient. What the vectors do not change is computed once, unsteered, and kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from runners.engine.answers import Head
from runners.engine.chains import read_answers
from runners.engine.kept_trunks import KeptTrunks
from runners.engine.resume import Kept, Prompts, base_pass, resume
from runners.engine.ways import ways
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

Births = Mapping[int, Tensor]
"""layer -> float32 [n, d_model], each row added after that block at the positions of the scope."""


class Steered(Protocol):
    """B prompts, ready to be steered again and again."""

    @property
    def size(self) -> int:
        """Bytes that are kept."""

    def differences(self, births: Births) -> dict[int, Tensor]:
        """Return layer -> [B, n], steered minus unsteered logit difference; gradients reach it."""


def steered(loaded: LoadedModel, items: Sequence[TokenisedItem], scope: str) -> Steered:
    """Return `items` ready to be steered: by chains over kept prompts where exact, or replays.

    Raises:
        Refused: the model cannot be steered; completions of several tokens where replays serve.
    """
    if ways(loaded, items, scope)[0] == "chains":
        return _Chains.of(loaded, items, scope)
    return _Replays.of(loaded, items, scope)


def rows_of(loaded: LoadedModel, items: Sequence[TokenisedItem], scope: str) -> int:
    """Return how many rows go through the blocks for each vector added to one of `items`."""
    if ways(loaded, items, scope)[0] != "chains":
        return max(item.length for item in items)
    return max((scope != "decision") * len(i.shared) + 1 + sum(map(len, i.tails)) for i in items)


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Let gradients be taken, of none of the model's own weights, while this lasts."""
    thawed = [weight for weight in model.parameters() if weight.requires_grad]
    for weight in thawed:
        weight.requires_grad_(False)
    try:
        with torch.enable_grad():
            yield
    finally:
        for weight in thawed:
            weight.requires_grad_(True)


@dataclass
class _Chains:
    """Steered from the last prompt token or later: the prompt itself is not computed again."""

    loaded: LoadedModel
    items: Sequence[TokenisedItem]
    kept: KeptTrunks
    unsteered: Tensor
    """[B]."""

    @classmethod
    def of(cls, loaded: LoadedModel, items: Sequence[TokenisedItem], scope: str) -> _Chains:
        kept = KeptTrunks.of(loaded, items, scope)
        found = cls(loaded, items, kept, torch.empty(0))
        last = loaded.n_layers - 1
        nothing = torch.zeros(1, loaded.d_model, device=loaded.device)
        with torch.no_grad():
            found.unsteered = found._told(kept.chains({last: nothing}))[:, 0]
        return found

    @property
    def size(self) -> int:
        return self.kept.size

    def differences(self, births: Births) -> dict[int, Tensor]:
        layers = sorted(births)
        told = self._told(self.kept.chains({layer: births[layer] for layer in layers}))
        moved = told - self.unsteered[:, None]
        sizes = [len(births[layer]) for layer in layers]
        return dict(zip(layers, torch.split(moved, sizes, 1), strict=True))

    def _told(self, chains: Tensor) -> Tensor:
        """Return the logit differences [B, n] that chains [B, n, R, d_model] tell."""
        if any(map(len, (tail for item in self.items for tail in item.tails))):
            return read_answers(self.loaded, self.items, chains, self.kept.length).logit_diff
        return _first(self.loaded, self.items, chains[:, :, self.kept.length - 1])


@dataclass
class _Replays:
    """Steered anywhere, or without chains: from the steered block on, prompts included."""

    loaded: LoadedModel
    items: Sequence[TokenisedItem]
    prompts: Prompts
    kept: Kept
    unsteered: Tensor

    @classmethod
    def of(cls, loaded: LoadedModel, items: Sequence[TokenisedItem], scope: str) -> _Replays:
        if several := [item for item in items if len(item.lines) > 1]:
            raise Refused(
                f"item {several[0].item_id}: completions of several tokens are scored, and where "
                "prompts are replayed (scopes prompt and all, some models) a vector can be "
                "optimised on the first token only; use scope answer, or answer_format letter"
            )
        lines = [item.lines[0] for item in items]
        prompts = Prompts.of(lines, scope, loaded.device)
        with torch.no_grad():
            kept = base_pass(loaded, prompts, range(loaded.n_layers))
            unsteered = _first(loaded, items, kept.last[:, None, -1])[:, 0]
        return cls(loaded, items, prompts, kept, unsteered)

    @property
    def size(self) -> int:
        return sum(hidden.numel() * hidden.itemsize for hidden in self.kept.layers.values())

    def differences(self, births: Births) -> dict[int, Tensor]:
        return {layer: self._at(layer, rows) for layer, rows in sorted(births.items())}

    def _at(self, layer: int, rows: Tensor) -> Tensor:
        batch = len(self.items)
        who, which = torch.cartesian_prod(torch.arange(batch), torch.arange(len(rows))).unbind(1)
        deltas = rows[which.to(rows.device)]
        hidden = resume(self.loaded, self.prompts, self.kept, layer, who, deltas)[:, -1]
        told = _first(self.loaded, self.items, torch.unflatten(hidden, 0, (batch, len(rows))))
        return told - self.unsteered[:, None]


def _first(loaded: LoadedModel, items: Sequence[TokenisedItem], hidden: Tensor) -> Tensor:
    """Return logit(positive) - logit(negative) [B, n] of first tokens from hidden [B, n, d_model].

    As `runners.engine.answers.answers`, without the mass of the vocabulary.
    """
    pairs = [(item.positive[0], item.negative[0]) for item in items]
    tokens = sorted({token for pair in pairs for token in pair})
    logits = Head(loaded.model).logits(hidden.flatten(0, 1), tokens)
    place = torch.tensor([[tokens.index(t) for t in pair] for pair in pairs], device=logits.device)
    found = torch.unflatten(logits, 0, hidden.shape[:2])
    pair = found.gather(-1, place[:, None].expand(-1, hidden.shape[1], -1))
    moved: Tensor = (pair[..., 0] - pair[..., 1]).float().cpu()
    return moved
