"""Experiment specs: a cross product of names."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
)

from specs import checks
from specs.parts import (
    Combination,
    FitCombination,
    Layer,
    Many,
    Norm,
    Operator,
    Part,
    Scope,
    Some,
    Spec,
    Split,
    Text,
    Unique,
)
from specs.rollouts import Rollouts


def _layers_tag(value: Any) -> str:
    return "<word>" if isinstance(value, str) else "<list>"


Layers = Annotated[
    Annotated[Literal["all", "best"], Tag("<word>")] | Annotated[Some[Layer], Tag("<list>")],
    Discriminator(_layers_tag),
    BeforeValidator(checks.layers),
]


class Nulls(Part):
    """How many null vectors ride along at each fitted vector's chosen layer."""

    random: int = Field(default=0, ge=0)
    """Random directions of the fitted vector's length."""
    label_shuffled: int = Field(default=0, ge=0)
    """Vectors fitted on labels shuffled by question."""


class Experiment(Spec):
    """A cross product of names, globs or `tag:WORD`."""

    models: Some[Text]
    """Model specs."""
    concepts: Some[Text]
    """Concept specs."""
    fit_concepts: Many[Text] = ()
    """Concepts, of those in `concepts`, whose vectors are evaluated on the questions of all others
    too: what a vector does to what it was not made for. None: each vector on its own concept."""
    methods: Some[Text] = ("mean_difference",)
    """Method specs."""
    fit_variants: Some[Text] = ("base",)
    """Variants that vectors are fitted on."""
    combinations: Some[FitCombination] = ("single",)
    """`single`: a vector for each of fit_variants; `mean`: the mean of these raw vectors, brought
    to its norm like any other (Tan et al. 2024 have all of them: `[single, mean]`)."""
    variants: Some[Text] = ("base",)
    """Variants that vectors are evaluated on."""
    layers: Layers = "all"
    """`all`, a list, or `best`: the layer that the validation split chooses."""
    multipliers: Some[float] = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
    """Signed factors on the vector."""
    operators: Some[Operator] = ("add",)
    """How the vector v is applied to the residual stream h, with m the multiplier and û = v/‖v‖:
    `add` = h + m·v; `ablate` = h − (û·h) û, which has no multiplier and no slope (it is measured
    once, and takes the layer of `add` where one must be chosen); `ablate_then_add` = h − (û·h) û +
    m·v; `clamp` = the component û·h raised to m‖v‖ where it is less (m < 0: lowered where it is
    more; over both signs its curve may jump at 0, ask for one). The last two measure multiplier 0
    as a point of its own."""
    scopes: Some[Scope] = ("answer",)
    """Where it is applied: `answer` = from the last prompt token on, `decision` = from the
    decision position on, `prompt` = up to the last prompt token, `all` = everywhere. The last two
    change the prompt itself and cost a replay of the later blocks for each multiplier."""
    norms: Unique[Norm] = ()
    """Norms that replace those of the methods; none: each method's own."""
    seeds: Some[int] = (0,)
    """Seeds of whatever is drawn."""
    nulls: Nulls = Nulls()
    """Null vectors at the chosen layer."""
    resamples: int = Field(default=0, ge=0)
    """Vectors from bootstrap draws of the training questions, at the chosen layer."""
    splits: Some[Split] = ("validation", "test")
    """Splits that are evaluated."""
    text_sets: Unique[Text] = ()
    """Text set specs: on their texts the damage of every reported vector is measured, steered at
    every position, with its random nulls beside. None: no damage is measured."""
    rollouts: Rollouts | None = None
    """Continuations that are sampled of every reported vector. None: nothing is sampled."""
    scorers: Unique[Text] = ()
    """Scorer specs: each rates every rollout that the experiment asks for, those without steering
    among them; one that is added later rates what is there already. None: nothing is rated."""
    limit: int | None = Field(default=None, ge=1)
    """At most so many evaluated items a split, never training items."""
    unfit_items: Literal["refuse", "drop"] = "refuse"
    """What happens to items without a decision position or beyond the context: the run is
    refused, or they are dropped and recorded."""
    include: Many[Combination] = ()
    """Further combinations beside the cross product, each a mapping such as
    {concept: x, variant: y}; keys: model, concept, method, fit_variant, variant. What fit_concepts
    adds follows from all that is asked."""
    exclude: Many[Combination] = ()
    """Combinations taken out, each a mapping of the same keys to names or globs."""
