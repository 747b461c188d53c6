"""Damage by the slow path: one text, one vector, two whole passes, plain hooks; to be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from runners.damage.sweep import Damages
from runners.engine.reference import logits_of, steering

if TYPE_CHECKING:
    from runners.engine.edits import Edit, Rows
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem


class ReferenceDamage(NamedTuple):
    """One text, one vector; nats."""

    kl: float
    rise: float
    cross_entropy: float
    """Unsteered."""
    largest: float
    """Largest absolute logit of both passes: what rounding is relative to."""


def reference_damage(
    loaded: LoadedModel, tokens: Sequence[int], layer: int, edit: Tensor | Edit
) -> ReferenceDamage:
    """Return the damage of `edit` after block `layer`, at every position.

    A tensor [d_model] is added; an `Edit` does what its operator says.
    """
    return _compared(tokens, _told(loaded, tokens), _told(loaded, tokens, layer, edit))


def reference_damages(
    loaded: LoadedModel,
    texts: Sequence[TokenisedItem],
    births: Mapping[int, Rows],
    tokens_per_pass: int,
) -> Damages:
    """Return what `damage_sweep` does, one text and one vector at a time."""
    found = Damages.empty(len(texts), births)
    for i, text in enumerate(texts):
        before = _told(loaded, text.prompt)
        found.cross_entropy[i] = _compared(text.prompt, before, before).cross_entropy
        for layer, rows in births.items():
            for row, edit in enumerate(rows):
                one = _compared(text.prompt, before, _told(loaded, text.prompt, layer, edit))
                found.kl[layer][i, row], found.rise[layer][i, row] = max(one.kl, 0), one.rise
    found.refuse_nonfinite(texts)
    return found


def _compared(tokens: Sequence[int], before: Tensor, after: Tensor) -> ReferenceDamage:
    """Compare the logits [tokens - 1, vocabulary] of two passes over one text."""
    p, q = before.log_softmax(-1), after.log_softmax(-1)
    kl = functional.kl_div(q, p, reduction="none", log_target=True).sum(-1)
    own = torch.tensor(list(tokens[1:]), device=p.device)[:, None]
    lost = (p - q).gather(-1, own)
    return ReferenceDamage(
        float(kl.double().mean()),
        float(lost.double().mean()),
        float(-p.gather(-1, own).double().mean()),
        max(float(logits.abs().max()) for logits in (before, after)),
    )


def _told(
    loaded: LoadedModel,
    tokens: Sequence[int],
    layer: int | None = None,
    edit: Tensor | Edit | None = None,
) -> Tensor:
    """Return the logits [tokens - 1, vocabulary] that tell every token but the first."""
    with torch.inference_mode(), steering(loaded, layer, edit, slice(None)):
        return logits_of(loaded, tokens, slice(-1))
