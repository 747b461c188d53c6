"""Which token comes next: inverse CDF over token ids in float64, or the most probable one."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

ROUNDING = 1e-5
"""Shares nearer to each other than this may change places through the rounding of logits."""


class Sampling(NamedTuple):
    """How tokens are drawn."""

    temperature: float = 1.0
    """What logits are divided by; 0 takes the most probable token."""
    top_k: int | None = None
    top_p: float = 1.0


class Drawn(NamedTuple):
    """The next token of N rollouts."""

    tokens: Tensor
    """int64 [N]."""
    margin: Tensor
    """float64 [N]: how near another token was, in probability."""


def draw(logits: Tensor, numbers: Tensor, how: Sampling) -> Drawn:
    """Return the token of each row of `logits` [N, vocabulary] that its number in [0, 1) draws.

    After temperature, top_k and top_p the probabilities are summed up in order of token id, and the
    first token whose sum exceeds number times total is taken. Tokens tied with the last kept one
    are kept too, so that no order of equals matters. All of it is float64; the logits are not, and
    where a number lies within their rounding of an edge (`margin`), another batch or device may
    draw the neighbour.
    """
    if how.temperature == 0:
        return _most_probable(logits)
    wide = logits.cpu().double() if logits.device.type == "mps" else logits.double()
    wide = wide / how.temperature
    loose = wide.new_zeros(len(wide))
    if how.top_k is not None and how.top_k < wide.shape[-1]:
        best = wide.topk(how.top_k + 1).values
        last, out = (best[:, -2:] - best.logsumexp(-1, keepdim=True)).exp().unbind(-1)
        loose = loose + torch.where(last - out <= ROUNDING * last, last, 0.0)
        wide = wide.masked_fill(wide < best[:, -2:-1], -torch.inf)
    shares = wide.softmax(-1)
    if how.top_p < 1:
        shares, tipped = _nucleus(shares, how.top_p)
        loose = loose + tipped
    return _inverse(shares, numbers.to(shares), loose)


def _most_probable(logits: Tensor) -> Drawn:
    """Return the most probable tokens, the smallest id of equals; margin is to the second."""
    first, second = logits.topk(2).values.unbind(-1)
    ids = torch.arange(logits.shape[-1], device=logits.device)
    tokens = torch.where(logits == first[:, None], ids, logits.shape[-1] - 1).amin(-1)
    total = logits.logsumexp(-1)
    margin = (first - total).exp() - (second - total).exp()
    return Drawn(tokens, margin.cpu().double())


def _nucleus(shares: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """Return `shares` [N, V] with 0 outside the nucleus, and [N] what rounding may add or take."""
    held = int((shares > 0).sum(-1).max())
    ranked = shares.topk(held).values
    summed = ranked.cumsum(-1)
    last = (summed < top_p).sum(-1, keepdim=True).clamp(max=held - 1)
    edge, least = summed.gather(-1, last), ranked.gather(-1, last)
    nearness = torch.minimum((edge - top_p).abs(), (top_p - (edge - least)).abs())
    tipped = torch.where(nearness <= ROUNDING, least / edge, 0.0)
    return shares.where(shares >= least, 0.0), tipped[:, 0]


def _inverse(shares: Tensor, numbers: Tensor, loose: Tensor) -> Drawn:
    """Return the tokens at which summed `shares` [N, V] first exceed number times total.

    `loose` [N] is the share that may come or go, so that all sums may move by it.
    """
    summed = shares.cumsum(-1)
    total = summed[:, -1]
    aim = (numbers * total).minimum(torch.nextafter(total, torch.zeros_like(total)))
    # Past the end where logits are not finite, which is refused later.
    tokens = torch.searchsorted(summed, aim[:, None], right=True).clamp(max=shares.shape[-1] - 1)
    above = summed.gather(-1, tokens)[:, 0]
    below = above - shares.gather(-1, tokens)[:, 0]
    margin = torch.minimum(above - aim, aim - below) / total
    return Drawn(tokens[:, 0], (margin - loose).clamp(min=0).cpu())
