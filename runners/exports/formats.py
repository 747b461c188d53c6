"""The formats of `export --to`: who writes them, how their readers load them, what they do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from runners.formats import gguf_file, lm_eval, steering_vectors
from runners.formats.exported import Exported


class Format(NamedTuple):
    """One format; the texts are filled with `file` and `layers`."""

    endings: tuple[str, ...]
    """Of its files; the first is given to those that are not named."""
    write: Callable[[Path, Exported], None]
    how: str
    """Two lines that load it."""
    differs: str
    """What its reader does otherwise than `steerhouse run`."""


FORMATS = {
    "gguf": Format(
        (".gguf",),
        gguf_file.write_llama_cpp,
        "llama-cli -m MODEL.gguf --control-vector {file}\n"
        "llama-cli -m MODEL.gguf --control-vector-scaled {file}:-1  # the other way",
        "llama.cpp adds direction.N to the output of the 0-based block N, steerhouse's layer N, at "
        "every position of prompt and answer (scope all), and all layers of a file at once; block "
        "0 cannot be steered",
    ),
    "repeng": Format(
        (".gguf",),
        gguf_file.write,
        'vector = repeng.ControlVector.import_gguf("{file}")\n'
        "repeng.ControlModel(model, {layers}).set_control(vector, 1.0)",
        "repeng adds direction.N to the output of the 0-based block N, steerhouse's layer N, at "
        "every position that is no padding (scope all); it wants every layer that it is told of",
    ),
    "steering-vectors": Format(
        (".safetensors",),
        steering_vectors.write,
        "vector = SteeringVector({{int(k[6:]): v for k, v in load_file({file!r}).items()}})  "
        "# safetensors.torch\n"
        "with vector.apply(model, multiplier=1.0, min_token_index=0): model(**inputs)",
        "steering-vectors counts blocks from 0 as here; min_token_index=0 is scope all, the index "
        "of the last prompt token is scope answer; all layers of a file are added at once",
    ),
    "lm-eval": Format(
        (".pt", ".pth"),
        lm_eval.write,
        "lm_eval --model steered --model_args pretrained=MODEL,steer_path={file} --tasks TASK\n"
        '# multiplier: the "steering_coefficient" of each hook point in the file (--multiplier)',
        "lm-eval adds coefficient·vector to the output of the hook point, the 0-based block, at "
        "every position of prompt and answer (scope all), and all layers of a file at once",
    ),
}
