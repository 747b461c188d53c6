import contextlib

import pytest
import torch

from runners.engine.chains import sweep
from runners.models.architecture import parts
from specs.faults import Refused
from tests.runners.families import MIXED, random_births, random_items, random_model, stand_in
from tests.runners.family_configs import LAYERS

torch.set_num_threads(1)


def hooks_of(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma2"])
def test_leaves_no_hook_no_forward_and_no_gradient_behind(name):
    loaded = stand_in(random_model(name))
    loaded.model.train()
    decoder = parts(loaded.model).decoder
    sweep(loaded, MIXED, random_births(loaded), "answer")
    assert not loaded.model.training
    assert hooks_of(loaded.model) == 0
    assert "forward" not in vars(decoder)
    assert all(p.grad is None and not p.is_inference() for p in loaded.model.parameters())


@pytest.mark.parametrize("layer", [0, LAYERS - 1])
def test_hooks_go_when_a_block_fails(layer):
    loaded = stand_in(random_model("llama"))
    blocks, failing = parts(loaded.model).blocks, RuntimeError("a block fails")

    def fail(_module, _args, output):
        if output.shape[1] != 8:  # the prefill passes, the second call does not
            raise failing

    handle = blocks[layer].mlp.register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="a block fails"):
        sweep(loaded, random_items([9], [0]), random_births(loaded), "answer")
    handle.remove()
    assert hooks_of(loaded.model) == 0


def test_a_block_with_an_unknown_tensor_is_refused_and_unhooked():
    loaded = stand_in(random_model("llama"))
    block = parts(loaded.model).blocks[1]
    with contextlib.ExitStack() as stack:
        own = block.forward
        block.forward = lambda hidden, alibi=None, **kwargs: own(hidden, **kwargs)
        hook = block.register_forward_pre_hook(
            lambda _m, args, kwargs: (args, kwargs | {"alibi": torch.zeros(4, 1)}), with_kwargs=True
        )
        stack.callback(hook.remove)
        with pytest.raises(
            Refused, match=r"LlamaDecoderLayer: argument alibi \[4, 1\] is not known"
        ):
            sweep(loaded, MIXED, random_births(loaded), "answer")
    assert hooks_of(loaded.model) == 0
