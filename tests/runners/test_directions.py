"""Each way to a direction against another implementation: scikit-learn's, or the closed form."""

from __future__ import annotations

import numpy as np
import pytest

from runners.methods.lat import lat
from runners.methods.lda import lda, ledoit_wolf
from runners.methods.leace import leace
from runners.methods.mean_centred import mean_centred
from runners.methods.mean_difference import mean_difference
from runners.methods.pca import pca
from runners.methods.pca_centered import pca_centered
from tests.runners.planted import cosine

SHAPES = [(12, 40), (40, 12)]
"""Fewer and more items than features: both ways to solve."""


def classes(items: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return two samples with correlated features of unequal scale, in which one is constant."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((width, width)) * np.geomspace(0.1, 10, width)
    found = rng.standard_normal((2, items, width)) @ mixing + 3
    found[0] += rng.standard_normal(width)
    found[:, :, 5] = 256.0
    return found[0].astype(np.float32), found[1].astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "how", [{}, {"standardise": True}, {"shrinkage": 0.05}, {"shrinkage": 1.0}]
)
def test_lda_is_that_of_scikit_learn(shape: tuple[int, int], how: dict[str, float]) -> None:
    from sklearn.covariance import LedoitWolf
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis as Discriminant

    positive, negative = classes(*shape)
    theirs = {
        "shrinkage": "auto" if how.get("standardise") else how.get("shrinkage"),
        "covariance_estimator": None if how else LedoitWolf(),
    }
    rows = np.concatenate([positive, negative]).astype(np.float64)
    model = Discriminant(solver="lsqr", **theirs).fit(rows, np.repeat([1, 0], len(positive)))
    normal = model.coef_[0]
    found = lda(positive, negative, **how)
    assert cosine(found, normal) == pytest.approx(1, abs=1e-9)
    apart = mean_difference(positive, negative)
    assert np.linalg.norm(found) == pytest.approx(apart @ normal / np.linalg.norm(normal))
    if how.get("shrinkage") == 1:
        assert found == pytest.approx(apart)
    else:
        assert cosine(found, apart) < 0.99


@pytest.mark.parametrize("shape", [*SHAPES, (1, 7), (400, 3)])
def test_the_estimated_shrinkage_is_that_of_scikit_learn(shape: tuple[int, int]) -> None:
    from sklearn.covariance import ledoit_wolf as theirs

    rows = np.random.default_rng(3).standard_normal(shape) * np.arange(1, shape[1] + 1)
    rows -= rows.mean(0)
    if len(rows) > 1:
        assert ledoit_wolf(rows) == pytest.approx(theirs(rows, assume_centered=True)[1])
    else:
        assert ledoit_wolf(rows) == 0


def test_lda_of_one_item_is_its_difference_and_of_two_what_they_share_of_it() -> None:
    positive, negative = classes(1, 20)
    assert lda(positive, negative) == pytest.approx(mean_difference(positive, negative))
    two = np.array([[3.0, 1, 0], [3, -1, 0]]), np.array([[1.0, 0, 2], [1, 1, 2]])
    assert ledoit_wolf(two[0] - two[0].mean(0)) == 0
    assert cosine(lda(*two), np.array([2, 0, -2])) == pytest.approx(1, abs=1e-6)


def test_lda_turns_with_the_activations_unless_features_are_standardised() -> None:
    positive, negative = classes(12, 40)
    turn = np.linalg.qr(np.random.default_rng(4).standard_normal((40, 40)))[0]
    for how, turns in (({}, True), ({"standardise": True}, False)):
        turned = lda(positive @ turn, negative @ turn, **how)
        assert (cosine(turned, lda(positive, negative, **how) @ turn) > 1 - 1e-5) == turns


