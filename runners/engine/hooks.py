"""Hooks in decoder blocks: readers of the residual stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn


def residual(output: Any) -> Tensor:
    """Return the hidden states [B, rows, d] of a block's output, which some models wrap."""
    hidden: Tensor = output[0] if isinstance(output, tuple) else output
    return hidden


def with_residual(output: Any, hidden: Tensor) -> Any:
    """Return a block's output with other hidden states."""
    return (hidden, *output[1:]) if isinstance(output, tuple) else hidden


@contextmanager
def reading(blocks: Iterable[nn.Module], read: Callable[[int, Tensor], None]) -> Iterator[None]:
    """Call `read(layer, hidden [B, rows, d])` after every block, while the context lasts."""

    def hook(layer: int) -> Callable[..., None]:
        return lambda _module, _args, output: read(layer, residual(output))

    with ExitStack() as stack:
        for layer, block in enumerate(blocks):
            stack.callback(block.register_forward_hook(hook(layer)).remove)
        yield
