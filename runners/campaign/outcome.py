"""What a command says of a run beside the experiment, and what came of the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runners.cluster.connection import Wanted


@dataclass(frozen=True)
class Options:
    """What a command may say beside the experiment; in no id."""

    dry_run: bool = False
    verify: int = 0
    tokens_per_batch: int | None = None
    engine: str = "fast"
    """`fast`; `reference` for the slow path throughout; `ray` for the fast one on a cluster."""
    cluster: Wanted | None = None
    """Which cluster, and what of it; asked for with engine `ray` only."""
    keep_activations: bool = False
    """Whether the training activations stay in `<home>/activations/`."""


@dataclass
class Outcome:
    """What a run did."""

    measured: int = 0
    unsteered: int = 0
    """Items whose unsteered answer was measured for the first time."""
    fitted: int = 0
    damages: int = 0
    """Damages of a text, at a layer and multiplier of a run."""
    rollouts: int = 0
    """Sampled, unsteered ones included."""
    asks_questions: bool = True
    """Whether there are logit differences; of concepts of kind texts alone there are none."""
    asked: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    """Rows of `experiment_run` so far."""
    scored: int = 0
    """Scores of a rollout by a scorer."""
    unfinished: list[str] = field(default_factory=list)
    """What could not be done though all else was: a line each, with the remedy."""
    found: list[str] = field(default_factory=list)
    """What the user should read at the end, a line each."""
    model_ids: list[str] = field(default_factory=list)
    models_left: int = 0
