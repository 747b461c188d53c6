"""Approximator specs: which vectors are tried, what is counted of them, and how a map is fitted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from specs.parts import Layer, Part, Spec, Text
from specs.prompt_set import Rise


class Inputs(Part):
    """Vectors that are tried: unit decoder rows of a sparse autoencoder, drawn by `seed`."""

    sae: Text
    """Name of the sparse autoencoder whose decoder rows they are; it may be wider than the one
    whose features are counted, but must lie at the same layer."""
    features: int | None = Field(default=None, ge=2)
    """How many; a larger number later adds to those that are there. Left out: all."""
    seed: int = Field(default=0, ge=0)
    """Draws which, and their order."""


class Sampling(Part):
    """How texts are sampled while the effect of a vector is counted (as in rollouts)."""

    tokens: int = Field(default=32, ge=1)
    """Tokens of each text, those of the opening not counted."""
    samples: int = Field(default=64, ge=1)
    """Texts of each opening."""
    temperature: float = Field(default=1.0, ge=0)
    """0: the likeliest token each time."""
    top_k: int | None = Field(default=None, ge=1)
    """Only so many of the likeliest tokens; left out: all."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Only the likeliest tokens that make up this much together."""
    scope: Literal["all", "answer"] = "all"
    """Where the vector is added; `all` as in Chalnev et al. 2024."""
    seed: int = Field(default=0, ge=0)
    """Of the streams that tokens are drawn by."""
    stream: Literal["unsteered", "steered"] = "unsteered"
    """Whose residual stream the features are read from, as in rollouts."""


ADAM = frozenset({"learning_rate", "epochs", "batch", "validation", "seed"})
"""Parameters of the fit that only `adam` has."""


class MapFit(Part):
    """How the map is fitted."""

    kind: Literal["ridge", "adam"] = "ridge"
    """`ridge`: least squares with a squared penalty, in closed form, the intercept without one;
    `adam`: the training of Chalnev et al. 2024, on the mean squared error."""
    penalty: float = Field(default=1.0, ge=0)
    """Of `ridge`: what the squared weights are multiplied by, `alpha` of scikit-learn's Ridge. 0 is
    least squares, which needs more vectors than the model is wide."""
    learning_rate: float = Field(default=2e-4, gt=0)
    """Of `adam`, in the first epoch; it falls to 0 along a half cosine."""
    epochs: int = Field(default=15, ge=1)
    """Of `adam`: how often each vector is seen."""
    batch: int = Field(default=64, ge=1)
    """Of `adam`: vectors of a step."""
    validation: int = Field(default=100, ge=0)
    """Of `adam`: so many of the last vectors are not trained on: their error is told after each
    epoch, and decides nothing."""
    seed: int = Field(default=0, ge=0)
    """Of `adam`: draws its start and its order."""

    @model_validator(mode="after")
    def _of_its_kind(self) -> MapFit:
        other = ADAM if self.kind == "ridge" else {"penalty"}
        if given := sorted(self.model_fields_set & other):
            raise ValueError(f"{' and '.join(given)}: no parameter of {self.kind}")
        return self

    @property
    def parameters(self) -> dict[str, int | float]:
        """Return the parameters that its kind has."""
        return self.model_dump(include=ADAM if self.kind == "adam" else {"penalty"})


class Approximator(Spec):
    """A linear map from a steering vector to what it does to features: y = xM + b.

    x is a unit vector, y the mean feature activation steered minus unsteered (Chalnev et al. 2024,
    arXiv 2411.02193, section 3).
    """

    model: Text
    """Name of the model that is steered."""
    layer: Layer
    """0-based decoder block whose output is steered and read; that of both autoencoders."""
    sae: Text
    """Name of the sparse autoencoder whose features are counted."""
    inputs: Inputs
    """Which vectors are tried."""
    prompt_set: Text
    """Name of the openings that the texts begin with."""
    rollouts: Sampling = Sampling()
    """How texts are sampled."""
    rise: Rise | None = None
    """How much each vector may cost a text set: its length follows. 0.5 nats in the paper."""
    scale: float | None = Field(default=None, gt=0)
    """In the place of rise: the length of every vector."""
    held_out: float = Field(default=0.02, gt=0, lt=1)
    """Share of the vectors that the fit never sees: skill is what it says of these."""
    fit: MapFit = MapFit()
    """How the map is fitted."""
    causes: int = Field(default=20, ge=1)
    """How many causes and neighbours of each feature are kept in the warehouse."""
    block: int = Field(default=256, ge=1)
    """Vectors whose effects are written together: what is lost at most when a run is killed."""

    @model_validator(mode="after")
    def _one_scale(self) -> Approximator:
        if (self.rise is None) == (self.scale is None):
            raise ValueError("give either `rise` or `scale`")
        return self
