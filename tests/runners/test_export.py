"""Vectors in other tools' files: what is in them, and back again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from runners.exports.known import Known, find, known as known_in
from runners.formats.blocks import block_list, model_type
from runners.methods.vector_file import read_vectors, refuse_another_model
from specs.faults import Refused
from specs.schema import VectorFile
from tests.command import steerhouse
from tests.experiments import ask
from tests.runners.exporting import ASKED, command, measured, ran
from warehouse.connect import connect

WIDTH = 16
FILES = {
    "gguf": "g.gguf",
    "repeng": "r.gguf",
    "steering-vectors": "s.safetensors",
    "lm-eval": "l.pt",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run, its vector exported in every format, and all of them imported."""
    folder = ran(tmp_path_factory.mktemp("export"), "Llama")
    for form, name in FILES.items():
        layers = ("1", "2") if form == "gguf" else ("all",)
        given = [word for layer in layers for word in ("--layer", layer)]
        out = ("--out", str(folder / name), "--to", form)
        command(folder, "export", "vector", "kind/mean_difference", *out, *given)
        method = folder / "specs" / "methods" / f"from-{form}.yaml"
        method.write_text(f"kind: file\nfile: ../../{name}\n")
    return folder


def made(folder: Path) -> dict[int, np.ndarray]:
    rows = ask(
        folder,
        "select layer, direction from vector_direction join vector using (vector_id) "
        "where method = 'mean_difference' and role = 'fitted'",
    )
    return {layer: np.asarray(direction, np.float32) for layer, direction in rows}


def fitted(folder: Path) -> str:
    query = "select vector_id from vector where method = 'mean_difference' and role = 'fitted'"
    ((identity,),) = ask(folder, query)
    return str(identity)


def method(path: Path, **fields: object) -> VectorFile:
    spec = VectorFile.model_validate({"kind": "file", "file": path.name, **fields})
    spec._path = path.parent / "m.yaml"
    return spec


@pytest.mark.parametrize("form", FILES)
def test_what_was_exported_is_read_back_to_the_bit(folder: Path, form: str) -> None:
    back = read_vectors(method(folder / FILES[form]), 3, WIDTH)
    assert sorted(back) == ([1, 2] if form == "gguf" else [0, 1, 2])
    assert all(np.array_equal(direction, made(folder)[n]) for n, direction in back.items())


def test_imported_again_they_measure_the_same(folder: Path) -> None:
    layers = [*ASKED[:3], "1,2", *ASKED[4:]]
    methods = [word for form in FILES for word in ("--method", f"from-{form}")]
    command(folder, "run", "--model", str(folder / "model"), *layers, *methods)
    own = {key: value for key, value in measured(folder).items() if key[1] != 0}
    assert len(own) == 3 * 2 * 3
    assert max(abs(own[i, n, 1.5] - own[i, n, 0.0]) for i, n, _ in own) > 0.1
    # the same tensors are one vector, however many files held them
    assert {role for (role,) in ask(folder, "select role from vector")} == {"fitted"}
    for form in FILES:
        other = measured(folder, f"from-{form}") or measured(folder, "from-gguf")
        assert other.keys() == own.keys()
        assert all(abs(other[key] - own[key]) < 1e-5 for key in own), form


def test_gguf_is_a_control_vector_of_llama_cpp_and_repeng(folder: Path) -> None:
    import gguf

    reader = gguf.GGUFReader(folder / "g.gguf")
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["general.architecture"] == "controlvector"
    assert fields["controlvector.model_hint"] == "llama"
    assert fields["controlvector.layer_count"] == 2
    assert len(fields["steerhouse.model_id"]) == 16
    found = {tensor.name: tensor for tensor in reader.tensors}
    assert sorted(found) == ["direction.1", "direction.2"]
    assert all(t.tensor_type == gguf.GGMLQuantizationType.F32 for t in found.values())
    assert np.array_equal(found["direction.2"].data, made(folder)[2])


