"""Which decoder block a hook name of sae-lens means: they are named as TransformerLens does."""

from __future__ import annotations

import re

AFTER = re.compile(r"blocks\.(\d+)\.hook_resid_post")
BEFORE = re.compile(r"blocks\.(\d+)\.hook_resid_pre")
MODULE = re.compile(r"(?:\w+\.)*(?:layers|h|blocks)\.(\d+)(?:\.output)?")
"""A decoder block as transformers names it, such as `model.layers.12`."""


def layer_of(hook_name: str) -> int | None:
    """Return the 0-based block whose output a hook reads; None where it reads something else.

    The stream before block i is the output of block i - 1; before block 0 there is none.
    """
    if found := AFTER.fullmatch(hook_name) or MODULE.fullmatch(hook_name):
        return int(found[1])
    if found := BEFORE.fullmatch(hook_name):
        layer = int(found[1]) - 1
        return layer if layer >= 0 else None
    return None
