"""What each further method finds of the planted direction, and what its nulls do.

`python -m tests.runners.method_cosines` prints what is asserted here, for all methods and layers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runners.engine.reference import measure
from runners.fitting.derived import Draw
from runners.fitting.fitter import Fitter
from runners.models.load import LoadedModel
from runners.reference_model.axes import direction
from specs.catalog import Catalog
from specs.faults import Refused
from tests.runners.conftest import bench_of
from tests.runners.method_cosines import Row, benches, rows
from tests.runners.planted import cosine, planted

FIND_IT = (
    "lda",
    "lda_no_letter",
    "leace",
    "leace_read",
    "mean_centred",
    "mean_and_probe",
    "pca_shuffled_no_letter",
)
"""Those that find the concept, whatever the orders of the options."""
FIND_THE_LETTER = ("pca_centered", "pca_shuffled", "lat")
"""Those whose axis is the longest, which is the letter's."""
FIND_NEITHER = ("pca_centered_no_letter", "lat_no_letter")
LAYER = 3


@pytest.fixture(scope="module")
def fitters(
    reference: LoadedModel, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Fitter]:
    home = tmp_path_factory.mktemp("planted")
    made = benches(reference, catalog, home)
    return {orders: Fitter(bench, home / orders, {}, 8192) for orders, bench in made.items()}


@pytest.fixture(scope="module")
def found(fitters: dict[str, Fitter], catalog: Catalog) -> dict[tuple[str, str, int], Row]:
    names = (*FIND_IT, *FIND_THE_LETTER, *FIND_NEITHER)
    made = [
        *rows(fitters, catalog, names, (2,), draws=0),
        *rows(fitters, catalog, names, (LAYER,), draws=40),
    ]
    return {(row.method, row.orders, row.layer): row for row in made}


@pytest.mark.parametrize("orders", ["both", "alternate"])
@pytest.mark.parametrize("name", FIND_IT)
def test_the_planted_direction_is_found(
    name: str, orders: str, found: dict[tuple[str, str, int], Row]
) -> None:
    half = 0.5 if name == "mean_centred" else 1
    for layer, length in ((2, 0.6), (LAYER, 1.0)):
        row = found[name, orders, layer]
        assert row.planted >= 0.95
        assert row.letter < 0.05
        assert row.length == pytest.approx(half * length, rel=0.05)


def test_the_longest_axis_is_the_letters_without_labels(
    found: dict[tuple[str, str, int], Row],
) -> None:
    for name in FIND_THE_LETTER:
        row = found[name, "alternate", LAYER]
        # lat meets few of the pairs that differ in the letter alone: its axis is mixed.
        assert row.letter >= (0.4 if name == "lat" else 0.95)
        assert abs(row.planted) < 0.3
        assert row.length < 0.3


def test_centring_takes_away_what_all_items_share_of_the_concept(
    found: dict[tuple[str, str, int], Row],
) -> None:
    """No letter is left, and no concept: fillers, topics, frames. In random order it is there."""
    for name in FIND_NEITHER:
        row = found[name, "alternate", LAYER]
        assert abs(row.planted) < 0.3
        assert row.letter < 0.3
        assert row.length < 0.3
    assert found["pca_shuffled_no_letter", "alternate", LAYER].planted >= 0.95


def test_nulls_are_as_wide_as_theory_has_them(found: dict[tuple[str, str, int], Row]) -> None:
    """Of 40 draws. Where each question has one order these methods' nulls are at most as wide.

    A discriminant fitted on shuffled labels then turns to directions in which prompts vary little.
    """
    for row in (row for row in found.values() if row.layer == LAYER):
        assert row.random == pytest.approx(row.random_theory, rel=0.35)
        half = 0.5 if row.method == "mean_centred" else 1
        assert row.shuffled <= 1.35 * half * row.shuffled_theory
        if row.orders == "both" and row.method in FIND_IT:
            assert row.shuffled == pytest.approx(half * row.shuffled_theory, rel=0.35)


