"""Caches of keys and values: empty, cut short, said to be full, and filled without more ado."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from transformers import DynamicCache

if TYPE_CHECKING:
    from runners.models.load import LoadedModel


def empty_cache(loaded: LoadedModel) -> DynamicCache:
    """Return a cache with the layers that the model asks for, sliding windows included."""
    return DynamicCache(config=loaded.model.config.get_text_config())


def sliced(cache: DynamicCache, copies: int, length: int) -> DynamicCache:
    """Return the first slots of a cache of one row for `copies` rows.

    They are views, for the tokens that come next are joined to them in new memory.
    """
    found: DynamicCache = copy.copy(cache)
    # Layers rebind their tensors and never write to them.
    found.layers = [copy.copy(layer) for layer in cache.layers]
    for layer in found.layers:
        layer.keys = layer.keys[:, :, :length].expand(copies, -1, -1, -1)
        layer.values = layer.values[:, :, :length].expand(copies, -1, -1, -1)
    return found


def ghost(loaded: LoadedModel, slots: int) -> DynamicCache:
    """Return a cache that says it holds `slots` tokens, which is what masks are made from."""
    found = empty_cache(loaded)
    thin = torch.empty(1, 1, slots, 1, dtype=loaded.dtype, device=loaded.device)
    for layer in found.layers:
        layer.update(thin, thin)
    return found


class _FilledError(Exception):
    """A block has stored its keys and values."""


@contextmanager
def until_filled(layer: Any) -> Iterator[None]:
    """Leave the context as soon as `layer` of a cache is updated."""
    update = layer.update

    def stop(*args: Any, **kwargs: Any) -> None:
        update(*args, **kwargs)
        raise _FilledError

    layer.update = stop
    try:
        yield
    except _FilledError:
        pass
    finally:
        del layer.update
