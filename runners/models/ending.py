"""What a decoder does after its last block, in float32: its final norm, before answers are read."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from runners.models.architecture import parts
from runners.models.offload import input_device, is_offloaded

HALF = (torch.bfloat16, torch.float16)


def widen_ending(model: nn.Module) -> list[str]:
    """Let what follows the last block of a half precision model compute in float32, from now on.

    Every path then reads float32 hidden states, the reference path too: rounding the last of them
    once more blurs what late layers do (measured: slopes at the last layer are up to three times
    less noisy, at the first ones no different). The model's own head rounds them as before.
    Returns the names of the modules that were widened; none in float32. Modules whose weights are
    offloaded keep their own arithmetic.
    """
    if next(iter(model.parameters())).dtype not in HALF:
        return []
    followers = {name: one for name, one in _followers(model).items() if not is_offloaded(one)}
    for module in followers.values():
        module.float().register_forward_pre_hook(_in_float32)
    if followers:
        head: Any = model.get_output_embeddings()  # type: ignore[operator]
        head.register_forward_pre_hook(_in_own_dtype)
    return list(followers)


def _followers(model: nn.Module) -> dict[str, nn.Module]:
    """Return the decoder's own modules that run after its last block, and only then."""
    found = parts(model)
    after: dict[str, nn.Module] = {}
    before: set[str] = set()
    ended = False

    def end(*_: object) -> None:
        nonlocal ended
        ended = True

    def note(name: str, module: nn.Module) -> None:
        if ended:
            after[name] = module
        else:
            before.add(name)

    handles = [found.blocks[-1].register_forward_hook(end)]
    for name, module in found.decoder.named_children():
        if module is not found.blocks:
            hook = module.register_forward_pre_hook(lambda m, _a, name=name: note(name, m))
            handles.append(hook)
    try:
        with torch.inference_mode():
            ids = torch.zeros(1, 1, dtype=torch.long, device=input_device(model))
            found.decoder(input_ids=ids, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return {name: module for name, module in after.items() if name not in before}


def _in_float32(_module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.float() if isinstance(value, Tensor) else value for value in args)


def _in_own_dtype(head: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Round the hidden states to the dtype of a plain head, as they were before the widening."""
    if not head.weight.is_floating_point():
        return args
    return (args[0].to(head.weight.dtype), *args[1:])