def closed_form(rows: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return LEACE as it is written: rows after it, the range of what it takes, what it reads."""
    centred = rows - rows.mean(0)
    values, axes = np.linalg.eigh(centred.T @ centred / len(rows))
    kept = values > values.max() * np.finfo(np.float32).eps * max(rows.shape)
    half = np.where(kept, np.sqrt(values.clip(min=0)), 0)
    whiten = (axes[:, kept] / half[kept]) @ axes[:, kept].T
    back = (axes[:, kept] * half[kept]) @ axes[:, kept].T
    crossed = centred.T @ (labels - labels.mean()) / len(rows)
    projected = whiten @ crossed
    taken = back @ np.outer(projected, projected) / (projected @ projected) @ whiten
    left, _, right = np.linalg.svd(taken)
    return rows - centred @ taken.T, left[:, 0], right[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_leace_is_its_closed_form(shape: tuple[int, int]) -> None:
    positive, negative = classes(*shape)
    rows = np.concatenate([positive, negative]).astype(np.float64)
    labels = np.repeat([1.0, 0.0], len(positive))
    after, erased, read = closed_form(rows, labels)
    n = len(positive)
    assert after[:n].mean(0) == pytest.approx(after[n:].mean(0), abs=1e-4)
    found = {which: leace(positive, negative, direction=which) for which in ("erased", "read")}
    assert abs(cosine(found["erased"], erased)) == pytest.approx(1, abs=1e-4)
    assert found["erased"] == pytest.approx(mean_difference(positive, negative))
    assert abs(cosine(found["read"], read)) == pytest.approx(1, abs=1e-6)
    assert cosine(found["read"], found["erased"]) > 0


def ablated(rows: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Return rows without their part along a vector: the operator ablate."""
    unit = vector / np.linalg.norm(vector)
    return rows - np.outer(rows @ unit, unit)


def test_ablating_what_leace_erases_blinds_every_linear_classifier_and_what_it_reads_does_not() -> (
    None
):
    from sklearn.linear_model import LogisticRegression

    positive, negative = (rows.astype(np.float64) / 10 for rows in classes(60, 8))
    labels = np.repeat([1, 0], 60)
    weights = {}
    for which in ("erased", "read"):
        vector = leace(positive, negative, direction=which)
        rows = np.concatenate([ablated(positive, vector), ablated(negative, vector)])
        model = LogisticRegression(tol=1e-8, max_iter=5000).fit(rows - rows.mean(0), labels)
        weights[which] = np.linalg.norm(model.coef_)
    assert weights["erased"] < 1e-5
    assert weights["read"] > 0.1


def test_what_leace_reads_is_fishers_direction_without_shrinkage() -> None:
    positive, negative = classes(40, 12)
    read = leace(positive, negative, direction="read")
    assert cosine(read, lda(positive, negative, shrinkage=1e-12)) == pytest.approx(1, abs=1e-4)
    assert cosine(read, lda(positive, negative, shrinkage=0.5)) < 0.95


@pytest.mark.parametrize("shape", SHAPES)
def test_pca_centered_is_that_of_scikit_learn(shape: tuple[int, int]) -> None:
    from sklearn.decomposition import PCA

    positive, negative = classes(*shape)
    for of, rows in (
        ("differences", positive - negative),
        ("activations", np.concatenate([positive, negative])),
    ):
        axis = PCA(1, svd_solver="full").fit(rows.astype(np.float64)).components_[0]
        found = pca_centered(positive, negative, of=of)
        assert found == pytest.approx(axis * (axis @ mean_difference(positive, negative)), abs=1e-3)
        assert pca_centered(negative, positive, of=of) == pytest.approx(-found)


def test_pairs_in_random_order_keep_what_centring_takes_away() -> None:
    """A difference that all pairs share, beside noise that is shorter but varies."""
    rng = np.random.default_rng(5)
    negative = rng.standard_normal((50, 30))
    positive = negative + 5 * np.eye(30)[0] + 0.5 * rng.standard_normal((50, 30))
    truth = np.eye(30)[0]
    assert cosine(pca(positive, negative), truth) > 0.99
    for seed in (0, 1):
        shuffled = pca_centered(positive, negative, of="shuffled", seed=seed)
        assert cosine(shuffled, truth) > 0.99
    assert abs(cosine(pca_centered(positive, negative), truth)) < 0.5


def test_lat_finds_the_concept_where_it_varies_most_and_nothing_of_it_elsewhere() -> None:
    rng = np.random.default_rng(6)
    truth, other = np.eye(30)[0], np.eye(30)[1]
    for length, topic, found_as in ((6.0, 0.5, truth), (1.0, 6.0, other)):
        prompts = rng.standard_normal((80, 30)) + topic * np.outer(rng.standard_normal(80), other)
        positive, negative = (
            prompts + sign * length / 2 * truth + 0.3 * rng.standard_normal((80, 30))
            for sign in (1, -1)
        )
        found = lat(positive, negative)
        assert abs(cosine(found, found_as)) > 0.95
        assert found @ mean_difference(positive, negative) > 0
        # Twice the covariance of all activations, but for chance.
        assert abs(cosine(found, pca_centered(positive, negative, of="activations"))) > 0.95


def test_lat_draws_the_same_pairs_again() -> None:
    positive, negative = classes(12, 40)
    assert (lat(positive, negative) == lat(positive, negative)).all()
    assert abs(cosine(lat(positive, negative, seed=1), lat(positive, negative))) < 0.99999


def test_mean_centred_is_half_the_mean_difference() -> None:
    positive, negative = classes(12, 40)
    centre = np.concatenate([positive, negative]).astype(np.float64).mean(0)
    found = mean_centred(positive, negative)
    assert found == pytest.approx(positive.astype(np.float64).mean(0) - centre)
    assert found == pytest.approx(mean_difference(positive, negative) / 2)
