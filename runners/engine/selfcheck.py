"""Does the fast sweep hold here? Some of its numbers measured again by the reference path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch

from runners.engine.edits import Rows, operators
from runners.engine.reference import measure

if TYPE_CHECKING:
    from runners.engine.chains import Sweep
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

LAYERS = 3
"""How many swept layers are looked at with two cells each."""


class Check(NamedTuple):
    """One number by both paths."""

    item: int
    """Index into the batch."""
    layer: int | None
    """None: unsteered."""
    row: int | None
    """Row of the layer's births."""
    fast: float
    reference: float
    scale: float
    """Largest answer logit of the batch, unsteered and steered."""

    @property
    def difference(self) -> float:
        """Distance of the two paths in logits."""
        return abs(self.fast - self.reference)


def tolerance(dtype: torch.dtype, scale: float) -> float:
    """Return how far two exact paths may lie apart through rounding, at logits up to `scale`.

    float32: 3e-5 of the scale, at least 1e-5; half precision: a tenth of it, for that is the
    model's own noise.
    """
    share = 0.1 if dtype.itemsize < 4 else 3e-5
    return max(1e-5, share * scale)


def arithmetic(loaded: LoadedModel) -> torch.dtype:
    """Return the coarsest numbers that a model computes in: what its `tolerance` follows from.

    Quantised weights alone round nothing on the way; quantisers that round what they multiply, or
    bring kernels of their own, are half precision at best (bitsandbytes, 8-bit activations).
    """
    stated = getattr(loaded.model.config, "quantization_config", None)
    if stated is None or loaded.dtype.itemsize < 4:
        return loaded.dtype
    about = stated if isinstance(stated, dict) else stated.to_dict()
    alone = {
        "torchao": "WeightOnly" in str(about.get("quant_type")),
        "quanto": not about.get("activations"),
    }
    method = str(getattr(about.get("quant_method"), "value", about.get("quant_method")))
    return loaded.dtype if alone.get(method) else torch.float16


def self_check(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    births: Mapping[int, Rows],
    scope: str,
    result: Sweep,
) -> list[Check]:
    """Return about eight cells of `result`, of the longest and the shortest item.

    One more for each operator that is not among them.

    Most rows are the last of their layer, and the last row of all is there: where a model counts
    slots instead of looking at its mask (as gpt_neo does), the chains in the highest slots go wrong
    first.
    """
    longest = max(range(len(items)), key=lambda i: items[i].width)
    shortest = min(range(len(items)), key=lambda i: items[i].width)
    scale = _scale(result)
    unsteered = float(result.unsteered.logit_diff[longest])
    reference = measure(loaded, items[longest], scope)
    checks = [Check(longest, None, None, unsteered, reference.logit_diff, scale)]
    for i, layer, row in _cells(births, loaded.n_layers, longest, shortest):
        fast = float(result.steered[layer].logit_diff[i, row])
        slow = measure(loaded, items[i], scope, layer, births[layer][row])
        checks.append(Check(i, layer, row, fast, slow.logit_diff, scale))
    return checks


def _cells(
    births: Mapping[int, Rows], n_layers: int, longest: int, shortest: int
) -> list[tuple[int, int, int]]:
    """Return (item, layer, row) of what is compared: layers spread over the swept ones.

    Chains born after the last block meet no attention and could not show a wrong mask, so the last
    row of all is there besides.
    """
    swept = sorted(layer for layer, rows in births.items() if len(rows))
    telling = [layer for layer in swept if layer < n_layers - 1] or swept
    picks = min(LAYERS, len(telling))
    spread = [telling[round(k * (len(telling) - 1) / max(1, picks - 1))] for k in range(picks)]
    cells = [
        cell
        for layer in spread
        for cell in (
            (longest, layer, len(births[layer]) - 1),
            (shortest, layer, (len(births[layer]) - 1) // 2),
        )
    ]
    cells += [(longest, layer, len(births[layer]) - 1) for layer in swept[-1:]]
    # The last row of each operator, where chains of it meet attention if any do.
    of_operator = {
        operator: (longest, layer, row)
        for layer in [*reversed(swept), *reversed(telling)]
        for row, operator in enumerate(operators(births[layer]))
    }
    seen = {operators(births[layer])[row] for _, layer, row in cells}
    cells += [cell for operator, cell in of_operator.items() if operator not in seen]
    return list(dict.fromkeys(cells))


def _scale(result: Sweep) -> float:
    parts = [result.unsteered.largest, *(answers.largest for answers in result.steered.values())]
    return max(float(part.max()) for part in parts if part.numel())
