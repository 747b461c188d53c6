"""Every method against the planted direction of the reference model, with all that rides along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runners.campaign.bench import Bench
from runners.engine.reference import measure
from runners.fitting.derived import Draw
from runners.fitting.fitter import Fitter
from runners.models.load import LoadedModel
from runners.reference_model.axes import direction
from specs.catalog import Catalog
from specs.faults import Refused
from tests.runners.conftest import bench_of
from tests.runners.planted import cosine, planted

LAYER = 3
METHODS = (
    "mean_difference",
    "mean_difference_no_letter",
    "pca_no_letter",
    "logistic_probe",
    "logistic_probe_no_letter",
)
"""Those that find the concept where letters alternate."""


@pytest.fixture(scope="session")
def by_turns(
    reference: LoadedModel, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> Bench:
    return bench_of("kind", reference, catalog, tmp_path_factory.mktemp("alternate", "alternate"))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("concept", ["kind", "loud", "proud"])
def test_the_planted_direction_is_found(
    name: str, concept: str, reference: LoadedModel, catalog: Catalog, tmp_path: Path
) -> None:
    bench = bench_of(concept, reference, catalog, tmp_path)
    found = Fitter(bench, tmp_path, {}, 8192).vector(catalog.get("methods", name), "base", "raw", 0)
    for layer in (2, 3, 4, 5):
        assert cosine(found.directions[layer], planted(direction(concept))) >= 0.95
        assert found.raw_length[layer] == pytest.approx(0.6 if layer == 2 else 1, rel=0.05)


def test_pca_finds_the_letter_where_options_alternate(
    by_turns: Bench, catalog: Catalog, tmp_path: Path
) -> None:
    """Without labels to guide it the longest axis wins: 2 letter + 2 trait at the letter."""
    fitter = Fitter(by_turns, tmp_path, {}, 8192)
    letter = planted({"letter": 2, "mark.kind": 2})
    with_letter = fitter.vector(catalog.get("methods", "pca"), "base", "raw", 0)
    assert abs(cosine(with_letter.directions[LAYER], letter)) >= 0.95
    assert abs(cosine(with_letter.directions[LAYER], planted(direction("kind")))) < 0.3
    # It does not tell the labels apart, and its length says so.
    assert with_letter.raw_length[LAYER] < 0.3
    without = fitter.vector(catalog.get("methods", "pca_no_letter"), "base", "raw", 0)
    assert cosine(without.directions[LAYER], planted(direction("kind"))) >= 0.9
    assert abs(cosine(without.directions[LAYER], letter)) < 0.1


@pytest.mark.parametrize("name", ["mean_difference", "logistic_probe", "pca"])
def test_a_vector_without_the_letter_is_orthogonal_to_its_axis(
    name: str, by_turns: Bench, catalog: Catalog, tmp_path: Path
) -> None:
    from runners.methods.letter import letter_axis

    fitter = Fitter(by_turns, tmp_path, {}, 8192)
    spec = catalog.get("methods", f"{name}_no_letter")
    if name == "logistic_probe":
        spec = spec.model_copy(update={"standardise": True})
    found = fitter.vector(spec, "base", "raw", 0)
    axis = letter_axis(fitter.training("base").pairs(LAYER))
    assert abs(cosine(found.directions[LAYER], axis)) < 1e-6
    plain = fitter.vector(catalog.get("methods", name), "base", "raw", 0)
    assert plain.vector_id != found.vector_id


def test_the_letter_axis_is_the_regression_on_the_order() -> None:
    from runners.methods.letter import letter_axis
    from runners.methods.pairs import Pairs

    rng = np.random.default_rng(0)
    order = np.array([1, 1, 1, -1, 1, -1, -1, 1, 1, 1.0])  # unbalanced
    positive, negative = rng.standard_normal((2, 10, 7))
    design = np.stack([np.ones(10), order], axis=1)
    slope = np.linalg.lstsq(design, positive - negative, rcond=None)[0][1]
    found = letter_axis(Pairs.of(positive, negative, order))
    assert found == pytest.approx(slope / np.linalg.norm(slope))
    assert not letter_axis(Pairs.of(positive, negative, np.ones(10))).any()


def test_pca_equals_the_singular_vectors_both_ways_round() -> None:
    from runners.methods.pca import pca

    for shape in ((12, 40), (40, 12)):
        rng = np.random.default_rng(1)
        positive, negative = rng.standard_normal((2, *shape)) + np.array([1, 0])[:, None, None]
        first = np.linalg.svd(positive - negative)[2][0]
        mean = (positive - negative).mean(0)
        assert pca(positive, negative) == pytest.approx(first * (first @ mean))
        assert pca(negative, positive) == pytest.approx(-pca(positive, negative))


def test_logistic_probe_is_the_minimum_of_its_loss() -> None:
    """The gradient is zero at the normal, by an implementation of its own (scipy's BFGS)."""
    from scipy.optimize import minimize

    from runners.methods.logistic_probe import logistic_probe

    rng = np.random.default_rng(2)
    positive, negative = rng.standard_normal((2, 30, 4)) * np.array([1, 3, 0.2, 1])
    positive += np.array([0.5, 1, 0.1, 0])
    rows = np.concatenate([positive, negative])
    signs = np.repeat([1.0, -1.0], 30)
    for C, standardise in ((1.0, False), (0.05, True)):
        spread = rows.std(0) if standardise else np.ones(4)

        def loss(w: np.ndarray, C: float = C, spread: np.ndarray = spread) -> float:
            margins = signs * (rows / spread @ w[:4] + w[4])
            return float(w[:4] @ w[:4] / 2 + C * np.logaddexp(0, -margins).sum())

        normal = minimize(loss, np.zeros(5), tol=1e-10).x[:4] / spread
        found = logistic_probe(positive, negative, C=C, standardise=standardise)
        assert cosine(found, normal) > 0.99999
        mean = positive.mean(0) - negative.mean(0)
        assert np.linalg.norm(found) == pytest.approx(mean @ normal / np.linalg.norm(normal))


def test_a_probe_that_does_not_converge_is_refused(fitter: Fitter, catalog: Catalog) -> None:
    spec = catalog.get("methods", "logistic_probe").model_copy(update={"max_iterations": 1})
    with pytest.raises(Refused, match="not converged in 1 iterations"):
        fitter.vector(spec, "base", None, 0)


@pytest.mark.parametrize("name", [*METHODS, "pca"])
def test_geometry_norms_and_saved_vectors(
    name: str, fitter: Fitter, catalog: Catalog, kind: Bench, tmp_path: Path
) -> None:
    spec = catalog.get("methods", name)
    base = fitter.vector(catalog.get("methods", "mean_difference"), "base", "base", 0)
    found = fitter.vector(spec, "base", None, 0)
    assert found.norm == "base"
    if name != "pca":  # which has no length to speak of here
        lengths = [float(v.directions[LAYER].norm()) for v in (found, base)]
        assert lengths[0] == pytest.approx(lengths[1], rel=1e-5)
        assert found.geometry[LAYER]["auroc"] == 1
        assert found.geometry[LAYER]["split_half_cosine"] > 0.5
        unit = fitter.vector(spec, "base", "unit", 0)
        assert float(unit.directions[LAYER].norm()) == pytest.approx(1, rel=1e-5)
    assert {"split_half_cosine", "effective_rank"} <= {*found.geometry[LAYER]}
    again = Fitter(kind, tmp_path, {}, 8192)
    assert again.vector(spec, "base", None, 0).geometry == found.geometry
    assert again.n_fitted == 0


def effects(fitter: Fitter, vectors: list[np.ndarray], n_items: int = 4) -> np.ndarray:
    """Return the mean effect of multiplier 1 on some test items, by the reference path."""
    import torch

    bench = fitter.bench
    items = [bench.tokenised("base").fit[i] for i in bench.item_ids("test")][:n_items]
    plain = [measure(bench.loaded, item, "answer").logit_diff for item in items]
    found = []
    for direction_ in vectors:
        steer = torch.as_tensor(direction_)
        steered = [measure(bench.loaded, i, "answer", LAYER, steer).logit_diff for i in items]
        found.append(np.mean(np.subtract(steered, plain)))
    return np.array(found)


@pytest.mark.parametrize("name", METHODS)
def test_nulls_and_resamples_of_every_method(name: str, fitter: Fitter, catalog: Catalog) -> None:
    """Along the planted direction: random sd |v|/sqrt(d), shuffled |v|/sqrt(training questions)."""
    p = planted(direction("kind"))
    parent = fitter.vector(catalog.get("methods", name), "base", None, 0)
    length = float(parent.directions[LAYER].norm())
    drawn = {
        kind: fitter.derived(parent, [Draw(kind, LAYER, 0, number) for number in range(40)])
        for kind in ("random", "label_shuffled", "resample")
    }
    along = {
        kind: np.array([v.directions[LAYER].numpy() @ p for v in vectors])
        for kind, vectors in drawn.items()
    }
    questions = parent.fits[0].n_questions
    assert along["random"].std() == pytest.approx(length / np.sqrt(128), rel=0.35)
    assert along["label_shuffled"].std() == pytest.approx(length / np.sqrt(questions), rel=0.35)
    for kind in ("random", "label_shuffled"):
        assert abs(along[kind].mean()) < 4 * along[kind].std() / np.sqrt(40)
    assert along["resample"].mean() == pytest.approx(length, rel=0.1)
    assert {v.method for v in drawn["resample"]} == {parent.method}
    assert {v.role for v in drawn["label_shuffled"]} == {"null"}
    # Measured: what a null moves is its part along the planted direction, in shares of the whole.
    some = [parent, *drawn["label_shuffled"][:4], *drawn["random"][:4]]
    whole, *measured = effects(fitter, [v.directions[LAYER].numpy() for v in some])
    expected = [*along["label_shuffled"][:4], *along["random"][:4]]
    assert measured == pytest.approx(whole / length * np.array(expected), abs=0.03 * whole)


def test_a_draw_is_refitted_as_the_whole_is(fitter: Fitter, catalog: Catalog) -> None:
    """A resample of pca_no_letter estimates the axis again, on its own rows."""
    from runners.fitting.draws import resampled_rows
    from runners.methods.letter import letter_axis, without
    from runners.methods.pca import pca

    parent = fitter.vector(catalog.get("methods", "pca_no_letter"), "base", "raw", 0)
    (found,) = fitter.derived(parent, [Draw("resample", LAYER, 0, 5)])
    training = fitter.training("base")
    pairs = training.pairs(LAYER).take(resampled_rows(training.questions, 0, 5))
    axis = letter_axis(pairs)
    expected = pca(without(axis, pairs.positive), without(axis, pairs.negative))
    assert found.directions[LAYER].numpy() == pytest.approx(expected, abs=1e-6)


def test_one_order_only_cannot_tell_the_letter(
    reference: LoadedModel, catalog: Catalog, tmp_path: Path
) -> None:
    bench = bench_of("kind", reference, catalog, tmp_path, "source")
    fitter = Fitter(bench, tmp_path, {}, 8192)
    with pytest.raises(Refused, match=r"one place in all training items; set `option_order"):
        fitter.vector(catalog.get("methods", "pca_no_letter"), "base", None, 0)
