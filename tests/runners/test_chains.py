import pytest
import torch

from runners.engine import chains, together, weave
from runners.engine.chains import sweep
from runners.engine.selfcheck import self_check, tolerance
from runners.models.architecture import parts, why_not_exact
from runners.models.families import FAMILIES
from runners.prompts.positions import TokenisedItem
from runners.reference_model import build
from runners.reference_model.design import questions
from specs.faults import Refused
from tests.runners.differences import largest_differences
from tests.runners.families import (
    MIXED,
    MULTIPLIERS,
    random_births,
    random_items,
    random_model,
    stand_in,
    tiny,
)
from tests.runners.family_configs import CONFIGS, LAYERS, VOCABULARY, WIDTH
from tests.runners.stories import stories

SCOPES = ("answer", "decision")
torch.set_num_threads(1)


def test_every_family_that_is_called_proven_is_measured_here():
    proven = {
        (tiny(n).model.config.model_type, tiny(n).model.config._attn_implementation)
        for n in CONFIGS
    }
    assert {kind for kind, _ in proven} == set(FAMILIES)
    assert all(attention in FAMILIES[kind] for kind, attention in proven)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", CONFIGS)
def test_equals_the_reference_path_batched_and_alone(name, scope):
    for found in largest_differences(tiny(name), MIXED, scope):
        assert found.scale > 1
        assert found.moved > 0.2
        assert found.logit_diff <= tolerance(torch.float32, found.scale)
        assert found.answer_logmass <= tolerance(torch.float32, found.scale)
        assert found.prefix_logprob <= 2e-5


@pytest.mark.parametrize("few", [0, 10**6])
@pytest.mark.parametrize("name", CONFIGS)
def test_together_with_their_trunks_or_apart_is_the_same(name, few, monkeypatch):
    loaded, items = tiny(name), MIXED[:2]
    usual = sweep(loaded, items, random_births(loaded), "answer")
    monkeypatch.setattr(together, "FEW", few)
    other = sweep(loaded, items, random_births(loaded), "answer")
    for layer, found in usual.steered.items():
        scale = float(found.largest.max())
        for one, two in zip(found, other.steered[layer], strict=True):
            assert float((one - two).abs().max()) <= tolerance(torch.float32, scale)


@pytest.mark.parametrize("scope", SCOPES)
def test_few_chains_go_with_their_trunks(scope):
    loaded, rows = tiny("llama"), []
    handle = (
        parts(loaded.model)
        .blocks[1]
        .mlp.register_forward_pre_hook(lambda _module, given: rows.append(given[0].shape[1]))
    )
    few, many = (random_items([length] * 2, [0, 0]) for length in (50, 10))
    for items in (few, many):
        sweep(loaded, items, random_births(loaded, [0]), scope)
    handle.remove()
    assert rows == [49 + 1 + len(MULTIPLIERS), 9, 1 + len(MULTIPLIERS)]


def has_both(name):
    kind = tiny(name).model.config
    return kind._attn_implementation == "sdpa" and FAMILIES[kind.model_type] == {"sdpa", "eager"}


