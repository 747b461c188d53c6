"""Completions of several tokens: what stands behind their first tokens, summed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from runners.engine.answers import Answers, token_scores


class Place(NamedTuple):
    """One token of a completion behind its first, and the hidden state that tells it."""

    owner: int
    """Which sum it belongs to."""
    batch: int
    row: int
    token: int


class Told(NamedTuple):
    """Sums over the tokens of each owner, float32 [owners, n] on the CPU."""

    logprob: Tensor
    size: Tensor
    """What their rounding is relative to: see `runners.engine.answers.token_scores`."""


def told(model: nn.Module, hidden: Tensor, places: Sequence[Place], owners: int) -> Told:
    """Return what `hidden` [B, n, R, d_model], after the final norm, says of the tokens `places`.

    An owner without tokens has 0: nothing is certain.
    """
    n = hidden.shape[1]
    sums = Told(torch.zeros(owners, n), torch.zeros(owners, n))
    if not places:
        return sums
    owner, batch, row, token = (torch.tensor(column) for column in zip(*places, strict=True))
    rows = hidden[batch.to(hidden.device), :, row.to(hidden.device)]
    found = token_scores(model, rows.flatten(0, 1), token.repeat_interleave(n))
    return Told(
        *(
            whole.index_add(0, owner, torch.unflatten(part, 0, (-1, n)))
            for whole, part in zip(sums, found, strict=True)
        )
    )


class Side(NamedTuple):
    """What is known of one completion: the answers at its decision position, and what is behind."""

    first: Answers
    behind: Told


def joined(positive: Side, negative: Side) -> Answers:
    """Return the answers of whole completions, all tensors [B, n].

    Both sides have one `first`, unless they come of passes of their own. With d the logit
    difference of the first tokens, sigmoid(d) is the share of the positive one in their mass.
    """
    logsigmoid = torch.nn.functional.logsigmoid
    shares = logsigmoid(positive.first.logit_diff), logsigmoid(-negative.first.logit_diff)
    masses = positive.first.answer_logmass, negative.first.answer_logmass
    behind = positive.behind.logprob, negative.behind.logprob
    return Answers(
        (masses[0] - masses[1]) + (shares[0] - shares[1]) + (behind[0] - behind[1]),
        torch.logaddexp(masses[0] + shares[0] + behind[0], masses[1] + shares[1] + behind[1]),
        torch.maximum(positive.first.largest, negative.first.largest)
        + torch.maximum(positive.behind.size, negative.behind.size),
    )
