"""The residual stream before its rotation: named axes, each word's features, unembedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from runners.reference_model.design import ADVERBS, FRAMES, PERSONAS
from runners.reference_model.tokenizer import (
    FILLERS,
    LETTERS,
    OPTIONS,
    TOPIC_WORDS,
    VOCABULARY,
)
from runners.reference_model.traits import TRAITS

if TYPE_CHECKING:
    import torch

Terms = Mapping[str, float]
"""A linear read-out or write: coefficient by axis name; `1` is the constant one."""

WIDTH: Final = 128
CONSTANT: Final = 256.0
"""On axis `one` of every token: it dwarfs all features, so RMSNorm is a fixed factor."""
FEATURES: Final = 15.0
"""Nominal squared length of all other features; ten more or less cost 1e-4 of a read-out."""
UNIT: Final = (WIDTH / (CONSTANT**2 + FEATURES)) ** 0.5
"""What RMSNorm multiplies by; every reader divides by it."""
CERTAIN: Final = 12.0
"""Logit of the tokens that may follow."""
NOISE: Final = tuple(f"noise{n}" for n in range(6))
READ: Final = tuple(name for name, trait in TRAITS.items() if trait.read)

_PLAIN = ("bos", "user", "open", "close", "assistant")
_KINDS = ("opinion", "topic", "frame", "persona", "letter")
_SEEN = ("in_user", "letters", "any_letter", "seen.topic", "seen.frame", "seen.persona")
_MADE = ("first_yes", "is_choice", "abroad_word", "yes_is_A", "abroad", "order", "answer")
AXES: Final = (
    "one",
    *_PLAIN,
    *_KINDS,
    *(f"is_{kind}" for kind in _KINDS),
    *(f"{kind}.{trait}" for kind in ("trait", "seen", "ask", "mark", "p") for trait in TRAITS),
    *(f"{kind}.{trait}" for kind in ("gain", "lever") for trait in READ),
    *(f"{kind}.{adverb}" for kind in ("adverb", "seen") for adverb in ADVERBS),
    *_SEEN,
    *_MADE,
    *(f"{kind}.{noise}" for kind in ("word", "seen", "mark") for noise in NOISE),
)
"""All axes by place; `seen.x` is what attention gathered of x, `mark.x` is x at a letter."""
_INDEX = {name: place for place, name in enumerate(AXES)}


def vector(terms: Terms) -> torch.Tensor:
    """Return float64[WIDTH] with each coefficient on its axis (KeyError for an unknown name)."""
    import torch

    out = torch.zeros(WIDTH, dtype=torch.float64)
    for name, value in terms.items():
        if name == "1":
            out[_INDEX["one"]] += value / CONSTANT
        else:
            out[_INDEX[name]] += value
    return out


def direction(concept: str) -> dict[str, float]:
    """Return the unit direction of a concept: its own axis, or half of it another concept's."""
    shares = TRAITS[concept].shares
    return {f"p.{shares}": 0.5, f"p.{concept}": 0.75**0.5} if shares else {f"p.{concept}": 1.0}


def _features() -> dict[str, dict[str, float]]:
    """Return what each word brings; words that are not named bring nothing."""
    return {
        "<s>": {"bos": 1},
        "<|user|>": {"user": 1},
        "<|assistant|>": {"assistant": 1},
        "(": {"open": 1},
        ")": {"close": 1},
        **{word: {"letter": sign, "is_letter": 1} for word, sign in LETTERS.items()},
        **{word: {"opinion": sign, "is_opinion": 1} for word, sign in OPTIONS.items()},
        **{word: {"topic": add, "is_topic": 1} for word, add in TOPIC_WORDS.items()},
        **{word: {"frame": sign, "is_frame": 1} for word, sign in FRAMES.items()},
        **{word: {"persona": sign, "is_persona": 1} for word, sign in PERSONAS.items()},
        **{word: {f"trait.{word}": 1} for word in TRAITS},
        **{word: {f"adverb.{word}": 1} for word in ADVERBS},
    }


def embedding(generator: torch.Generator) -> torch.Tensor:
    """Return float64[words, WIDTH]: constant, features, and noise on the filler words."""
    import torch

    features = _features()
    table = torch.stack([vector({"one": CONSTANT, **features.get(w, {})}) for w in VOCABULARY])
    for word in FILLERS:
        draws = torch.randn(len(NOISE), generator=generator, dtype=torch.float64).tolist()
        noise = {f"word.{axis}": draw for axis, draw in zip(NOISE, draws, strict=True)}
        table[VOCABULARY.index(word)] += vector(noise)
    return table


def unembedding() -> torch.Tensor:
    """Return float64[words, WIDTH]: what may follow, and the answer's logit split on A and B."""
    import torch

    table = torch.zeros(len(VOCABULARY), WIDTH, dtype=torch.float64)
    follows: dict[str, Terms] = {
        "A": {"open": CERTAIN, "answer": 0.5},
        "B": {"open": CERTAIN, "answer": -0.5},
        "(": {"assistant": CERTAIN},
        ")": {"is_letter": CERTAIN},
        "</s>": {"close": CERTAIN},
    }
    for word, terms in follows.items():
        table[VOCABULARY.index(word)] = vector(terms) / UNIT
    return table
