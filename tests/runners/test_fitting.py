"""Vectors, norms and nulls on the model whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from runners.campaign.bench import Bench
from runners.engine.reference import measure
from runners.fitting import vectors
from runners.fitting.derived import Draw
from runners.fitting.fitter import Fitter
from specs.catalog import Catalog
from specs.faults import Refused
from specs.schema import Method
from tests.runners.planted import cosine

LAYER = 3


@pytest.fixture
def method(catalog: Catalog) -> Method:
    return catalog.get("methods", "mean_difference")


def test_mean_difference_is_the_mean_over_training_items(fitter: Fitter, method: Method) -> None:
    vector = fitter.vector(method, "base", None, 0)
    positive, negative = fitter.training("base").layer(LAYER)
    by_hand = (positive - negative).mean(0)
    assert np.allclose(vector.directions[LAYER].numpy(), by_hand, atol=1e-5)
    assert vector.norm == "base"
    assert vector.norm_vector_id is None
    assert vector.fits[0].n_items == 48


def test_a_vector_raises_the_positive_completion(fitter: Fitter, method: Method) -> None:
    """Sign, position and layer at once: planted slopes 1.5 to 4.5, mean 2.99, at layer 3."""
    vector = fitter.vector(method, "base", None, 0)
    bench = fitter.bench
    items = [bench.tokenised("base").fit[i] for i in bench.item_ids("test")][:4]
    for item in items:
        plain = measure(bench.loaded, item, "answer").logit_diff
        steered = measure(bench.loaded, item, "answer", LAYER, vector.directions[LAYER]).logit_diff
        assert 1 < steered - plain < 6


def test_degenerate_layers_are_marked_and_not_scaled(fitter: Fitter, method: Method) -> None:
    vector = fitter.vector(method, "base", None, 0)
    assert [vector.degenerate(layer) for layer in range(6)] == [True, True] + [False] * 4


def test_norm_base_gives_other_fits_the_base_length(fitter: Fitter, method: Method) -> None:
    base = fitter.vector(method, "base", None, 0)
    other = fitter.vector(method, "user_positive", None, 0)
    assert other.norm_vector_id == base.vector_id
    assert other.vector_id != base.vector_id
    for layer in (2, 3, 4):
        assert np.isclose(
            float(other.directions[layer].norm()), float(base.directions[layer].norm()), rtol=1e-5
        )


def test_norm_unit_and_raw(fitter: Fitter, method: Method) -> None:
    unit = fitter.vector(method, "base", "unit", 0)
    raw = fitter.vector(method, "base", "raw", 0)
    assert np.isclose(float(unit.directions[LAYER].norm()), 1)
    assert np.isclose(float(raw.directions[LAYER].norm()), unit.raw_length[LAYER])
    assert len({unit.vector_id, raw.vector_id}) == 2


def test_a_saved_vector_is_read_back_to_the_bit(
    fitter: Fitter, method: Method, kind: Bench, tmp_path: Path
) -> None:
    first = fitter.vector(method, "base", None, 0)
    again = Fitter(kind, tmp_path, {}, 8192)
    second = again.vector(method, "base", None, 0)
    assert again.n_fitted == 0
    assert second.vector_id == first.vector_id
    assert all(torch.equal(second.directions[k], first.directions[k]) for k in first.directions)
    assert second.geometry == first.geometry
    assert second.fits == first.fits


def test_a_vector_file_says_what_it_is_and_where_it_does_not_fit(
    fitter: Fitter, method: Method, tmp_path: Path
) -> None:
    from safetensors import safe_open

    vector = fitter.vector(method, "base", None, 0)
    path = vectors.path_of(tmp_path, vector.vector_id)
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
    assert {"format", "hook", "sign", "operator", "vector", "scope", "norm", "model_id"} <= set(
        header
    )
    assert header["layers"] == "0,1,2,3,4,5"
    assert header["operator"].startswith("any")  # a run applies it
    assert header["dataset_ids"] == fitter.bench.dataset.dataset_id
    with pytest.raises(Refused, match=r"model_id is .* expected 'another'"):
        vectors.load(tmp_path, vector.vector_id, "another", 128)
    with pytest.raises(Refused, match="width is"):
        vectors.load(tmp_path, vector.vector_id, vector.model_id, 64)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(Refused, match="not a readable vector file"):
        vectors.load(tmp_path, vector.vector_id, vector.model_id, 128)


def test_a_vector_of_another_tokenizer_is_refused(
    kind: Bench, method: Method, tmp_path: Path
) -> None:
    """Weights and width may agree where the tokens do not: the file says what it was fitted with."""
    from runners.campaign.prepare import _provenance

    provenance = _provenance(kind.loaded)
    assert len(provenance["model.tokenizer_sha256"]) == 64
    Fitter(kind, tmp_path, provenance, 8192).vector(method, "base", None, 0)
    again = Fitter(kind, tmp_path, provenance, 8192)
    again.vector(method, "base", None, 0)
    assert again.n_fitted == 0
    for key in ("model.tokenizer_sha256", "model.chat_template_sha256"):
        other = Fitter(kind, tmp_path, {**provenance, key: "other"}, 8192)
        with pytest.raises(Refused, match=f"{key} is .* expected 'other'"):
            other.vector(method, "base", None, 0)


def test_padding_does_not_change_what_a_tokenizer_is(kind: Bench) -> None:
    from runners.prompts.encoding import tokenizer_sha256

    tokenizer = kind.loaded.tokenizer
    before = tokenizer_sha256(tokenizer)
    tokenizer(["a", "b c"], padding=True, truncation=True, max_length=4)
    assert tokenizer_sha256(tokenizer) == before


def test_random_nulls_have_the_fitted_length_and_no_direction(
    fitter: Fitter, method: Method
) -> None:
    parent = fitter.vector(method, "base", None, 0)
    nulls = fitter.derived(parent, [Draw("random", LAYER, 0, k) for k in range(20)])
    length = float(parent.directions[LAYER].norm())
    assert all(np.isclose(float(n.directions[LAYER].norm()), length, rtol=1e-5) for n in nulls)
    cosines = [cosine(n.directions[LAYER], parent.directions[LAYER]) for n in nulls]
    assert abs(np.mean(cosines)) < 3 / np.sqrt(20 * 128)
    assert len({n.vector_id for n in nulls}) == 20
    assert {n.role for n in nulls} == {"null"}


def test_label_shuffles_get_the_factor_and_never_the_length(fitter: Fitter, method: Method) -> None:
    """A shuffle scaled up to the fitted length would be plus or minus the vector: no null."""
    parent = fitter.vector(method, "base", "unit", 0)
    nulls = fitter.derived(parent, [Draw("label_shuffled", LAYER, 0, k) for k in range(20)])
    lengths = [float(n.directions[LAYER].norm()) for n in nulls]
    assert max(lengths) < 0.9
    assert all(n.factor[LAYER] == parent.factor[LAYER] for n in nulls)
    projections = [float(n.directions[LAYER] @ parent.directions[LAYER]) for n in nulls]
    questions = parent.fits[0].n_questions
    assert np.isclose(np.std(projections), 1 / np.sqrt(questions), rtol=0.5)


def test_labels_are_shuffled_by_question(fitter: Fitter, method: Method) -> None:
    from runners.methods.label_shuffled import label_shuffled
    from runners.methods.pairs import Pairs

    pairs = Pairs.of(np.eye(4), np.zeros((4, 4)), np.array([1, -1, 1, -1]))
    shuffled = [label_shuffled(pairs, ["a", "a", "b", "b"], 0, number) for number in range(20)]
    signs = [np.diag(one.positive - one.negative) for one in shuffled]
    assert {(one[0] == one[1], one[2] == one[3]) for one in signs} == {(True, True)}
    assert len({tuple(one) for one in signs}) > 2
    for one, sign in zip(shuffled, signs, strict=True):
        assert (one.order == sign * pairs.order).all()


def test_nulls_are_not_methods_of_their_own(fitter: Fitter, catalog: Catalog) -> None:
    with pytest.raises(Refused, match="nulls"):
        fitter.vector(catalog.get("methods", "random"), "base", None, 0)


def test_resamples_vary_as_the_bootstrap_says(fitter: Fitter, method: Method) -> None:
    """Over draws of questions the mean keeps its place, with the variance of a mean of questions."""
    parent = fitter.vector(method, "base", "raw", 0)
    draws = [Draw("resample", LAYER, 0, k) for k in range(200)]
    found = fitter.derived(parent, draws)
    assert {v.role for v in found} == {"resample"}
    assert {v.method for v in found} == {"mean_difference"}
    assert {v.parent_vector_id for v in found} == {parent.vector_id}
    assert len({v.vector_id for v in found} | {parent.vector_id}) == 201
    drawn = np.stack([v.directions[LAYER].numpy() for v in found]).astype(float)
    training = fitter.training("base")
    positive, negative = training.layer(LAYER)
    differences = (positive - negative).astype(float)
    names = sorted(set(training.questions))
    of_question = [[q == name for q in training.questions] for name in names]
    means = np.stack([differences[rows].mean(0) for rows in of_question])
    expected = means.var(0).sum() / len(names)
    assert np.isclose(drawn.var(0).sum(), expected, rtol=0.15)
    assert np.allclose(drawn.mean(0), means.mean(0), atol=4 * np.sqrt(expected / 200))


def test_resamples_do_not_depend_on_the_order_of_items() -> None:
    from runners.fitting.draws import resampled_rows

    questions = ["a", "a", "b", "c", "c", "d"]
    rows = resampled_rows(questions, 0, 3)
    backwards = resampled_rows(questions[::-1], 0, 3)
    assert sorted(questions[i] for i in rows) == sorted(questions[::-1][i] for i in backwards)
    assert list(resampled_rows(questions, 0, 4)) != list(rows)
