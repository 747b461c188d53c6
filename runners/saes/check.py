"""Whether an autoencoder fits the raw activations of a model: measured before it is used there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from runners.saes.activations import activations
from specs.faults import Refused
from specs.reader import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

    from runners.models.load import LoadedModel
    from runners.saes.loaded import LoadedSae
    from specs.schema import Sae


class Fit(NamedTuple):
    """How well an autoencoder reconstructs activations."""

    n_tokens: int
    explained_variance: float
    """1 - sum |x - x̂|² / sum |x - mean x|², over tokens: at most 1, below 0 where the mean of the
    activations would do better (as sae-lens's evaluations have it)."""
    mean_active: float
    """Mean number of features above 0 a token: L0."""


@dataclass
class Tally:
    """Sums over tokens, from which a `Fit` follows; activations are not kept."""

    sae: LoadedSae
    n_tokens: int = 0
    n_active: int = 0
    total: Any = 0.0
    """float64 [d_model]."""
    squares: float = 0.0
    error: float = 0.0

    def add(self, hidden: Tensor) -> None:
        """Count activations, float [tokens, d_model]."""
        features = self.sae.encode(hidden)
        hidden = hidden.double().cpu()
        self.n_tokens += len(hidden)
        self.n_active += int((features > 0).sum())
        self.total = self.total + hidden.sum(0)
        self.squares += float(hidden.square().sum())
        self.error += float((hidden - self.sae.decode(features).double().cpu()).square().sum())

    def fit(self) -> Fit:
        """Return what the sums say."""
        variance = self.squares - float(self.total.square().sum()) / self.n_tokens
        explained = 1 - self.error / variance if variance > 0 else float(self.error == 0)
        return Fit(self.n_tokens, explained, self.n_active / self.n_tokens)


def refuse_misfit(spec: Sae, sae: LoadedSae, loaded: LoadedModel) -> None:
    """Refuse an autoencoder of another width, or of a layer that the model does not have."""
    model, where = loaded.spec.name, place(spec)
    if sae.d_model != loaded.d_model:
        raise Refused(
            f"{where}: it reads {sae.d_model} numbers a token, and model {model} has "
            f"{loaded.d_model}; it was trained on {spec.model}"
        )
    if sae.layer >= loaded.n_layers:
        raise Refused(
            f"{where}: it reads layer {sae.layer}, and model {model} has layers 0 to "
            f"{loaded.n_layers - 1}; it was trained on {spec.model}"
        )


def fits(sae: LoadedSae, loaded: LoadedModel, texts: Iterable[tuple[int, ...]]) -> dict[int, Fit]:
    """Return how well an autoencoder fits a model at its layer and at the layers beside it."""
    beside = range(max(sae.layer - 1, 0), min(sae.layer + 2, loaded.n_layers))
    tallies = {layer: Tally(sae) for layer in beside}
    for read in activations(loaded, beside, texts):
        for layer, hidden in read.items():
            tallies[layer].add(hidden)
    return {layer: tally.fit() for layer, tally in tallies.items()}


def refuse_poor(spec: Sae, sae: LoadedSae, loaded: LoadedModel, found: Mapping[int, Fit]) -> None:
    """Refuse what reconstructs too little of a model's activations, or those of another layer."""
    least, own = spec.check.explained_variance, found[sae.layer]
    said = (
        f"{place(spec)}: on model {loaded.spec.name} it explains {own.explained_variance:.3f} of "
        f"the variance of layer {sae.layer}'s raw activations ({own.n_tokens:,} tokens of text "
        f"set {spec.check.text_set}, {own.mean_active:.1f} features active a token)"
    )
    best = max(found, key=lambda layer: found[layer].explained_variance)
    if best != sae.layer and spec.check.beside == "refuse":
        raise Refused(
            f"{said}, and {found[best].explained_variance:.3f} of layer {best}'s: it was trained "
            f"on another layer or another model than {spec.model}; set `layer: {best}` if it is "
            "the layer, or `check: {beside: accept}`"
        )
    if own.explained_variance < least:
        raise Refused(
            f"{said}, less than {least:g}: another model than {spec.model}, or activations that "
            "were processed before training; `check: {explained_variance: …}` sets the bound"
        )
