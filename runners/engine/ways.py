"""Which way serves a batch: chains, replay or the reference path, the fastest that is exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from specs.faults import Refused

if TYPE_CHECKING:
    from runners.engine.measure import SweepFunction
    from runners.models.load import LoadedModel
    from runners.prompts.positions import TokenisedItem

WayName = Literal["chains", "replay", "reference"]
LATE = ("answer", "decision")
"""Scopes that change nothing before the last prompt token."""


def ways(loaded: LoadedModel, items: Sequence[TokenisedItem], scope: str) -> tuple[WayName, ...]:
    """Return the ways that should be exact for some items and a scope, fastest first.

    Raises:
        Refused: no way is, for items as long as these.
    """
    from runners.models.architecture import way

    found = way(loaded.model, max(item.length for item in items))
    if found.kind == "refuse":
        raise Refused(found.reason)
    late = found.kind == "chains" and scope in LATE
    return ("chains", "replay", "reference") if late else ("replay", "reference")


def sweep_by(name: WayName) -> SweepFunction:
    """Return the sweep function of a way."""
    if name == "chains":
        from runners.engine.chains import sweep

        return sweep
    if name == "replay":
        from runners.engine.replay import replay_sweep

        return replay_sweep
    from runners.engine.reference_sweep import reference_sweep

    return reference_sweep
