"""The closed-form truth of the reference model: what must be measured, computed from constants."""

from __future__ import annotations

from statistics import fmean, pvariance

from runners.reference_model.design import ADVERBS, FRAMES, TOPICS, Item, items
from runners.reference_model.traits import (
    LAYERS,
    ORDER_SHIFT,
    PERSONA_SHIFT,
    READS,
    STRENGTH,
    TRAITS,
    WRITES,
    Trait,
)
from specs.schema import Planted

MULTIPLIERS = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
"""The grid on which slopes are fitted; only for a capped concept does it matter."""
NOMINAL_LAYER = 3
"""The layer at which an unreadable concept's zeros are stated."""
VARIANTS: dict[str, tuple[int, bool]] = {
    "base": (0, False),
    "system_positive": (1, False),
    "system_negative": (-1, False),
    "user_positive": (1, True),
    "user_negative": (-1, True),
}
"""Sign of the persona in each variant, and whether it stands in the user turn."""


def length(layer: int) -> float:
    """Return the length of the raw steering vector read at the output of `layer`."""
    return sum(share for written, share in WRITES.items() if written <= layer)


def propensity(trait: Trait, layer: int, multiplier: float) -> float:
    """Return by how many logits per unit of gain a multiplier on the raw vector moves an item."""
    if not trait.read:
        return 0.0
    amount = length(layer) * multiplier
    if trait.cap is not None:
        amount = max(-trait.cap, min(trait.cap, amount))
    return STRENGTH * amount * sum(weight for reader, weight in READS.items() if reader > layer)


def layer_slope(trait: Trait, layer: int) -> float:
    """Return the least-squares slope of `propensity` over `MULTIPLIERS`, logits per multiplier."""
    moved = sum(m * propensity(trait, layer, m) for m in MULTIPLIERS)
    return moved / sum(m * m for m in MULTIPLIERS)


def gain(trait: Trait, item: Item, in_user: bool = False) -> float:
    """Return an item's effective gain: adverb and topic, then the letter's and Yes's part."""
    asked = item.question
    own = trait.gains[ADVERBS.index(asked.adverb)] + TOPICS[asked.split][asked.topic]
    own *= trait.abroad if in_user else 1.0
    return own + trait.letter * item.order + trait.yes * FRAMES[asked.frame]


def slope(trait: Trait, item: Item, layer: int, in_user: bool = False) -> float:
    """Return an item's slope in logits per multiplier of the raw vector of `layer`."""
    return layer_slope(trait, layer) * gain(trait, item, in_user)


def unsteered(trait: Trait, item: Item, persona: int = 0) -> float:
    """Return an item's unsteered logit difference; `persona` is +1, -1 or 0 for none."""
    return trait.base + PERSONA_SHIFT * persona + ORDER_SHIFT * item.order


def best_layer(trait: Trait) -> int | None:
    """Return the layer with the largest mean slope, or None where nothing can be steered."""
    if not trait.read:
        return None
    return max(range(LAYERS), key=lambda layer: layer_slope(trait, layer))


def _share(values: list[float], sides: list[int]) -> float | None:
    """Return the share of the variance of `values` that their +1/-1 side explains."""
    total = pvariance(values)
    if total == 0:
        return None
    means = [fmean(v for v, s in zip(values, sides, strict=True) if s == side) for side in (1, -1)]
    return ((means[0] - means[1]) / 2) ** 2 / total


def _mean_slope(trait: Trait, layer: int, variant: str = "base") -> Planted:
    test, in_user = items(trait.name, "test"), VARIANTS[variant][1]
    mean = fmean(slope(trait, item, layer, in_user) for item in test)
    return Planted(quantity="mean_slope", variant=variant, layer=layer, value=mean)


def _anti_steerable(trait: Trait, layer: int, variant: str) -> Planted:
    test, in_user = items(trait.name, "test"), VARIANTS[variant][1]
    value = fmean(slope(trait, item, layer, in_user) < 0 for item in test)
    return Planted(quantity="anti_steerable_fraction", variant=variant, layer=layer, value=value)


def _baseline(trait: Trait, variant: str) -> Planted:
    test, persona = items(trait.name, "test"), VARIANTS[variant][0]
    value = fmean(unsteered(trait, item, persona) for item in test)
    return Planted(quantity="baseline_mean", variant=variant, value=value)


def _shares(trait: Trait, layer: int) -> list[Planted]:
    test = items(trait.name, "test")
    slopes = [slope(trait, item, layer) for item in test]
    letter = _share(slopes, [item.order for item in test])
    answer = _share(slopes, [FRAMES[item.question.frame] for item in test])
    return [
        Planted(quantity="letter_share", layer=layer, value=letter),
        Planted(quantity="yes_no_share", layer=layer, value=answer),
    ]


def truth(concept: str) -> list[Planted]:
    """Return the planted rows of a reference concept over its test items (KeyError if unknown)."""
    trait = TRAITS[concept]
    best = best_layer(trait)
    layer = NOMINAL_LAYER if best is None else best
    return [
        Planted(quantity="best_layer", value=best),
        *(_mean_slope(trait, other) for other in range(LAYERS)),
        *(_mean_slope(trait, layer, variant) for variant in list(VARIANTS)[1:]),
        *(_anti_steerable(trait, layer, variant) for variant in VARIANTS),
        *_shares(trait, layer),
        *(_baseline(trait, variant) for variant in VARIANTS),
    ]
