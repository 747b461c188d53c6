from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runners.models.load import load
from runners.models.model_argument import model_from_argument
from runners.models.model_faults import faults, known_layers, variant_faults
from specs.catalog import Catalog
from specs.faults import Refused
from specs.schema import Model
from specs.settings import Settings
from tests.runners import tokenizers, toy_models
from tests.runners.toy_models import edit


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_models.save(tmp_path_factory.mktemp("made") / "toy")


@pytest.fixture
def toy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "toy"))


def spec(folder: Path, **fields) -> Model:
    return Model(name="toy", folder=str(folder), **fields)


def only(model: Model) -> list[str]:
    found, unreachable = faults(model, Settings(), online=False)
    assert unreachable == []
    return found


def test_a_sound_folder_has_no_fault(toy):
    assert only(spec(toy)) == []
    assert only(Model(name="reference", builtin="reference")) == []


BREAKS = {
    "tokenizer": lambda folder: [path.unlink() for path in folder.glob("tokenizer*")],
    "template": lambda folder: (folder / "chat_template.jinja").unlink(),
    "dated": lambda folder: (folder / "chat_template.jinja").write_text(tokenizers.LLAMA31),
    "weights": lambda folder: (folder / "model.safetensors").unlink(),
    "cut": lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 40),
    "config": lambda folder: (folder / "config.json").unlink(),
    "kind": lambda folder: edit(folder / "config.json", model_type=None),
}


@pytest.mark.parametrize("what", BREAKS)
def test_check_says_what_load_would_say(toy, tmp_path, what):
    BREAKS[what](toy)
    with pytest.raises(Refused) as refused:
        load(spec(toy), Settings(home=tmp_path / "home"))
    assert only(spec(toy)) == list(refused.value.faults)


@pytest.mark.parametrize(
    "fields",
    [
        {"context": 65},
        {"loading": {"trust_remote_code": True}},
        {"loading": {"device_mpa": "auto"}},
        {"template_kwargs": {"date": "x"}},
        {"template": "pain"},
    ],
)
def test_check_finds_faults_of_the_spec(toy, tmp_path, fields):
    (line,) = only(spec(toy, **fields))
    with pytest.raises(Refused) as refused:
        load(spec(toy, **fields), Settings(home=tmp_path / "home"))
    # `load` knows more keys to suggest, the fault is the same.
    assert line.split(";")[0] == refused.value.faults[0].split(";")[0]


def test_several_faults_are_told_at_once(toy):
    (toy / "model.safetensors").unlink()
    (toy / "tokenizer.json").write_text("{}")
    assert len(only(spec(toy, context=65))) == 3


def test_a_key_that_only_the_model_class_knows_is_no_fault(toy):
    edit(toy / "config.json", rms_norm_eps=None)
    assert only(spec(toy, loading={"rms_norm_eps": 0.1})) == []


def test_the_reference_model_takes_float32_only():
    (line,) = only(Model(name="r", builtin="reference", dtype="float16"))
    assert "exact in float32 only" in line


def test_a_missing_folder_is_a_fault_and_an_absent_hub_model_is_not_reachable(tmp_path):
    assert "does not exist" in only(spec(tmp_path / "nowhere"))[0]
    found, unreachable = faults(Model(name="x", hub="org/absent"), Settings(), online=False)
    assert found == []
    assert "org/absent is not here" in unreachable[0]
    assert "'a/b/c' is no Hub id" in only(Model(name="x", hub="a/b/c"))[0]
    found, unreachable = faults(Model(name="x", hub="org/absent"), Settings(), online=True)
    assert "the Hub does not give org/absent" in found[0]
    assert unreachable == []


def test_variants_that_the_template_cannot_show(toy):
    (toy / "chat_template.jinja").write_text(tokenizers.GEMMA)
    assert variant_faults(spec(toy), Settings(), has_system=False) == []
    (line,) = variant_faults(spec(toy), Settings(), has_system=True)
    assert "has no system role" in line
    assert variant_faults(Model(builtin="reference"), Settings(), has_system=True) == []
    assert variant_faults(Model(hub="org/absent"), Settings(), has_system=True) == []


def test_layers_are_known_where_the_configuration_is_at_hand(toy):
    assert known_layers(spec(toy)) == 3
    assert known_layers(Model(builtin="reference")) == 6
    assert known_layers(Model(hub="org/absent")) is None


def test_check_does_not_import_torch(toy):
    code = (
        "import sys; from runners.models.model_faults import faults, known_layers, variant_faults;"
        "from specs.schema import Model; from specs.settings import Settings;"
        f"spec = Model(name='toy', folder={str(toy)!r});"
        "assert faults(spec, Settings(), False) == ([], []);"
        "assert faults(Model(name='x', hub='org/absent'), Settings(), True)[0];"
        "assert variant_faults(spec, Settings(), True) == [];"
        "assert known_layers(spec) == 3;"
        "assert known_layers(Model(builtin='reference')) == 6;"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def test_a_model_argument_is_a_spec_first_then_a_folder_then_a_hub_id(toy, tmp_path, monkeypatch):
    (tmp_path / "specs" / "models").mkdir(parents=True)
    (tmp_path / "specs" / "models" / "toy.yaml").write_text("hub: org/of-the-spec\n")
    monkeypatch.chdir(tmp_path)
    with_spec, without = Catalog([tmp_path / "specs"]), Catalog([])
    assert model_from_argument("toy", with_spec).hub == "org/of-the-spec"
    found = model_from_argument("toy", without)
    assert (found.name, found.folder) == ("toy", str(toy))
    assert model_from_argument("./toy", with_spec).folder == str(toy)
    found = model_from_argument("Qwen/Qwen2.5-0.5B", without)
    assert (found.name, found.hub) == ("Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("refernce", r"--model refernce: neither a model spec.*did you mean 'reference'\?"),
        ("./nowhere", r"--model \./nowhere: no such folder"),
        ("/a/b/c", r"--model /a/b/c: no such folder"),
        ("gpt2", r"nor a Hub id \(organisation/name\); `steerhouse list models`"),
    ],
)
def test_a_model_argument_that_is_none_of_them(text, message):
    with pytest.raises(Refused, match=message):
        model_from_argument(text, Catalog([]))
