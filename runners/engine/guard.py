"""The fast sweep under guard: some of its own cells are compared with the reference path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runners.engine.ways import WayName, sweep_by, ways
from specs.faults import Refused

if TYPE_CHECKING:
    from runners.engine.chains import Sweep
    from runners.engine.edits import Rows
    from runners.engine.selfcheck import Check
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

Kind = tuple[WayName, str, tuple[tuple[int, int], ...], frozenset[str]]
"""Way, scope, (layer, chains born there), and operators: other layers meet other masks, and more
chains fill higher slots."""

SERVES = {
    "replay": "replays serve this unit, more slowly",
    "reference": "the reference path serves this unit, slowly",
}


@dataclass
class GuardedSweep:
    """A sweep function for one unit: the fastest way that is exact on its model and its scope.

    No static gate is enough (gpt_neo passes all of them, and is wrong), so each batch with longer
    prompts than were checked before, for its scope and the chains of each layer, has about eight
    cells measured again by the reference path; a mismatch says so and lets the next way serve the
    rest of the unit. A block's longest batch comes first (`runners.engine.budget`), so that is once
    a unit, and once more for a block that holds a longer prompt than all before it.
    """

    label: str
    say: Callable[[str], None]
    longest: dict[Kind, int] = field(default_factory=dict)
    """kind of batch -> longest prompt checked."""
    distrusted: set[WayName] = field(default_factory=set)
    """Ways that were wrong in this unit, in any scope."""
    checks: list[tuple[Check, str, Sequence[TokenisedItem]]] = field(default_factory=list)
    """Comparisons made since the caller last took them, with scope and batch."""

    @property
    def trusted(self) -> bool:
        """Whether every number so far came from the fastest way."""
        return not self.distrusted

    def __call__(
        self,
        loaded: LoadedModel,
        items: Sequence[TokenisedItem],
        births: Mapping[int, Rows],
        scope: str,
    ) -> Sweep:
        """Sweep one batch, checked where it is longer than what was checked.

        Raises:
            Refused: no way serves these items.
        """
        name, *others = (w for w in ways(loaded, items, scope) if w not in self.distrusted)
        sweep = sweep_by(name)
        if not others:
            return sweep(loaded, items, births, scope)
        try:
            result = sweep(loaded, items, births, scope)
            fault = self._fault(name, loaded, items, births, scope, result)
        except Refused as refusal:
            # What is wrong with the items themselves is refused by replays too; the reference path
            # would hand on what is not finite.
            if others[0] == "reference":
                raise
            rest = sweep_by(others[0])(loaded, items, births, scope)
            self._distrust(name, others[0], str(refusal))
            return rest
        if fault is None:
            return result
        self._distrust(name, others[0], fault)
        return self(loaded, items, births, scope)

    def _distrust(self, name: WayName, following: WayName, fault: str) -> None:
        self.distrusted.add(name)
        self.say(f"{self.label}: {fault}; {SERVES[following]}")

    def _fault(
        self,
        name: WayName,
        loaded: LoadedModel,
        items: Sequence[TokenisedItem],
        births: Mapping[int, Rows],
        scope: str,
        result: Sweep,
    ) -> str | None:
        """Return how a result differs from the reference path; None where it does not."""
        from runners.engine.edits import operators
        from runners.engine.selfcheck import arithmetic, self_check, tolerance
        from runners.models.experts import routes

        length = max(item.width for item in items)
        chains = tuple((layer, len(rows)) for layer, rows in sorted(births.items()))
        does = frozenset(each for rows in births.values() for each in operators(rows))
        kind = (name, scope, chains, does)
        if length <= self.longest.get(kind, 0) or not births:
            return None
        found = self_check(loaded, items, births, scope, result)
        wrong = [c for c in found if not c.difference <= tolerance(arithmetic(loaded), c.scale)]
        # One of about eight: a router nearly tied between experts is tipped by any rounding.
        if len(wrong) > int(routes(loaded.model)):
            allowed = tolerance(arithmetic(loaded), wrong[0].scale)
            what = "fast sweep" if name == "chains" else "replay"
            return (
                f"the {what} differs from the reference path by {wrong[0].difference:.2g} "
                f"(tolerance {allowed:.2g})"
            )
        self.longest[kind] = length
        self.checks += [(check, scope, items) for check in found]
        return None
