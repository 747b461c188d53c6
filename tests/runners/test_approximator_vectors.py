"""Vectors from an approximator, by cases that were computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from runners.approximator.vectors import (
    bias_direction,
    fgaa,
    fgaa_target,
    rotation,
    sae_ts,
    sae_ts_pinv,
    sae_ts_rotation,
    unit,
)

M = np.array([[3.0, 0.0], [4.0, 1.0]])
"""[d_model, d_sae]: feature 0 is moved by (3, 4), feature 1 by (0, 1)."""
B = np.array([0.0, 2.0])
"""Mb is (0, 2), and (0, 1) at length 1."""
HALF = np.sqrt(0.5)


@pytest.mark.parametrize(
    ("target", "bias_weight", "expected"),
    [
        ([1, 0], 1.0, [3 / 10**0.5, -1 / 10**0.5]),  # (.6, .8) - (0, 1) = (.6, -.2)
        ([1, 0], 0.5, [2 / 5**0.5, 1 / 5**0.5]),  # (.6, .3)
        ([1, 0], 0.0, [0.6, 0.8]),
        ([7, 0], 1.0, [3 / 10**0.5, -1 / 10**0.5]),  # the size of a target says nothing
        ([1, -4], 1.0, [HALF, -HALF]),  # M t = (3, 0)
    ],
)
def test_sae_ts(target: list[float], bias_weight: float, expected: list[float]) -> None:
    found = sae_ts(M, B, np.array(target, float), bias_weight)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_without_bias_nothing_is_taken_away() -> None:
    zero = np.zeros(2)
    assert bias_direction(M, zero).tolist() == [0, 0]
    np.testing.assert_allclose(sae_ts(M, zero, np.array([1.0, 0.0])), [0.6, 0.8])
    assert unit(zero).tolist() == [0, 0]


def test_sae_ts_pinv() -> None:
    weights = np.array([[2.0, 0, 0], [0, 4.0, 0]])  # its pseudo-inverse: 1/2, 1/4 and a row of 0
    found = sae_ts_pinv(weights, np.array([1.0, 0, 5.0]), np.array([0.0, 3.0, 4.0]))
    np.testing.assert_allclose(found, [-0.5, 0.15])  # (0, .6, .8) - (1, 0, 5) = (-1, .6, -4.2)


def test_sae_ts_pinv_is_by_the_pseudo_inverse() -> None:
    draw = np.random.default_rng(0)
    weights, bias, target = draw.normal(size=(6, 20)), draw.normal(size=20), np.eye(20)[3]
    weights[5] = weights[4]  # not of full rank
    expected = (target - bias) @ np.linalg.pinv(weights)
    np.testing.assert_allclose(sae_ts_pinv(weights, bias, target), expected, atol=1e-10)


QUARTER = np.array([[0.0, -3.0], [2.0, 0.0]])
"""Decoder rows (1, 0) and (0, 1), turned by a quarter to (0, 1) and (-1, 0), at lengths 2 and 3."""


def test_rotation_takes_decoder_rows_to_columns() -> None:
    turn = rotation(QUARTER, np.eye(2))
    np.testing.assert_allclose(turn, [[0, 1], [-1, 0]], atol=1e-12)
    target = np.array([1.0, 0.0])
    found = sae_ts_rotation(QUARTER, np.zeros(2), np.eye(2), target)
    np.testing.assert_allclose(found, [0, 1], atol=1e-12)  # and not (0, -1), the other way round


def test_sae_ts_rotation_less_the_bias() -> None:
    bias = np.array([0.0, -1.0])  # Mb = (3, 0)
    found = sae_ts_rotation(QUARTER, bias, np.eye(2), np.array([1.0, 0.0]))
    np.testing.assert_allclose(found, [-HALF, HALF], atol=1e-12)
    plain = sae_ts_rotation(QUARTER, bias, np.eye(2), np.array([1.0, 0.0]), bias_weight=0)
    np.testing.assert_allclose(plain, [0, 1], atol=1e-12)


def test_the_rotation_is_that_of_the_published_code() -> None:
    """Its R is the Procrustes solution from columns to decoder rows, stored, then transposed."""
    draw = np.random.default_rng(1)
    decoder, weights = draw.normal(size=(50, 8)), draw.normal(size=(8, 50))
    columns = weights / np.linalg.norm(weights, axis=0)
    rows = decoder / np.linalg.norm(decoder, axis=1, keepdims=True)
    left, _, right = np.linalg.svd(rows.T @ columns.T)
    theirs = (left @ right).T @ rows[7]
    np.testing.assert_allclose(decoder[7] / np.linalg.norm(decoder[7]) @ rotation(weights, decoder),
                               theirs, atol=1e-12)  # fmt: skip
    np.testing.assert_allclose(rotation(weights, decoder) @ rotation(weights, decoder).T, np.eye(8),
                               atol=1e-12)  # fmt: skip


def test_features_that_nothing_moves_turn_nothing() -> None:
    weights, decoder = np.c_[QUARTER, np.zeros(2)], np.r_[np.eye(2), np.zeros((1, 2))]
    np.testing.assert_allclose(rotation(weights, decoder), rotation(QUARTER, np.eye(2)))


DIFFERENCE = np.array([5.0, 4.0, -3.0, -1.0, 2.0, 0.0])
DENSITY = np.array([0.5, 0.0, 0.01, 0.0, 0.01, 0.0])
"""Feature 0 is dense; 0.01 is just not."""


@pytest.mark.parametrize(
    ("n_positive", "n_negative", "expected"),
    [
        (1, 1, [0, 0, -0.6, 0, 0.4, 0]),
        (1, 0, [0, 0, 0, 0, 1, 0]),
        (9, 9, [0, 0, -3 / 6, -1 / 6, 2 / 6, 0]),
        (0, 0, [0, 0, 0, 0, 0, 0]),
    ],
)
def test_fgaa_target(n_positive: int, n_negative: int, expected: list[float]) -> None:
    found = fgaa_target(DIFFERENCE, DENSITY, np.array([1]), n_positive, n_negative)
    np.testing.assert_allclose(found, expected)
    assert DIFFERENCE[0] == 5  # what was given stays as it was


def test_fgaa_target_by_its_defaults() -> None:
    found = fgaa_target(DIFFERENCE, DENSITY, np.array([], int))
    np.testing.assert_allclose(found, [0, 4 / 6, 0, 0, 2 / 6, 0])


def test_fgaa() -> None:
    target = np.array([1.0, 0.0])
    np.testing.assert_allclose(fgaa(M, B, target), [0.6, -0.2])  # at the length that comes out
