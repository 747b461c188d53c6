from types import SimpleNamespace

import pytest
import torch
import transformers

from runners.engine.chains import sweep
from runners.engine.selfcheck import self_check, tolerance
from runners.models.families import REPLAYED
from tests.runners.families import MIXED, random_births, random_items, stand_in, tiny

torch.set_num_threads(1)


def test_tolerances():
    assert tolerance(torch.float32, 10) == pytest.approx(3e-4)
    assert tolerance(torch.float32, 0.01) == 1e-5
    assert tolerance(torch.bfloat16, 10) == tolerance(torch.float16, 10) == 1.0


@pytest.mark.parametrize("scope", ["answer", "decision"])
def test_about_eight_cells_agree_on_a_proven_family(scope):
    loaded = tiny("llama")
    births = random_births(loaded)
    result = sweep(loaded, MIXED, births, scope)
    checks = self_check(loaded, MIXED, births, scope, result)
    assert len(checks) == 8
    assert (checks[0].layer, checks[0].row) == (None, None)
    assert {check.item for check in checks} == {1, 4}  # the longest and the shortest
    assert (checks[-1].layer, checks[-1].row) == (3, 2)  # the last chain of all
    for check in checks[1:]:
        assert check.fast == float(result.steered[check.layer].logit_diff[check.item, check.row])
    assert all(check.difference <= tolerance(torch.float32, check.scale) for check in checks)


def test_scale_is_the_largest_answer_logit_of_the_batch():
    loaded, births = tiny("llama"), random_births(tiny("llama"))
    result = sweep(loaded, MIXED, births, "answer")
    largest = max(float(a.largest.max()) for a in (result.unsteered, *result.steered.values()))
    assert {c.scale for c in self_check(loaded, MIXED, births, "answer", result)} == {largest}


@pytest.mark.parametrize("births", [{}, {2: torch.ones(1, 48)}])
def test_few_or_no_births(births):
    loaded, items = tiny("llama"), MIXED[:1]
    checks = self_check(loaded, items, births, "answer", sweep(loaded, items, births, "answer"))
    assert len(checks) == 1 + len(births)


def test_sees_a_wrong_number():
    loaded, births = tiny("llama"), random_births(tiny("llama"))
    result = sweep(loaded, MIXED, births, "answer")
    for part in result.steered[0]:
        part += 1
    checks = self_check(loaded, MIXED, births, "answer", result)
    assert max(check.difference for check in checks) == pytest.approx(1, abs=1e-3)


def test_sees_a_family_that_counts_slots_instead_of_looking_at_its_mask(monkeypatch):
    monkeypatch.delitem(REPLAYED, "gpt_neo")  # known by now, and kept from chains
    # gpt_neo passes every static gate, and is wrong from some slot on.
    torch.manual_seed(0)
    config = transformers.GPTNeoConfig(
        hidden_size=48, num_layers=4, num_heads=4, attention_types=[[["global", "local"], 2]], window_size=16,
        vocab_size=320, max_position_embeddings=128, initializer_range=0.3, bos_token_id=1, eos_token_id=1,
    )  # fmt: skip
    loaded = stand_in(transformers.GPTNeoForCausalLM(config).eval())
    items = random_items([23, 12], [1, 1])
    births = {layer: rows.repeat(8, 1) for layer, rows in random_births(loaded).items()}
    result = sweep(loaded, items, births, "answer")
    checks = self_check(loaded, items, births, "answer", result)
    assert max(c.difference / tolerance(torch.float32, c.scale) for c in checks) > 10


def test_needs_no_more_of_a_sweep_than_its_answers():
    loaded, births = tiny("llama"), random_births(tiny("llama"), [1])
    result = sweep(loaded, MIXED, births, "answer")
    bare = SimpleNamespace(unsteered=result.unsteered, steered=result.steered)
    assert self_check(loaded, MIXED, births, "answer", bare) == self_check(
        loaded, MIXED, births, "answer", result
    )
