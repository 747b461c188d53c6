import math

import pytest
import torch

from runners.engine.answers import answers
from runners.engine.reference import measure, reference_activations
from runners.models.architecture import parts
from tests.runners.families import MIXED, random_births, random_items, random_model, stand_in, tiny

torch.set_num_threads(1)


def test_unsteered_is_what_the_model_says():
    loaded, item = tiny("llama"), MIXED[4]
    ids = torch.tensor([[*item.prompt, *item.shared]])
    with torch.inference_mode():
        logprobs = loaded.model(ids).logits[0].log_softmax(-1)
    positive, negative = logprobs[-1, item.positive[0]], logprobs[-1, item.negative[0]]
    found = measure(loaded, item, "answer")
    assert found.logit_diff == pytest.approx(float(positive - negative), abs=1e-5)
    assert math.exp(found.answer_logmass) == pytest.approx(
        float(positive.exp() + negative.exp()), rel=1e-5
    )
    shared = logprobs[1, item.shared[0]] + logprobs[2, item.shared[1]]
    assert found.prefix_logprob == pytest.approx(float(shared), abs=1e-5)


def test_without_shared_tokens_the_prefix_is_certain():
    assert measure(tiny("llama"), MIXED[3], "answer").prefix_logprob == 0


@pytest.mark.parametrize(
    ("scope", "steered"),
    [
        ("answer", [8, 9, 10]),
        ("decision", [10]),
        ("prompt", [*range(9)]),
        ("all", [*range(11)]),
    ],
)
def test_adds_to_the_positions_of_the_scope_and_to_no_other(scope, steered):
    loaded, item = tiny("llama"), random_items([9], [2])[0]
    delta = random_births(loaded)[1][0]
    seen = {}
    blocks = parts(loaded.model).blocks
    handles = [blocks[2].register_forward_hook(lambda _m, args, _out: seen.update(x=args[0][0]))]
    measure(loaded, item, scope)
    before = seen["x"]
    measure(loaded, item, scope, 1, delta)
    handles[0].remove()
    moved = (seen["x"] - before).abs().amax(-1).nonzero()[:, 0].tolist()
    assert moved == steered
    torch.testing.assert_close(
        seen["x"][steered] - before[steered], delta.expand(len(steered), -1), atol=1e-5, rtol=0
    )


def test_a_steered_pass_does_not_pretend_to_know_the_unsteered_prefix():
    loaded = tiny("llama")
    assert math.isnan(
        measure(loaded, MIXED[0], "answer", 1, random_births(loaded)[1][0]).prefix_logprob
    )


def test_hooks_go_also_when_the_model_fails():
    loaded = stand_in(random_model("llama"))
    block = parts(loaded.model).blocks[2]
    own = block.forward
    block.forward = lambda *_args, **_kwargs: (_ for _ in ()).throw(RuntimeError("no"))
    with pytest.raises(RuntimeError, match="no"):
        measure(loaded, MIXED[0], "answer", 1, random_births(loaded)[1][0])
    with pytest.raises(RuntimeError, match="no"):
        reference_activations(loaded, MIXED[0])
    block.forward = own
    assert not any(b._forward_hooks for b in parts(loaded.model).blocks)


def test_half_precision_logits_are_not_rounded_before_their_difference():
    loaded, item = stand_in(random_model("llama"), torch.bfloat16), MIXED[0]
    ids = torch.tensor([[*item.prompt, *item.shared]])
    with torch.inference_mode():
        hidden = parts(loaded.model).decoder(ids).last_hidden_state[:, -1:]
        fine = answers(loaded.model, hidden, item.positive[:1], item.negative[:1])
    found = measure(loaded, item, "answer").logit_diff
    assert found == pytest.approx(float(fine.logit_diff), abs=1e-6)
    assert found != float(torch.tensor(found).bfloat16())


def test_activations_are_hidden_states_of_the_model():
    loaded, item = tiny("llama"), MIXED[1]
    positive, negative = reference_activations(loaded, item)
    for completion, found in ((item.positive, positive), (item.negative, negative)):
        ids = torch.tensor([[*item.prompt, *item.shared, completion[0]]])
        with torch.inference_mode():
            states = loaded.model(ids, output_hidden_states=True).hidden_states
        # The last entry is after the final norm: only the others are block outputs.
        torch.testing.assert_close(found[:-1], torch.stack([s[0, -1] for s in states[1:-1]]))
        torch.testing.assert_close(parts(loaded.model).decoder.norm(found[-1]), states[-1][0, -1])