BOTH = [name for name in CONFIGS if has_both(name) and name != "falcon (alibi)"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", BOTH)
def test_eager_attention_adds_the_same_mask(name, scope):
    loaded = stand_in(random_model(name, attn_implementation="eager"))
    assert loaded.model.config._attn_implementation == "eager"
    for found in largest_differences(loaded, MIXED, scope):
        assert found.logit_diff <= tolerance(torch.float32, found.scale)
        assert found.answer_logmass <= tolerance(torch.float32, found.scale)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", ["llama", "mistral (window 6)", "gemma3_text", "gpt2", "gpt_neox"])
def test_nothing_but_rounding_separates_the_paths(name, scope):
    # In float64 only the float32 of the result is left; a wrong mask would show at any size.
    loaded = stand_in(random_model(name), torch.float64)
    for found in largest_differences(loaded, MIXED, scope):
        assert found.logit_diff <= 1e-6 * found.scale
        assert found.answer_logmass <= 2e-6


@pytest.mark.parametrize("window", [2, 3, 14, 23])
def test_windows_shorter_than_the_stem_and_as_long_as_a_prompt(window):
    loaded = stand_in(random_model("mistral (window 6)", sliding_window=window), torch.float64)
    for scope in SCOPES:
        for found in largest_differences(loaded, MIXED, scope):
            assert found.logit_diff <= 1e-6 * found.scale


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("shared", [0, 1, 2, 4])
def test_shared_tokens_of_every_length(shared, scope):
    items = random_items([7, 12, 9], [shared] * 3, seed=shared)
    for found in largest_differences(tiny("llama"), items, scope):
        assert found.logit_diff <= tolerance(torch.float32, found.scale)
        assert found.prefix_logprob <= 2e-5


@pytest.mark.parametrize("scope", SCOPES)
def test_half_precision_is_within_its_own_noise(scope):
    loaded = stand_in(random_model("llama"), torch.bfloat16)
    for found in largest_differences(loaded, MIXED, scope, random_births(loaded, size=10.0)):
        assert found.logit_diff <= tolerance(torch.bfloat16, found.scale)
        assert found.moved > 5 * found.logit_diff


@pytest.mark.parametrize("scope", SCOPES)
def test_many_chains_in_several_passes(scope, monkeypatch):
    loaded, items = tiny("mistral (window 6)"), MIXED[:3]
    births = {layer: rows.repeat(8, 1) for layer, rows in random_births(loaded).items()}
    whole = sweep(loaded, items, births, scope)
    for room, living in ((5, 16), (256, 1)):
        for name in ("FEWEST", "MOST"):
            monkeypatch.setattr(weave, name, room)
        monkeypatch.setattr(chains, "MOST", 5)
        monkeypatch.setattr(chains, "LIVING", living)
        cut = sweep(loaded, items, births, scope)
        for layer, rows in births.items():
            assert cut.steered[layer].logit_diff.shape == (3, len(rows))
            for one, other in zip(whole.steered[layer], cut.steered[layer], strict=True):
                torch.testing.assert_close(one, other, rtol=0, atol=3e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_chains_in_high_slots_behind_long_prompts(name):
    # Where a model counts slots (gpt_neo), few chains behind short prompts would not show it.
    loaded, items = tiny(name), random_items([110, 60], [1, 1])
    births = {layer: rows.repeat(24, 1) for layer, rows in random_births(loaded).items()}
    result = sweep(loaded, items, births, "answer")
    for check in self_check(loaded, items, births, "answer", result):
        assert check.difference <= tolerance(torch.float32, check.scale)


def test_repeated_rows_in_all_slots_agree():
    loaded = tiny("llama")
    births = {1: random_births(loaded)[1][:1].repeat(100, 1)}
    logit_diff = sweep(loaded, MIXED, births, "answer").steered[1].logit_diff
    assert (logit_diff - logit_diff[:, :1]).abs().max() <= 1e-5


@pytest.mark.parametrize("scope", SCOPES)
def test_multiplier_zero_is_unsteered_and_signs_differ(scope):
    loaded = tiny("qwen2")
    births = {
        k: torch.stack([rows[0], -rows[0], 0 * rows[0]])
        for k, rows in random_births(loaded).items()
    }
    result = sweep(loaded, MIXED, births, scope)
    for answers in result.steered.values():
        positive, negative, zero = answers.logit_diff.T
        torch.testing.assert_close(zero, result.unsteered.logit_diff, rtol=0, atol=1e-5)
        assert (positive - negative).abs().min() > 1e-4


def test_scopes_differ_where_tokens_are_shared_and_only_there():
    loaded, births = tiny("llama"), random_births(tiny("llama"), [1])
    answer, decision = (
        sweep(loaded, MIXED, births, scope).steered[1].logit_diff for scope in SCOPES
    )
    gap = (answer - decision).abs()[:, 0]
    shared = torch.tensor([len(item.shared) > 0 for item in MIXED])
    assert gap[shared].min() > 1e-3
    assert gap[~shared].max() <= 1e-5


def test_order_and_company_of_items_change_nothing():
    loaded, births = tiny("gpt2"), random_births(tiny("gpt2"))
    together = sweep(loaded, MIXED, births, "answer")
    reverse = sweep(loaded, MIXED[::-1], births, "answer")
    for i, item in enumerate(MIXED):
        alone = sweep(loaded, [item], births, "answer")
        for layer in births:
            expected = together.steered[layer].logit_diff[i]
            torch.testing.assert_close(
                alone.steered[layer].logit_diff[0], expected, rtol=0, atol=2e-5
            )
            torch.testing.assert_close(
                reverse.steered[layer].logit_diff[-1 - i], expected, rtol=0, atol=2e-5
            )


def test_a_sweep_without_births_is_the_unsteered_model():
    loaded = tiny("llama")
    empty = sweep(loaded, MIXED, {}, "answer")
    assert empty.steered == {}
    with_none = sweep(loaded, MIXED, {2: torch.empty(0, WIDTH)}, "answer")
    assert with_none.steered[2].logit_diff.shape == (len(MIXED), 0)
    torch.testing.assert_close(with_none.unsteered.logit_diff, empty.unsteered.logit_diff)
    assert empty.prefix_logprob[3] == 0
    assert (empty.prefix_logprob[[0, 1, 2, 4]] < 0).all()


def test_results_are_float32_on_the_cpu_and_layers_come_in_order():
    births = dict(reversed(random_births(tiny("llama")).items()))
    result = sweep(tiny("llama"), MIXED, births, "decision")
    assert list(result.steered) == list(range(LAYERS))
    for answers in (result.unsteered, *result.steered.values()):
        assert {part.dtype for part in answers} == {torch.float32}
        assert {part.device.type for part in answers} == {"cpu"}
    assert result.steered[0].largest.shape == (len(MIXED), len(MULTIPLIERS))


def test_a_prompt_of_one_token_is_refused():
    items = random_items([9, 1], [1, 1])
    with pytest.raises(Refused, match="item item1: its prompt is one token long"):
        sweep(tiny("llama"), items, {}, "answer")
    assert sweep(tiny("llama"), items, {}, "decision").unsteered.logit_diff.isfinite().all()


def test_a_layer_the_model_does_not_have():
    with pytest.raises(ValueError, match=r"layers \[4\]"):
        sweep(tiny("llama"), MIXED, {LAYERS: torch.zeros(1, WIDTH)}, "answer")


@pytest.mark.parametrize("scope", SCOPES)
def test_on_a_trained_model_and_real_words(scope):
    loaded, items = stories()
    births = random_births(loaded, size=2.0)
    for found in largest_differences(loaded, items, scope, births):
        assert found.moved > 0.2
        assert found.logit_diff <= tolerance(torch.float32, found.scale)
        assert found.answer_logmass <= 2e-5
        assert found.prefix_logprob <= 2e-5


def reference_items(tokenizer):
    letters = [tuple(tokenizer(f"{letter})").input_ids) for letter in "AB"]
    items = []
    for asked in list(questions("kind"))[::9]:
        user = f"{asked.text}\n\nChoices:\n(A): {asked.positive}\n(B): {asked.negative}"
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": user}], add_generation_prompt=True, tokenize=False
        )
        prompt, shared = (tuple(tokenizer(part).input_ids) for part in (text, "("))
        items.append(TokenisedItem(f"{len(items)}", text, prompt, shared, *letters))
    return items


@pytest.mark.parametrize("scope", SCOPES)
def test_on_the_reference_model(scope):
    # It is built from large constants that cancel: rounding weighs more than in a trained model.
    model, tokenizer = build()
    loaded, items = stand_in(model), reference_items(tokenizer)
    assert why_not_exact(model) is None
    assert len({len(item.prompt) for item in items}) > 2
    for found in largest_differences(loaded, items, scope, random_births(loaded, size=2.0)):
        assert found.moved > 0.2
        assert found.logit_diff <= tolerance(torch.float32, found.scale)
        assert found.answer_logmass <= tolerance(torch.float32, found.scale)


def test_items_drawn_for_these_tests_are_of_mixed_lengths():
    assert len({len(item.prompt) for item in MIXED}) > 3
    assert {len(item.shared) for item in MIXED} == {0, 1, 2}
    assert max(max(item.prompt) for item in MIXED) < VOCABULARY
