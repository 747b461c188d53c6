from __future__ import annotations

import pytest
import torch

from runners.models import device as module
from runners.models.device import choose_device, choose_dtype, why_unsupported
from specs.faults import Refused
from specs.schema import Model

CPU = torch.device("cpu")
CUDA = torch.device("cuda", 0)


def spec(**fields) -> Model:
    return Model(name="toy", folder="toy", **fields)


def test_without_cuda_the_cpu_is_chosen_and_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(spec()) == (CPU, "device cpu, torch sees no CUDA device")
    with pytest.raises(Refused, match=r"toy: loading.device_map: cuda:1 is not here"):
        choose_device(spec(loading={"device_map": "cuda:1"}))


def test_with_cuda_it_is_chosen_unless_the_spec_says_otherwise(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Toy 9000")
    assert choose_device(spec()) == (CUDA, "device cuda (Toy 9000)")
    assert choose_device(spec(loading={"device_map": "auto"}))[0] == CUDA
    named = choose_device(spec(loading={"device_map": "cpu"}))
    assert named == (CPU, "device cpu, as the model's spec says")


def test_auto_is_float32_on_a_cpu_whatever_the_checkpoint():
    dtype, reason = choose_dtype(spec(), CPU, "bfloat16")
    assert dtype is torch.float32
    assert "CPU" in reason


def test_auto_is_the_checkpoints_own_on_cuda(monkeypatch):
    monkeypatch.setattr(module, "why_unsupported", lambda *_: None)
    assert choose_dtype(spec(), CUDA, "float16")[0] is torch.float16
    assert choose_dtype(spec(), CUDA, "bfloat16")[1] == "dtype bfloat16, the checkpoint's own"
    assert choose_dtype(spec(), CUDA, None)[0] is torch.float32
    assert choose_dtype(spec(), CUDA, "float64")[0] is torch.float32


def test_what_the_device_cannot_do_is_refused_if_named_and_replaced_if_not(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    dtype, reason = choose_dtype(spec(), CUDA, "bfloat16")
    assert dtype is torch.float32
    assert "no bfloat16 arithmetic" in reason
    with pytest.raises(
        Refused, match=r"toy: dtype: bfloat16 does not run on cuda:0: .*; use float32"
    ):
        choose_dtype(spec(dtype="bfloat16"), CUDA, "float32")


def test_named_dtypes_are_tried_on_the_device(monkeypatch):
    assert choose_dtype(spec(dtype="bfloat16"), CPU, None)[0] is torch.bfloat16
    assert why_unsupported(CPU, torch.float16) is None
    assert "not implemented" in str(why_unsupported(CPU, torch.float8_e4m3fn))


def test_the_reference_model_is_float32_only():
    reference = Model(name="reference", builtin="reference")
    assert choose_dtype(reference, CUDA, None)[0] is torch.float32
    with pytest.raises(
        Refused, match="reference: dtype: the reference model is exact in float32 only"
    ):
        choose_dtype(Model(name="reference", builtin="reference", dtype="bfloat16"), CPU, None)


def test_a_device_map_without_a_gpu_is_the_cpu_even_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Toy 9000")
    assert choose_device(spec(loading={"device_map": {"a": "cpu", "b": "disk"}}))[0] == CPU
    assert choose_device(spec(loading={"device_map": {"a": 0, "b": "disk"}}))[0] == CUDA


@pytest.mark.parametrize(
    ("line", "has"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 amx_bf16", {"bfloat16": "amx_bf16, avx512_bf16"}),
        ("Features\t: fp asimd asimdhp bf16", {"bfloat16": "bf16", "float16": "asimdhp"}),
        ("flags\t\t: fpu avx2", {}),
        ("model name\t: bf16", {}),
    ],
)
def test_half_precision_on_a_cpu_says_whether_the_processor_has_it(
    line, has, tmp_path, monkeypatch
):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{line}\n")
    monkeypatch.setattr(module, "CPUINFO", tmp_path / "cpuinfo")
    assert module.processor_halves() == has
    dtype, reason = choose_dtype(spec(dtype="bfloat16"), CPU, None)
    assert dtype is torch.bfloat16
    assert ("the processor has no instructions for it" in reason) == ("bfloat16" not in has)
    assert "processor" not in choose_dtype(spec(dtype="float32"), CPU, None)[1]
    monkeypatch.setattr(module, "CPUINFO", tmp_path / "nowhere")
    assert module.processor_halves() == {}
