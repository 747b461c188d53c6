"""Numbers that are not finite: whose they are, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING

from torch import Tensor

from runners.engine.answers import Answers
from runners.engine.edits import Rows, length, operators
from runners.engine.reference import measure
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem


def refuse_nonfinite(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    births: Mapping[int, Rows],
    scope: str,
    unsteered: Answers,
    steered: Mapping[int, Answers],
) -> None:
    """Refuse a sweep that holds a number which is not finite.

    Raises:
        Refused: with the item, the layer and the row of its births.
    """
    bad = _bad(unsteered)
    if not any(bool(bad_of.any()) for bad_of in (bad, *map(_bad, steered.values()))):
        return
    for item, answer in ((item, measure(loaded, item, scope)) for item in items):
        if not isfinite(answer.logit_diff + answer.answer_logmass):
            raise Refused(
                f"item {item.item_id}: its unsteered logits are not finite in {_name(loaded)}; "
                f"{_wider(loaded, 'check the weights of the model')}"
            )
    suspects = [
        (length(births[layer][row]), layer, row, int(i))
        for layer, answers in steered.items()
        for i, row in _bad(answers).nonzero().tolist()
    ]
    # One chain that overflows can spoil the others of its item (0 x inf = nan where it is masked),
    # so the culprit is found by the path in which it is alone, longest vectors first.
    for size, layer, row, i in sorted(suspects, reverse=True):
        answer = measure(loaded, items[i], scope, layer, births[layer][row])
        if not isfinite(answer.logit_diff + answer.answer_logmass):
            raise Refused(
                f"item {items[i].item_id}: operator {operators(births[layer])[row]} with row {row} "
                f"(length {size:.3g}) at layer {layer} gives logits that are not finite in "
                f"{_name(loaded)}; ask for smaller multipliers"
                f"{_wider(loaded, '', ' or ')}"
            )
    names = [items[i].item_id for i in [*bad.nonzero()[:, 0].tolist(), *(s[-1] for s in suspects)]]
    raise Refused(
        f"item {names[0]}: the fast sweep gives numbers that are not finite where the reference "
        "path does not; please report this model"
    )


def _bad(answers: Answers) -> Tensor:
    return ~(answers.logit_diff + answers.answer_logmass).isfinite()


def _name(loaded: LoadedModel) -> str:
    return str(loaded.dtype).removeprefix("torch.")


def _wider(loaded: LoadedModel, otherwise: str, joint: str = "") -> str:
    """Return the remedy of a wider dtype, where there is one."""
    return f"{joint}load it in dtype float32" if loaded.dtype.itemsize < 4 else otherwise
