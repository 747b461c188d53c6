"""What a module computes, replaced for a while and given back as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from runners.models.offload import input_device

if TYPE_CHECKING:
    from runners.models.architecture import Parts

Tail = tuple[Any, ...] | None
_tails: WeakKeyDictionary[nn.Module, list[Tail]] = WeakKeyDictionary()


@contextmanager
def replaced(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Let `module` compute `forward` while the context lasts."""
    own = vars(module).get("forward")
    module.forward = forward
    try:
        yield
    finally:
        # accelerate keeps a forward of its own on the instance: it has to come back.
        if own is None:
            del module.forward
        else:
            module.forward = own


@contextmanager
def returning(found: Parts, blocks: int, hidden: Tensor) -> Iterator[None]:
    """Let the first `blocks` blocks return `hidden` without computing anything."""
    with ExitStack() as stack:
        for block, tail in zip(found.blocks[:blocks], tails(found), strict=False):
            output = wrapped(hidden, tail)
            stack.enter_context(replaced(block, lambda *_, _output=output, **__: _output))
        yield


def wrapped(hidden: Tensor, tail: Tail) -> Any:
    """Return hidden states as a block with this tail returns them."""
    return hidden if tail is None else (hidden, *tail)


def tails(found: Parts) -> list[Tail]:
    """Return what each block returns behind its hidden states; None where it returns them bare.

    Tensors there (attention weights and the like, nobody's input) stand as None. A pass over one
    token tells, once for a model.
    """
    if found.decoder not in _tails:
        heard: list[Tail] = []
        with ExitStack() as stack, torch.inference_mode():
            for block in found.blocks:
                hook = block.register_forward_hook(
                    lambda _m, _a, output: heard.append(_tail(output))
                )
                stack.callback(hook.remove)
            ids = torch.zeros(1, 1, dtype=torch.long, device=input_device(found.decoder))
            found.decoder(input_ids=ids, use_cache=False)
        _tails[found.decoder] = heard
    return _tails[found.decoder]


def _tail(output: Any) -> Tail:
    if not isinstance(output, tuple):
        return None
    return tuple(None if isinstance(part, Tensor) else part for part in output[1:])
