"""Prompt set specs: the openings that rollouts continue (DESIGN 1)."""

from __future__ import annotations

from pydantic import Field, model_validator

from specs.parts import Part, Some, Spec, Text, Unique


class PromptSet(Spec):
    """Openings of a few words that a model continues, steered and unsteered."""

    prompts: Some[str]
    """The openings, as plain text without a chat template; an empty one is BOS alone."""
    copies: dict[str, int] = Field(default_factory=dict)
    """Openings of which the samples of an experiment are drawn several times, and how often."""
    language: str = "en"
    """BCP 47 tag."""
    licence: str | None = None
    """SPDX-like identifier of the openings' licence, e.g. `cc-by-4.0`."""
    citation: str | None = None
    """How to cite the source."""

    @model_validator(mode="after")
    def _copies_of_its_own(self) -> PromptSet:
        for prompt, times in self.copies.items():
            if prompt not in self.prompts:
                raise ValueError(f"copies names {prompt!r}, which is none of the prompts")
            if times < 1:
                raise ValueError(f"copies of {prompt!r} must be at least 1")
        return self


class Rise(Part):
    """By how much steering may cost a text set, and the multiplier of each vector follows."""

    text_set: Text = "neutral"
    """Text set whose cross-entropy is watched, every position steered."""
    nats: float = Field(default=0.5, gt=0)
    """Rise over the unsteered cross-entropy, nats a token (SAE-TS, section 2)."""
    loss: float | None = Field(default=None, gt=0)
    """In its place an absolute cross-entropy, as in the code of SAE-TS (4 for Gemma-2-2B, 3.5 for
    9B): the first of `grid` above it, on the straight line through that one and the one before."""
    grid: Unique[float] = ()
    """Multipliers that are tried for `loss`, in rising order from 0 on, e.g. 0, 20, ..., 200."""

    @model_validator(mode="after")
    def _grid_with_loss(self) -> Rise:
        if self.loss is None and self.grid:
            raise ValueError("`grid` goes with `loss`; `nats` finds its multiplier without one")
        if self.loss is not None and len(self.grid) < 2:
            raise ValueError("`loss` needs a `grid` of at least two multipliers")
        if list(self.grid) != sorted(self.grid) or any(each < 0 for each in self.grid):
            raise ValueError("`grid` goes upwards, and does not begin below 0")
        return self
