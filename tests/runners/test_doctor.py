"""`steerhouse doctor`, mostly through the console script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from click.testing import CliRunner, Result

from runners import doctor_command
from runners.doctor_command import doctor
from runners.models.doctor import SMALL_EFFECTS, Fact, dtypes
from specs.faults import Refused
from specs.settings import Settings
from tests.command import steerhouse
from tests.runners import tokenizers, toy_models
from warehouse.migrate import VERSION, migrate


def run(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(doctor, arguments, obj=settings)


def report(settings: Settings, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(settings, *arguments, "--json").stdout)
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_the_machine_without_a_model(tmp_path: Path) -> None:
    done = steerhouse("doctor", "--sources", str(tmp_path), "--home", "h", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = {tuple(line.split("\t")[:2]): line.split("\t")[2] for line in done.stdout.splitlines()}
    assert facts["versions", "torch"].startswith("2.")
    assert facts["device", "chosen"].startswith("device c")
    assert "checkpoint in" not in facts["device", "dtype"]
    assert "cores" in facts["device", "processor"]
    assert facts["folders", f"sources {tmp_path}"] == "found"
    assert facts["folders", "home"] == "h: new"
    assert facts["folders", "warehouse"].startswith("none yet")
    assert facts["folders", "Hub"] == "not asked (--online asks)"
    assert done.stderr == ""
    assert not (tmp_path / "h").exists()


def test_the_dtype_is_told_for_weights_that_may_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model is named, so no checkpoint's dtype is made up."""
    assert dtypes(torch.device("cpu")) == "dtype float32, the exact one, because it runs on a CPU"
    monkeypatch.setattr("runners.models.device.why_unsupported", lambda device, dtype: None)
    said = dtypes(torch.device("cuda"))
    assert "bfloat16 weights: dtype bfloat16, the checkpoint's own" in said
    assert "float32 weights: dtype float32, the checkpoint's own" in said


def test_the_reference_model_loaded(tmp_path: Path) -> None:
    done = steerhouse("doctor", "--model", "reference", "--load", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["faults"] == []
    assert found["model"]["family"] == "llama (LlamaForCausalLM)"
    assert found["model"]["scopes answer, decision"].startswith("chains")
    assert found["template"]["decision position"].startswith("'('")
    assert found["loaded"]["scope answer"].startswith("chains against reference: equal")
    assert found["loaded"]["scope all"].startswith("replay against reference: equal")


def test_a_warehouse_and_its_schema(settings: Settings) -> None:
    migrate(settings.home)
    line = report(settings)["folders"]["warehouse"]
    assert line == f"schema version {VERSION} of {VERSION}; 0 staged files"
    (settings.home / "warehouse.duckdb").write_bytes(b"no")
    assert "schema" not in report(settings)["folders"]["warehouse"]


def test_half_precision_is_warned_of(settings: Settings, tmp_path: Path) -> None:
    toy = toy_models.save(tmp_path / "specs" / "models" / "toy", max_position_embeddings=200)
    (tmp_path / "specs" / "models" / "half.yaml").write_text("folder: toy\ndtype: bfloat16\n")
    own = Settings(home=settings.home, specs=(tmp_path / "specs",))
    found = report(own, "--model", "half")
    assert found["model"]["warning"] == SMALL_EFFECTS
    assert found["model"]["dtype"].startswith("dtype bfloat16, as the model's spec says")
    assert found["template"]["before the answer"].endswith("assistant\\n'")
    assert "warning" not in report(settings, "--model", str(toy))["model"]


def test_no_weights_are_read_without_load(settings: Settings, tmp_path: Path, monkeypatch) -> None:
    import transformers

    toy = toy_models.save(tmp_path / "toy", max_position_embeddings=200)
    monkeypatch.setattr(
        transformers.AutoModelForCausalLM, "from_pretrained", lambda *_, **__: pytest.fail("loaded")
    )
    found = report(settings, "--model", str(toy))
    assert found["faults"] == []
    assert found["model"]["size"] == "3 layers, width 16"
    assert "loaded" not in found


@pytest.mark.parametrize(
    ("family", "changes", "key", "words"),
    [
        ("GPTNeo", {"attention_types": [[["global"], 3]], "num_layers": 3}, "scopes answer, decision", "replay: gpt_neo: its local attention"),
        ("Mamba", {}, "batches", "of prompts of one length"),
        ("Mixtral", {"num_local_experts": 4}, "experts", "--verify lets one row in 20 pass"),
    ],
)  # fmt: skip
def test_how_families_are_served(
    settings: Settings, tmp_path: Path, family: str, changes: dict[str, Any], key: str, words: str
) -> None:
    toy_models.save(tmp_path / "specs" / "models" / "toy", family, **changes)
    attention = "eager" if family in ("GPTNeo", "Mamba") else "sdpa"
    (tmp_path / "specs" / "models" / "toy.yaml").write_text(
        f"folder: toy\ncontext: 60\nloading: {{attn_implementation: {attention}}}\n"
    )
    own = Settings(home=settings.home, specs=(tmp_path / "specs",))
    assert words in report(own, "--model", "toy")["model"][key]


def test_a_model_that_is_refused_is_explained_and_fails(settings: Settings, tmp_path: Path) -> None:
    toy = toy_models.save(tmp_path / "helium", "Helium")
    result = run(settings, "--model", str(toy))
    assert isinstance(result.exception, Refused)
    assert "model\tserved\tnot at all: helium: not proven exact here" in result.stdout
    assert "cannot be steered here: helium" in result.exception.faults[0]
    assert "helium" in report(settings, "--model", str(toy))["faults"][0]


def test_templates_that_do_not_take_a_system_text(settings: Settings, tmp_path: Path) -> None:
    toy = toy_models.save(tmp_path / "toy", template=tokenizers.GEMMA, max_position_embeddings=200)
    found = report(settings, "--model", str(toy))["template"]
    assert "has no system role" in found["with a system text"]
    assert found["without one"] == "taken as it is"


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    done = steerhouse("doctor", "--model", "referense", cwd=tmp_path)
    assert done.returncode == 1
    assert "did you mean 'reference'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert steerhouse("doctor", "--load", cwd=tmp_path).returncode == 2


def test_a_terminal_gets_a_table(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    facts = [Fact("model", "family", "[llama]"), Fact("model", "size", "3 layers")]
    doctor_command._print(facts, [], as_json=False)
    lines = click.unstyle(capsys.readouterr().out).splitlines()
    assert [line.split() for line in lines] == [
        ["model", "family", "[llama]"],
        ["size", "3", "layers"],
    ]
