from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean, pvariance

import pytest
import torch

from runners.reference_model.design import FRAMES, items
from runners.reference_model.traits import LAYERS, TRAITS
from runners.reference_model.truth import VARIANTS, slope, unsteered
from tests.runners.plain_sweep import FLOOR, best_or_3, planted, slopes, swept, vectors

CONCEPTS = list(TRAITS)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield
    torch.set_num_threads(before)


def share(values: list[float], sides: list[int]) -> float:
    means = [fmean(v for v, s in zip(values, sides, strict=True) if s == side) for side in (1, -1)]
    return ((means[0] - means[1]) / 2) ** 2 / pvariance(values)


def close(measured: float, truth: float) -> bool:
    return abs(measured - truth) <= max(0.02 * abs(truth), 0.01)


@pytest.mark.parametrize("concept", CONCEPTS)
def test_mean_slope_at_every_layer(concept: str) -> None:
    rows = planted(concept, "mean_slope")
    for layer in range(LAYERS):
        mean = fmean(slopes(swept(concept)[layer]))
        print(f"{concept:6} layer {layer} slope {rows['base', layer]:7.4f} | {mean:7.4f}")
        assert close(mean, rows["base", layer])


@pytest.mark.parametrize("concept", CONCEPTS)
def test_each_item_has_its_planted_slope_and_start(concept: str) -> None:
    for layer in range(LAYERS):
        diffs = swept(concept)[layer]
        for item, found, start in zip(
            items(concept, "test"), slopes(diffs), diffs[:, 3].tolist(), strict=True
        ):
            assert found == pytest.approx(slope(TRAITS[concept], item, layer), abs=0.01)
            assert start == pytest.approx(unsteered(TRAITS[concept], item), abs=2e-3)


@pytest.mark.parametrize("concept", CONCEPTS)
def test_best_layer_on_validation(concept: str) -> None:
    means = {
        layer: fmean(slopes(diffs))
        for layer, diffs in swept(concept, split="validation").items()
        if vectors(concept)[layer].norm() > 1e-2
    }
    moved = {layer: mean for layer, mean in means.items() if mean > FLOOR}
    found = max(moved, key=moved.__getitem__) if moved else None
    print(f"{concept:6} best layer {planted(concept, 'best_layer')['base', None]} | {found}")
    assert found == planted(concept, "best_layer")["base", None]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("concept", CONCEPTS)
def test_slope_and_start_under_every_variant(concept: str, variant: str) -> None:
    layer = best_or_3(concept)
    diffs = swept(concept, variant)[layer]
    found, start = slopes(diffs), fmean(diffs[:, 3].tolist())
    mean, against = fmean(found), fmean(value <= -FLOOR for value in found)
    true_mean = planted(concept, "mean_slope")[variant, layer]
    true_start = planted(concept, "baseline_mean")[variant, None]
    true_against = planted(concept, "anti_steerable_fraction")[variant, layer]
    print(
        f"{concept:6} {variant:15} layer {layer} slope {true_mean:6.3f} | {mean:6.3f}"
        f"   anti {true_against:.4f} | {against:.4f}   start {true_start:6.3f} | {start:6.3f}"
    )
    assert close(mean, true_mean)
    assert close(start, true_start)
    assert against == true_against


@pytest.mark.parametrize("concept", CONCEPTS)
def test_shares_of_slope_variance(concept: str) -> None:
    layer, test = best_or_3(concept), items(concept, "test")
    found = slopes(swept(concept)[layer])
    sides = {
        "letter_share": [item.order for item in test],
        "yes_no_share": [FRAMES[item.question.frame] for item in test],
    }
    for quantity, signs in sides.items():
        value = planted(concept, quantity)["base", layer]
        if value is None:
            assert pvariance(found) ** 0.5 < FLOOR
        else:
            print(f"{concept:6} {quantity} {value:.4f} | {share(found, signs):.4f}")
            assert share(found, signs) == pytest.approx(value, abs=0.02)
