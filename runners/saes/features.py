"""Features chosen by training activations, and vectors made of their decoder rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from runners.saes.loaded import LoadedSae
    from runners.saes.output_score import OutputScorer
    from specs.schema import SaeDifference, SaeOutputScore

ROWS = 512
"""Activations that are encoded at once."""


class Chosen(NamedTuple):
    """A feature in a vector."""

    feature: int
    coefficient: float
    """What its decoder row is multiplied by, before the norm."""
    output_score: float | None = None
    """S_out of Arad et al. 2025, where it was asked for."""


class Contrast(NamedTuple):
    """What training activations say of every feature."""

    difference: np.ndarray
    """float64 [d_sae]: mean over positive activations (or texts) less that over negative ones."""
    density: np.ndarray
    """float64 [d_sae]: share of all these activations (or tokens) in which it is above 0."""


def contrast(sae: LoadedSae, positive: np.ndarray, negative: np.ndarray) -> Contrast:
    """Encode activations, float [items, d_model] each, and compare.

    Rows [texts, 2, d_sae] are features already, as `text_features` has them: of these each text
    counts as an activation does, its share of tokens as whether a feature is above 0.
    """
    means, fired = [], np.zeros(sae.d_sae)
    for side in (positive, negative):
        mean, active = _summed_up(sae, side)
        means.append(mean / len(side))
        fired += active
    return Contrast(means[0] - means[1], fired / (len(positive) + len(negative)))


def _summed_up(sae: LoadedSae, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return sum and number of active rows of each feature, float64 [d_sae]."""
    import torch

    if rows.ndim == 3:
        means, shares = rows.sum(0, dtype=np.float64)
        return means, shares
    total, active = np.zeros(sae.d_sae), np.zeros(sae.d_sae)
    for start in range(0, len(rows), ROWS):
        features = sae.encode(torch.from_numpy(rows[start : start + ROWS].astype(np.float32)))
        total += features.double().sum(0).cpu().numpy()
        active += (features > 0).sum(0).cpu().numpy()
    return total, active


def largest(values: np.ndarray, at_most: int) -> list[int]:
    """Return the places of the largest values above 0, largest first; at equal ones the first."""
    order = np.argsort(-values, kind="stable")[:at_most]
    return [int(place) for place in order if values[place] > 0]


def decoded(sae: LoadedSae, chosen: Sequence[Chosen]) -> np.ndarray:
    """Return the sum of decoder rows by their coefficients, float64 [d_model]; 0 of none."""
    import torch

    found = np.zeros(sae.d_model)
    if chosen:
        numbers = torch.tensor([each.feature for each in chosen], device=sae.decoder.device)
        rows = sae.decoder[numbers].double().cpu().numpy()
        found = np.array([each.coefficient for each in chosen]) @ rows
    return found


def _kept(found: Contrast, max_density: float | None) -> np.ndarray:
    """Return the differences, 0 where a feature is active too often."""
    if max_density is None:
        return found.difference
    return np.where(found.density <= max_density, found.difference, 0.0)


@dataclass(frozen=True)
class DifferenceFit:
    """Method `sae_difference` on one layer's activations; see its spec for the definition."""

    is_slow: ClassVar[bool] = True
    sae: LoadedSae
    method: SaeDifference

    def choose(self, positive: np.ndarray, negative: np.ndarray) -> list[Chosen]:
        """Return the features and their mean differences, the largest first."""
        found = _kept(contrast(self.sae, positive, negative), self.method.max_density)
        ranked = found if self.method.sign == "positive" else np.abs(found)
        return [Chosen(j, float(found[j])) for j in largest(ranked, self.method.features)]

    def __call__(self, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
        """Return the raw vector, float64 [d_model]."""
        return decoded(self.sae, self.choose(positive, negative))


@dataclass(frozen=True)
class OutputScoreFit:
    """Method `sae_output_score` on one layer's activations; see its spec for the definition."""

    is_slow: ClassVar[bool] = True
    sae: LoadedSae
    method: SaeOutputScore
    scorer: OutputScorer

    def choose(self, positive: np.ndarray, negative: np.ndarray) -> list[Chosen]:
        """Return the one feature, or nothing where none is above 0 more often."""
        found = _kept(contrast(self.sae, positive, negative), self.method.max_density)
        candidates = largest(found, self.method.candidates)
        scores = self.scorer.scores(candidates)
        # max takes the first of equals: the candidate of the larger difference.
        best = max(range(len(candidates)), key=scores.__getitem__, default=None)
        return [] if best is None else [Chosen(candidates[best], 1.0, scores[best])]

    def __call__(self, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
        """Return the raw vector, float64 [d_model]: one decoder row."""
        return decoded(self.sae, self.choose(positive, negative))
