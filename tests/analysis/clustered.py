"""What statsmodels, scipy and numpy say of items that belong to questions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.stats as st
import statsmodels.api as sm
from statsmodels.stats.proportion import proportion_confint


def mean(values: np.ndarray, question: np.ndarray) -> Any:
    """Return the fit of a mean (statsmodels), its errors clustered by question with Student's t."""
    groups = np.unique(question, return_inverse=True)[1]
    return sm.OLS(values, np.ones(values.size)).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": True}, use_t=True
    )


def mean_interval(
    values: np.ndarray, question: np.ndarray, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the interval of `mean`."""
    low, high = mean(values, question).conf_int(1 - confidence)[0]
    return low, high


def icc(hit: np.ndarray, question: np.ndarray) -> float:
    """Return the analysis-of-variance estimator, from the items themselves."""
    names, sizes = np.unique(question, return_counts=True)
    means = np.array([hit[question == name].mean() for name in names])
    n, k = hit.size, names.size
    between = (sizes * (means - hit.mean()) ** 2).sum() / (k - 1)
    within = sum(
        ((hit[question == name] - mean) ** 2).sum() for name, mean in zip(names, means, strict=True)
    ) / (n - k)
    size = (n - (sizes**2).sum() / n) / (k - 1)
    return float((between - within) / (between + (size - 1) * within))


def effective_number(hit: np.ndarray, question: np.ndarray) -> float:
    """Return how many independent items the items are worth (Kish)."""
    sizes = np.unique(question, return_counts=True)[1]
    rho = 1.0 if np.ptp(hit.astype(float)) == 0 else icc(hit.astype(float), question)
    return float(hit.size / (1 + ((sizes**2).sum() / hit.size - 1) * min(1.0, max(0.0, rho))))


def fraction_interval(fraction: float, n: float, questions: int) -> tuple[float, float]:
    """Return Wilson's interval with t for z and half an effective item of continuity correction."""
    alpha = 2 * st.norm.sf(st.t.ppf(0.975, questions - 1))
    ends = np.clip([fraction - 0.5 / n, fraction + 0.5 / n], 0, 1) * n
    low = proportion_confint(ends[0], n, alpha, "wilson")[0] if fraction > 0 else 0.0
    high = proportion_confint(ends[1], n, alpha, "wilson")[1] if fraction < 1 else 1.0
    return low, high


def hits_interval(hit: np.ndarray, question: np.ndarray) -> tuple[float, float]:
    """Return the interval of the fraction of hits, whose unit is the question."""
    n_questions = len(set(question.tolist()))
    return fraction_interval(float(hit.mean()), effective_number(hit, question), n_questions)


def first_half(questions: Iterable[str]) -> set[str]:
    """Return one half for cross-fitting: every second question in the order of hashes."""
    ordered = sorted(questions, key=lambda name: hashlib.md5(name.encode()).hexdigest())
    return set(ordered[::2])
