"""A model that makes room on its GPU while workers use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runners.console import say

if TYPE_CHECKING:
    from runners.models.load import LoadedModel


@contextmanager
def away(loaded: LoadedModel) -> Iterator[bool]:
    """Keep the driver's model in the CPU's memory while the body runs, if it lies on a GPU.

    Yields whether it lies there: Ray lends that GPU to a worker, and two copies of a large model do
    not fit. Moving weights changes no bit of them. A model that transformers spread over devices or
    quantised cannot be moved; it stays, which is said.
    """
    import torch

    if loaded.device.type != "cuda":
        yield False
        return
    try:
        loaded.model.to("cpu")
    except (ValueError, RuntimeError) as error:
        say(f"Warning: the driver's copy of the model stays on its GPU: {error}")
        yield True
        return
    torch.cuda.empty_cache()
    try:
        yield True
    finally:
        loaded.model.to(loaded.device)
