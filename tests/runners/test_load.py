from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from runners.models.load import LoadedModel, load
from runners.prompts.speaker import speaker
from specs.faults import Refused
from specs.schema import Model
from specs.settings import Settings
from tests.runners import tokenizers, toy_models
from tests.runners.toy_models import edit

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_models.save(tmp_path_factory.mktemp("made") / "toy")


@pytest.fixture
def toy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "toy"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def spec(folder: Path, **fields) -> Model:
    return Model(name="toy", folder=str(folder), **fields)


def refusal(model: Model, settings: Settings) -> str:
    with pytest.raises(Refused) as refused:
        load(model, settings)
    (line,) = refused.value.faults
    assert "\n" not in line
    return line


def test_a_folder_is_loaded_for_inference(toy, settings):
    state = torch.random.get_rng_state()
    loaded = load(spec(toy), settings)
    assert torch.equal(state, torch.random.get_rng_state())
    assert not loaded.model.training
    assert not any(weight.requires_grad for weight in loaded.model.parameters())
    assert (loaded.device.type, loaded.dtype) == ("cpu", torch.float32)
    assert (loaded.n_layers, loaded.d_model, loaded.context) == (3, 16, 64)
    assert loaded.vocabulary == len(loaded.tokenizer)
    assert set(loaded.reasons) == {"device", "dtype", "attention"}


def test_the_row_is_that_of_the_relation(toy, settings):
    loaded = load(spec(toy), settings)
    ddl = (Path(__file__).parents[2] / "warehouse/migrations/0001_relations.sql").read_text()
    body = ddl.partition("create table model (")[2].partition(");")[0]
    columns = {line.split()[0] for line in body.strip().splitlines()}
    assert set(loaded.row) == columns
    assert loaded.row["source"] == "folder:toy"
    assert loaded.row["n_parameters"] == sum(w.numel() for w in loaded.model.parameters())
    assert loaded.row["architecture"] == "LlamaForCausalLM"
    assert loaded.row["template"] == "own"
    assert len(loaded.revision) == 16


def test_the_weights_are_those_of_the_file(toy, settings):
    from safetensors.torch import load_file

    saved = load_file(toy / "model.safetensors")
    state = load(spec(toy), settings).model.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in saved.items())


def test_the_id_holds_what_a_number_depends_on_and_no_more(toy, settings, tmp_path):
    base = load(spec(toy), settings).model_id
    elsewhere = shutil.copytree(toy, tmp_path / "elsewhere" / "other-name")
    same = [
        spec(elsewhere, version=4, description="x", tags=["y"]),
        spec(toy, context=32),
        spec(toy, loading={"attn_implementation": "eager"}),
        spec(toy, template=tokenizers.CHATML),
        spec(toy, dtype="float32"),
    ]
    assert {load(model, settings).model_id for model in same} == {base}
    others = [
        spec(toy, dtype="bfloat16"),
        spec(toy, template="plain"),
        spec(toy, template=tokenizers.QWEN),
        spec(toy, system_role="merge_into_user"),
        spec(toy, loading={"rms_norm_eps": 0.1}),
        spec(toy, template=tokenizers.LLAMA31, template_kwargs={"date_string": "1 May"}),
        spec(toy, template=tokenizers.LLAMA31, template_kwargs={"date_string": "2 May"}),
    ]
    ids = [load(model, settings).model_id for model in others]
    assert len({base, *ids}) == len(others) + 1


def test_configuration_given_in_the_spec_is_used(toy, settings):
    loaded = load(spec(toy, loading={"rms_norm_eps": 0.1}), settings)
    assert loaded.model.config.rms_norm_eps == 0.1


def test_the_reference_model(settings):
    model = Model(name="reference", builtin="reference")
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    loaded = load(model, settings)
    assert torch.equal(state, torch.random.get_rng_state())
    assert isinstance(loaded, LoadedModel)
    assert loaded.row["source"] == "builtin:reference"
    assert loaded.dtype is torch.float32
    assert load(model, settings).model_id == loaded.model_id
    assert (
        refusal(
            Model(name="reference", builtin="reference", loading={"num_hidden_layers": 2}), settings
        )
        == "reference: loading: a builtin model takes device_map only; remove num_hidden_layers"
    )
    spoken = speaker(model, settings)
    assert (spoken.context, spoken.vocabulary) == (loaded.context, loaded.vocabulary)


def test_a_soft_capped_model_gets_eager_attention(tmp_path, settings):
    folder = toy_models.save(tmp_path / "gemma", "Gemma2", head_dim=8, pad_token_id=0)
    loaded = load(spec(folder), settings)
    assert loaded.reasons["attention"] == "attention eager"


def test_gpt2_has_its_own_names_for_sizes(tmp_path, settings):
    folder = toy_models.save(
        tmp_path / "gpt2", "GPT2", max_position_embeddings=48, bos_token_id=1, eos_token_id=2
    )
    config = json.loads((folder / "config.json").read_text())
    assert config["n_positions"] == 48
    loaded = load(spec(folder, template="plain", loading={"n_layer": 2}), settings)
    assert (loaded.n_layers, loaded.d_model, loaded.context) == (2, 16, 48)
    assert "context: 49 tokens, but the model holds 48" in refusal(
        spec(folder, context=49), settings
    )


