"""Models on several devices: what lies on disk gives the numbers of what lies in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from runners.engine.chains import sweep
from runners.engine.reference import reference_activations
from runners.engine.replay import replay_sweep
from runners.engine.selfcheck import tolerance
from runners.fitting.extraction import read_activations
from runners.models.load import load
from runners.models.offload import is_offloaded, spread
from specs.faults import Refused
from specs.schema import Model
from specs.settings import Settings
from tests.runners import toy_models
from tests.runners.differences import largest_differences, one_by_one
from tests.runners.families import random_births, random_items

torch.set_num_threads(1)
MIXTURE = {
    "model.embed_tokens": "cpu",
    "model.layers.0": "disk",
    "model.layers.1": "cpu",
    "model.layers.2": "disk",
    "model.norm": "disk",
    "model.rotary_emb": "cpu",
    "lm_head": "cpu",
}
DISK = {**dict.fromkeys(["model.embed_tokens", "model.layers", "model.norm"], "disk"), "model.rotary_emb": "cpu", "lm_head": "disk"}  # fmt: skip
ITEMS = random_items([9, 20, 14, 14, 3], [1, 1, 1, 0, 2], vocabulary=250)


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture(scope="module", params=["Llama", "Gemma2"])
def folder(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    own = {"head_dim": 8, "pad_token_id": 0} if request.param == "Gemma2" else {}
    return toy_models.save(
        tmp_path_factory.mktemp("made") / "toy", request.param, initializer_range=0.3, **own
    )


def loaded(folder: Path, tmp_path: Path, **fields: Any) -> Any:
    return load(Model(name="toy", folder=str(folder), **fields), Settings(home=tmp_path))


@pytest.mark.parametrize("way", [sweep, replay_sweep])
@pytest.mark.parametrize("device_map", [MIXTURE, DISK], ids=["mixture", "disk"])
def test_offloaded_numbers_are_those_of_the_reference_path_in_memory(
    folder: Path, tmp_path: Path, device_map: dict[str, str], way: Any
) -> None:
    whole = loaded(folder, tmp_path)
    offload = {"device_map": device_map, "offload_folder": str(tmp_path / "offload")}
    away = loaded(folder, tmp_path, loading=offload)
    assert is_offloaded(away.model.model.layers[0])
    assert away.device == torch.device("cpu")
    assert away.reasons["device"] == f"device map: {spread(away.model)}"
    assert away.model_id == whole.model_id
    births, scope = random_births(whole), "answer" if way is sweep else "all"
    for found in largest_differences(away, ITEMS, scope, births, way):
        assert found.logit_diff <= tolerance(torch.float32, found.scale)
        assert found.answer_logmass <= tolerance(torch.float32, found.scale)
    here, there = (one_by_one(one, ITEMS[:2], births, scope) for one in (whole, away))
    assert here[0][0].logit_diff == pytest.approx(there[0][0].logit_diff, abs=1e-5)
    assert here[1][1][1][0].logit_diff == pytest.approx(there[1][1][1][0].logit_diff, abs=1e-5)


def test_activations_of_an_offloaded_model(folder: Path, tmp_path: Path) -> None:
    whole, away = loaded(folder, tmp_path), loaded(folder, tmp_path, loading={"device_map": DISK})
    found = read_activations(away, ITEMS, 60)
    for i, item in enumerate(ITEMS):
        positive, negative = reference_activations(whole, item)
        torch.testing.assert_close(found.positive[i], positive, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(found.negative[i], negative, rtol=1e-5, atol=1e-5)


def test_half_precision_offloaded(folder: Path, tmp_path: Path) -> None:
    away = loaded(folder, tmp_path, dtype="bfloat16", loading={"device_map": MIXTURE})
    assert away.dtype is torch.bfloat16
    for found in largest_differences(away, ITEMS, "answer", random_births(away)):
        assert found.logit_diff <= tolerance(torch.bfloat16, found.scale)


def test_auto_is_passed_on(folder: Path, tmp_path: Path) -> None:
    whole = loaded(folder, tmp_path, loading={"device_map": "auto"})
    assert not is_offloaded(whole.model)
    assert spread(whole.model) is None
    assert whole.reasons["device"].startswith("device cpu")


def test_a_map_that_parts_tied_weights_is_one_line(tmp_path: Path) -> None:
    tied = toy_models.save(tmp_path / "toy", tie_word_embeddings=True)
    with pytest.raises(Refused) as refused:
        loaded(tied, tmp_path, loading={"device_map": {**MIXTURE, "lm_head": "disk"}})
    (line,) = refused.value.faults
    assert line.startswith("toy: it cannot compute as loaded: ")
    assert line.endswith("a tied head lies where the embedding does")
