"""Damage by the slow path: one text, one vector, two whole passes, plain hooks; to be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from runners.damage.sweep import Damages
from runners.engine.answers import Head
from runners.engine.reference import edited
from runners.models.architecture import parts

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
    before, after = _logits(loaded, tokens, None, edit), _logits(loaded, tokens, layer, edit)
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


def reference_damages(
    loaded: LoadedModel,
    texts: Sequence[TokenisedItem],
    births: Mapping[int, Rows],
    tokens_per_pass: int,
) -> Damages:
    """Return what `damage_sweep` does, one text and one vector at a time."""
    found = Damages.empty(len(texts), births)
    nothing = torch.zeros(loaded.d_model)
    for i, text in enumerate(texts):
        found.cross_entropy[i] = reference_damage(loaded, text.prompt, 0, nothing).cross_entropy
        for layer, rows in births.items():
            for row, edit in enumerate(rows):
                one = reference_damage(loaded, text.prompt, layer, edit)
                found.kl[layer][i, row], found.rise[layer][i, row] = max(one.kl, 0), one.rise
    found.refuse_nonfinite(texts)
    return found


def _logits(
    loaded: LoadedModel, tokens: Sequence[int], layer: int | None, edit: Tensor | Edit
) -> Tensor:
    """Return the logits [tokens - 1, vocabulary] that tell every token but the first.

    In float32 the model's own; in half precision head and norm are float32, as on every path.
    """

    def add(_module: Any, _args: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        steered = edited(hidden, edit)
        return (steered, *output[1:]) if isinstance(output, tuple) else steered

    model = loaded.model.eval()
    found = parts(model)
    handle = None if layer is None else found.blocks[layer].register_forward_hook(add)
    ids = torch.tensor([list(tokens)], device=loaded.device)
    try:
        with torch.inference_mode():
            if loaded.dtype not in (torch.bfloat16, torch.float16):
                own: Tensor = model(input_ids=ids, use_cache=False).logits[0, :-1]
                return own
            hidden = found.decoder(input_ids=ids, use_cache=False).last_hidden_state[0, :-1]
            head = Head(model)
            return head.logits(hidden, range(head.size))
    finally:
        if handle is not None:
            handle.remove()
