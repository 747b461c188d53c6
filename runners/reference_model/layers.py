"""What each of the six layers computes, from words to the logit difference.

`order` is +1 where the positive option is A; `lever` is what steering pulls on, in the sign of A.
"""

from __future__ import annotations

from runners.reference_model.axes import NOISE, READ, Terms, direction
from runners.reference_model.block import Block
from runners.reference_model.design import ADVERBS
from runners.reference_model.traits import (
    LAYERS,
    ORDER_SHIFT,
    PERSONA_SHIFT,
    READS,
    STRENGTH,
    TRAITS,
    WRITES,
)

IS_TRAIT: Terms = {f"trait.{name}": 1 for name in TRAITS}
IS_ADVERB: Terms = {f"adverb.{name}": 1 for name in ADVERBS}


def _read_words(block: Block) -> None:
    """Layer 0, attention: what the prompt says, brought to every later token."""
    block.gather(IS_TRAIT, {f"seen.{name}": {f"trait.{name}": 1} for name in TRAITS})
    block.gather_open(IS_TRAIT, {f"ask.{name}": {f"trait.{name}": 1} for name in TRAITS})
    block.gather(IS_ADVERB, {f"seen.{name}": {f"adverb.{name}": 1} for name in ADVERBS})
    block.gather({"is_topic": 1}, {"seen.topic": {"topic": 1}})
    # a prompt without a frame counts as one that agrees
    block.gather({"is_frame": 1}, {"seen.frame": {"frame": 1, "bos": 1}})
    block.gather({"is_persona": 1}, {"seen.persona": {"persona": 1}})
    block.gather({"user": 1}, {"in_user": {"user": 1}})
    # the mean letter is +1 inside the text of option A, 0 inside that of option B
    block.gather({"is_letter": 1}, {"letters": {"letter": 1}, "any_letter": {"is_letter": 1}})
    block.average({f"seen.{axis}": {f"word.{axis}": 2} for axis in NOISE})


def _combine_words(block: Block) -> None:
    """Layer 0, units: options by place, personas by turn, gains at `(`, concepts at letters."""
    block.multiply({"opinion": 1}, {"letters": 1}, {"first_yes": 1})
    block.multiply({"is_opinion": 1}, {"any_letter": 1}, {"is_choice": 1})
    block.multiply({"is_persona": 1}, {"in_user": 1}, {"abroad_word": 1})
    for name in TRAITS:
        block.multiply({"letter": 1}, {f"seen.{name}": 1}, {f"mark.{name}": 1})
    for name in READ:
        gains = zip(ADVERBS, TRAITS[name].gains, strict=True)
        own: Terms = {"seen.topic": 1, **{f"seen.{adverb}": gain for adverb, gain in gains}}
        block.multiply({f"ask.{name}": 1}, own, {f"gain.{name}": 1})


def _find_order(block: Block) -> None:
    """Layer 1: is Yes the first option, hence is A positive; biases; weaker gains abroad."""
    block.gather({"is_choice": 1}, {"yes_is_A": {"first_yes": 2}})
    block.gather({"is_persona": 1}, {"abroad": {"abroad_word": 1}})
    block.multiply({"yes_is_A": 1}, {"seen.frame": 1}, {"order": 1})
    for name in READ:
        trait = TRAITS[name]
        if trait.abroad != 1:
            change = {f"gain.{name}": trait.abroad - 1}
            block.multiply({"abroad": 1}, {f"gain.{name}": 1}, change)
        if trait.letter or trait.yes:
            bias = {"1": trait.letter, "yes_is_A": trait.yes}
            block.multiply({f"ask.{name}": 1}, bias, {f"lever.{name}": 1})


def _settle(block: Block) -> None:
    """Layer 2: levers and the unsteered answer in the sign of A; noise at letters."""
    for name in READ:
        block.multiply({"order": 1}, {f"gain.{name}": 1}, {f"lever.{name}": 1})
    start = {"seen.persona": PERSONA_SHIFT}
    start |= {f"seen.{name}": trait.base for name, trait in TRAITS.items()}
    block.multiply({"order": 1}, start, {"answer": 1})
    block.multiply({"1": 1}, {"open": ORDER_SHIFT}, {"answer": 1})
    for axis in NOISE:
        block.multiply({"letter": 1}, {f"seen.{axis}": 1}, {f"mark.{axis}": 1})


def _write(block: Block, share: float) -> None:
    """Put the concept's direction at letters, half of it for the positive, minus half else."""
    for name in TRAITS:
        out = {axis: share / 2 * part for axis, part in direction(name).items()}
        block.multiply({"order": 1}, {f"mark.{name}": 1}, out)


def _read(block: Block, weight: float) -> None:
    """Turn what lies along a concept's direction before the answer into answer logits."""
    for name in READ:
        cap, lever, out = TRAITS[name].cap, {f"lever.{name}": 1}, {"answer": STRENGTH * weight}
        if cap is None:
            block.multiply(direction(name), lever, out)
        else:
            block.multiply_capped(direction(name), lever, cap, out)


def blocks() -> list[Block]:
    """Return the six blocks, filled."""
    made = [Block() for _ in range(LAYERS)]
    _read_words(made[0])
    _combine_words(made[0])
    _find_order(made[1])
    _settle(made[2])
    for layer, share in WRITES.items():
        _write(made[layer], share)
    for layer, weight in READS.items():
        _read(made[layer], weight)
    return made
