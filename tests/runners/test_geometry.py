from __future__ import annotations

import numpy as np
from scipy import stats

from runners.geometry import geometry


def test_geometry_equals_slow_definitions() -> None:
    rng = np.random.default_rng(0)
    shift = rng.standard_normal(12)
    negative = rng.standard_normal((40, 12)).astype(np.float32)
    positive = (rng.standard_normal((40, 12)) + shift).astype(np.float32)
    found = geometry(positive, negative)
    d = (positive.astype(float) - negative.astype(float)).tolist()
    d = np.array(d)
    v = d.mean(0)

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    assert np.isclose(found["mean_cosine"], np.mean([cosine(x, v) for x in d]))
    pairs = [cosine(d[i], d[j]) for i in range(40) for j in range(40) if i != j]
    assert np.isclose(found["mean_pairwise_cosine"], np.mean(pairs))
    p, n = positive @ v, negative @ v
    spread = np.sqrt((p.var() + n.var()) / 2)
    assert np.isclose(found["d_prime"], (p.mean() - n.mean()) / spread)
    auroc = stats.mannwhitneyu(p, n).statistic / (40 * 40)
    assert np.isclose(found["auroc"], auroc)
    shares = np.linalg.svd(d, compute_uv=False) ** 2
    shares /= shares.sum()
    assert np.isclose(found["effective_rank"], np.exp(stats.entropy(shares)))
    assert 0 < found["overlap"] < 1


def test_ties_count_half() -> None:
    ones = np.ones((5, 3), np.float32)
    mixed = np.concatenate([ones[:2], 2 * ones[:3]])
    found = geometry(mixed + 0.5, mixed)
    p, n = (mixed + 0.5).sum(1), mixed.sum(1)
    expected = stats.mannwhitneyu(p, n).statistic / 25
    assert np.isclose(found["auroc"], expected)


def test_no_length_has_no_geometry() -> None:
    same = np.ones((4, 3), np.float32)
    assert geometry(same, same) == {}
