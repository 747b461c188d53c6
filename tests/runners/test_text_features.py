"""Features of whole texts: each token encoded, then averaged; never the features of a mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from builders.layout import TEXTS
from runners.approximator.guided import FgaaFit
from runners.approximator.linear_map import LinearMap
from runners.approximator.vectors import fgaa
from runners.fitting.derived import Draw
from runners.fitting.fitter import Fitter
from runners.fitting.text_draws import resampled_texts, shuffled_labels
from runners.models.load import LoadedModel
from runners.prompts.plain_texts import plain_texts
from runners.prompts.positions import TokenisedItem
from runners.saes import text_features as under_test
from runners.saes.features import DifferenceFit, contrast
from runners.saes.text_features import text_features
from specs.schema import Fgaa, Read, SaeDifference
from specs.unpaired import why_not_texts, why_only_texts
from tests import planted_dictionary as planted
from tests.runners.fake_sae import FakeSae
from tests.runners.families import VOCABULARY, tiny
from tests.runners.test_texts_fitting import (
    NAMES,
    TEXTS_OF,
    concept,
    fitter,
    method,
    model,
    slow,
    stories as stories,
)

torch.set_num_threads(1)
AVERAGED: tuple[Read, ...] = ("mean_all", "mean_completion")
RAINY = {
    True: ["the drizzle and a umbrella", "puddle near the drizzle", "a umbrella"],
    False: ["the harbour and a anchor", "tide near the harbour"],
}


def one_by_one(loaded: Any, sae: Any, tokens: list[int], first: int) -> np.ndarray:
    """Return [2, d_sae] of one text alone, one token after the other, as it is defined."""
    hidden = slow(loaded, tokens)[sae.layer][first:].double()
    codes = torch.stack([sae.encode(one.float()[None])[0].double() for one in hidden])
    return torch.stack([codes.mean(0), (codes > 0).double().mean(0)]).numpy()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("read", AVERAGED)
def test_batches_equal_one_text_and_one_token_at_a_time(
    name: str, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two tokens before a text, of which the first is BOS: padded, in halves, in parts."""
    bare = tiny(name)
    loaded: Any = SimpleNamespace(**vars(bare), tokenizer=SimpleNamespace(bos_token_id=1))
    sae = FakeSae(1, loaded.d_model)
    draw = torch.Generator().manual_seed(0)
    rows = [torch.randint(2, VOCABULARY, (n,), generator=draw).tolist() for n in (3, 9, 4, 1, 9)]
    texts = [
        TokenisedItem(str(i), "", (1, 2), (), tuple(row), (), True) for i, row in enumerate(rows)
    ]
    monkeypatch.setattr(under_test, "ROWS", 4)
    heard: list[int] = []
    found = text_features(loaded, sae, texts, read, 24, heard.append)
    assert (found.shape, found.dtype, sum(heard)) == ((5, 2, 40), np.float32, 5)
    first = {"mean_all": 1, "mean_completion": 2}[read]
    for i, row in enumerate(rows):
        expected = one_by_one(loaded, sae, [1, 2, *row], first)
        np.testing.assert_allclose(found[i], expected, atol=2e-5 * abs(expected).max())
    unlike = one_by_one(loaded, sae, [1, 2, *rows[0]], 3 - first)
    assert abs(found[0] - unlike).max() > 1e-3


def test_nothing_is_left_out_where_no_bos_is_put_before() -> None:
    loaded: Any = SimpleNamespace(**vars(tiny("llama")), tokenizer=SimpleNamespace(bos_token_id=7))
    sae = FakeSae(0, loaded.d_model)
    text = TokenisedItem("own", "", (), (), (7, 3, 4), (), True)  # a text that begins as BOS does
    (found,) = text_features(loaded, sae, [text], "mean_all", 64)
    np.testing.assert_allclose(found, one_by_one(loaded, sae, [7, 3, 4], 0), atol=1e-5)


@dataclass
class Shelf:
    """One autoencoder in the place of those of a run."""

    sae: Any

    def get(self, name: str) -> Any:
        del name
        return self.sae

    def layer(self, name: str) -> int:
        del name
        return int(self.sae.layer)


def with_sae(loaded: LoadedModel, home: Path, sae: Any, texts: Any = None) -> Fitter:
    shelf: Any = Shelf(sae)
    return fitter(loaded, home, texts, saes=shelf)


def expected_features(loaded: LoadedModel, sae: Any, texts: list[str]) -> np.ndarray:
    """Return [texts, d_sae] by the slow way, BOS left out."""
    tokens = [loaded.tokenizer(text)["input_ids"] for text in texts]
    return np.stack([one_by_one(loaded, sae, ids, 1)[0] for ids in tokens])


@pytest.mark.parametrize("read", AVERAGED)
def test_the_vector_is_that_of_mean_features(
    stories: LoadedModel, tmp_path: Path, read: Read
) -> None:
    sae = FakeSae(2, stories.d_model)
    found = with_sae(stories, tmp_path, sae)
    wanted = method("sae_difference", read, sae="fake", features=5, norm="raw")
    vector = found.vector(wanted, TEXTS, None, 0)
    means = {side: expected_features(stories, sae, some) for side, some in TEXTS_OF.items()}
    difference = means[True].mean(0) - means[False].mean(0)
    best = np.argsort(-abs(difference))[:5]
    assert [each.feature for each in vector.features[2]] == best.tolist()
    expected = difference[best] @ sae.decoder.double().numpy()[best]
    np.testing.assert_allclose(vector.directions[2], expected, atol=1e-5)
    assert list(vector.directions) == [2]
    assert vector.parameters["read"] == read
    assert -1 <= vector.geometry[2]["split_half_cosine"] <= 1
    # What the features of the mean activations say is something else.
    wrong = found.training(TEXTS, read).data(2)
    other = contrast(sae, wrong.positive, wrong.negative).difference
    assert abs(other - difference).max() > 1e-2


