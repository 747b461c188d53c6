"""The fast sweep under guard: some of its own cells are compared with the reference path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runners.reference_sweep import reference_sweep

if TYPE_CHECKING:
    import torch

    from runners.chains import Sweep
    from runners.load import LoadedModel
    from runners.positions import TokenisedItem
    from runners.selfcheck import Check


@dataclass
class GuardedSweep:
    """A sweep function for one unit.

    No static gate is enough (research/fast-sweep.md 6.1), so each batch with longer prompts than
    were checked before, for its scope and number of chains, has about eight cells measured again by
    the reference path; a mismatch says so and lets that path serve the rest of the unit.
    """

    label: str
    say: Callable[[str], None]
    longest: dict[tuple[str, int], int] = field(default_factory=dict)
    """(scope, newborn rows) -> longest prompt checked: more chains fill higher slots."""
    trusted: bool = True
    checks: list[tuple[Check, str, Sequence[TokenisedItem]]] = field(default_factory=list)
    """Comparisons made since the caller last took them, with scope and batch."""

    def __call__(
        self,
        loaded: LoadedModel,
        items: Sequence[TokenisedItem],
        births: Mapping[int, torch.Tensor],
        scope: str,
    ) -> Sweep:
        """Sweep one batch, checked where it is longer than what was checked."""
        from runners.chains import sweep
        from runners.selfcheck import self_check, tolerance

        if not self.trusted:
            return reference_sweep(loaded, items, births, scope)
        result = sweep(loaded, items, births, scope)
        length = max(item.decision for item in items)
        kind = (scope, sum(len(rows) for rows in births.values()))
        if length <= self.longest.get(kind, 0) or not births:
            return result
        found = self_check(loaded, items, births, scope, result)
        for check in found:
            allowed = tolerance(loaded.dtype, check.scale)
            if check.difference <= allowed:
                continue
            self.trusted = False
            self.say(
                f"{self.label}: the fast sweep differs from the reference path by "
                f"{check.difference:.2g} "
                f"(tolerance {allowed:.2g}); the reference path serves this unit, slowly"
            )
            return reference_sweep(loaded, items, births, scope)
        self.longest[kind] = length
        self.checks += [(check, scope, items) for check in found]
        return result
