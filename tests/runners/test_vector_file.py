from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runners.methods.vector_file import content_sha256, read_vectors
from specs.faults import Refused
from specs.schema import VectorFile


def method(path: Path, **fields: object) -> VectorFile:
    spec = VectorFile.model_validate({"kind": "file", "file": path.name, **fields})
    spec._path = path.parent / "m.yaml"
    return spec


def save(path: Path, array: np.ndarray) -> Path:
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        from safetensors.numpy import save_file

        save_file({f"layer.{i}": row for i, row in enumerate(array)}, path)
    return path


@pytest.mark.parametrize("ending", [".npy", ".safetensors"])
def test_same_tensors_same_content_whatever_the_format(tmp_path: Path, ending: str) -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    found = read_vectors(method(save(tmp_path / f"v{ending}", array)), 5, 4)
    assert {k: v.tolist() for k, v in found.items()} == dict(enumerate(array.tolist()))
    assert content_sha256(found) == content_sha256(dict(enumerate(array)))


def test_gguf_as_llama_cpp_writes_it(tmp_path: Path) -> None:
    import gguf

    path = tmp_path / "v.gguf"
    writer = gguf.GGUFWriter(path, "controlvector")
    for layer in (1, 2):
        writer.add_tensor(f"direction.{layer}", np.full(4, layer, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = read_vectors(method(path), 5, 4)
    assert {layer: v.tolist() for layer, v in found.items()} == {1: [1.0] * 4, 2: [2.0] * 4}


def test_layers_name_the_rows(tmp_path: Path) -> None:
    path = save(tmp_path / "v.npy", np.ones((2, 4), np.float32))
    assert sorted(read_vectors(method(path, layers=[3, 4]), 5, 4)) == [3, 4]


@pytest.mark.parametrize(
    ("array", "fields", "message"),
    [
        (np.ones((3, 7), np.float32), {}, "has width 7, the model has d_model 4"),
        (np.ones((9, 4), np.float32), {}, "holds layer 5, the model has layers 0 to 4"),
        (np.ones(4, np.float32), {}, "name its layer"),
        (np.full((2, 4), np.nan, np.float32), {}, "not finite"),
        (np.ones((3, 4), np.float32), {"layers": [1]}, "holds 3 rows, `layers:` names 1"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, array: np.ndarray, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        read_vectors(method(save(tmp_path / "v.npy", array), **fields), 5, 4)


def test_missing_damaged_and_unknown_files(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no such vector file"):
        read_vectors(method(tmp_path / "v.npy"), 5, 4)
    for name in ("v.npy", "v.safetensors", "v.gguf"):
        (tmp_path / name).write_bytes(b"not a vector")
        with pytest.raises(Refused, match="not a readable"):
            read_vectors(method(tmp_path / name), 5, 4)
    (tmp_path / "v.pkl").write_bytes(b"")
    with pytest.raises(Refused, match="unknown vector format"):
        read_vectors(method(tmp_path / "v.pkl"), 5, 4)


def test_pickled_arrays_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(Refused, match="not a readable npy"):
        read_vectors(method(tmp_path / "v.npy"), 5, 4)
