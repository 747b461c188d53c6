"""What the benchmarks print for people."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from runners.campaign.execution import versions

if TYPE_CHECKING:
    from runners.models.load import LoadedModel

COLUMNS = (
    "over_bare",
    "over_bare_processor",
    "bound",
    "over_bound",
    "over_bound_processor",
    "target_over_bound",
    "bound_with_answer_mass",
)


def about(loaded: LoadedModel) -> dict[str, Any]:
    """Return what every benchmark says of its model and machine."""
    return {
        "model": {
            "name": loaded.spec.name,
            "parameters": loaded.row["n_parameters"],
            "layers": loaded.n_layers,
            "d_model": loaded.d_model,
            "dtype": str(loaded.dtype).removeprefix("torch."),
            "device": device_name(loaded.device),
        },
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }


def device_name(device: torch.device) -> str:
    """Return what a device is called by its maker."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} processor"


def table(found: Mapping[str, Any]) -> str:
    """Return the numbers of `benchmarks.sweep` as lines of text."""
    model, difference = found["model"], found["largest_difference"]
    lines = [
        f"{model['name']}: {model['parameters'] / 1e6:.0f}M parameters, {model['layers']} layers, "
        f"{model['dtype']}, {model['device']}, {found['threads']} threads",
        f"{found['items']} items, {found['mean_prompt_tokens']:.0f} tokens a prompt on average, "
        f"{found['tokens_per_batch']} tokens a batch, medians of {found['rounds']} rounds",
        "",
        f"{'':39}{'':9}{'x bare':>16}{'':8}{'x its bound':>24}",
        f"{'':34}{'items':>5}{'seconds':>9}{'wall':>8}{'cpu':>8}{'bound':>8}{'wall':>8}{'cpu':>8}{'target':>8}"
        f"{'+ mass':>8}{'peak MB':>9}",
        *(_line(name, row) for name, row in found["ways"].items()),
        "",
        f"{'':77}{'x full sweep':>16}",
        f"{'a full sweep (all layers, 7 multipliers) by':60}{'seconds':>9}{'x bare':>8}{'wall':>8}"
        f"{'cpu':>8}",
        *(_slow_line(label, row) for label, row in found["slow"].items()),
        "",
        f"largest difference to the reference path: {difference['logits']:.2g} logits, "
        f"{difference['of_largest_logit']:.2g} of the largest",
    ]
    if "peer" in found:
        gaps = found["peer"]["largest_difference_in_logits"].items()
        lines += [f"largest difference to the peer, {way}: {gap:.2g} logits" for way, gap in gaps]
    prompt, cached = found["prompt_pass"], found["peak_bytes_bare_with_cache"]
    lines += [
        f"prompt pass: {prompt['flops'] / 1e12:.3g} TFLOP/s, {prompt['share_of_peak']:.0%} of the "
        f"measured matmul peak of {prompt['matmul_peak_flops'] / 1e12:.3g}",
        f"peak memory of the bare pass with its cache kept: {(cached or 0) / 1e6:.0f} MB",
    ]
    return "\n".join(lines)


def _line(name: str, row: Mapping[str, Any]) -> str:
    numbers = [
        f"{row['seconds']:9.2f}",
        *(" " * 8 if row.get(key) is None else f"{row[key]:8.3f}" for key in COLUMNS),
        f"{(row.get('peak_bytes') or 0) / 1e6:9.0f}",
    ]
    return f"{name:34}{row['items']:5}{''.join(numbers)}"


def _slow_line(label: str, row: Mapping[str, Any]) -> str:
    columns = ("over_full_sweep", "over_full_sweep_processor")
    beside = "".join(f"{row[key]:8.1f}" if key in row else " " * 8 for key in columns)
    return f"{label:60}{row['seconds']:9.1f}{row['over_bare']:8.1f}{beside}"