def test_lm_eval_gets_names_below_the_base_model_and_nothing_but_data(folder: Path) -> None:
    content = torch.load(folder / "l.pt", weights_only=True)
    assert sorted(content) == ["layers.0", "layers.1", "layers.2"]
    info = content["layers.1"]
    assert (info["action"], info["bias"], info["head_index"]) == ("add", None, None)
    assert info["steering_coefficient"] == 1.0
    assert np.array_equal(info["steering_vector"].numpy(), made(folder)[1])


def test_steering_vectors_gets_a_tensor_a_layer(folder: Path) -> None:
    from safetensors.torch import load_file

    found = {int(key[6:]): tensor for key, tensor in load_file(folder / "s.safetensors").items()}
    assert np.array_equal(found[0].numpy(), made(folder)[0])


@pytest.mark.parametrize("form", ["repeng", "steering-vectors", "lm-eval"])
def test_the_multiplier_is_in_the_file(folder: Path, form: str, tmp_path: Path) -> None:
    path = tmp_path / FILES[form]
    out = ("--out", str(path), "--to", form, "--layer", "2", "--multiplier", "-1.5")
    command(folder, "export", "vector", "kind/mean_difference/base", *out)
    (back,) = read_vectors(method(path), 3, WIDTH).values()
    assert np.array_equal(back, np.float32(-1.5) * made(folder)[2])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("kind/mean_difference", "--to", "lm-eval", "--out", "l.pt"), "--force writes over it"),
        (("kind/mean_difference", "--to", "gguf", "--layer", "0"), "llama.cpp cannot steer the"),
        (("kind/mean_difference", "--to", "repeng", "--layer", "7"), "has no layer 7; it has 0, 1"),
        (("kind/pca", "--to", "repeng"), "none of that id, id prefix or name"),
        (("kind/mean_difference", "--to", "repeng", "--multiplier", "nan"), "steers nowhere"),
        (("kind/mean_difference", "--to", "gguf", "--layer", "1", "--out", "v.pt"), "by their end"),
        (
            ("kind/mean_difference", "--to", "lm-eval", "--layer", "1", "--out", "o/v.pt"),
            "folder o",
        ),
        (
            ("kind/mean_difference", "--to", "gguf", "--layer", "0", "--out", "g.gguf", "--force"),
            "it refuses `direction.0`",
        ),
    ],
)
def test_what_cannot_be_exported_is_refused(
    folder: Path, args: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    before = [(folder / name).read_bytes() for name in FILES.values()]
    said = command(folder, "export", "vector", *args, code=1)
    assert message in said
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
    assert [(folder / name).read_bytes() for name in FILES.values()] == before
    assert not list(folder.glob(".*.tmp"))


def test_without_an_id_the_vectors_are_listed(folder: Path) -> None:
    said = command(folder, "export", "vector")
    (line,) = [line for line in said.splitlines() if fitted(folder) in line]
    assert all(word in line for word in ("kind", "mean_difference", "base", "[0, 1, 2]"))


def test_through_the_real_command(folder: Path) -> None:
    asked = ("export", "vector", fitted(folder)[:6], "--to", "steering-vectors", "--layer", "1")
    done = steerhouse(*asked, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "load_file('kind_mean_difference_base_layer1.safetensors')" in done.stdout
    assert (folder / "kind_mean_difference_base_layer1.safetensors").is_file()
    assert "min_token_index=0 is scope all" in done.stderr


def test_the_layer_is_the_chosen_one_unless_it_is_said(folder: Path, tmp_path: Path) -> None:
    from runners.exports.vector import chosen_layers

    query = "select distinct layer from best_layer where method = 'mean_difference'"
    best = tuple(layer for (layer,) in ask(folder, query))
    known = Known(fitted(folder), "", None, "", None, "", "fitted", (0, 1, 2), "", None, ())
    with connect(folder / "data") as connection:
        assert len(best) == 1  # both scopes agree
        assert chosen_layers(known, (), connection) == best
        assert chosen_layers(known, ("2", "0"), connection) == (0, 2)
        assert chosen_layers(known, ("all",), connection) == (0, 1, 2)
    with pytest.raises(Refused, match="has layers 0, 1, 2, and readers add every layer of a file"):
        chosen_layers(known, (), None)
    assert chosen_layers(replace(known, layers=(1,)), (), None) == (1,)


def test_a_name_of_several_lists_them() -> None:
    def one(identity: str, norm: str, role: str = "fitted") -> Known:
        names = ("caa", "mean_difference")
        return Known(identity, "m", "kind", "caa", "base", norm, role, (1,), "i", "L", names)

    both = [one("aa11", "base"), one("aa22", "unit"), one("ab33", "base", "null")]
    assert find(both, "ab").vector_id == "ab33"
    assert find(both[1:], "kind/mean_difference/base").vector_id == "aa22"
    with pytest.raises(Refused, match=r"2 vectors, name one by its id: aa11 .* norm base.*aa22"):
        find(both, "kind/caa")
    for text in ("", "zz", "kind", "kind/caa/other"):
        with pytest.raises(Refused, match="none of that id"):
            find(both, text)


def test_a_file_of_another_model_is_refused_unless_it_is_meant(folder: Path) -> None:
    ((here,),) = ask(folder, "select model_id from model")
    for name in FILES.values():
        refuse_another_model(method(folder / name), here)
        refuse_another_model(method(folder / name, other_models="allow"), "another")
        with pytest.raises(Refused, match=r"was made on model .* `other_models: allow`"):
            refuse_another_model(method(folder / name), "another")


def test_resamples_and_nulls_are_taken_from_the_warehouse(folder: Path, tmp_path: Path) -> None:
    """As is any vector whose file is gone."""
    from runners.exports.vector import directions

    known = Known(fitted(folder), "", None, "", None, "", "null", (0, 1, 2), "", None, ())
    with connect(folder / "data") as connection:
        stored = directions(tmp_path, known, connection)
        filed = directions(folder / "data", known, connection)
    assert stored.keys() == filed.keys()
    assert all(np.array_equal(stored[layer], filed[layer]) for layer in stored)


def test_a_home_without_a_warehouse_has_its_files(folder: Path, tmp_path: Path) -> None:
    """As after a run that was killed before its first block."""
    (tmp_path / "data" / "vectors").mkdir(parents=True)
    for path in (folder / "data" / "vectors").glob("*.safetensors"):
        (tmp_path / "data" / "vectors" / path.name).write_bytes(path.read_bytes())
    (each,) = [v for v in known_in(tmp_path / "data", None) if v.method == "mean_difference"]
    assert (each.vector_id, each.layers, each.norm) == (fitted(folder), (0, 1, 2), "unit")
    assert each.architecture == "LlamaForCausalLM"
    out = ("--out", str(tmp_path / "v.pt"), "--to", "lm-eval", "--layer", "1")
    command(tmp_path, "export", "vector", each.vector_id, *out)
    assert np.array_equal(read_vectors(method(tmp_path / "v.pt"), 3, WIDTH)[1], made(folder)[1])
    (tmp_path / "data" / "vectors" / "0123.safetensors").write_bytes(b"damaged")
    said = command(tmp_path, "export", "vector", each.vector_id, "--to", "gguf", code=1)
    assert "0123.safetensors: not a readable vector file" in said


def test_blocks_are_called_as_the_model_calls_them() -> None:
    assert (block_list("LlamaForCausalLM"), model_type("LlamaForCausalLM")) == ("layers", "llama")
    assert (block_list("GPT2LMHeadModel"), block_list("OPTForCausalLM")) == ("h", "decoder.layers")
    assert model_type("OwnForCausalLM") == "OwnForCausalLM"
    with pytest.raises(Refused, match="model class OwnForCausalLM: not in transformers"):
        block_list("OwnForCausalLM")
