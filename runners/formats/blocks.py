"""What others call a model's decoder blocks, from the name of its class alone."""

from __future__ import annotations

from functools import cache
from typing import Any

from specs.faults import Refused


def model_type(architecture: str) -> str:
    """Return `config.model_type` of a class of transformers; the class's own name if unknown."""
    found = _class(architecture)
    return str(found.config_class.model_type) if found else architecture


@cache
def block_list(architecture: str) -> str:
    """Return the path of the list of decoder blocks below `model.base_model`, e.g. `layers`, `h`.

    A model of the class's default sizes is laid out without weights and asked.

    Raises:
        Refused: transformers knows no such class, or its blocks are not one list.
    """
    import torch

    from runners.models.architecture import parts

    found = _class(architecture)
    if found is None:
        raise Refused(
            f"model class {architecture}: not in transformers, so the names of its blocks are not "
            "known here, which lm-eval needs; use another format with --to"
        )
    with torch.device("meta"):
        model = found(found.config_class())
    blocks = parts(model).blocks
    named = model.base_model.named_modules()
    return next(str(name) for name, module in named if module is blocks)


def _class(architecture: str) -> Any:
    import transformers

    return getattr(transformers, architecture, None)
