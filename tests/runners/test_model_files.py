from __future__ import annotations

import os
from pathlib import Path

import pytest

from runners.models import file_hashes, model_faults
from runners.models.model_files import about, locate, revision, weight_files
from specs.faults import Refused
from specs.identity import sha256
from specs.schema import Model
from specs.settings import Settings
from tests.runners import toy_models


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_models.save(tmp_path_factory.mktemp("made") / "toy")


@pytest.fixture
def online(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from huggingface_hub import constants

    (toy / "pytorch_model.bin").write_bytes(b"never fetched")
    (toy / "onnx").mkdir(exist_ok=True)
    (toy / "onnx" / "model.safetensors").write_bytes(b"never fetched")
    with toy_models.hub(toy) as (address, fetched):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        files = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        yield fetched
    (toy / "pytorch_model.bin").unlink()


def hub(**fields) -> Model:
    return Model(name="toy", hub="org/toy", **fields)


def test_a_download_takes_safetensors_configuration_and_tokenizer_at_a_resolved_commit(online):
    found = locate(hub(), Settings())
    assert found.commit == toy_models.COMMIT
    assert (found.folder / "model.safetensors").is_file()
    assert sorted(online) == sorted(path.name for path in found.folder.iterdir())
    assert not {"pytorch_model.bin", "onnx/model.safetensors"} & set(online)
    origin = about(found, Settings())
    assert origin == {"hub": "org/toy", "commit": toy_models.COMMIT}
    assert revision(found, origin) == toy_models.COMMIT


def test_what_was_downloaded_is_used_again_without_the_hub(online, monkeypatch):
    from huggingface_hub import constants

    first = locate(hub(), Settings())
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert locate(hub(), Settings()) == first
    assert locate(hub(), Settings(), download=False) == first


def test_the_hubs_refusals_are_told_as_such(online):
    with pytest.raises(Refused, match=r"toy: hub: the Hub has no model org/tyo, or it is private"):
        locate(Model(name="toy", hub="org/tyo"), Settings())
    with pytest.raises(Refused, match=r"toy: revision: org/toy has no revision 'v9'"):
        locate(hub(revision="v9"), Settings())
    with pytest.raises(Refused, match=r"'a/b/c' is no Hub id; write organisation/name"):
        locate(Model(name="toy", hub="a/b/c"), Settings())


def test_check_asks_the_hub_only_when_online_is_wanted(online):
    faults, unreachable = model_faults.faults(hub(), Settings(), online=False)
    assert faults == []
    assert len(unreachable) == 1
    assert "the Hub was not asked" in unreachable[0]
    assert model_faults.faults(hub(), Settings(), online=True) == ([], [])
    faults, _ = model_faults.faults(hub(revision="v9"), Settings(), online=True)
    assert faults == ["toy: revision: org/toy has no revision 'v9'"]
    faults, _ = model_faults.faults(Model(name="x", hub="org/x"), Settings(), online=True)
    assert faults[0].startswith("x: hub: the Hub does not give org/x: ")
    assert "\n" not in faults[0]
    assert online == []  # nothing was downloaded


def test_a_mirror_comes_before_the_hub(toy, tmp_path):
    (tmp_path / "second" / "org").mkdir(parents=True)
    (tmp_path / "second" / "org" / "toy").symlink_to(toy)
    (tmp_path / "first" / "org" / "toy").mkdir(parents=True)  # a data set of the same name
    settings = Settings(home=tmp_path, sources=(tmp_path / "first", tmp_path / "second"))
    found = locate(hub(), settings)
    assert found.folder == tmp_path / "second" / "org" / "toy"
    assert (found.source, found.commit) == ("hub:org/toy", None)
    assert "files" in about(found, settings)


def test_offline_without_mirror_names_every_place_looked_at(tmp_path):
    settings = Settings(sources=(tmp_path / "a", tmp_path / "b"))
    with pytest.raises(Refused) as refused:
        locate(Model(name="toy", hub="org/absent"), settings)
    (line,) = refused.value.faults
    assert str(tmp_path / "a/org/absent") in line
    assert str(tmp_path / "b/org/absent") in line
    assert "the Hub cannot be reached; go online, or put its files into" in line
    with pytest.raises(Refused, match=r"put its files into DIR/org/absent and add --sources DIR"):
        locate(Model(name="toy", hub="org/absent"), Settings())


def test_unknown_folders_are_refused(tmp_path):
    with pytest.raises(Refused, match=r"toy: folder: .*nowhere does not exist; name a folder"):
        locate(Model(name="toy", folder=str(tmp_path / "nowhere")), Settings())
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="file is a file; name a folder"):
        locate(Model(name="toy", folder=str(tmp_path / "file")), Settings())


def test_a_folder_is_known_by_its_content_wherever_it_lies(toy, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in toy.glob("*.*"):
        (copy / path.name).write_bytes(path.read_bytes())
    settings = Settings(home=tmp_path / "home")
    here, there = (about(locate(Model(folder=str(f)), settings), settings) for f in (toy, copy))
    assert here == there
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(here["files"])
    assert here["files"]["config.json"] == sha256((toy / "config.json").read_bytes())
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert about(locate(Model(folder=str(copy)), settings), settings) != here


def test_hashes_are_remembered_until_a_file_changes(tmp_path, monkeypatch):
    path, cache = tmp_path / "weights", tmp_path / "cache" / "sha256.json"
    path.write_bytes(b"one")
    assert file_hashes.sha256_of([path], cache) == {path: sha256(b"one")}
    with monkeypatch.context() as patch:
        patch.setattr(file_hashes.hashlib, "file_digest", lambda *_: pytest.fail("hashed again"))
        assert file_hashes.sha256_of([path], cache) == {path: sha256(b"one")}
    stamp = path.stat()
    path.write_bytes(b"two")  # as long as before
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))
    assert file_hashes.sha256_of([path], cache) == {path: sha256(b"two")}
    cache.write_text("{")
    assert file_hashes.sha256_of([path], cache) == {path: sha256(b"two")}


def test_shards_are_those_of_the_index(tmp_path):
    assert weight_files(tmp_path) == []
    index = (
        '{"weight_map": {"a": "m-2.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors"}}'
    )
    (tmp_path / "model.safetensors.index.json").write_text(index)
    assert [path.name for path in weight_files(tmp_path)] == ["m-1.safetensors", "m-2.safetensors"]
