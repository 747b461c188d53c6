import pytest
import torch
import transformers

from runners.architecture import FAMILIES, parts, why_not_exact
from specs.faults import Refused
from tests.runners.families import CONFIGS, LAYERS, SHAPE, random_model, tiny
from tests.runners.stories import stories

SMALL = {k: v for k, v in SHAPE.items() if k not in ("attention_dropout", "num_key_value_heads")}


def config_model(name, **settings):
    config = getattr(transformers, f"{name}Config")(**settings)
    return getattr(transformers, f"{name}ForCausalLM")(config)


@pytest.mark.parametrize("name", CONFIGS)
def test_proven_families_are_let_through(name):
    model = tiny(name).model
    assert why_not_exact(model) is None
    found = parts(model)
    assert len(found.blocks) == LAYERS
    assert any(child is found.blocks for child in found.decoder.children())


def test_a_trained_model_from_disk_is_let_through():
    assert why_not_exact(stories()[0].model) is None


def test_lists_inside_blocks_are_not_taken_for_the_blocks():
    model = random_model("llama")
    for block in model.model.layers:
        block.experts = torch.nn.ModuleList(torch.nn.Identity() for _ in range(LAYERS))
    assert parts(model).blocks is model.model.layers


def test_no_single_list_of_blocks():
    model = random_model("llama")
    model.model.more = torch.nn.ModuleList(torch.nn.Identity() for _ in range(LAYERS))
    with pytest.raises(Refused, match="LlamaForCausalLM: 2 lists of 4 decoder blocks"):
        parts(model)
    assert why_not_exact(model).startswith("LlamaForCausalLM: 2 lists of 4 decoder blocks")
    model.config.num_hidden_layers = 7
    assert why_not_exact(model).startswith("LlamaForCausalLM: 0 lists of 7 decoder blocks")


def test_a_family_that_passes_every_gate_but_was_never_proven():
    model = config_model("StableLm", **SMALL)
    assert why_not_exact(model).startswith("stablelm: not proven exact here; proven are gemma2, ")


def test_gpt_neo_is_refused_though_no_gate_can_see_it():
    model = config_model(
        "GPTNeo", hidden_size=48, num_layers=4, num_heads=4, attention_types=[[["global", "local"], 2]],
        vocab_size=320, bos_token_id=1, eos_token_id=1,
    )  # fmt: skip
    assert why_not_exact(model).startswith("gpt_neo: not proven exact here")


def test_recurrent_state():
    model = config_model("Mamba", hidden_size=48, state_size=4, num_hidden_layers=2, vocab_size=320)
    reason = why_not_exact(model)
    assert reason.startswith("mamba: ")
    assert "recurrent" in reason or "not proven" in reason


def test_encoder_decoder():
    config = transformers.T5Config(
        d_model=16, d_kv=4, d_ff=16, num_layers=2, num_heads=2, vocab_size=64
    )
    reason = why_not_exact(transformers.T5ForConditionalGeneration(config))
    assert reason == "t5: encoder-decoder models have no single sequence to steer"


@pytest.mark.parametrize(
    ("name", "attention", "remedy"),
    [
        ("llama", "flash_attention_2", "attn_implementation: eager or sdpa"),
        ("gemma2", "sdpa", "attn_implementation: eager}"),
    ],
)
def test_attention_that_was_not_proven(name, attention, remedy):
    model = random_model(name)
    model.config._attn_implementation_internal = attention
    reason = why_not_exact(model)
    assert f"{name}: attention {attention} is not proven exact here" in reason
    assert remedy in reason


def test_positions_that_depend_on_the_batch():
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    model = random_model("llama", rope_parameters=rope)
    assert "llama: dynamic rotary positions change with the longest prompt" in why_not_exact(model)
    linear = random_model("llama", rope_parameters=rope | {"rope_type": "linear"})
    assert why_not_exact(linear) is None


def test_a_head_that_is_not_a_plain_matrix():
    model = random_model("llama")
    model.lm_head = type("Linear4bit", (torch.nn.Linear,), {})(48, 320)
    assert (
        why_not_exact(model) == "LlamaForCausalLM: its head is Linear4bit, not a plain linear layer"
    )


def test_reasons_are_one_line_each():
    for kind in ("mpt", "bloom"):
        assert kind not in FAMILIES
    model = config_model(
        "Bloom", hidden_size=48, n_layer=2, n_head=4, vocab_size=320, bos_token_id=1, eos_token_id=1
    )
    assert "\n" not in why_not_exact(model)
