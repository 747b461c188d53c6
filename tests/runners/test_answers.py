import pytest
import torch

from runners.engine import answers as module
from runners.engine.answers import Head, answers, log_probabilities
from runners.models.architecture import parts
from tests.runners.families import random_model, tiny
from tests.runners.family_configs import VOCABULARY, WIDTH

torch.set_num_threads(1)
DRAW = torch.Generator().manual_seed(3)
HIDDEN = torch.randn(3, 200, WIDTH, generator=DRAW)
POSITIVE, NEGATIVE = [5, 9, 5], [9, 300, 7]


def whole_logits(model, hidden):
    """Return the logits of a forward pass whose decoder says `hidden`, by another way."""
    decoder = parts(model).decoder
    handle = decoder.register_forward_hook(
        lambda _m, _a, out: setattr(out, "last_hidden_state", hidden) or out
    )
    with torch.inference_mode():
        logits = model(torch.zeros(1, 1, dtype=torch.long)).logits
    handle.remove()
    return logits


@pytest.mark.parametrize(
    "name", ["llama", "gemma2", "granite", "gpt2", "gpt_neox", "phi3 (window 6)"]
)
def test_two_rows_and_the_mass_equal_the_whole_head(name):
    model = tiny(name).model
    logits = whole_logits(model, HIDDEN)
    with torch.inference_mode():
        found = answers(model, HIDDEN, POSITIVE, NEGATIVE)
    for b, (p, q) in enumerate(zip(POSITIVE, NEGATIVE, strict=True)):
        pair, logprobs = logits[b][:, [p, q]], logits[b].log_softmax(-1)
        torch.testing.assert_close(found.logit_diff[b], pair[:, 0] - pair[:, 1], rtol=0, atol=1e-5)
        torch.testing.assert_close(
            found.answer_logmass[b], logprobs[:, [p, q]].logsumexp(-1), rtol=0, atol=1e-5
        )
        torch.testing.assert_close(found.largest[b], pair.abs().amax(-1), rtol=0, atol=1e-5)


def test_soft_caps_and_scales_are_the_models_own():
    gemma = tiny("gemma2").model
    with torch.inference_mode():
        assert answers(gemma, 100 * HIDDEN, POSITIVE, NEGATIVE).largest.max() <= 8.0
        plain = 100 * HIDDEN @ gemma.get_output_embeddings().weight.T
    assert plain.abs().max() > 100


def test_a_biased_head():
    model = random_model("llama")
    head = torch.nn.Linear(WIDTH, VOCABULARY)
    model.set_output_embeddings(head)
    with torch.inference_mode():
        found = Head(model).logits(HIDDEN[0], [3, 8])
        torch.testing.assert_close(found, head(HIDDEN[0])[:, [3, 8]], rtol=0, atol=1e-5)


def test_half_precision_heads_are_widened_in_slices(monkeypatch):
    model = random_model("llama").bfloat16()
    hidden = HIDDEN[0].bfloat16()
    wide = hidden.float() @ model.get_output_embeddings().weight.float().T
    monkeypatch.setattr(module, "VOCABULARY", 100)
    with torch.inference_mode():
        head = Head(model)
        assert head.logits(hidden, [4]).dtype == torch.float32
        torch.testing.assert_close(head.logits(hidden, [4, 6]), wide[:, [4, 6]], rtol=0, atol=1e-4)
        torch.testing.assert_close(head.log_total(hidden), wide.logsumexp(-1), rtol=0, atol=1e-4)


def test_log_probabilities_of_a_token_a_row():
    model, tokens = tiny("llama").model, [7, 3, 7]
    with torch.inference_mode():
        logprobs = whole_logits(model, HIDDEN[:1])[0].log_softmax(-1)
        found = log_probabilities(model, HIDDEN[0, :3], tokens)
    torch.testing.assert_close(found, logprobs[[0, 1, 2], tokens], rtol=0, atol=1e-5)


def test_never_more_rows_than_promised_meet_the_vocabulary(monkeypatch):
    model, sizes = random_model("llama"), []
    model.lm_head.register_forward_hook(lambda _m, _a, out: sizes.append(out.shape[1]))
    monkeypatch.setattr(module, "ROWS", 64)
    with torch.inference_mode():
        answers(model, HIDDEN, POSITIVE, NEGATIVE)
    assert max(sizes) == 64
    assert sum(sizes) == 2 * 600


def test_a_forward_of_someone_elses_comes_back_even_after_a_failure():
    model = random_model("llama")
    decoder = parts(model).decoder
    own = decoder.forward
    kept = lambda *args, **kwargs: own(*args, **kwargs)  # noqa: E731
    decoder.forward = kept
    with torch.inference_mode():
        answers(model, HIDDEN, POSITIVE, NEGATIVE)
        assert decoder.forward is kept
        with pytest.raises(RuntimeError):
            answers(model, HIDDEN[..., :-1], POSITIVE, NEGATIVE)
    assert decoder.forward is kept
    assert model.lm_head.weight.shape == (VOCABULARY, WIDTH)
