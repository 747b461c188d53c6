"""Steering vectors from an effect approximator y = xM + b, as pure functions.

x is a row vector [d_model], M [d_model, d_sae]: column j of M is the direction that moves feature j
most, and Mb the direction that moves features the way every vector does, by its mere length. All
numbers are float64. Where the paper and its code differ the code is followed, as its repository
(slavachalnev/SAE-TS, read under its earlier name steering_research and in two copies) has it.
"""

from __future__ import annotations

import numpy as np

FGAA_POSITIVE, FGAA_NEGATIVE = 8, 0
"""Features that `fgaa` keeps by default of those more, and of those less, active on the positive
texts."""
FGAA_DENSITY = 0.01
"""Features active on a larger share of tokens are no sign of any concept."""


def unit(vector: np.ndarray) -> np.ndarray:
    """Return a vector at length 1; one of length 0 stays."""
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def bias_direction(weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return Mb at length 1, [d_model]; zeros where there is no bias to speak of."""
    return unit(weights @ bias)


def sae_ts(
    weights: np.ndarray, bias: np.ndarray, target: np.ndarray, bias_weight: float = 1.0
) -> np.ndarray:
    """Return Mt/|Mt| - bias_weight * Mb/|Mb| at length 1, [d_model].

    `target` t [d_sae] is sparse: for one feature j it is 1 there, and Mt is column j. Source:
    Chalnev et al. 2024, section 4; the code's `single_step_steer`.
    """
    return unit(unit(weights @ target) - bias_weight * bias_direction(weights, bias))


def sae_ts_pinv(weights: np.ndarray, bias: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return (t/|t| - b) M⁺, [d_model]: the shortest x whose effect is nearest to the target.

    M⁺ is the pseudo-inverse. Not brought to length 1, as in the code. Source: Chalnev et al. 2024,
    appendix; the code's `pinverse_steer`.
    """
    found: np.ndarray = np.linalg.lstsq(weights.T, unit(target) - bias, rcond=None)[0]
    return found


def rotation(weights: np.ndarray, decoder: np.ndarray) -> np.ndarray:
    """Return the orthogonal R [d_model, d_model] that takes decoder rows nearest to columns of M.

    `decoder` [d_sae, d_model]. Least sum over features of |d_j R - m_j|² with both at length 1:
    orthogonal Procrustes (Schönemann 1966), R = UVᵀ of the singular value decomposition of
    W_decᵀMᵀ, the transpose of the paper's M W_dec.
    """
    columns = weights / _lengths(weights, 0)
    rows = decoder / _lengths(decoder, 1)
    left, _, right = np.linalg.svd((columns @ rows).T)
    found: np.ndarray = left @ right
    return found


def sae_ts_rotation(
    weights: np.ndarray,
    bias: np.ndarray,
    decoder: np.ndarray,
    target: np.ndarray,
    bias_weight: float = 1.0,
) -> np.ndarray:
    """Return the target's decoder rows, rotated, less bias_weight * Mb/|Mb|, at length 1.

    Source: Chalnev et al. 2024, appendix; the code's `load_rotation_steer`, which stores R
    transposed.
    """
    turned = unit(target @ decoder) @ rotation(weights, decoder)
    return unit(unit(turned) - bias_weight * bias_direction(weights, bias))


def fgaa_target(
    difference: np.ndarray,
    density: np.ndarray,
    bos_features: np.ndarray,
    n_positive: int = FGAA_POSITIVE,
    n_negative: int = FGAA_NEGATIVE,
    max_density: float = FGAA_DENSITY,
) -> np.ndarray:
    """Return the target t [d_sae] of feature guided activation additions; its sizes add up to 1.

    `difference` [d_sae]: mean features on positive minus on negative texts; `density` [d_sae]:
    share of tokens on which each is active; `bos_features`: indices of those that mark the
    beginning of a text. Dense ones and these are left out, then the `n_positive` largest and the
    `n_negative` smallest differences of the right sign are kept. All zero where nothing is left.
    Source: Soo et al. 2025, arXiv 2501.09929, section 3.
    """
    kept = np.where(density > max_density, 0.0, difference)
    kept[bos_features] = 0.0
    found = np.zeros_like(kept)
    for sign, most in ((1.0, n_positive), (-1.0, n_negative)):
        best = np.argsort(-sign * kept, kind="stable")[:most]
        best = best[sign * kept[best] > 0]
        found[best] = kept[best]
    size = float(np.abs(found).sum())
    return found / size if size else found


def fgaa(weights: np.ndarray, bias: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return Mt/|Mt| - Mb/|Mb|, [d_model], not at length 1: feature guided activation additions.

    `target` is that of `fgaa_target`. Source: Soo et al. 2025, section 3, v_opt.
    """
    found: np.ndarray = unit(weights @ target) - bias_direction(weights, bias)
    return found


def _lengths(matrix: np.ndarray, axis: int) -> np.ndarray:
    """Return the lengths along an axis, 1 in the place of 0, ready to divide by."""
    found = np.linalg.norm(matrix, axis=axis, keepdims=True)
    kept: np.ndarray = np.where(found > 0, found, 1.0)
    return kept
