"""What each way must cost at least, in units of one bare pass over the same prompts.

Counted in tokens through blocks, each token through each block alike: attention over longer or
shorter pasts, norms, masks and the head are not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runners.models.architecture import parts

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem


def prompts(items: Sequence[TokenisedItem]) -> int:
    """Return the tokens of the bare pass: all prompts, up to the decision position."""
    return sum(item.decision + 1 for item in items)


def sweep(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    layers: Sequence[int],
    rows: int,
    scope: str,
) -> float:
    """Return 1 + t·Σ(L − 1 − layer)·m / (L·P), with `rows` newborn chains in each of `layers`.

    Completions that are scored by several tokens go through the model too: in the place of 1 stands
    (P + tails) / P, and a chain of t tokens has its tails besides.
    """
    stem = sum(1 if scope == "decision" else 1 + len(item.shared) for item in items)
    chain = stem + sum(item.width - item.decision - 1 for item in items)
    whole = sum(item.width for item in items)
    return (whole + chain * _later(loaded, layers) * rows) / prompts(items)


def replay(
    loaded: LoadedModel, items: Sequence[TokenisedItem], layers: Sequence[int], rows: int
) -> float:
    """Return 1 + Σ(L − 1 − layer)·m / L: every steered prompt goes through all later blocks.

    Where completions are scored by several tokens it goes with each of them, as a line of its own.
    """
    lines = sum(len(line.tokens) for item in items for line in item.lines)
    return lines / prompts(items) * (1 + _later(loaded, layers) * rows)


def extraction(items: Sequence[TokenisedItem]) -> float:
    """Return 1 + 2 / P: one token more for each completion."""
    return 1 + 2 * len(items) / prompts(items)


def saved(items: Sequence[TokenisedItem], common: int) -> float:
    """Return what computing the first `common` tokens once saves."""
    return (len(items) - 1) * common / prompts(items)


def mass(loaded: LoadedModel, items: Sequence[TokenisedItem], chains: int) -> float:
    """Return what the answer mass adds: every chain meets the whole head, in multiply-adds.

    A chain meets it at its last token and at those of its tails. The bare pass unembeds one
    position too, so the unsteered chain adds its tails only; it is not among `chains`.
    """
    head: int = loaded.model.get_output_embeddings().weight.numel()
    tails = sum(item.width - item.decision - 1 for item in items)
    told = (len(items) + tails) * chains + tails
    return told * head / (prompts(items) * _in_blocks(loaded))


def blocks_cost(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    layers: Sequence[int],
    rows: int,
    scope: str,
) -> float:
    """Return the multiply-adds of a sweep's tokens in the blocks, by the bound of `sweep`."""
    return sweep(loaded, items, layers, rows, scope) * prompts(items) * _in_blocks(loaded)


def flops(loaded: LoadedModel, items: Sequence[TokenisedItem]) -> float:
    """Return the multiply-adds of a bare pass times two, padding not counted.

    Weights of the blocks, causal attention (scores and values), one head row a prompt.
    """
    head: int = loaded.model.get_output_embeddings().weight.numel()
    attention = sum((item.decision + 1) ** 2 for item in items) * loaded.d_model * loaded.n_layers
    return 2 * (prompts(items) * _in_blocks(loaded) + attention + len(items) * head)


def _later(loaded: LoadedModel, layers: Sequence[int]) -> float:
    """Return the blocks behind each of `layers`, summed, in units of all blocks."""
    return sum(loaded.n_layers - 1 - layer for layer in layers) / loaded.n_layers


def _in_blocks(loaded: LoadedModel) -> int:
    return sum(p.numel() for p in parts(loaded.model).blocks.parameters())
