"""How training differences lie around their vector: columns of `vector_layer`."""

from __future__ import annotations

import numpy as np


def geometry(positive: np.ndarray, negative: np.ndarray, vector: np.ndarray) -> dict[str, float]:
    """Return the geometry of one layer's training activations [items, d_model] around a vector.

    - mean_cosine: mean cosine of the differences to `vector` [d_model], as it was fitted
      ("directional agreement", Braun et al. 2025, arXiv 2505.22637);
    - mean_pairwise_cosine: mean cosine over pairs of different differences;
    - d_prime, auroc, overlap: of the projections on the vector, which for a mean difference is the
      line through the class means (Braun et al.: d' with population deviations averaged as
      variances; overlap of 50-bin histograms);
    - effective_rank: exp of the entropy of the differences' normalised squared singular values
      (Roy & Vetterli 2007, on squared values).

    Where a quantity has no value (no length, one item) it is left out. Costs n · n' · d products
    and the eigenvalues of n' × n' for n items, n' being the smaller of n and d_model.
    """
    differences = positive.astype(np.float64) - negative.astype(np.float64)
    vector = vector.astype(np.float64)
    length = np.linalg.norm(vector)
    lengths = np.linalg.norm(differences, axis=1)
    if length == 0 or (lengths == 0).any():
        return {}
    units = differences / lengths[:, None]
    found = {"mean_cosine": float((units @ (vector / length)).mean())}
    n = len(units)
    if n > 1:
        squared_sum = float((units.sum(0) ** 2).sum())
        found["mean_pairwise_cosine"] = (squared_sum - n) / (n * (n - 1))
    return found | separation(positive @ vector, negative @ vector) | _rank(differences)


def separation(positive: np.ndarray, negative: np.ndarray) -> dict[str, float]:
    """Compare two samples of projections, each [items]."""
    spread = np.sqrt((positive.var() + negative.var()) / 2)
    if not spread > 0:
        return {}
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    auroc = below.mean() / (2 * len(negative))  # ties count half
    bins = np.histogram_bin_edges(np.concatenate([positive, negative]), bins=50)
    heights = [np.histogram(sample, bins)[0] / len(sample) for sample in (positive, negative)]
    return {
        "d_prime": float((positive.mean() - negative.mean()) / spread),
        "auroc": float(auroc),
        "overlap": float(np.minimum(*heights).sum()),
    }


def _rank(differences: np.ndarray) -> dict[str, float]:
    """Return the effective rank by the smaller Gram matrix."""
    tall = len(differences) > differences.shape[1]
    gram = differences.T @ differences if tall else differences @ differences.T
    values = np.linalg.eigvalsh(gram).clip(min=0)
    shares = values[values > 0] / values.sum()
    return {"effective_rank": float(np.exp(-(shares * np.log(shares)).sum()))}
