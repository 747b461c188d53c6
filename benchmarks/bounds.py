"""What each way must cost at least, in units of one bare pass over the same prompts (DESIGN 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runners.architecture import parts

if TYPE_CHECKING:
    from runners.load import LoadedModel
    from runners.positions import TokenisedItem


def prompts(items: Sequence[TokenisedItem]) -> int:
    """Return the tokens of all prompts, up to the decision position."""
    return sum(item.decision + 1 for item in items)


def sweep(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    layers: Sequence[int],
    rows: int,
    scope: str,
) -> float:
    """Return 1 + t·Σ(L − 1 − layer)·m / (L·P), with `rows` newborn chains in each of `layers`."""
    n_layers = loaded.n_layers
    later = sum(n_layers - 1 - layer for layer in layers) * rows / n_layers
    stem = sum(1 if scope == "decision" else 1 + len(item.shared) for item in items)
    return 1 + stem * later / prompts(items)


def extraction(items: Sequence[TokenisedItem]) -> float:
    """Return 1 + 2 / P: one token more for each completion."""
    return 1 + 2 * len(items) / prompts(items)


def saved(items: Sequence[TokenisedItem], common: int) -> float:
    """Return what computing the first `common` tokens once saves."""
    return (len(items) - 1) * common / prompts(items)


def mass(loaded: LoadedModel, items: Sequence[TokenisedItem], chains: int) -> float:
    """Return what the answer mass adds: every chain meets the whole head, in multiply-adds."""
    head: int = loaded.model.get_output_embeddings().weight.numel()
    blocks = sum(p.numel() for p in parts(loaded.model).blocks.parameters())
    return len(items) * chains * head / (prompts(items) * blocks)
