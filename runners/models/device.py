"""Where a model runs and in which numbers: each choice comes with its reason, which runs print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from specs.faults import Refused
from specs.reader import place

if TYPE_CHECKING:
    import torch

    from specs.schema import Model

DTYPES = ("float32", "bfloat16", "float16")
CPUINFO = Path("/proc/cpuinfo")
FLAGS = re.compile(r"(flags|Features)\s*:")
INSTRUCTIONS = {
    "bfloat16": ("amx_bf16", "avx512_bf16", "bf16"),
    "float16": ("amx_fp16", "avx512_fp16", "asimdhp"),
}
"""Flags of a processor (x86 and Arm) that can multiply in half precision."""


def choose_device(spec: Model) -> tuple[torch.device, str]:
    """Return the device and why: what `loading: {device_map: …}` names, else CUDA, else the CPU.

    Raises:
        Refused: the named device is not here.
    """
    import torch

    named = spec.loading.get("device_map")
    if isinstance(named, str) and named.split(":")[0] in ("cpu", "cuda"):
        if named != "cpu" and not torch.cuda.is_available():
            where = place(spec, ("loading", "device_map"))
            raise Refused(f"{where}: {named} is not here: torch sees no CUDA device; leave it out")
        return torch.device(named), f"device {named}, as the model's spec says"
    if isinstance(named, dict) and named and set(named.values()) <= {"cpu", "disk"}:
        return torch.device("cpu"), "device cpu, as the model's device map says"
    if torch.cuda.is_available():
        return torch.device("cuda", 0), f"device cuda ({torch.cuda.get_device_name(0)})"
    return torch.device("cpu"), "device cpu, torch sees no CUDA device"


def choose_dtype(
    spec: Model, device: torch.device, checkpoint: str | None
) -> tuple[torch.dtype, str]:
    """Return the dtype of all weights and why; `checkpoint` is the dtype its files were saved in.

    Raises:
        Refused: the spec asks for what the device or the reference model cannot do.
    """
    import torch

    where = place(spec, ("dtype",))
    if spec.builtin == "reference":
        if spec.dtype not in ("auto", "float32"):
            raise Refused(f"{where}: the reference model is exact in float32 only; leave it out")
        return torch.float32, "dtype float32, which the reference model needs"
    if spec.dtype != "auto":
        named: torch.dtype = getattr(torch, spec.dtype)
        if reason := why_unsupported(device, named):
            raise Refused(f"{where}: {spec.dtype} does not run on {device}: {reason}; use float32")
        return named, f"dtype {spec.dtype}, as the model's spec says{_on_processor(device, named)}"
    return _automatic(device, checkpoint)


def processor_halves() -> dict[str, str]:
    """Return the half precision dtypes that this processor has instructions for, and which.

    `{"bfloat16": "avx512_bf16"}`; empty where it has none, or the system does not say.
    """
    try:
        text = CPUINFO.read_text(encoding="utf-8")
    except OSError:
        return {}
    flags = {flag for line in text.splitlines() if FLAGS.match(line) for flag in line.split()}
    found = {dtype: [one for one in own if one in flags] for dtype, own in INSTRUCTIONS.items()}
    return {dtype: ", ".join(own) for dtype, own in found.items() if own}


def _on_processor(device: torch.device, dtype: torch.dtype) -> str:
    """Say what a half precision dtype costs on a CPU; nothing elsewhere."""
    name = str(dtype).removeprefix("torch.")
    if device.type != "cpu" or name not in INSTRUCTIONS:
        return ""
    own = processor_halves().get(name)
    if own:
        return f" (the processor has {own})"
    return " (the processor has no instructions for it: slower than float32, and less exact)"


def _automatic(device: torch.device, checkpoint: str | None) -> tuple[torch.dtype, str]:
    import torch

    if device.type == "cpu":
        return torch.float32, "dtype float32, the exact one, because it runs on a CPU"
    if checkpoint not in DTYPES:
        return torch.float32, f"dtype float32, because the checkpoint names {checkpoint or 'none'}"
    own: torch.dtype = getattr(torch, checkpoint)
    if reason := why_unsupported(device, own):
        return torch.float32, f"dtype float32, because the checkpoint's {checkpoint}: {reason}"
    return own, f"dtype {checkpoint}, the checkpoint's own"


def why_unsupported(device: torch.device, dtype: torch.dtype) -> str | None:
    """Return why `dtype` cannot be computed with on `device`, by trying; None where it can."""
    import torch

    if device.type == "cuda" and dtype is torch.bfloat16:
        # torch emulates bfloat16 on old GPUs, slowly and with other rounding.
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            return "the GPU has no bfloat16 arithmetic"
        return None
    try:
        ones = torch.ones((2, 2), dtype=dtype, device=device)
        (ones @ ones).sum().item()
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return None
