"""Geometry against independent definitions (scipy's), and against planted truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist, pdist

from runners.fitting.geometry import geometry
from runners.methods.mean_difference import mean_difference


def around_the_mean(positive: np.ndarray, negative: np.ndarray) -> dict[str, float]:
    return geometry(positive, negative, mean_difference(positive, negative))


def sample(n: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shift = rng.standard_normal(width)
    negative = rng.standard_normal((n, width)).astype(np.float32)
    return (rng.standard_normal((n, width)) + shift).astype(np.float32), negative


@pytest.mark.parametrize(("n", "width"), [(40, 12), (12, 40)])
@pytest.mark.parametrize("own", [False, True], ids=["mean difference", "another vector"])
def test_geometry_equals_independent_definitions(n: int, width: int, own: bool) -> None:
    positive, negative = sample(n, width)
    d = positive.astype(float) - negative.astype(float)
    v = np.random.default_rng(1).standard_normal(width) if own else d.mean(0)
    found = geometry(positive, negative, v)
    assert np.isclose(found["mean_cosine"], 1 - cdist(d, v[None], "cosine").mean())
    assert np.isclose(found["mean_pairwise_cosine"], 1 - pdist(d, "cosine").mean())
    p, q = positive @ v, negative @ v
    spread = np.sqrt((p.var() + q.var()) / 2)
    assert np.isclose(found["d_prime"], (p.mean() - q.mean()) / spread)
    assert np.isclose(found["auroc"], stats.mannwhitneyu(p, q).statistic / n**2)
    edges = np.linspace(min(p.min(), q.min()), max(p.max(), q.max()), 51)
    heights = [np.histogram(side, edges)[0] / n for side in (p, q)]
    assert np.isclose(found["overlap"], np.minimum(*heights).sum())
    shares = np.linalg.svd(d, compute_uv=False) ** 2
    assert np.isclose(found["effective_rank"], np.exp(stats.entropy(shares)))


def test_d_prime_is_that_of_braun_et_al_on_their_projection() -> None:
    """kappa puts the class means at 1 and -1; d' does not depend on where and how long a line is."""
    positive, negative = sample(60, 8)
    found = around_the_mean(positive, negative)
    m_p, m_n = positive.mean(0, dtype=float), negative.mean(0, dtype=float)
    s, middle = m_p - m_n, (m_p + m_n) / 2
    p, q = (2 * (side - middle) @ s / (s @ s) for side in (positive, negative))
    assert np.allclose((p.mean(), q.mean()), (1, -1), atol=1e-6)
    assert np.isclose(found["d_prime"], 2 / np.sqrt((p.var() + q.var()) / 2))


def test_a_planted_geometry_is_found() -> None:
    """Differences c u + e with isotropic e of length s: their cosines are known."""
    rng, n, width, c, s = np.random.default_rng(3), 1000, 400, 3.0, 4.0
    u = np.zeros(width)
    u[0] = 1
    differences = c * u + rng.standard_normal((n, width)) * s / np.sqrt(width)
    found = around_the_mean(differences, np.zeros_like(differences))
    assert np.isclose(found["mean_pairwise_cosine"], c**2 / (c**2 + s**2), rtol=0.02)
    assert np.isclose(found["mean_cosine"], c / np.hypot(c, s), rtol=0.02)


def test_effective_rank_of_planted_spectra() -> None:
    flat = np.diag([2.0, 2, 2, 2, 0, 0])
    assert np.isclose(around_the_mean(flat[:4], np.zeros((4, 6)))["effective_rank"], 4)
    line = np.outer([1.0, 2, 3], [1, 0, 2])
    assert np.isclose(around_the_mean(line, np.zeros((3, 3)))["effective_rank"], 1)


def test_ties_count_half() -> None:
    ones = np.ones((5, 3), np.float32)
    mixed = np.concatenate([ones[:2], 2 * ones[:3]])
    found = around_the_mean(mixed + 0.5, mixed)
    p, n = (mixed + 0.5).sum(1), mixed.sum(1)
    expected = stats.mannwhitneyu(p, n).statistic / 25
    assert np.isclose(found["auroc"], expected)


def test_no_length_has_no_geometry() -> None:
    same = np.ones((4, 3), np.float32)
    assert around_the_mean(same, same) == {}
