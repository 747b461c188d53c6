"""How sure a share is: the jackknife over questions, within questions of one kind.

Questions are drawn, how many of each kind (which letters, Yes or No) is not: so what is left out is
made up for by the others of its kind, and the variance is taken within kinds, sum over kinds of
(n - 1) / n * sum (value - mean)^2 (Shao and Tu 1995, The Jackknife and Bootstrap, section 6.2.2).
It is taken of Fisher's z of a share, on which shares are nearly normal and their spread depends
little on where they lie (Fisher 1921, Metron 1, 3-32).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


_WEIGHT = 10
"""Questions that the prior of the kurtosis is worth: so few say nothing of tails."""
_PRIOR = _WEIGHT * 12.0
"""The prior: the excess kurtosis of squared normal numbers, which a share's influences are like."""


class Sureness(NamedTuple):
    """Standard error and degrees of freedom, arrays (...); NaN for a single question."""

    standard_error: Array
    df: Array


def fisher_z(share: Array) -> Array:
    """Return atanh(sqrt(share)); a share of 1, which has none, counts as 1e-12 less."""
    found: Array = np.arctanh(np.sqrt(np.clip(share, 0.0, 1 - 1e-12)))
    return found


def without_each(sums: Array, kind: npt.NDArray[np.int64]) -> Array:
    """Return the sums over all questions with each left out in turn, [n_questions, ...].

    `sums` [n_questions, ...] are those of each question. The n - 1 others of its kind count
    n / (n - 1) each: every kind weighs what it weighs in the whole.
    """
    kind = _pooled(kind)
    sizes = np.bincount(kind)
    of_kind = np.zeros((len(sizes), *sums.shape[1:]))
    np.add.at(of_kind, kind, sums)
    own = of_kind[kind]
    weight = (sizes / np.maximum(sizes - 1, 1))[kind].reshape(-1, *[1] * (sums.ndim - 1))
    found: Array = of_kind.sum(axis=0) - own + (own - sums) * weight
    return found


def jackknife(left_out: Array, kind: npt.NDArray[np.int64]) -> Sureness:
    """Return how sure a value is, from its values with each question left out, [n_questions, ...].

    `kind` [n_questions] numbers the kinds from 0. The degrees of freedom are the smaller of two:
    Welch's over kinds, and 2 / (the squared coefficient of variation of the variance), which
    falls where few questions carry most of it (their kurtosis enters).
    """
    if len(kind) < 2:
        unknown = np.full(left_out.shape[1:], np.nan)
        return Sureness(unknown, unknown)
    spread, variance, welch = np.zeros_like(left_out), 0.0, 0.0
    kind = _pooled(kind)
    sizes = np.bincount(kind)
    for number, n in enumerate(sizes):
        own = left_out[kind == number]
        spread[kind == number] = own - own.mean(axis=0)
        part = (n - 1) / n * (spread[kind == number] ** 2).sum(axis=0)
        variance, welch = variance + part, welch + part**2 / (n - 1)
    n_questions = len(kind)
    second, fourth = (spread**2).mean(axis=0), (spread**4).mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        excess = (n_questions * np.maximum(fourth / second**2 - 3, 0.0) + _PRIOR) / (
            n_questions + _WEIGHT
        )
        tails = 2 / (2 / (n_questions - len(sizes)) + excess / n_questions)
        df = np.minimum(variance**2 / welch, tails)
    return Sureness(np.sqrt(variance), np.where(variance > 0, np.maximum(df, 1.0), 1.0))


def _pooled(kind: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return kinds of two questions at least: those that occur once join the smallest other."""
    sizes = np.bincount(kind)
    larger = [number for number in np.argsort(sizes, kind="stable") if sizes[number] > 1]
    joined = np.where(sizes[kind] > 1, kind, larger[0] if larger else 0)
    found: npt.NDArray[np.int64] = np.unique(joined, return_inverse=True)[1].reshape(-1)
    return found
