"""Random draws keyed by what they are for, never by the order in which they are made (DESIGN 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from specs.identity import canonical_json, sha256


def generator(purpose: str, **key: int | str | None) -> np.random.Generator:
    """Return a counter-based generator for one purpose and key, the same on every machine."""
    digest = sha256(canonical_json({"purpose": purpose, **key}))
    return np.random.Generator(np.random.Philox(key=int(digest[:32], 16)))


def gaussian_direction(seed: int, resample: int, layer: int, d_model: int) -> np.ndarray:
    """Return a direction uniform on the sphere, float64 [d_model], length 1."""
    rng = generator("random", seed=seed, resample=resample, layer=layer)
    direction: np.ndarray = rng.standard_normal(d_model)
    direction /= np.linalg.norm(direction)
    return direction


def label_signs(seed: int, resample: int, question_ids: Sequence[str]) -> np.ndarray:
    """Return +1 or −1 for each question, float64 [questions], by a fair coin of its own."""
    digests = (
        sha256(canonical_json(["label", seed, resample, question])) for question in question_ids
    )
    return np.array([1.0 if int(digest[0], 16) % 2 else -1.0 for digest in digests])