def test_a_context_above_the_models_is_refused(toy, settings):
    assert load(spec(toy, context=32), settings).context == 32
    line = refusal(spec(toy, context=65), settings)
    assert line == "toy: context: 65 tokens, but the model holds 64; lower it"


def test_a_folder_without_tokenizer(toy, settings):
    for path in toy.glob("tokenizer*"):
        path.unlink()
    assert "has no tokenizer (looked for tokenizer.json" in refusal(spec(toy), settings)


def test_a_broken_tokenizer(toy, settings):
    (toy / "tokenizer.json").write_text('{"version": "1.0", "model": 3}')
    assert "tokenizer.json cannot be read: " in refusal(spec(toy), settings)


def test_a_folder_without_chat_template(toy, settings):
    (toy / "chat_template.jinja").unlink()
    assert "no chat template of its own; write specs/models/" in refusal(spec(toy), settings)
    assert load(spec(toy, template="plain"), settings).row["chat_template_sha256"] is None


def test_todays_date_in_the_template(toy, settings):
    (toy / "chat_template.jinja").write_text(tokenizers.LLAMA31)
    assert "writes today's date" in refusal(spec(toy), settings)


def test_pickled_weights_are_never_loaded(toy, settings):
    (toy / "model.safetensors").unlink()
    torch.save({}, toy / "pytorch_model.bin")
    line = refusal(spec(toy), settings)
    assert "has no model.safetensors, only pytorch_model.bin, and pickles are never loaded" in line


def test_truncated_weights(toy, settings):
    path = toy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    line = refusal(spec(toy), settings)
    assert "model.safetensors is damaged or cut short" in line
    assert line.endswith("fetch it again")
    path.write_bytes(b"not weights")
    assert "is damaged or cut short" in refusal(spec(toy), settings)


def test_a_missing_shard(toy, settings):
    (toy / "model.safetensors").rename(toy / "m-1.safetensors")
    index = '{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}'
    (toy / "model.safetensors.index.json").write_text(index)
    assert "m-2.safetensors is missing, though the index names it" in refusal(spec(toy), settings)


def test_weights_that_do_not_fill_the_model_are_refused_not_drawn_at_random(toy, settings):
    edit(toy / "config.json", num_hidden_layers=4)
    line = refusal(spec(toy), settings)
    assert "lack 9 of the model's tensors (e.g. model.layers.3." in line


def test_weights_of_another_shape(toy, settings):
    edit(toy / "config.json", intermediate_size=20)
    assert "transformers cannot load folder:toy: " in refusal(spec(toy), settings)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "names no model_type"),
        ('{"model_type": "mamba9"}', "config.json of folder:toy is not usable: "),
    ],
)
def test_a_broken_configuration(toy, settings, content, message):
    (toy / "config.json").write_text(content)
    assert message in refusal(spec(toy), settings)


def test_code_that_comes_with_a_model_is_never_run(toy, settings, tmp_path):
    edit(toy / "config.json", model_type="own", auto_map={"AutoConfig": "own.Own"})
    (toy / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert "is not usable" in refusal(spec(toy), settings)
    assert not (tmp_path / "ran").exists()
    line = refusal(spec(toy, loading={"trust_remote_code": True}), settings)
    assert "never run" in line or "is not usable" in line


@pytest.mark.parametrize(
    ("loading", "message"),
    [
        ({"trust_remote_code": True}, "not taken here; code that comes with weights is never run"),
        ({"torch_dtype": "float16"}, "torch_dtype: not taken here; say `dtype:` in the spec"),
        ({"attn_implementatio": "eager"}, "did you mean 'attn_implementation'"),
        ({"num_hidden_layer": 2}, "did you mean 'num_hidden_layers'"),
        ({"save_pretrained": 1}, "neither an option of from_pretrained nor a key of the model's"),
        ({"attn_implementation": "sdap"}, "transformers cannot load folder:toy: "),
    ],
)
def test_loading_options_that_cannot_stand(toy, settings, loading, message):
    assert message in refusal(spec(toy, loading=loading), settings)


def test_an_architecture_that_is_not_known_exact(tmp_path, settings):
    folder = toy_models.save(tmp_path / "helium", "Helium")
    line = refusal(spec(folder), settings)
    assert line.startswith("toy: helium: not proven exact here")


def test_an_architecture_that_only_replays_serve(tmp_path, settings):
    folder = toy_models.save(
        tmp_path / "neo", "GPTNeo", attention_types=[[["global"], 3]], num_layers=3
    )
    loaded = load(spec(folder, loading={"attn_implementation": "eager"}), settings)
    assert loaded.model.config.model_type == "gpt_neo"


def test_a_real_model(shared: Path, settings):
    folder = shared / "models" / "stories260k"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    loaded = load(spec(folder, template="plain"), settings)
    assert (loaded.n_layers, loaded.d_model, loaded.context) == (5, 64, 512)
    assert loaded.row["n_parameters"] == 260_032
    story = "Once upon a time, there was a little girl named Lily. She loved to play outside."
    ids = loaded.tokenizer(story, return_tensors="pt").input_ids
    with torch.inference_mode():
        loss = loaded.model(ids, labels=ids).loss
    assert loss < 1.5  # nats a token; a model that knows nothing has log(512) = 6.2
    line = refusal(spec(folder), settings)
    assert "no chat template of its own" in line
