"""Random draws keyed by what they are for, never by the order in which they are made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from specs.identity import canonical_json, sha256


def generator(purpose: str, **key: int | str | None) -> np.random.Generator:
    """Return a counter-based generator for one purpose and key, the same on every machine."""
    digest = sha256(canonical_json({"purpose": purpose, **key}))
    return np.random.Generator(np.random.Philox(key=int(digest[:32], 16)))


def gaussian_direction(
    seed: int, resample: int, layer: int, parent: str, d_model: int
) -> np.ndarray:
    """Return a direction uniform on the sphere, float64 [d_model], length 1.

    `parent` is the vector_id that it is a null of: nulls of several concepts are independent draws,
    as a family of verdicts takes them to be (Benjamini and Hochberg 1995).
    """
    rng = generator("random", seed=seed, resample=resample, layer=layer, parent=parent)
    direction: np.ndarray = rng.standard_normal(d_model)
    direction /= np.linalg.norm(direction)
    return direction


def label_signs(seed: int, resample: int, question_ids: Sequence[str]) -> np.ndarray:
    """Return +1 or −1 for each question, float64 [questions], by a fair coin of its own."""
    digests = (
        sha256(canonical_json(["label", seed, resample, question])) for question in question_ids
    )
    return np.array([1.0 if int(digest[0], 16) % 2 else -1.0 for digest in digests])


def resampled_rows(questions: Sequence[str], seed: int, resample: int) -> np.ndarray:
    """Return indices of items after as many questions are drawn with replacement as there are.

    `questions` is the question_id of each item; a question drawn twice brings all of its items
    twice. The draw is keyed by the questions' names, so that the order of items decides nothing.
    """
    names = sorted(set(questions))
    drawn = generator("resample", seed=seed, resample=resample).integers(
        len(names), size=len(names)
    )
    times = dict(zip(names, np.bincount(drawn, minlength=len(names)), strict=True))
    return np.repeat(np.arange(len(questions)), [times[question] for question in questions])
