"""Models larger than one device: where their inputs go, and weights that lie somewhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch import nn


def is_offloaded(module: nn.Module) -> bool:
    """Return whether accelerate keeps this module's own weights elsewhere between its calls."""
    return any(weight.is_meta for weight in module.parameters())


def input_device(model: nn.Module) -> torch.device:
    """Return the device that token ids go to: the embedding's, or where it is computed."""
    embedding: Any = model.get_input_embeddings()  # type: ignore[operator]
    if embedding.weight.is_meta and hasattr(embedding, "_hf_hook"):
        return torch.device(embedding._hf_hook.execution_device)
    device: torch.device = embedding.weight.device
    return device


@contextmanager
def weights_here(module: nn.Module) -> Iterator[None]:
    """Have the weights of an offloaded module at hand while the context lasts."""
    if not is_offloaded(module):
        yield
        return
    from accelerate.utils import align_module_device

    with align_module_device(module):
        yield


@contextmanager
def unhooked(module: nn.Module) -> Iterator[None]:
    """Let `module` compute with the weights it has, not with those that accelerate would fetch."""
    own = vars(module).get("forward")
    if own is None:
        yield
        return
    module.forward = MethodType(type(module).forward, module)
    try:
        yield
    finally:
        module.forward = own


def spread(model: nn.Module) -> str | None:
    """Return in words where a model lies, `5 parts on cpu, 7 on disk`; None on one device."""
    placed = Counter(_named(place) for place in getattr(model, "hf_device_map", {}).values())
    if len(placed) < 2:
        return None
    first, *others = sorted(placed.items())
    return ", ".join([f"{first[1]} parts on {first[0]}", *(f"{n} on {at}" for at, n in others)])


def _named(place: Any) -> str:
    return f"cuda:{place}" if isinstance(place, int) else str(place)
