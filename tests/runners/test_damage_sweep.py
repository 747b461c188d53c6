"""The damage sweep equals plain hooks, whole passes and torch's own divergence."""

from __future__ import annotations

import pytest
import torch

from runners.damage import divergence as divergence_module, sweep
from runners.damage.divergence import divergence
from runners.damage.reference import reference_damages
from runners.damage.sweep import damage_sweep
from runners.engine import answers
from runners.engine.answers import Head
from runners.engine.edits import Edit, rows_of
from runners.models.architecture import parts
from runners.prompts.positions import TokenisedItem
from specs.faults import Refused
from tests.runners.families import random_births, random_items, random_model, stand_in, tiny
from tests.runners.family_configs import CONFIGS, LAYERS, REPLAYED_CONFIGS, VOCABULARY, WIDTH

torch.set_num_threads(1)
FAMILIES = ["llama", "gpt2", "gemma2", "mistral (window 6)", "falcon (alibi)", "mamba", "cohere"]
TEXTS = [
    TokenisedItem(item.item_id, "", item.prompt, (), (), ())
    for item in random_items([9, 17, 2, 12], [0, 0, 0, 0])
]


def held_equal(loaded, births=None, texts=TEXTS, tokens=64, allowed=1e-5):
    births = random_births(loaded) if births is None else births
    fast = damage_sweep(loaded, texts, births, tokens)
    slow = reference_damages(loaded, texts, births, tokens)
    torch.testing.assert_close(fast.cross_entropy, slow.cross_entropy, rtol=0, atol=allowed)
    for layer in births:
        torch.testing.assert_close(fast.kl[layer], slow.kl[layer], rtol=0, atol=allowed)
        torch.testing.assert_close(fast.rise[layer], slow.rise[layer], rtol=0, atol=allowed)
    return fast


@pytest.mark.parametrize(
    "name",
    [
        *FAMILIES,
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in (*CONFIGS, *REPLAYED_CONFIGS)
            if name not in FAMILIES
        ),
    ],
)
def test_equals_the_reference_on_texts_of_unequal_length(name):
    fast = held_equal(tiny(name))
    for layer in range(LAYERS):
        steered = fast.kl[layer][:, [0, 2]]
        assert steered.min() > 1e-4  # a model that cannot be damaged proves nothing
        assert fast.kl[layer][:, 1].max() < 1e-5  # multiplier 0
        assert (fast.rise[layer][:, 0] - fast.kl[layer][:, 0]).abs().max() > 1e-3


def test_the_last_layer_and_many_vectors_in_small_passes(monkeypatch):
    loaded = tiny("llama")
    births = {layer: rows.repeat(7, 1) for layer, rows in random_births(loaded, [0, 3]).items()}
    whole = damage_sweep(loaded, TEXTS, births, 4096)
    monkeypatch.setattr(sweep, "FEWEST", 1)
    monkeypatch.setattr(sweep, "KEPT", 1)
    monkeypatch.setattr(divergence_module, "ROWS", 5)
    monkeypatch.setattr(divergence_module, "LOGITS", 0)
    monkeypatch.setattr(divergence_module, "VECTORS", 2)
    small = held_equal(loaded, births, tokens=20)
    for layer in births:
        torch.testing.assert_close(small.kl[layer], whole.kl[layer], rtol=0, atol=2e-5)


def test_half_precision_in_slices_of_the_vocabulary(monkeypatch):
    monkeypatch.setattr(answers, "VOCABULARY", 100)
    loaded = stand_in(random_model("llama"), torch.bfloat16)
    births = random_births(loaded, [1], size=30.0)
    fast = held_equal(loaded, births, allowed=0.02)
    assert fast.kl[1][:, 0].min() > 0.2
    assert len(list(Head(loaded.model).slices())) == -(-VOCABULARY // 100)


def test_slices_of_the_vocabulary_change_nothing(monkeypatch):
    loaded = stand_in(random_model("llama"), torch.bfloat16)
    draw = torch.Generator().manual_seed(0)
    before = torch.randn(13, WIDTH, generator=draw)
    after = before + 0.5 * torch.randn(3, 13, WIDTH, generator=draw)
    tokens = torch.randint(0, VOCABULARY, (13,), generator=draw)
    with torch.inference_mode():
        whole = divergence(Head(loaded.model), before, after, tokens)
        monkeypatch.setattr(answers, "VOCABULARY", 33)
        parted = divergence(Head(loaded.model), before, after, tokens)
        logits = [Head(loaded.model).logits(h, range(VOCABULARY)) for h in (before, *after)]
    p, *others = (each.double().log_softmax(-1) for each in logits)
    kl = torch.stack([(p.exp() * (p - q)).sum(-1) for q in others])
    for found in (whole, parted):
        torch.testing.assert_close(found.kl, kl, rtol=0, atol=2e-6)
        own = torch.stack([(p - q).gather(-1, tokens[:, None])[:, 0] for q in others])
        torch.testing.assert_close(found.rise, own, rtol=0, atol=4e-6)
    assert kl.min() > 1e-3


def test_blocks_up_to_the_layer_run_once_and_no_pass_is_larger_than_asked(monkeypatch):
    monkeypatch.setattr(sweep, "FEWEST", 1)
    loaded = stand_in(random_model("llama"))
    damage_sweep(loaded, TEXTS[:1], {}, 1)  # what is found out once about a model
    damage_sweep(loaded, TEXTS[:1], random_births(loaded, [3]), 1)
    runs, tokens = [0] * LAYERS, []

    def count(layer):
        def hook(_module, args, _output):
            runs[layer] += 1
            tokens.append(args[0].shape[0] * args[0].shape[1])

        return hook

    for layer, block in enumerate(parts(loaded.model).blocks):
        block.mlp.register_forward_hook(count(layer))
    damage_sweep(loaded, TEXTS, {1: torch.randn(5, WIDTH)}, 40)
    # 5 vectors on 2, 9, 12 and 17 tokens, as many at a time as 40 tokens hold of a text
    assert runs == [1, 1, 1 + 1 + 2 + 2 + 3, 1 + 1 + 2 + 2 + 3]
    assert max(tokens) == 4 * 17


def test_the_reference_path_reads_a_text_once_without_steering():
    loaded, passes = stand_in(random_model("llama")), []
    loaded.model.register_forward_pre_hook(lambda *_: passes.append(1))
    reference_damages(loaded, TEXTS[:2], {1: torch.randn(3, WIDTH)}, 64)
    assert len(passes) == 2 * (1 + 3)


@pytest.mark.parametrize("name", ["llama", "gemma2", "mamba"])
def test_every_operator(name):
    loaded = tiny(name)
    vectors = torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(1))
    edits = [
        Edit(operator, multiplier, vector)
        for operator, multiplier in [
            ("add", 1),
            ("ablate", 1),
            ("ablate_then_add", 0.5),
            ("clamp", -2),
        ]
        for vector in vectors
    ]
    fast = held_equal(loaded, {layer: rows_of(edits) for layer in (0, 2)})
    assert fast.kl[0].min() > 1e-6
    assert len({round(float(kl), 7) for kl in fast.kl[0][0]}) == len(edits)


def test_what_is_not_finite_is_refused():
    loaded = tiny("llama")
    with pytest.raises(Refused, match="not finite"):
        damage_sweep(loaded, TEXTS, {1: torch.full((1, WIDTH), float("inf"))}, 64)
