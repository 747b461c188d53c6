"""A whole sweep by the slow path: what the fast sweep is held equal to, and its fallback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runners.engine.chains import Sweep
    from runners.engine.edits import Rows
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem


def reference_sweep(
    loaded: LoadedModel,
    items: Sequence[TokenisedItem],
    births: Mapping[int, Rows],
    scope: str,
) -> Sweep:
    """Return what `runners.engine.chains.sweep` returns, by one forward pass a number."""
    import torch

    from runners.engine.answers import Answers
    from runners.engine.chains import Sweep
    from runners.engine.reference import Answer, measure

    def gathered(answers: list[list[Answer]]) -> Answers:
        return Answers(
            *(
                torch.tensor([[getattr(a, name) for a in row] for row in answers])
                for name in ("logit_diff", "answer_logmass", "largest")
            )
        )

    unsteered = [measure(loaded, item, scope) for item in items]
    steered = {
        layer: gathered(
            [[measure(loaded, item, scope, layer, row) for row in rows] for item in items]
        )
        for layer, rows in births.items()
    }
    flat = gathered([[answer] for answer in unsteered])
    return Sweep(
        Answers(*(column[:, 0] for column in flat)),
        torch.tensor([answer.prefix_logprob for answer in unsteered]),
        steered,
    )
