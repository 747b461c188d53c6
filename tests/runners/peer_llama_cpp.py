"""llama.cpp itself, steered through its own loader of control vectors.

There is no Python package of it that hands out logits and takes control vectors, but xllamacpp
(MIT) carries the whole library and exports its symbols: they are called here. Where a field lies in
a parameter struct is found by its default value, and only in the one version that was looked at.
"""

from __future__ import annotations

import ctypes as c
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

VERSION = "2026.10.11549"
LOADER = "_Z26common_control_vector_loadRKSt6vectorI31common_control_vector_load_infoSaIS0_EE"
NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
TOP = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}


class Parameters(c.Structure):
    """A struct by value whose fields are not named here; more than large enough."""

    _fields_ = [("bytes", c.c_ubyte * 1024)]


class Batch(c.Structure):
    _fields_ = [("bytes", c.c_ubyte * 56)]


class Vector(c.Structure):
    """A std::vector."""

    _fields_ = [("begin", c.c_void_p), ("end", c.c_void_p), ("room", c.c_void_p)]


class LoadInfo(c.Structure):
    """common_control_vector_load_info; a std::string of manylinux2014 is one pointer."""

    _fields_ = [("strength", c.c_float), ("file", c.c_void_p)]


class Loaded(c.Structure):
    """common_control_vector_data."""

    _fields_ = [("width", c.c_int), ("data", Vector)]


def model_file(folder: Path, path: Path) -> int:
    """Write a Llama of a folder as gguf, and return its number of layers."""
    import gguf
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text())
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_rope_freq_base(float(config["rope_parameters"]["rope_theta"]))
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("no_vocab")
    for name, weight in load_file(folder / "model.safetensors").items():
        name = name.removesuffix(".weight")
        block = re.fullmatch(r"model\.layers\.(\d+)\.(.*)", name)
        called = f"blk.{block[1]}.{NAMES[block[2]]}" if block else TOP[name]
        turned = {"q_proj": heads, "k_proj": kv_heads}.get(name.rsplit(".", 1)[-1])
        array = _interleaved(weight, turned) if turned else weight
        writer.add_tensor(f"{called}.weight", np.ascontiguousarray(array, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return int(config["num_hidden_layers"])


def differences(ask: dict[str, Any], case: dict[str, Any]) -> list[float]:
    """Return logit(positive) − logit(negative) after each prompt, in float32 throughout."""
    library = _library()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        n_layers = model_file(Path(ask["model"]), path)
        load = _function(library, "llama_model_load_from_file", c.c_void_p, c.c_char_p, Parameters)
        model = load(bytes(path), _function(library, "llama_model_default_params", Parameters)())
        assert model, path
        return [
            _difference(library, model, n_layers, case, *each)
            for each in zip(ask["prompts"], ask["answers"], strict=True)
        ]


def _difference(
    library: c.CDLL,
    model: int,
    n_layers: int,
    case: dict[str, Any],
    tokens: list[int],
    answers: list[int],
) -> float:
    begin = _function(library, "llama_init_from_model", c.c_void_p, c.c_void_p, Parameters)
    context = begin(model, _float32(library))
    width, data = _control_vector(library, case["file"], case["multiplier"])
    apply = _function(
        library, "llama_set_adapter_cvec", c.c_int32, c.c_void_p, c.c_void_p, c.c_size_t,
        c.c_int32, c.c_int32, c.c_int32,
    )  # fmt: skip
    assert apply(context, c.addressof(data), len(data), width, 1, n_layers) == 0
    ids = (c.c_int32 * len(tokens))(*tokens)
    one = _function(library, "llama_batch_get_one", Batch, c.c_void_p, c.c_int32)
    decode = _function(library, "llama_decode", c.c_int32, c.c_void_p, Batch)
    assert decode(context, one(c.addressof(ids), len(tokens))) == 0
    last = _function(library, "llama_get_logits_ith", c.POINTER(c.c_float), c.c_void_p, c.c_int32)(
        context, -1
    )
    found = float(last[answers[0]]) - float(last[answers[1]])
    _function(library, "llama_free", None, c.c_void_p)(context)
    return found


def _control_vector(library: c.CDLL, path: str, strength: float) -> tuple[int, Any]:
    """Load a file as llama.cpp does; width, and float32 [layers · d_model] from block 1 on."""
    name = c.create_string_buffer(path.encode())
    info = LoadInfo(strength, c.addressof(name))
    start, size = c.addressof(info), c.sizeof(info)
    files, loaded = Vector(start, start + size, start + size), Loaded()
    # What it returns is written where its hidden first argument says.
    load = _function(library, LOADER, None, c.c_void_p, c.c_void_p)
    load(c.addressof(loaded), c.addressof(files))
    count = ((loaded.data.end or 0) - (loaded.data.begin or 0)) // 4
    assert count, f"llama.cpp takes no control vector from {path}"
    return loaded.width, (c.c_float * count).from_address(loaded.data.begin)


def _float32(library: c.CDLL) -> Parameters:
    """Return parameters of a context with a cache in float32 and no flash attention."""
    found = _function(library, "llama_context_default_params", Parameters)()
    values = np.frombuffer(found, np.int32)
    (cache,) = [
        i for i in range(4, 45) if not values[i - 4 : i].any() and list(values[i : i + 2]) == [1, 1]
    ]  # type_k and type_v, f16, after two null pointers
    flash = [i for i in range(6, 16) if values[i] == -1][3]
    for position, size in ((cache, 8), (flash, 4)):
        c.memset(c.addressof(found) + 4 * position, 0, size)
    return found


def _interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Return query or key weights with rotary pairs side by side, as llama.cpp's llama has them."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def _library() -> c.CDLL:
    import xllamacpp

    if (found := xllamacpp.__version__) != VERSION:
        raise ImportError(f"xllamacpp {found}: where its structs have what is known of {VERSION}")
    return c.CDLL(str(next(Path(xllamacpp.__file__).parent.glob("*.so"))))


def _function(library: c.CDLL, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    function = library[name]
    function.restype, function.argtypes = result, arguments
    return function
