"""Method `file` reads what other libraries write, and never runs code in it."""

from __future__ import annotations

import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from runners.methods.vector_file import read_vectors
from runners.methods.vector_layout import layout
from specs.faults import Refused
from specs.schema import VectorFile
from tests.doc_blocks import block

WIDTH, LAYERS = 32, 4
ROW = torch.arange(WIDTH, dtype=torch.float32)


def method(path: Path, **fields: object) -> VectorFile:
    spec = VectorFile.model_validate({"kind": "file", "file": path.name, **fields})
    spec._path = path.parent / "m.yaml"
    return spec


def read(path: Path, content: Any, **fields: object) -> dict[int, list[float]]:
    torch.save(content, path)
    spec = method(path, **fields)
    found = read_vectors(spec, LAYERS, WIDTH)
    assert sorted(layout(spec, LAYERS, WIDTH)) == sorted(found)
    return {layer: vector.tolist() for layer, vector in found.items()}


def hook(vector: torch.Tensor = ROW, **changes: object) -> dict[str, object]:
    plain = {"action": "add", "steering_vector": vector, "steering_coefficient": 2.0, "bias": None}
    return {**plain, **changes}


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a SteeringVector of the name and fields that steering-vectors pickles."""
    name = "steering_vectors.steering_vector"
    module = types.ModuleType(name)

    class SteeringVector:
        def __init__(self, layer_activations: Any, layer_type: str = "decoder_block") -> None:
            self.layer_activations, self.layer_type = layer_activations, layer_type

    SteeringVector.__module__, SteeringVector.__qualname__ = name, "SteeringVector"
    module.SteeringVector = SteeringVector  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "steering_vectors", types.ModuleType("steering_vectors"))
    return SteeringVector


def test_a_pickled_steering_vector_is_read_without_its_library(
    tmp_path: Path, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(library({1: ROW, 3: -ROW.half()}), tmp_path / "v.pt")
    for name in ("steering_vectors", "steering_vectors.steering_vector"):
        monkeypatch.delitem(sys.modules, name)
    found = read_vectors(method(tmp_path / "v.pt"), LAYERS, WIDTH)
    assert {k: v.tolist() for k, v in found.items()} == {1: ROW.tolist(), 3: (-ROW).tolist()}
    assert "steering_vectors" not in sys.modules


def test_a_steering_vector_of_another_place_is_refused(tmp_path: Path, library: Any) -> None:
    with pytest.raises(Refused, match="layer type 'mlp'"):
        read(tmp_path / "v.pt", library({1: ROW}, "mlp"))


@pytest.mark.parametrize(
    ("content", "fields", "expected"),
    [
        ({2: ROW}, {}, {2: ROW}),
        ({"layer_activations": {2: ROW}, "layer_type": "decoder_block"}, {}, {2: ROW}),
        (torch.stack([ROW, -ROW]), {"layers": [1, 3]}, {1: ROW, 3: -ROW}),
        (ROW, {"layers": [1]}, {1: ROW}),
        ({"layers.2": hook()}, {}, {2: 2 * ROW}),
        (
            {"h.1": hook(-ROW), "h.3": hook(steering_coefficient=-1.5)},
            {},
            {1: -2 * ROW, 3: -1.5 * ROW},
        ),
        ({"decoder.layers.0": hook(ROW.bfloat16(), head_index=None)}, {}, {0: 2 * ROW}),
    ],
)
def test_what_torch_saved(
    tmp_path: Path, content: Any, fields: dict[str, object], expected: dict[int, torch.Tensor]
) -> None:
    wanted = {layer: vector.tolist() for layer, vector in expected.items()}
    assert read(tmp_path / "v.pt", content, **fields) == wanted


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"layers.2": hook(action="clamp")}, "'layers.2' has action 'clamp'"),
        ({"layers.2": hook(bias=ROW)}, "'layers.2' has a bias"),
        ({"layers.2.self_attn": hook()}, "is not the output of a decoder block"),
        ({"layers.2": hook(head_index=0)}, "has a head_index"),
        ({"layers.9": hook()}, "names one|holds layer 9, the model has layers 0 to 3"),
        ({"layers.2": hook(ROW[:5])}, "layer 2 has width 5, the model has d_model 32"),
        ({"weights": ROW}, "holds no steering vector"),
        ([1, 2], "holds no steering vector"),
        ({}, "holds no steering vector"),
        (ROW, "name its layer"),
        ({1: torch.full((WIDTH,), torch.inf)}, "layer 1 holds values that are not finite"),
    ],
)
def test_what_is_no_vector_for_blocks_is_refused(
    tmp_path: Path, content: Any, message: str
) -> None:
    with pytest.raises(Refused, match=message) as caught:
        read(tmp_path / "v.pt", content)
    assert "\n" not in str(caught.value)


def test_code_in_a_file_is_never_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({1: ROW, "x": Evil()}, tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(pickle.dumps(Evil()))
    (tmp_path / "c.pt").write_bytes(b"not a file of torch")
    for name in ("a.pt", "b.pt", "c.pt"):
        with pytest.raises(Refused, match=r"holds Python objects|not a readable pt file"):
            read_vectors(method(tmp_path / name), LAYERS, WIDTH)
    assert not (tmp_path / "ran").exists()


def test_gguf_packed_in_eight_bits_is_unpacked(tmp_path: Path) -> None:
    import gguf

    kind = gguf.GGMLQuantizationType.Q8_0
    packed = gguf.quants.quantize(ROW.numpy(), kind)
    writer = gguf.GGUFWriter(tmp_path / "v.gguf", "controlvector")
    writer.add_tensor("direction.2", packed, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = read_vectors(method(tmp_path / "v.gguf"), LAYERS, WIDTH)
    assert sorted(found) == [2]
    assert np.abs(found[2] - ROW.numpy()).max() < 0.2


def test_the_method_of_the_docs_is_read(tmp_path: Path) -> None:
    from specs.reader import read as read_spec

    (tmp_path / "kind.yaml").write_text(block("vectors.md", "yaml"))
    assert isinstance(read_spec(tmp_path / "kind.yaml", "methods"), VectorFile)
