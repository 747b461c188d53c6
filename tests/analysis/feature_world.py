"""Made-up effects on features: what steering changed in each pair of rollouts, and their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tests.rollout_world import World, identity

FEATURES, SAMPLES, FLOOR = 30, 6, 0.05
Place = tuple[str, str, int, float, str, str]
"""Method, model, layer, multiplier, autoencoder, stream."""


@dataclass
class Drawn:
    """What was read in each pair of rollouts, [pairs, FEATURES] each."""

    unsteered: np.ndarray
    change: np.ndarray
    targets: dict[int, float] | None
    """Feature -> coefficient; None where the vector names none of this autoencoder there."""

    @property
    def effect(self) -> np.ndarray:
        """Mean changes, [FEATURES]."""
        found: np.ndarray = self.change.mean(0)
        return found

    def stored(self, floor: float = FLOOR) -> list[int]:
        """Return the features that are rows."""
        size = np.abs(self.effect)
        return sorted({*np.flatnonzero(size >= floor).tolist(), int(size.argmax()), *(self.targets or {})})  # fmt: skip


@dataclass
class FeatureWorld(World):
    """Made-up rollouts whose features were read."""

    experiment: str = "e"
    prompts: tuple[str, ...] = ("I think", "")
    truth: dict[Place, Drawn] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.experiment, self.prompts)
        self.draw = np.random.default_rng(11)

    def sae(self, name: str, *others: str) -> str:
        """Add an autoencoder by one or several names."""
        sae_id = identity("sae", name)
        self.add("sae", sae_id=sae_id, source=f"folder:{name}", architecture="jumprelu", layer=2, d_model=8, d_sae=FEATURES)  # fmt: skip
        for each in (name, *others):
            self.add("name", kind="sae", id=sae_id, name=each)
        return sae_id

    def aim(self, run_id: str, targets: Mapping[int, float], sae: str, layer: int = 2) -> None:
        """Say what a run's vector is made of."""
        for feature, coefficient in targets.items():
            self.add("vector_feature", vector_id=self.vector_of(run_id), layer=layer, sae_id=identity("sae", sae), feature=feature, coefficient=coefficient)  # fmt: skip

    def changed(
        self, run_id: str, place: Place, targets: dict[int, float] | None, pairs: int | None = None
    ) -> Drawn:
        """Draw what a run does to features there, and add it as rows."""
        n = pairs or SAMPLES * len(self.prompts)
        size = self.draw.exponential(0.1, FEATURES) * self.draw.choice([-1, 1], FEATURES)
        drawn = Drawn(
            np.abs(self.draw.normal(1, 0.3, (n, FEATURES))),
            self.draw.normal(size, 0.1, (n, FEATURES)),
            targets,
        )
        drawn.change[:, 21] = -drawn.change[:, 20]  # moved as much, the other way
        self.truth[place] = drawn
        for feature in drawn.stored():
            self.effect(run_id, place, feature, drawn)
        return drawn

    def effect(self, run_id: str, place: Place, feature: int, drawn: Drawn) -> None:
        """Add the row of one feature."""
        _, _, layer, multiplier, sae, stream = place
        change, unsteered = drawn.change[:, feature], drawn.unsteered[:, feature].mean()
        n = len(change)
        error = float(change.std(ddof=1) / np.sqrt(n)) if n > 1 else None
        self.add("feature_effect", run_id=run_id, layer=layer, multiplier=multiplier, sae_id=identity("sae", sae), stream=stream, feature=feature, steered_mean=float(unsteered + change.mean()), unsteered_mean=float(unsteered), effect=float(change.mean()), standard_error=error, n_rollouts=n)  # fmt: skip
