"""Activations of both completions where no cache can fork: one plain pass for each completion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from runners.architecture import parts
from runners.hooks import reading
from runners.positions import Line
from runners.resume import Prompts, companies

if TYPE_CHECKING:
    from runners.load import LoadedModel
    from runners.positions import TokenisedItem


def read_apart(loaded: LoadedModel, items: Sequence[TokenisedItem]) -> Tensor:
    """Return [B, 2, layers, d_model]: every block's output at the first differing tokens.

    Positive and negative, float32 on the CPU, for the models that `runners.architecture.way` keeps
    from chains.
    """
    read = torch.empty(len(items), 2, loaded.n_layers, loaded.d_model)
    for side, completion in enumerate(("positive", "negative")):
        answered = [Line(item, getattr(item, completion)[:1]) for item in items]
        for group in companies(loaded, answered):
            read[group, side] = _last_outputs(loaded, [answered[i] for i in group])
    return read


def _last_outputs(loaded: LoadedModel, lines: Sequence[Line]) -> Tensor:
    """Return [B, layers, d_model], the output of every block at the last position."""
    found = parts(loaded.model.eval())
    prompts = Prompts.of(lines, "decision", loaded.device)
    rows = torch.arange(len(lines), device=loaded.device)
    outputs: list[Tensor] = []
    with (
        torch.inference_mode(),
        reading(found.blocks, lambda _layer, hidden: outputs.append(hidden[:, -1].float().cpu())),
    ):
        found.decoder(**prompts.arguments(rows, found.decoder))
    return torch.stack(outputs, 1)
