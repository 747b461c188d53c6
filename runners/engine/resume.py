"""A decoder that goes on after one of its blocks: prompts, what a base pass keeps, and the rest."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from runners.engine.edits import Rows, edited
from runners.engine.forwards import returning
from runners.engine.hooks import reading
from runners.models.architecture import parts, way

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.prompts.positions import Line


@dataclass(frozen=True)
class Prompts:
    """Prompts with their shared answer tokens and tails, left-padded to S slots."""

    ids: Tensor
    """int64 [B, S]."""
    attended: Tensor
    """int64 [B, S]: 1 where a slot holds a token."""
    steered: Tensor
    """bool [B, S]: the positions of the scope."""

    @classmethod
    def of(cls, lines: Sequence[Line], scope: str, device: torch.device) -> Prompts:
        """Return what `lines` hold, with the positions that `scope` steers."""
        longest = max(len(line.tokens) for line in lines)
        ids = torch.zeros(len(lines), longest, dtype=torch.long)
        attended, steered = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
        for row, line in enumerate(lines):
            pad = longest - len(line.tokens)
            ids[row, pad:] = torch.tensor(line.tokens)
            attended[row, pad:] = 1
            positions = steered_positions(line, scope)
            steered[row, pad + positions.start : pad + positions.stop] = True
        return cls(ids.to(device), attended.to(device), steered.to(device))

    def arguments(self, rows: Tensor, decoder: nn.Module) -> dict[str, Any]:
        """Return what `decoder` is called with for some rows.

        Where nothing is padded that is what the reference path hands it: token ids alone.
        """
        ids, ok = self.ids[rows], self.attended[rows]
        asked: dict[str, Any] = {"input_ids": ids, "use_cache": False}
        if bool(self.attended.all()):
            return asked
        asked["attention_mask"] = ok
        if "position_ids" in inspect.signature(decoder.forward).parameters:
            asked["position_ids"] = (ok.cumsum(1) - 1).clamp(min=0)
        return asked


def companies(loaded: LoadedModel, lines: Sequence[Line]) -> list[list[int]]:
    """Return indices of the lines that may share a batch, in order of length.

    All of them, or those of equal length where the model cannot be trusted with padding.
    """
    lengths = [len(line.tokens) for line in lines]
    padded = way(loaded.model, max(lengths)).padded
    found: dict[int, list[int]] = defaultdict(list)
    for i in sorted(range(len(lines)), key=lambda i: (lengths[i], i)):
        found[0 if padded else lengths[i]].append(i)
    return list(found.values())


def steered_positions(line: Line, scope: str) -> range:
    """Return the positions of a line that `scope` steers."""
    last, end = len(line.item.prompt) - 1, len(line.tokens)
    return {
        "all": range(end),
        "prompt": range(last + 1),
        "answer": range(last, end),
        "decision": range(line.item.decision, end),
    }[scope]


@dataclass(frozen=True)
class Kept:
    """What one unsteered pass leaves for replays."""

    last: Tensor
    """[B, S, d_model], after the final norm."""
    layers: Mapping[int, Tensor]
    """layer -> [B, S, d_model], the output of that block."""


def base_pass(loaded: LoadedModel, prompts: Prompts, layers: Sequence[int]) -> Kept:
    """Run the prompts unsteered and keep what the replays after `layers` need."""
    found = parts(loaded.model.eval())
    layers_kept: dict[int, Tensor] = {}

    def keep(layer: int, hidden: Tensor) -> None:
        if layer in layers:
            # A copy: a later block may write into what it is handed.
            layers_kept[layer] = hidden.clone()

    with reading(found.blocks, keep):
        rows = torch.arange(len(prompts.ids), device=prompts.ids.device)
        output = found.decoder(**prompts.arguments(rows, found.decoder))
    return Kept(output.last_hidden_state, layers_kept)


def resume(
    loaded: LoadedModel, prompts: Prompts, kept: Kept, layer: int, rows: Tensor, edits: Rows
) -> Tensor:
    """Return [N, S, d_model] after the final norm: prompts `rows` [N], steered after block `layer`.

    Each of N `edits` is applied to the block's output at the steered positions of one row. The
    decoder itself is called, with its blocks up to `layer` handing on what is known: masks,
    positions and the final norm stay its own.
    """
    found, before = parts(loaded.model), kept.layers[layer]
    here, there = rows.to(before.device), rows.to(prompts.ids.device)
    steered = prompts.steered[there].to(before.device)[:, :, None]
    unsteered = before[here]
    moved = torch.where(steered, edited(edits, unsteered), unsteered)
    with returning(found, layer + 1, moved):
        output = found.decoder(**prompts.arguments(there, found.decoder))
    hidden: Tensor = output.last_hidden_state
    return hidden
