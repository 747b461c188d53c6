"""What a vector can do to the residual stream, and what may be said of each way.

With h the output of a block at a steered position, v the vector at its length, û = v/‖v‖ and m the
multiplier:

- `add`: h + m·v (activation addition: Turner et al. 2023, arXiv 2308.10248; Rimsky et al. 2024,
  arXiv 2312.06681).
- `ablate`: h − (û·h) û, at one layer (directional ablation: Arditi et al. 2024, arXiv 2406.11717,
  who do it at all of them). The length of v and its sign play no part, so that there is one
  multiplier, 1.
- `ablate_then_add`: h − (û·h) û + m·v: the component along v becomes m‖v‖, whatever it was
  (`ablation_then_addition` of the library steering-vectors, which Tan et al. 2024 use).
- `clamp`: one-sided (min-clamp of AxBench, Wu et al. 2025, arXiv 2501.17148): where m ≥ 0 the
  component û·h is raised to m‖v‖ where it is less, where m < 0 lowered to m‖v‖ where it is more,
  and left alone elsewhere. At 0 it is raised to 0: the limit from above, so that multipliers 0 and
  upwards ask one question, how much of the vector there is at least. The side changes where m
  changes its sign: where unsteered states lie far from 0 along v, a curve over both signs jumps
  there, and its slope mixes two questions; multipliers of one sign ask one.

A vector of length 0 has no direction: every operator leaves h as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

_IDENTITY_AT_ZERO = ("add",)
_UNGRADED = ("ablate",)


def identity_at_zero(operator: str) -> bool:
    """Return whether multiplier 0 is the unsteered model, so that it need not be measured."""
    return operator in _IDENTITY_AT_ZERO


def graded(operator: str) -> bool:
    """Return whether the multiplier grades what is done; what is not graded has no slope."""
    return operator not in _UNGRADED


def asked_multipliers(operator: str, multipliers: tuple[float, ...]) -> tuple[float, ...]:
    """Return which of an experiment's multipliers a run has: 1 alone where they grade nothing."""
    return tuple(dict.fromkeys(multipliers)) if graded(operator) else (1.0,)


def choosing(operator: str, asked: Sequence[str]) -> str:
    """Return the operator whose slopes choose the layer for `operator`, of those asked for.

    Itself, where it has a slope; else `add`, or the first by name that has one (as the view
    chosen_layer has it); itself where none has.
    """
    if graded(operator):
        return operator
    with_slope = sorted(
        (each for each in asked if graded(each)), key=lambda each: (each != "add", each)
    )
    return with_slope[0] if with_slope else operator


def measured(operator: str, multiplier: float) -> bool:
    """Return whether a multiplier is measured as a row of its own; `baseline` holds the others."""
    return multiplier != 0 or not identity_at_zero(operator)
