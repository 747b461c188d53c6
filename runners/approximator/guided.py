"""Method `fgaa`: a target found by training items, and what of it is no sign of any concept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from runners.approximator.aimed import in_float64
from runners.approximator.vectors import fgaa, fgaa_target
from runners.saes.activations import activations
from runners.saes.features import Chosen, contrast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runners.approximator.linear_map import LinearMap
    from runners.models.load import LoadedModel
    from runners.saes.loaded import LoadedSae
    from specs.schema import Fgaa


@dataclass(frozen=True)
class FgaaFit:
    """Method `fgaa` on one layer's activations; see its spec for the definition."""

    is_slow: ClassVar[bool] = True
    sae: LoadedSae
    method: Fgaa
    map: LinearMap
    density: np.ndarray
    """float64 [d_sae]: share of tokens of unrelated texts on which each feature is active."""
    bos_features: np.ndarray
    """int: features that mark the beginning of a text."""

    def target(self, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
        """Return the target t, float64 [d_sae], of activations [items, d_model]."""
        method, difference = self.method, contrast(self.sae, positive, negative).difference
        most = 1.0 if method.max_density is None else method.max_density
        return fgaa_target(
            difference, self.density, self.bos_features, method.positive, method.negative, most
        )

    def choose(self, positive: np.ndarray, negative: np.ndarray) -> list[Chosen]:
        """Return the features of the target, those that count most first."""
        target = self.target(positive, negative)
        order = np.argsort(-np.abs(target), kind="stable")
        return [Chosen(int(j), float(target[j])) for j in order if target[j]]

    def __call__(self, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
        """Return the raw vector, float64 [d_model]; zeros where nothing is left of the target."""
        target = self.target(positive, negative)
        weights, bias = in_float64(self.map)
        return fgaa(weights, bias, target) if target.any() else np.zeros(len(weights))


def density(sae: LoadedSae, loaded: LoadedModel, texts: Iterable[tuple[int, ...]]) -> np.ndarray:
    """Return the share of tokens on which each feature is active, float64 [d_sae].

    The token that is put before every text is not counted.
    """
    active, n_tokens = np.zeros(sae.d_sae), 0
    for read in activations(loaded, [sae.layer], texts):
        hidden = read[sae.layer]
        active += (sae.encode(hidden) > 0).sum(0).cpu().numpy()
        n_tokens += len(hidden)
    return active / max(n_tokens, 1)


def bos_features(sae: LoadedSae, loaded: LoadedModel, most: int) -> np.ndarray:
    """Return the features strongest at the token put before every text, int [at most `most`].

    None where the tokenizer puts none, or none is active there. Soo et al. 2025, appendix G, list
    five of Gemma-2-2B by hand.
    """
    token = loaded.tokenizer.bos_token_id
    if token is None or not most:
        return np.array([], int)
    (read,) = activations(loaded, [sae.layer], [(token,)], with_first=True)
    found = sae.encode(read[sae.layer])[0].double().cpu().numpy()
    order = np.argsort(-found, kind="stable")[:most]
    return order[found[order] > 0]
