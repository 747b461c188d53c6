"""The damage sweep under guard: some of its own numbers are compared with the reference path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from runners.damage.sweep import Damages, damage_sweep

if TYPE_CHECKING:
    from runners.engine.edits import Rows
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem


@dataclass
class GuardedDamage:
    """A damage sweep for one text set: the fast one, as long as it is exact on its model.

    Each batch with a longer text than was checked before has up to four numbers of each operator
    measured again; a mismatch says so and the reference path serves the rest. A block's
    longest batch comes first.
    """

    label: str
    say: Callable[[str], None]
    longest: int = 0
    trusted: bool = True

    def __call__(
        self,
        loaded: LoadedModel,
        texts: Sequence[TokenisedItem],
        births: Mapping[int, Rows],
        tokens_per_pass: int,
    ) -> Damages:
        """Sweep one batch, checked where it is longer than what was checked."""
        from runners.damage.reference import reference_damages

        if not self.trusted:
            return reference_damages(loaded, texts, births, tokens_per_pass)
        found = damage_sweep(loaded, texts, births, tokens_per_pass)
        longest = max(len(text.prompt) for text in texts)
        if longest <= self.longest or not births:
            return found
        if fault := _fault(loaded, texts, births, found):
            self.trusted = False
            self.say(f"{self.label}: {fault}; the reference path serves this text set, slowly")
            return self(loaded, texts, births, tokens_per_pass)
        self.longest = longest
        return found


def _fault(
    loaded: LoadedModel,
    texts: Sequence[TokenisedItem],
    births: Mapping[int, Rows],
    found: Damages,
) -> str | None:
    """Return how some damages differ from the reference path; None where they do not."""
    from runners.damage.reference import reference_damage
    from runners.engine.selfcheck import arithmetic, tolerance
    from runners.models.experts import routes

    order = sorted(range(len(texts)), key=lambda i: len(texts[i].prompt))
    layers = sorted(births)
    places = product((order[-1], order[0]), (layers[0], layers[-1]))
    cells = [(i, n, row) for i, n in places for row in _last_of_each_operator(births[n])]
    wrong = []
    for i, layer, row in dict.fromkeys(cells):
        slow = reference_damage(loaded, texts[i].prompt, layer, births[layer][row])
        gaps = (
            abs(float(found.kl[layer][i, row]) - max(slow.kl, 0)),
            abs(float(found.rise[layer][i, row]) - slow.rise),
            abs(float(found.cross_entropy[i]) - slow.cross_entropy),
        )
        allowed = tolerance(arithmetic(loaded), slow.largest)
        if not max(gaps) <= allowed:
            wrong.append((max(gaps), allowed))
    # One of them: a router nearly tied between experts is tipped by any rounding.
    if len(wrong) <= int(routes(loaded.model)):
        return None
    gap, allowed = wrong[0]
    return (
        f"the damage sweep differs from the reference path by {gap:.2g} nats "
        f"(tolerance {allowed:.2g})"
    )


def _last_of_each_operator(rows: Rows) -> list[int]:
    from runners.engine.edits import operators

    return list({operator: row for row, operator in enumerate(operators(rows))}.values())