@pytest.mark.parametrize("name", ["lda", "leace_read", "mean_and_probe"])
def test_nulls_and_resamples_through_the_fitter(
    name: str, fitters: dict[str, Fitter], catalog: Catalog
) -> None:
    """Drawn vectors have the parent's factor; what one moves is its part along the planted."""
    import torch

    fitter, truth = fitters["both"], planted(direction("kind"))
    parent = fitter.vector(catalog.get("methods", name), "base", None, 0)
    length = float(parent.directions[LAYER].norm())
    assert parent.norm == "base"
    assert {"auroc", "split_half_cosine", "effective_rank"} <= {*parent.geometry[LAYER]}
    drawn = {
        kind: fitter.derived(parent, [Draw(kind, LAYER, 0, number) for number in range(16)])
        for kind in ("random", "label_shuffled", "resample")
    }
    along = {
        kind: np.array([v.directions[LAYER].numpy() @ truth for v in vectors])
        for kind, vectors in drawn.items()
    }
    assert along["label_shuffled"].std() == pytest.approx(length / np.sqrt(24), rel=0.5)
    assert along["random"].std() == pytest.approx(length / np.sqrt(128), rel=0.5)
    assert along["resample"] == pytest.approx(length, rel=0.15)
    assert {v.factor[LAYER] for v in drawn["label_shuffled"]} == {parent.factor[LAYER]}
    item = fitter.bench.tokenised("base").fit[fitter.bench.item_ids("test")[0]]

    def moved(vector: torch.Tensor) -> float:
        steered = measure(fitter.bench.loaded, item, "answer", LAYER, vector).logit_diff
        return steered - measure(fitter.bench.loaded, item, "answer").logit_diff

    whole = moved(parent.directions[LAYER])
    for null, part in zip(drawn["label_shuffled"][:3], along["label_shuffled"], strict=False):
        assert moved(null.directions[LAYER]) == pytest.approx(whole * part / length, abs=0.1)


def test_a_mean_over_variants_is_that_of_their_raw_vectors(
    fitters: dict[str, Fitter], catalog: Catalog
) -> None:
    fitter, variants = fitters["alternate"], ("base", "user_positive")
    spec = catalog.get("methods", "lda_no_letter")
    one, other = (fitter.vector(spec, v, "raw", 0).directions[LAYER] for v in variants)
    mean = fitter.vector(spec, variants, "raw", 0)
    assert mean.directions[LAYER].numpy() == pytest.approx(((one + other) / 2).numpy(), abs=1e-6)
    assert cosine(mean.directions[LAYER], planted(direction("kind"))) > 0.95


def test_another_concept_is_found_too(
    reference: LoadedModel, catalog: Catalog, tmp_path: Path
) -> None:
    fitter = Fitter(bench_of("proud", reference, catalog, tmp_path), tmp_path, {}, 8192)
    for name in ("lda", "leace_read", "mean_centred"):
        vector = fitter.vector(catalog.get("methods", name), "base", None, 0)
        for layer in (2, 3, 4, 5):
            assert cosine(vector.directions[layer], planted(direction("proud"))) >= 0.95


def test_a_sum_with_a_term_without_letter_needs_both_orders(
    reference: LoadedModel, catalog: Catalog, tmp_path: Path
) -> None:
    bench = bench_of("kind", reference, catalog, tmp_path, "source")
    fitter = Fitter(bench, tmp_path, {}, 8192)
    (tmp_path / "methods").mkdir()
    text = "kind: combined\nterms: [{method: lda}, {method: lda_no_letter}]\n"
    (tmp_path / "methods" / "own.yaml").write_text(text)
    with pytest.raises(Refused, match="one place in all training items"):
        fitter.vector(Catalog([tmp_path]).get("methods", "own"), "base", None, 0)
