"""The look-up the other way round: which features cause a feature, and which ones lie near it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from runners.approximator.linear_map import LinearMap

AT_ONCE = 512
"""Features that are looked up at once."""


class Best(NamedTuple):
    """The best of each feature, best first."""

    features: Tensor
    """int64 [d_sae, k]."""
    values: Tensor
    """float32 [d_sae, k]."""


def unit_rows(decoder: Tensor) -> Tensor:
    """Return decoder rows at length 1, float32 [d_sae, d_model]; rows of length 0 stay."""
    rows = decoder.float()
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)


def causes(found: LinearMap, decoder: Tensor, most: int) -> Best:
    """Return, for each feature, the features of `decoder` whose unit rows raise it most.

    The value is d_i · M_j, the predicted effect less the bias, that every vector has in common.
    """
    rows = unit_rows(decoder)
    parts = found.weights.split(AT_ONCE, dim=1)
    tops = [(rows @ part).topk(min(most, len(rows)), dim=0) for part in parts]
    return _joined([(top.indices.T, top.values.T) for top in tops])


def neighbours(decoder: Tensor, most: int) -> Best:
    """Return, for each feature, the others whose decoder rows have the largest cosine with its."""
    rows = unit_rows(decoder)
    found = []
    for start in range(0, len(rows), AT_ONCE):
        cosines = rows[start : start + AT_ONCE] @ rows.T
        own = torch.arange(len(cosines))
        cosines[own, own + start] = -torch.inf
        top = cosines.topk(min(most, len(rows) - 1), dim=1)
        found.append((top.indices, top.values))
    return _joined(found)


def _joined(parts: list[tuple[Tensor, Tensor]]) -> Best:
    return Best(torch.cat([i for i, _ in parts]), torch.cat([v for _, v in parts]))
