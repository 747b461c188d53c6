"""Exports loaded by their own readers: their logit differences are ours.

STEERHOUSE_PEER_PYTHON names a Python that has steering-vectors, repeng, lm-eval and gguf; what it
has not is skipped, and without it all of this. With xllamacpp, llama.cpp itself is asked too.
"""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.runners.exporting import MULTIPLIERS, command, items, measured, ran

PYTHON = os.environ.get("STEERHOUSE_PEER_PYTHON", "")
SCRIPT = Path(__file__).with_name("peer_readers.py")
READERS = {"steering-vectors": ".safetensors", "repeng": ".gguf", "lm-eval": ".pt", "gguf": ".gguf"}
SCOPES = dict.fromkeys(READERS, ("all",)) | {"steering-vectors": ("all", "answer")}
"""The others steer every position of a pass, whatever they are told."""
FAMILIES = ("Llama", "GPT2")
LAYERS = (1, 2)

pytestmark = pytest.mark.skipif(
    not PYTHON, reason="STEERHOUSE_PEER_PYTHON names no Python that has the readers"
)


def exported(
    folder: Path, reader: str, layer: int, multiplier: float, scope: str
) -> dict[str, Any]:
    """Export a vector for a reader, and return what it is asked; lm-eval's multiplier is inside."""
    inside = ("--multiplier", str(multiplier)) if reader == "lm-eval" else ()
    file = folder / f"{reader}{layer}{multiplier if inside else ''}{READERS[reader]}"
    where = ("--out", str(file), "--layer", str(layer), "--force")
    command(folder, "export", "vector", "kind/mean_difference", "--to", reader, *where, *inside)
    case = {"reader": reader, "file": str(file), "layers": [layer], "scope": scope}
    return {**case, "multiplier": multiplier}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return family -> what was measured here, and what each reader said of the same items."""
    folders = {family: ran(tmp_path_factory.mktemp(family), family) for family in FAMILIES}
    asks = []
    for folder in folders.values():
        found = items(folder)
        cases = [
            exported(folder, reader, layer, multiplier, scope)
            for reader in READERS
            for scope in SCOPES[reader]
            for layer in LAYERS
            for multiplier in MULTIPLIERS
        ]
        asks.append(
            {
                "model": str(folder / "model"),
                "prompts": [[*item.prompt, *item.shared] for item in found],
                "answers": [[item.positive[0], item.negative[0]] for item in found],
                "items": [item.item_id for item in found],
                "ends": [len(item.prompt) - 1 for item in found],
                "cases": cases,
            }
        )
    said = _asked(asks, folders["Llama"] / "said.json")
    return {
        family: {
            "ours": {scope: measured(folder, scope=scope) for scope in ("all", "answer")},
            "ask": ask,
            "said": each,
        }
        for (family, folder), ask, each in zip(folders.items(), asks, said, strict=True)
    }


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("reader", READERS)
def test_a_reader_measures_what_we_measured(
    answers: dict[str, Any], family: str, reader: str
) -> None:
    found = answers[family]
    compared, moved = 0, 0.0
    for case, said in zip(found["ask"]["cases"], found["said"]["cases"], strict=True):
        if case["reader"] != reader:
            continue
        if "missing" in said:
            pytest.skip(f"{PYTHON} cannot read it: {said['missing']}")
        for i, item in enumerate(found["ask"]["items"]):
            ours = found["ours"][case["scope"]][item, case["layers"][0], case["multiplier"]]
            assert said["differences"][i] == pytest.approx(ours, abs=2e-5, rel=2e-5)
            moved = max(moved, abs(ours - found["said"]["unsteered"][i]))
            compared += 1
    assert compared == len(SCOPES[reader]) * len(LAYERS) * len(MULTIPLIERS) * 3
    assert moved > 0.05  # a vector that moves nothing would agree with anything


@cache
def _environment() -> dict[str, str]:
    """Return an environment without our own packages before the peer's."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


def _asked(asks: list[dict[str, Any]], answer: Path) -> Any:
    """Run the readers in one process of their Python."""
    done = subprocess.run(
        [PYTHON, "-P", str(SCRIPT), str(answer)],  # -P: tests.runners has a module `tokenizers`
        input=json.dumps(asks),
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
        cwd=answer.parent,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(answer.read_text())
