"""Method optimised: its way, what comes out of it, and what rides along."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from runners.campaign.bench import Bench
from runners.fitting import optimising
from runners.fitting.derived import Draw
from runners.fitting.fitter import Fitter
from runners.methods.optimised import Track, optimise
from runners.reference_model.axes import direction
from specs.catalog import Catalog
from specs.faults import Refused
from specs.schema import Optimised
from tests.runners.planted import cosine, planted

LAYER = 3
torch.set_num_threads(1)


def asked(catalog: Catalog, **changes: Any) -> Optimised:
    found = catalog.get("methods", "optimised")
    assert isinstance(found, Optimised)
    return found.model_copy(update={"steps": 8, **changes})


# The way.


class Linear:
    """Prompts whose logit differences follow a vector by a gradient [B, d] each, at any layer."""

    size = 0

    def __init__(self, slopes: np.ndarray) -> None:
        self.slopes = torch.from_numpy(slopes).float()

    def differences(self, births: Any) -> dict[int, Tensor]:
        return {layer: self.slopes @ rows.T for layer, rows in births.items()}


def optimal(slopes: np.ndarray, method: Optimised, **track: Any) -> Any:
    """Optimise a track on linear prompts, two items a batch."""
    n_items, width = slopes.shape
    rows = [list(range(start, min(start + 2, n_items))) for start in range(0, n_items, 2)]
    given = {"weights": np.ones(n_items), "signs": np.ones(n_items), "start": np.zeros(width)}
    whole = Track(**{"layer": 0, "bound": 2.0, **given, **track})
    cpu = torch.device("cpu")
    (found,) = optimise(rows, lambda number: Linear(slopes[rows[number]]), [whole], method, cpu)
    return found


@pytest.fixture(scope="module")
def slopes() -> np.ndarray:
    return np.random.default_rng(7).standard_normal((10, 6)) + np.array([1.5, 0, 0, 0, 0, 0])


def test_of_linear_prompts_the_optimum_is_known(catalog: Catalog, slopes: np.ndarray) -> None:
    """Small beta: the mean slope, at the bound; loss and agreement by their definitions."""
    method = asked(catalog, beta=1e-3, steps=300)
    found = optimal(slopes, method)
    mean = slopes.mean(0)
    assert cosine(found.vector, mean) > 0.999
    assert np.linalg.norm(found.vector) == pytest.approx(2, rel=1e-5)
    moved = slopes @ found.vector
    assert found.loss == pytest.approx(np.log1p(np.exp(-1e-3 * moved)).mean(), rel=1e-6)
    assert found.loss < log(2)
    assert found.agreement == pytest.approx(moved.sum() / np.abs(moved).sum(), rel=1e-4)
    assert np.linalg.norm(found.raw) == pytest.approx(2 * found.agreement, rel=1e-5)
    assert np.linalg.norm(optimal(slopes, method, bound=0.1).vector) <= 0.1 * (1 + 1e-6)


def test_exchanged_repeated_and_left_out_items(catalog: Catalog, slopes: np.ndarray) -> None:
    method = asked(catalog, beta=1e-3, steps=300)
    signs = np.array([1.0, -1, 1, 1, -1, 1, 1, 1, -1, 1])
    weights = np.array([2.0, 0, 0, 1, 1, 3, 1, 0, 1, 1])
    found = optimal(slopes, method, signs=signs, weights=weights)
    assert cosine(found.vector, (weights * signs) @ slopes) > 0.999
    moved = slopes @ found.vector
    expected = (weights * signs) @ moved / (weights @ np.abs(moved))
    assert found.agreement == pytest.approx(expected, rel=1e-4)


def test_an_axis_is_kept_out_from_the_start(catalog: Catalog, slopes: np.ndarray) -> None:
    axis = np.eye(6)[0]
    found = optimal(slopes, asked(catalog), without=axis, start=np.ones(6))
    assert abs(found.vector @ axis) < 1e-6
    assert np.linalg.norm(found.vector) > 1


def test_prompts_that_nothing_moves_leave_nothing(catalog: Catalog) -> None:
    found = optimal(np.zeros((4, 6)), asked(catalog), start=np.ones(6))
    assert found.loss == pytest.approx(log(2))
    assert np.linalg.norm(found.raw) == 0


def test_a_loss_that_is_not_finite_is_refused(catalog: Catalog) -> None:
    with pytest.raises(Refused, match=r"layer 0: the loss is not finite at length up to 2; lower"):
        optimal(np.full((4, 6), np.nan), asked(catalog))


def test_memory_that_runs_out_halves_what_is_sought_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sizes: list[int] = []

    def do(some: Sequence[Any]) -> list[Any]:
        sizes.append(len(some))
        if len(some) > 2:
            raise MemoryError
        return list(some)

    tracks: Any = range(7)
    assert optimising._some_at_once(tracks, 5, do) == [*tracks]
    assert sizes == [5, 2, 2, 2, 1]
    assert "going on with 2 vectors at once" in capsys.readouterr().err

    def never(some: Sequence[Any]) -> list[Any]:
        raise MemoryError

    with pytest.raises(Refused, match="does not fit into memory; lower `batch`"):
        optimising._some_at_once(tracks, 5, never)


# What comes out.


def test_the_planted_direction_is_found_within_the_bound(
    fitter: Fitter, catalog: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    found = fitter.vector(asked(catalog), "base", "raw", 0)
    base = fitter.base_vector()
    for layer in (2, 3, 4):
        assert cosine(found.directions[layer], planted(direction("kind"))) >= 0.99
        assert found.raw_length[layer] == pytest.approx(base.raw_length[layer], rel=1e-3)
    assert all(found.raw_length[n] <= base.raw_length[n] * (1 + 1e-5) for n in range(6))
    assert [found.degenerate(layer) for layer in range(5)] == [True, True, *[False] * 3]
    (loss,) = re.findall(r"at best ([\d.]+) \(layer 3\)", capsys.readouterr().err)
    assert float(loss) < 0.6  # moved by 3 logits on average, at beta .1
    assert found.geometry[LAYER]["mean_cosine"] > 0.2
    assert "split_half_cosine" not in found.geometry[LAYER]
    unit = fitter.vector(asked(catalog), "base", "unit", 0)
    assert float(unit.directions[LAYER].norm()) == pytest.approx(1)
    longer = fitter.vector(asked(catalog, bound=0.01, steps=2), "base", "raw", 0)
    began = asked(catalog, start="mean_difference", steps=1, learning_rate=1e-6)
    there = fitter.vector(began, "base", "raw", 0).directions[LAYER]
    assert torch.allclose(there, base.directions[LAYER], atol=1e-3)
    # Steps of .3 and .15 bounds, all in one direction.
    expected = 0.45 * 0.01 * longer.residual_norm[LAYER]
    assert longer.raw_length[LAYER] == pytest.approx(expected, rel=0.01)


def test_an_id_says_all_that_decides_a_vector(
    fitter: Fitter, kind: Bench, catalog: Catalog, tmp_path: Path
) -> None:
    method = asked(catalog)
    first = fitter.vector(method, "base", "raw", 0)
    assert first.method == "optimised"
    assert first.parameters["bound_vector_id"] == fitter.base_vector().vector_id
    again = Fitter(kind, tmp_path, {}, 8192)
    second = again.vector(method.model_copy(update={"name": "mine"}), "base", "raw", 0)
    assert (again.n_fitted, second.vector_id) == (0, first.vector_id)
    assert all(torch.equal(second.directions[k], first.directions[k]) for k in first.directions)
    planned = Fitter(kind, tmp_path / "plan", {}, 8192, plan_only=True)
    ids = {planned.vector(method, "base", "raw", 0).vector_id}
    assert ids == {first.vector_id}
    for change in ("steps", "seed", "batch"):
        ids.add(planned.vector(asked(catalog, **{change: 9}), "base", "raw", 0).vector_id)
    ids.add(planned.vector(asked(catalog, bound=1.0), "base", "raw", 0).vector_id)
    assert len(ids) == 5


def test_what_is_kept_and_what_goes_together_decides_nothing(
    fitter: Fitter, kind: Bench, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = asked(catalog, steps=2)
    usual = fitter.vector(method, "base", "raw", 0)
    monkeypatch.setattr(optimising, "KEPT", 10**30)
    monkeypatch.setattr(optimising, "MOST", 4)
    other = Fitter(kind, tmp_path / "other", {}, 8192).vector(method, "base", "raw", 0)
    for layer in (2, 3, 4):
        assert torch.allclose(usual.directions[layer], other.directions[layer], atol=1e-5)


def test_the_mean_over_variants_and_a_letter_kept_out(fitter: Fitter, catalog: Catalog) -> None:
    method, both = asked(catalog, steps=2, project_out="letter"), ("base", "user_positive")
    mean = fitter.vector(method, both, "raw", 0).directions[LAYER]
    single = [fitter.vector(method, variant, "raw", 0).directions[LAYER] for variant in both]
    assert torch.allclose(mean, torch.stack(single).mean(0), atol=1e-5)
    from runners.methods.letter import letter_axis

    axis = letter_axis(fitter.training("base").pairs(LAYER))
    assert abs(float(single[0].double() @ torch.from_numpy(axis))) < 1e-5
    parent = fitter.vector(method, both, "raw", 0)
    drawn = fitter.derived(parent, [Draw("resample", LAYER, 0, 1)])
    assert cosine(drawn[0].directions[LAYER], mean) > 0.95


def test_without_base_there_is_no_base_bound(fitter: Fitter, catalog: Catalog) -> None:
    bench = fitter.bench
    built = {k: v for k, v in bench.dataset.variants.items() if k != "base"}
    dataset = replace(bench.dataset, variants=built)
    other = Fitter(
        Bench(bench.loaded, bench.concept, dataset, bench.variants), fitter.home, {}, 8192
    )
    with pytest.raises(Refused, match=r"`bound: base` needs .* or use a number as `bound`"):
        other.vector(asked(catalog), "user_positive", "raw", 0)


def test_nulls_are_as_short_as_their_labels_disagree(fitter: Fitter, catalog: Catalog) -> None:
    """Shuffled |v|/sqrt(training questions) along the planted direction, as of other methods."""
    p, layer = planted(direction("kind")), 4
    parent = fitter.vector(asked(catalog, steps=5), "base", None, 0)
    length = float(parent.directions[layer].norm())
    draws = {
        kind: [Draw(kind, layer, 0, number) for number in range(count)]
        for kind, count in (("label_shuffled", 40), ("resample", 4), ("random", 2))
    }
    drawn = {kind: fitter.derived(parent, some) for kind, some in draws.items()}
    along = {k: np.array([v.directions[layer].numpy() @ p for v in vs]) for k, vs in drawn.items()}
    shuffled, questions = along["label_shuffled"], parent.fits[0].n_questions
    assert shuffled.std() == pytest.approx(length / np.sqrt(questions), rel=0.35)
    assert abs(shuffled.mean()) < 4 * shuffled.std() / np.sqrt(40)
    assert along["resample"] == pytest.approx(length, rel=0.02)
    assert {v.role for v in drawn["label_shuffled"]} == {"null"}
    assert {v.method for v in drawn["resample"]} == {"optimised"}
    assert float(drawn["random"][0].directions[layer].norm()) == pytest.approx(length, rel=1e-5)
    # One alone is what it is among others.
    (alone,) = fitter.derived(parent, draws["label_shuffled"][7:8])
    among = drawn["label_shuffled"][7]
    assert torch.allclose(alone.directions[layer], among.directions[layer], atol=1e-3 * length)
