"""How often intervals of behaviour x coherence cover the truth: python -m tests.analysis.coverage_scores.

Ratings are drawn on the ten steps of a judge, from curves over multipliers like those of a steering
vector (behaviour rises, coherence falls), or without any effect. The formulas are those of
warehouse/macros/scores.sql and warehouse/views/score_points.sql, which
tests/analysis/test_rollout_scores.py holds equal to numpy's.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

TIMES = 1000


def curves(kind: str, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the true means of behaviour and coherence at m multipliers."""
    x = np.linspace(0, 1, m)
    if kind == "no effect":
        return np.full(m, 0.4), np.full(m, 0.6)
    rare = 0.02 + 0.1 * x if kind == "rare" else 0.05 + 0.7 / (1 + np.exp(-8 * (x - 0.5)))
    return rare, 0.65 - 0.5 * x**2


def ratings(draw: np.random.Generator, mean: np.ndarray, n: int) -> np.ndarray:
    """Return scores [multipliers, n] in ninths; half of a rating's spread is the sample's own."""
    own = draw.normal(0, 0.6, n)
    noise = np.where(draw.random((len(mean), n)) < 0.5, own, draw.normal(0, 0.6, (len(mean), n)))
    uniform = stats.norm.cdf(noise / 0.6)
    # Beta with the mean and a spread as judges have it, by its quantiles, on ten steps.
    found = stats.beta.ppf(uniform, 1.5 * mean[:, None], 1.5 * (1 - mean[:, None]))
    return np.asarray(np.round(found * 9) / 9)


def product(b: np.ndarray, c: np.ndarray) -> tuple[float, float]:
    """Return product of means and its variance by the delta method."""
    cov = np.cov(b, c) / len(b)
    gradient = np.array([c.mean(), b.mean()])
    return float(b.mean() * c.mean()), float(gradient @ cov @ gradient)


def once(draw: np.random.Generator, kind: str, n: int, m: int) -> tuple[list[bool], list[float]]:
    """Return whether the intervals at one multiplier and of the held-out best cover, and errors."""
    true_b, true_c = TRUTH[kind, m]
    mean_b, mean_c = curves(kind, m)
    b, c = ratings(draw, mean_b, n), ratings(draw, mean_c, n)
    truth = true_b * true_c
    value, variance = product(b[m // 2], c[m // 2])
    plain = abs(value - truth[m // 2]) <= stats.t.ppf(0.975, n - 1) * np.sqrt(variance)
    first = np.arange(n) % 2 == 0
    values, variances, wanted = [], [], []
    for half in (first, ~first):
        others = [product(b[k][~half], c[k][~half])[0] for k in range(m)]
        chosen = int(np.argmax(others))
        found = product(b[chosen][half], c[chosen][half])
        values.append(found[0])
        variances.append(found[1])
        wanted.append(truth[chosen])
    error = np.sqrt(1.36 * np.sum(variances)) / 2
    held, target = float(np.mean(values)), float(np.mean(wanted))
    best = max(product(b[k], c[k])[0] for k in range(m))
    covers = abs(held - target) <= stats.t.ppf(0.975, n - 2) * error
    return [bool(plain), bool(covers)], [best - float(truth.max()), held - target]


TRUTH: dict[tuple[str, int], tuple[np.ndarray, np.ndarray]] = {}


def main() -> None:
    print("curves      n   m  covers: product  held-out   bias: in-sample maximum  held-out")
    for kind in ("rise", "rare", "no effect"):
        for n, m in ((16, 5), (64, 5), (64, 16), (256, 16)):
            draw = np.random.default_rng(0)
            many = [ratings(draw, mean, 40000).mean(1) for mean in curves(kind, m)]
            TRUTH[kind, m] = (many[0], many[1])
            found = [once(draw, kind, n, m) for _ in range(TIMES)]
            covered = np.mean([one[0] for one in found], 0)
            bias = np.mean([one[1] for one in found], 0)
            print(f"{kind:10} {n:3} {m:3}  {covered[0]:15.3f}  {covered[1]:8.3f}  {bias[0]:+24.4f}  {bias[1]:+8.4f}")  # fmt: skip


if __name__ == "__main__":
    main()
