import pytest
import torch
import transformers

from runners.models.architecture import parts, way, why_not_exact
from runners.models.families import FAMILIES, RECURRENT, REPLAYED
from specs.faults import Refused
from tests.runners.families import random_model, tiny
from tests.runners.family_configs import CONFIGS, LAYERS, REPLAYED_CONFIGS, SHAPE
from tests.runners.stories import stories

SMALL = {k: v for k, v in SHAPE.items() if k not in ("attention_dropout", "num_key_value_heads")}


def config_model(name, **settings):
    config = getattr(transformers, f"{name}Config")(**settings)
    return getattr(transformers, f"{name}ForCausalLM")(config)


@pytest.mark.parametrize("name", CONFIGS)
def test_proven_families_are_let_through(name):
    model = tiny(name).model
    assert way(model) == ("chains", "", True)
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
    model = config_model("Helium", **SMALL, head_dim=12)
    assert why_not_exact(model).startswith("helium: not proven exact here; proven are bloom, ")
    assert way(model) == ("refuse", why_not_exact(model), True)


@pytest.mark.parametrize("name", REPLAYED_CONFIGS)
def test_families_that_only_replays_serve(name):
    model = tiny(name).model
    found = way(model, longest=24)
    assert why_not_exact(model) is None
    assert found.kind == "replay"
    assert found.reason.startswith(model.config.model_type)
    assert "\n" not in found.reason
    assert found.padded == (name in ("bloom", "gpt_bigcode", "mpt", "gpt_neo (window 6)"))
    assert len(parts(model).blocks) == LAYERS


def test_every_family_is_served_by_one_way_only():
    assert not set(FAMILIES) & set(REPLAYED)
    assert set(REPLAYED) >= RECURRENT


def test_gpt_neo_is_kept_from_chains_though_no_gate_can_see_it():
    assert way(tiny("gpt_neo (window 6)").model).reason.startswith("gpt_neo: its local attention ")


def test_several_streams_at_once():
    config = transformers.Gemma3nTextConfig(
        **SMALL, num_key_value_heads=2, head_dim=12, vocab_size_per_layer_input=320,
        hidden_size_per_layer_input=8, laurel_rank=4, num_kv_shared_layers=0,
        activation_sparsity_pattern=[0.0] * 4, layer_types=["full_attention"] * 4,
    )  # fmt: skip
    reason = why_not_exact(transformers.Gemma3nForCausalLM(config))
    assert reason.startswith("gemma3n_text: its blocks hand on 4 streams at once (AltUp)")


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
        ("falcon (alibi)", "eager", "attn_implementation: sdpa}"),
        ("bloom", "sdpa", "attn_implementation: eager}"),
    ],
)
def test_attention_that_was_not_proven(name, attention, remedy):
    model = random_model(name)
    model.config._attn_implementation_internal = attention
    reason = why_not_exact(model)
    assert f"{name.split()[0]}: attention {attention} is not proven exact here" in reason
    assert remedy in reason


def test_positions_that_depend_on_the_longest_prompt():
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    model = random_model("llama", rope_parameters=rope)
    assert way(model, 127).kind == "chains"
    assert way(model, 128).kind == "refuse"
    assert (
        "llama: dynamic rotary positions change with the longest prompt" in way(model, 128).reason
    )
    linear = random_model("llama", rope_parameters=rope | {"rope_type": "linear"})
    assert way(linear, 1000).kind == "chains"
    stretched = tiny("phi3 (longrope)").model
    assert way(stretched, 12).kind == "chains"
    assert way(stretched, 13) == ("replay", way(stretched, 13).reason, False)


def test_heads_are_linear_layers_quantised_ones_included():
    model = random_model("llama")
    model.lm_head = type("Linear4bit", (torch.nn.Linear,), {})(48, 320)
    assert why_not_exact(model) is None
    model.lm_head = torch.nn.Sequential(torch.nn.Linear(48, 320))
    assert why_not_exact(model) == "LlamaForCausalLM: its head is Sequential, not a linear layer"
