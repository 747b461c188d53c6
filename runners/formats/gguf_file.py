"""Control vectors in gguf, as llama.cpp and repeng read them.

A tensor `direction.N`, float32 [d_model], is added to the output of the 0-based block N, at every
position: N is steerhouse's layer, although llama.cpp counts its buffer from 1. Read off

- ggml-org/llama.cpp common/common.cpp, common_control_vector_load_one: `direction.N` is put at
  offset d_model·(N−1) of a buffer; N = 0 is refused; only F32 and one dimension are taken; no
  metadata is looked at; tensors of one name part add up.
- ggml-org/llama.cpp src/llama-adapter.cpp, llama_adapter_cvec::apply: block `il` takes what lies at
  offset d_model·(il−1), from il = 1 on; so il = N and the first block cannot be steered.
- vgel/repeng repeng/extract.py (0.4.0), ControlVector.export_gguf and import_gguf: the same names,
  `controlvector.model_hint` (config.model_type) is demanded; repeng/control.py, ControlModel: N is
  the index into the list of blocks, 0 included.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.formats.blocks import model_type
from runners.formats.exported import NAMESPACE, Exported
from specs.faults import Refused

if TYPE_CHECKING:
    import numpy as np

ARCHITECTURE = "controlvector"


def write_llama_cpp(path: Path, vector: Exported) -> None:
    """Write a control vector that llama.cpp takes.

    Raises:
        Refused: layer 0 is among the layers, or there is no gguf package.
    """
    if 0 in vector.directions:
        raise Refused(
            "layer 0: llama.cpp cannot steer the first block's output (it refuses `direction.0`); "
            "choose another with --layer, or another format with --to"
        )
    write(path, vector)


def write(path: Path, vector: Exported) -> None:
    """Write `direction.N` for each layer N; no gguf package is a Refused."""
    writer = _package().GGUFWriter(path, ARCHITECTURE)
    writer.add_string(f"{ARCHITECTURE}.model_hint", model_type(vector.architecture))
    writer.add_uint32(f"{ARCHITECTURE}.layer_count", len(vector.directions))
    for key, value in sorted(vector.about.items()):
        writer.add_string(f"{NAMESPACE}{key}", value)
    for layer, direction in vector.scaled().items():
        writer.add_tensor(f"direction.{layer}", direction)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the named arrays of a gguf file; those that are packed come unpacked, as float32."""
    gguf = _package()
    plain = (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16)
    return {
        str(tensor.name): tensor.data
        if tensor.tensor_type in plain
        else gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        for tensor in gguf.GGUFReader(path).tensors
    }


def made_on(path: Path) -> str | None:
    """Return the model_id that a file of ours says, or None."""
    field = _package().GGUFReader(path).get_field(f"{NAMESPACE}model_id")
    return None if field is None else str(field.contents())


def _package() -> Any:
    try:
        import gguf
    except ImportError:
        raise Refused("files in gguf need its package: `pip install gguf`") from None
    return gguf
