"""Quantised models: passed on to transformers, refused in one line, heads read whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runners.engine.answers import Head
from runners.engine.chains import sweep
from runners.engine.replay import replay_sweep
from runners.engine.selfcheck import arithmetic, tolerance
from runners.models import quantisation as module
from runners.models.architecture import way
from runners.models.load import load
from runners.models.quantisation import quantisation_faults
from specs.faults import Refused
from specs.schema import Model
from specs.settings import Settings
from tests.runners import toy_models
from tests.runners.differences import largest_differences
from tests.runners.families import MIXED, random_births, random_items, random_model, stand_in

torch.set_num_threads(1)


class Linear8(nn.Linear):
    """A head of int8 rows with a scale each, as quantisers make them."""

    def __init__(self, head: nn.Linear) -> None:
        super().__init__(head.in_features, head.out_features, bias=False, device="meta")
        scale = head.weight.detach().abs().amax(1, keepdim=True) / 127
        rows = (head.weight.detach() / scale).round().to(torch.int8)
        self.weight = nn.Parameter(rows, requires_grad=False)
        self.register_buffer("scale", scale)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden @ (self.weight.to(hidden.dtype) * self.scale.to(hidden.dtype)).T


def quantised(name: str, dtype: torch.dtype = torch.float32) -> Any:
    model = random_model(name)
    model.set_output_embeddings(Linear8(model.get_output_embeddings()))
    return stand_in(model.bfloat16() if dtype is torch.bfloat16 else model, dtype)


@pytest.mark.parametrize("scope", ["answer", "all"])
@pytest.mark.parametrize("name", ["llama", "gemma2", "granite"])
def test_a_quantised_head_gives_all_its_logits_and_equals_the_reference_path(name, scope):
    loaded = quantised(name)
    assert way(loaded.model).kind == "chains"
    assert not Head(loaded.model).plain
    fast = sweep if scope == "answer" else replay_sweep
    for found in largest_differences(loaded, MIXED, scope, random_births(loaded, [0, 2]), fast):
        assert found.moved > 0.2
        assert found.logit_diff <= tolerance(torch.float32, found.scale)
        assert found.answer_logmass <= tolerance(torch.float32, found.scale)


def test_a_quantised_head_in_half_precision():
    loaded = quantised("llama", torch.bfloat16)
    for found in largest_differences(loaded, MIXED, "answer", random_births(loaded, [1])):
        assert found.logit_diff <= tolerance(torch.bfloat16, found.scale)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sizes = {"hidden_size": 64, "intermediate_size": 128, "initializer_range": 0.3}
    return toy_models.save(tmp_path_factory.mktemp("made") / "toy", vocab_size=320, **sizes)


def spec(folder: Path, config: Any) -> Model:
    return Model(name="toy", folder=str(folder), loading={"quantization_config": config})


@pytest.fixture
def _all_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: object())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (4, "loading.quantization_config: say which: {quant_method: NAME, …}, NAME one of aqlm"),
        ({"load_in_4bit": True}, "say which: {quant_method: NAME, …}"),
        ({"quant_method": "bitsandbyte"}, "did you mean 'bitsandbytes'"),
        ({"quant_method": "quanto", "weight": "int4"}, "quantization_config.weight: no key of quanto; did you mean 'weights'"),
        ({"quant_method": "quanto", "weights": "int5"}, "quanto does not take this: "),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("_all_here")
def test_keys_that_cannot_stand_are_one_line(folder, tmp_path, config, message):
    with pytest.raises(Refused) as refused:
        load(spec(folder, config), Settings(home=tmp_path))
    (line,) = refused.value.faults
    assert message in line
    assert "\n" not in line


def test_a_package_that_is_not_here_is_named_with_the_remedy(folder, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert quantisation_faults(spec(folder, {"quant_method": "quanto"})) == [
        "toy: loading.quantization_config: quanto needs optimum-quanto, not installed here; "
        "pip install optimum-quanto"
    ]
    plain = Model(name="toy", folder=str(folder))
    assert quantisation_faults(plain) == []
    (line,) = quantisation_faults(plain, {"quant_method": "gptq"})
    assert line == (
        "toy: gptq needs gptqmodel optimum, not installed here; pip install gptqmodel optimum"
    )


KINDS = {
    "torchao": {"quant_type": "Int8WeightOnlyConfig"},
    "torchao (head)": {"quant_type": "Int8WeightOnlyConfig", "include_input_output_embeddings": True},
    "torchao (activations)": {"quant_type": {"Int8DynamicActivationInt8WeightConfig": {}}},
    "quanto": {"weights": "int8"},
    "bitsandbytes": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_real_quantisers_where_they_are_installed(name, folder, tmp_path):
    method = name.split()[0]
    pytest.importorskip(module.PACKAGES[method][0], exc_type=ImportError)
    loaded = load(spec(folder, {"quant_method": method, **KINDS[name]}), Settings(home=tmp_path))
    plain = load(Model(name="toy", folder=str(folder)), Settings(home=tmp_path))
    assert loaded.model_id != plain.model_id
    assert method in loaded.row["quantisation"]
    assert Head(loaded.model).plain == (name != "torchao (head)")
    items = random_items([9, 20, 14, 14, 3], [1, 1, 1, 0, 2], vocabulary=250)
    exact = name in ("torchao", "torchao (head)", "quanto")
    assert (arithmetic(loaded) is torch.float32) == exact
    for found in largest_differences(loaded, items, "answer", random_births(loaded)):
        assert found.logit_diff <= tolerance(arithmetic(loaded), found.scale)
