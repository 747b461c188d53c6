"""SAE specs: sparse autoencoders, where they come from, and what is asked of them before use."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from specs.parts import Layer, Part, Spec, Text


class SaeTraining(Part):
    """A small sparse autoencoder trained here by sae-lens, on the activations of a text set."""

    text_set: Text
    """Name of the text set whose tokens are read."""
    d_sae: int = Field(ge=2)
    """Features."""
    steps: int = Field(default=2000, ge=1)
    """Batches of activations."""
    batch: int = Field(default=256, ge=1)
    """Activations of a batch, drawn without replacement until all have been seen."""
    l1: float = Field(default=1.0, ge=0)
    """Weight of the features' sum, with activations scaled to a mean length of sqrt(d_model)."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Of Adam; it stays as it is but for the last fifth of the steps, which bring it to 0."""
    context: int = Field(default=256, ge=2)
    """At most so many tokens of each text are read."""
    seed: int = Field(default=0, ge=0)
    """Of the first weights and of the batches."""


class SaeSource(Part):
    """Where the weights come from: `release` with `id`, `folder`, or `train`."""

    release: Text | None = None
    """Name of a release in sae-lens's list, or a Hub repository in its format."""
    id: Text | None = None
    """Which of the release's autoencoders."""
    folder: Text | None = None
    """Folder in sae-lens's format (cfg.json, sae_weights.safetensors), relative to the YAML."""
    train: SaeTraining | None = None
    """It is trained when it is first used, and kept under `<home>/saes/`."""

    @model_validator(mode="after")
    def _one_way(self) -> SaeSource:
        given = [key for key in ("release", "folder", "train") if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"name exactly one of release, folder, train (found {found})")
        if (self.release is None) != (self.id is None):
            raise ValueError("release and id go together: give both")
        return self


class SaeCheck(Part):
    """What the autoencoder must do on the raw activations of a model before it is used there."""

    text_set: Text = "neutral"
    """Name of the text set that is reconstructed."""
    explained_variance: float = Field(default=0.5, le=1)
    """Less than this share of the activations' variance, and it is refused: another model, or
    activations that were processed before training."""
    beside: Literal["refuse", "accept"] = "refuse"
    """Whether it may explain more of a layer beside its own; refused, for then its layer is
    probably another than it says."""


class Sae(Spec):
    """A sparse autoencoder of the residual stream behind one decoder block."""

    source: SaeSource
    """Where its weights come from."""
    model: Text
    """Name of the model spec on whose activations it was trained."""
    layer: Layer | None = None
    """0-based decoder block whose output it reads. Left out: as its hook name says."""
    check: SaeCheck = SaeCheck()
    """What is measured on a model before the autoencoder is used there."""
    licence: str | None = None
    """SPDX-like identifier of the weights' licence, e.g. `cc-by-4.0`."""
    citation: str | None = None
    """How to cite it."""

    @model_validator(mode="after")
    def _trained_where(self) -> Sae:
        if self.source.train is not None and self.layer is None:
            raise ValueError("an autoencoder that is trained here needs `layer`")
        return self