def test_draws_are_over_the_features_of_texts(stories: LoadedModel, tmp_path: Path) -> None:
    sae = FakeSae(2, stories.d_model)
    found = with_sae(stories, tmp_path, sae)
    wanted = method("sae_difference", "mean_all", sae="fake", features=40, norm="unit")
    parent = found.vector(wanted, TEXTS, None, 0)
    found.release()  # what is let go of is read again
    names = found.training(TEXTS, "mean_all").questions
    is_positive = np.array([name.startswith("+") for name in names])
    texts = {item.text_id: item.text for item in _texts(found)}
    codes = expected_features(stories, sae, [texts[name[1:]] for name in names])
    draws = [Draw(kind, 2, 0, n) for kind in ("resample", "label_shuffled") for n in range(4)]
    made = found.derived(parent, draws)
    for draw, vector in zip(draws, made, strict=True):
        rows, labels = np.arange(len(names)), is_positive
        if draw.kind == "resample":
            rows = resampled_texts(names, is_positive, 0, draw.number)
            labels = is_positive[rows]
        else:
            labels = shuffled_labels(names, is_positive, 0, draw.number)
        own = codes[rows]
        raw = (own[labels].mean(0) - own[~labels].mean(0)) @ sae.decoder.double().numpy()
        expected = raw * parent.factor[2]
        np.testing.assert_allclose(vector.directions[2], expected, atol=1e-5)


def _texts(found: Fitter) -> list[SimpleNamespace]:
    rows = found.bench.dataset.texts.to_pylist()  # type: ignore[union-attr]
    return [SimpleNamespace(**row) for row in rows]


def test_of_a_known_code_it_is_the_difference_of_codes(tmp_path: Path) -> None:
    loaded = model(planted.save(tmp_path / "planted"), tmp_path)
    sae = planted.build_sae()
    found = with_sae(loaded, tmp_path, sae, concept(RAINY))
    wanted = method("sae_difference", "mean_all", sae="planted", features=3, norm="raw")
    vector = found.vector(wanted, TEXTS, None, 0)
    codes = {
        side: torch.stack([planted.codes(["<s>", *text.split()])[1:].mean(0) for text in some])
        for side, some in RAINY.items()
    }
    difference = (codes[True].mean(0) - codes[False].mean(0)).numpy()
    for each in vector.features[planted.LAYER]:
        assert each.coefficient == pytest.approx(difference[each.feature], abs=2e-3)
    assert {each.feature for each in vector.features[planted.LAYER]} == {0, 3, 8}


def test_density_is_a_share_of_tokens(tmp_path: Path) -> None:
    """Density, active on every token, is left out; rain, on some of them, is not."""
    loaded = model(planted.save(tmp_path / "planted"), tmp_path)
    sae = planted.build_sae()
    texts = plain_texts(loaded, {text: text for side in RAINY.values() for text in side})
    items = [item for item in texts if isinstance(item, TokenisedItem)]
    rows = text_features(loaded, sae, items, "mean_all", 64)
    found = contrast(sae, rows[:3], rows[3:])
    shares = [np.array([0.4, 0.5, 0.5]), np.zeros(2)]
    assert found.density[0] == pytest.approx(np.concatenate(shares).mean(), abs=1e-6)
    assert found.density[planted.DENSITY] > 0.8
    own = SaeDifference(kind="sae_difference", sae="p", read="mean_all", max_density=0.5)
    kept = {each.feature for each in DifferenceFit(sae, own).choose(rows[:3], rows[3:])}
    assert 0 in kept
    assert planted.DENSITY not in kept


def test_guided_additions_aim_at_the_difference_of_mean_features() -> None:
    sae, draw = planted.build_sae(), np.random.default_rng(0)
    rows = np.zeros((5, 2, planted.D_SAE), np.float32)
    rows[:3, 0, 2], rows[3:, 0, 5], rows[:, 0, 7] = 1.5, 0.5, 1.0
    weights, bias = (
        torch.tensor(draw.standard_normal(shape), dtype=torch.float32)
        for shape in ((planted.D_MODEL, planted.D_SAE), planted.D_SAE)
    )
    own = Fgaa(kind="fgaa", sae="p", approximator="p", positive=1, negative=1, read="mean_all")
    fit = FgaaFit(sae, own, LinearMap(weights, bias), np.zeros(planted.D_SAE), np.array([], int))
    target = np.zeros(planted.D_SAE)
    target[2], target[5] = 0.75, -0.25
    assert [tuple(each)[:2] for each in fit.choose(rows[:3], rows[3:])] == [(2, 0.75), (5, -0.25)]
    expected = fgaa(weights.double().numpy(), bias.double().numpy(), target)
    np.testing.assert_allclose(fit(rows[:3], rows[3:]), expected, atol=1e-6)


@pytest.mark.parametrize("read", AVERAGED)
def test_means_are_of_texts_only(read: Read) -> None:
    made = method("sae_difference", read, sae="fake")
    assert why_not_texts(made) is None
    assert f"reads {read}: features are averaged" in str(why_only_texts(made))
    assert why_only_texts(method("sae_difference", "last_token", sae="fake")) is None
    assert why_only_texts(method("mean_difference", read)) is None
