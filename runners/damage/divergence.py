"""From hidden states to damage: how far the next-token distributions of two passes lie apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from runners.engine.answers import ROWS, Head

Tell = Callable[[Tensor], Tensor]
"""Returns of hidden states [N, d_model] their logits [N, tokens of a slice]."""
VECTORS = 8
"""Steered passes, at least, that are compared with a position's unsteered logits while these are at
hand."""
LOGITS = 2**20
"""Logits that may exist at once however many positions they tell: with a small vocabulary more than
ROWS of them."""


class Divergence(NamedTuple):
    """Both float64 on the CPU, [n, N]: n steered passes at N positions."""

    kl: Tensor
    """KL(unsteered || steered) of the next token, nats: sum over the vocabulary of
    p log(p / q) (Kullback and Leibler 1951)."""
    rise: Tensor
    """log p(token) unsteered minus steered: what the text's own next token costs more, nats."""


def divergence(head: Head, before: Tensor, after: Tensor, tokens: Tensor) -> Divergence:
    """Compare states `before` [N, d_model] with `after` [n, N, d_model], all past the final norm.

    `tokens` int64 [N] are the text's own next tokens. Logits are float32 and exist for at most ROWS
    positions (or LOGITS numbers) and one slice of the vocabulary at a time: with logits
    a, b and their log totals A, B, KL = sum of p (a - b) - A + B, whose first term is put together
    from the slices' own.
    """
    most = max(ROWS, LOGITS // head.size)
    told = [_slice(tell, before, after, tokens - first, most) for first, tell in head.slices()]
    total = torch.stack([one.total for one in told]).double()
    steered = torch.stack([one.steered for one in told]).double().logsumexp(0)
    gap = torch.stack([one.gap for one in told]).double()
    whole = total.logsumexp(0)
    moved = sum((one.moved for one in told), torch.zeros_like(steered))
    # The share of a slice in the whole weighs its mean gap.
    mean_gap = ((total - whole).exp()[:, None] * gap).sum(0)
    return Divergence(
        (mean_gap - whole + steered).cpu(),
        (moved - whole + steered).cpu(),
    )


class _Slice(NamedTuple):
    """What one slice of the vocabulary says."""

    total: Tensor
    """[N]: log of summed exponentials, unsteered."""
    steered: Tensor
    """[n, N]: the same, steered."""
    gap: Tensor
    """[n, N]: mean of unsteered minus steered logit, weighted by the slice's unsteered share."""
    moved: Tensor
    """[n, N]: unsteered minus steered logit of the text's own token, 0 where it is elsewhere."""


def _slice(tell: Tell, before: Tensor, after: Tensor, tokens: Tensor, most: int) -> _Slice:
    """Return what one slice says; `tokens` count from its first one, `most` positions at once."""
    step = max(1, most // min(len(after), VECTORS))
    together = max(VECTORS, most // min(step, len(before)))
    columns = []
    for start in range(0, len(before), step):
        some = slice(start, start + step)
        own = tell(before[some])
        total = own.logsumexp(-1)
        share = (own - total[:, None]).exp()
        here = tokens[some].to(own.device)
        inside = (here >= 0) & (here < own.shape[1])
        found = []
        for part in torch.split(after[:, some], together):
            gap = torch.unflatten(tell(part.flatten(0, 1)), 0, part.shape[:2])
            steered = gap.logsumexp(-1)
            gap.neg_().add_(own)
            place = here.clamp(0, own.shape[1] - 1)[None, :, None].expand(len(part), -1, 1)
            moved = torch.where(inside, gap.gather(-1, place)[..., 0], 0.0)
            found.append((steered, torch.einsum("cv,kcv->kc", share, gap), moved))
        columns.append((total, *(torch.cat(parts) for parts in zip(*found, strict=True))))
    return _Slice(*(torch.cat(parts, -1) for parts in zip(*columns, strict=True)))
