"""The planted dictionary is what it says: its code, its SAE, and what its vectors do to words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests import planted_dictionary as planted

WORDS = "<s> the drizzle near a loaf and the violin with coin coin snow".split()
NAMES = list(planted.TOPICS)


@cache
def model() -> torch.nn.Module:
    return planted.build_model()


def ids(words: list[str] = WORDS) -> Tensor:
    return torch.tensor([[planted.VOCABULARY.index(word) for word in words]])


@contextmanager
def steered(vector: Tensor, layer: int = planted.LAYER) -> Iterator[None]:
    handle = model().model.layers[layer].register_forward_hook(lambda _m, _a, out: out + vector)
    try:
        yield
    finally:
        handle.remove()


def residual(layer: int) -> Tensor:
    heard: list[Tensor] = []
    hook = model().model.layers[layer].register_forward_hook(lambda _m, _a, out: heard.append(out))
    with torch.inference_mode():
        model()(ids())
    hook.remove()
    return heard[0][0]


def logprobs(vector: Tensor | None = None) -> dict[str, float]:
    with torch.inference_mode(), steered(torch.zeros(1) if vector is None else vector):
        last = model()(ids()).logits[0, -1].log_softmax(-1).tolist()
    return dict(zip(planted.VOCABULARY, last, strict=True))


def test_the_residual_stream_is_the_planted_code() -> None:
    sae, hidden = planted.build_sae(), residual(planted.LAYER)
    found = sae.encode(hidden)
    assert (found - planted.codes(WORDS)).abs().max() < 2e-3
    assert (sae.decode(found) - hidden).abs().max() < 2e-3
    assert ((found > 0).sum(1) <= 3).all()  # sparse: topic, silent, density


@pytest.mark.parametrize("layer", [0, 2])
def test_other_layers_are_not(layer: int) -> None:
    sae, hidden = planted.build_sae(), residual(layer)
    error = (sae.decode(sae.encode(hidden)) - hidden).square().sum()
    assert error > (hidden - hidden.mean(0)).square().sum()


@pytest.mark.parametrize("topic", ["rain", "music", "money"])
def test_a_decoder_row_makes_known_words_likelier(topic: str) -> None:
    feature, amount = NAMES.index(topic), 3.0
    before, after = logprobs(), logprobs(amount * planted.build_sae().decoder[feature])
    rise = {word: after[word] - before[word] for word in planted.VOCABULARY}
    per_unit = planted.pull()[:, feature] + planted.ECHO * (torch.arange(8) == feature)
    for number, words in enumerate(planted.TOPICS.values()):
        for word in words:
            told = rise[word] - rise["the"]  # the denominator drops out
            assert told == pytest.approx(amount * per_unit[number].item(), abs=0.1)


def test_a_leak_is_taken_back_by_the_other_row() -> None:
    sae = planted.build_sae()
    plain = 3.0 * sae.decoder[NAMES.index("rain")]
    pull, echo = planted.LEAKS["rain", "bread"], planted.ECHO
    aimed = plain - 3.0 * pull / (1 + echo) * sae.decoder[NAMES.index("bread")]
    start, after, better = logprobs(), logprobs(plain), logprobs(aimed)
    assert after["loaf"] - after["the"] > start["loaf"] - start["the"] + 2
    assert better["loaf"] - better["the"] == pytest.approx(start["loaf"] - start["the"], abs=0.1)
    assert better["drizzle"] > after["drizzle"]


def test_silent_and_dead_features_say_nothing() -> None:
    for feature in (8, 9, 10, *planted.DEAD):
        after = logprobs(3.0 * planted.build_sae().decoder[feature])
        assert after == pytest.approx(logprobs(), abs=0.05)


def test_it_is_saved_and_loaded(tmp_path: Path) -> None:
    import transformers

    folder = planted.save(tmp_path / "planted")
    again = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer(" ".join(WORDS[1:]))["input_ids"] == ids()[0].tolist()
    with torch.inference_mode():
        assert torch.equal(again(ids()).logits, model()(ids()).logits)
