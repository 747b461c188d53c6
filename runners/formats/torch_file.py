"""Files of torch.save: opened without running any code in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.formats import lm_eval, steering_vectors
from specs.faults import Refused

if TYPE_CHECKING:
    import numpy as np

ENDINGS = (".pt", ".pth")


def arrays(path: Path) -> dict[str, np.ndarray]:
    """Return `layer.N` -> float32 array, or one array named "" of a file that is one tensor.

    Raises:
        Refused: neither a tensor, a dict of layer -> tensor, a SteeringVector nor the file of
            lm-eval's `steered`; or one of these that does something else than adding to blocks.
    """
    import torch

    content = _opened(path)
    if isinstance(content, torch.Tensor):
        return {"": content.float().numpy()}
    if lm_eval.is_steer_config(content):
        found = lm_eval.by_layer(path, content)
    else:
        found = steering_vectors.by_layer(path, content) or {}
    if not found or not all(isinstance(each, torch.Tensor) for each in found.values()):
        raise Refused(
            f"{path}: holds no steering vector; expected a tensor, a dict of layer -> tensor, a "
            "SteeringVector of steering-vectors, or the file of lm-eval's `--model steered`"
        )
    return {f"layer.{layer}": tensor.detach().numpy() for layer, tensor in found.items()}


def made_on(path: Path) -> str | None:
    """Return the model_id that a file of ours says, or None."""
    content = _opened(path)
    return lm_eval.made_on(content) if lm_eval.is_steer_config(content) else None


def _opened(path: Path) -> Any:
    """Return what torch.load reads with weights_only, a SteeringVector as its fields alone."""
    import pickle

    import torch

    # Given as (class, name), a name of another package is read as our own empty class.
    known: list[Any] = [(steering_vectors.Stored, steering_vectors.PICKLED)]
    try:
        with torch.serialization.safe_globals(known):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise Refused(
            f"{path}: holds Python objects, or no torch file at all; objects are never loaded, for "
            "that could run their code: save the dict of layer -> tensor alone, "
            "torch.save(vector.layer_activations, FILE)"
        ) from None
