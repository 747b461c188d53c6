"""The part of an experiment that asks for rollouts: sampled continuations under steering."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from specs.parts import Part, Some, Text, Unique
from specs.prompt_set import Rise


class Rollouts(Part):
    """What is sampled of every reported vector, at every reported layer and multiplier."""

    prompt_sets: Some[Text]
    """Prompt set specs: the openings that are continued."""
    tokens: int = Field(default=32, ge=1)
    """Tokens sampled at most; an end token ends a rollout before. (The code of SAE-TS counts BOS
    and opening among its 32, and does not stop at an end token.)"""
    samples: int = Field(default=16, ge=1)
    """Samples of each opening; `copies` of the prompt set multiplies them."""
    temperature: float = Field(default=1.0, ge=0)
    """What logits are divided by; 0 takes the most probable token."""
    top_k: int | None = Field(default=None, ge=1)
    """Only the k most probable tokens are drawn from, and any that is as probable as the last."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Of those only the fewest most probable ones that hold this share together."""
    seed: int = 0
    """Seed of the draws: the same one for steered and unsteered rollouts."""
    scope: Literal["all", "answer"] = "all"
    """`all`: the opening and every sampled token is steered, as in SAE-TS; `answer`: from the last
    token of the opening on."""
    saes: Unique[Text] = ()
    """Sparse autoencoders whose features are read while sampling; none: no feature effects."""
    stream: Literal["unsteered", "steered"] = "unsteered"
    """Whose residual stream the features are read from: of the unsteered model reading the sampled
    text (as the code of SAE-TS does: what steering makes the model say), or of the steered model
    while it says it (which holds the vector itself behind the steered layer)."""
    floor: float = Field(default=0.01, ge=0)
    """Effects at least this large in absolute value are rows of `feature_effect`; so are the
    largest of each vector, and those on the features that it is made of or aims at. Files hold
    them all."""
    rise: Rise | None = None
    """In the place of `multipliers`: the one at which a text set costs so much more."""

    @model_validator(mode="after")
    def _one_sample_of_the_greedy(self) -> Rollouts:
        if self.temperature == 0 and self.samples > 1:
            raise ValueError("with temperature 0 all samples are the same: say `samples: 1`")
        return self
