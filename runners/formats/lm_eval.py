"""The `.pt` of lm-evaluation-harness's `--model steered`.

Read off EleutherAI/lm-evaluation-harness lm_eval/models/hf_steered.py (0.4.13): a dict of
hook point -> {action, steering_vector, steering_coefficient, bias, head_index}. A hook point is a
module's name below `model.base_model`, so that a decoder block is `layers.N` (`h.N` in GPT-2), N
0-based as here. Action `add` puts coefficient·vector on the module's output at every position of
prompt and answer. The file is opened by torch.load with code allowed, so one of a stranger should
never be given to it; what is written here is tensors, numbers and text only, and is read back here
with weights_only=True. At commit 0478792 of the same file, `add` took the last hook point's vector
for all of them: a file of one layer is right in either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.formats.blocks import block_list
from runners.formats.exported import NAMESPACE, Exported
from specs.faults import Refused

if TYPE_CHECKING:
    from torch import Tensor

VECTOR = "steering_vector"


def write(path: Path, vector: Exported) -> None:
    """Write one hook point a layer; the multiplier is the coefficient.

    Raises:
        Refused: the names of the model's blocks are not known here.
    """
    import torch

    blocks = block_list(vector.architecture)
    content = {
        f"{blocks}.{layer}": {
            "action": "add",
            VECTOR: torch.tensor(direction),
            "steering_coefficient": float(vector.multiplier),
            "bias": None,
            "head_index": None,
            **{f"{NAMESPACE}{key}": value for key, value in vector.about.items()},
        }
        for layer, direction in sorted(vector.directions.items())
    }
    with path.open("wb") as file:  # a path would put its own, temporary name into the file
        torch.save(content, file)


def is_steer_config(content: Any) -> bool:
    """Return whether what torch.load gave is a file of this kind."""
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(each, Mapping) and VECTOR in each for each in content.values())
    )


def by_layer(path: Path, content: Mapping[str, Mapping[str, Any]]) -> dict[int, Tensor]:
    """Return layer -> coefficient·vector, [d_model].

    Raises:
        Refused: something other than adding to the output of a whole block; in one line, which.
    """
    found: dict[int, Tensor] = {}
    for hook_point, info in content.items():
        block = re.fullmatch(r"(?:.*\.)?(?:layers|h|blocks)\.(\d+)", str(hook_point))
        fault = _fault(info) or ("" if block else "is not the output of a decoder block")
        if fault or block is None:
            raise Refused(
                f"{path}: hook point {hook_point!r} {fault}; method `file` adds a vector to the "
                "output of blocks: take this one out of the file"
            )
        found[int(block[1])] = info[VECTOR].float() * float(info.get("steering_coefficient", 1.0))
    return found


def made_on(content: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the model_id that a file of ours says, or None."""
    said = {info.get(f"{NAMESPACE}model_id") for info in content.values()}
    return said.pop() if len(said) == 1 else None


def _fault(info: Mapping[str, Any]) -> str:
    if info.get("action", "add") != "add":
        return f"has action {info['action']!r}"
    for key in ("bias", "head_index"):
        if info.get(key) is not None:
            return f"has a {key}"
    return ""
