"""What `steerhouse doctor` finds on this machine: versions, devices, memory, extras, home."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch

    from specs.schema import Model
    from specs.settings import Settings

EXTRAS = {
    "ray": "many GPUs and machines (--engine ray)",
    "gguf": "steering vectors in the format of llama.cpp",
    "sae-lens": "sparse autoencoders",
    "bitsandbytes": "4-bit and 8-bit weights",
    "torchao": "int8 and float8 weights",
    "optimum-quanto": "int2 to int8 weights",
}
"""Packages that are not needed, and for what they are."""
SMALL_EFFECTS = (
    "half precision is noise on small effects: measured on a random 58M Llama with logits up to "
    "0.17, bfloat16 moved them by 0.02 from float32, and the whole range of multipliers by 0.08; "
    "`steerhouse run … --verify N` measures it for this model"
)


class Fact(NamedTuple):
    """One line of the report."""

    section: str
    name: str
    value: str


def machine(settings: Settings, online: bool) -> Iterator[Fact]:
    """Yield what holds for every model; the Hub is asked only with `online`."""
    from runners.campaign.execution import code_version, versions

    yield Fact("versions", "steerhouse", code_version())
    for name, found in versions().items():
        yield Fact("versions", name, found)
    yield from _devices()
    for name, purpose in EXTRAS.items():
        yield Fact("extras", name, _installed(name) or f"not installed; for {purpose}")
    plugins = [point.name for point in entry_points(group="steerhouse.methods")]
    yield Fact("extras", "methods of others", ", ".join(plugins) or "none")
    yield from _folders(settings)
    yield Fact("folders", "Hub", _hub() if online else "not asked (--online asks)")


def _devices() -> Iterator[Fact]:
    import torch

    from runners.models.device import choose_device, processor_halves
    from runners.models.free_memory import free_memory

    device, reason = choose_device(_bare())
    yield Fact("device", "chosen", reason)
    yield Fact("device", "dtype", f"{dtypes(device)}, where a model's spec names none")
    halves = processor_halves()
    own = ", ".join(f"{name} ({flags})" for name, flags in halves.items())
    yield Fact("device", "processor", f"{os.cpu_count()} cores, half precision: {own or 'none'}")
    yield Fact("device", "threads", str(torch.get_num_threads()))
    yield Fact("device", "free memory", f"{_gib(free_memory(torch.device('cpu')))} on cpu")
    for index in range(torch.cuda.device_count()):
        gpu = torch.device("cuda", index)
        free, total = torch.cuda.mem_get_info(gpu)
        name = torch.cuda.get_device_name(gpu)
        yield Fact("device", f"cuda:{index}", f"{name}, {_gib(free)} of {_gib(total)} free")


def _bare() -> Model:
    """Return a model whose spec leaves everything open."""
    from specs.schema import Model

    return Model(name="any", hub="any/any")


def dtypes(device: torch.device) -> str:
    """Say in which dtype models run on `device`, by what their weights were saved in if it matters.

    No model is named here, so each kind of weights is told.
    """
    from runners.models.device import DTYPES, choose_dtype

    reasons = {saved: choose_dtype(_bare(), device, saved)[1] for saved in DTYPES}
    if len(set(reasons.values())) == 1:
        return next(iter(reasons.values()))
    return "; ".join(f"{saved} weights: {reason}" for saved, reason in reasons.items())


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _folders(settings: Settings) -> Iterator[Fact]:
    for folder in settings.sources:
        state = "found" if folder.is_dir() else "does not exist"
        yield Fact("folders", f"sources {folder}", state)
    if not settings.sources:
        yield Fact("folders", "sources", "none named (--sources DIR); the Hub's cache serves")
    yield Fact("folders", "home", f"{settings.home}{'' if settings.home.is_dir() else ': new'}")
    yield Fact("folders", "warehouse", _warehouse(settings))


def _warehouse(settings: Settings) -> str:
    """Return the state of the warehouse in a line; it is not changed."""
    import duckdb

    from warehouse import file
    from warehouse.faults import WarehouseRefused
    from warehouse.migrate import VERSION, refuse_other, version as schema_version
    from warehouse.staged import waiting

    path = file.path(settings.home)
    if not path.is_file():
        return "none yet; `steerhouse run quickstart` makes one"
    try:
        connection = file.attach(path, read_only=True)
    except (WarehouseRefused, duckdb.Error) as error:
        return str(error).splitlines()[0]
    with connection:
        try:
            refuse_other(connection, path)
        except WarehouseRefused as refusal:
            return str(refusal)
        found = schema_version(connection)
    older = "" if found == VERSION else "; `steerhouse warehouse migrate` brings it up to date"
    return f"schema version {found} of {VERSION}{older}; {len(waiting(settings.home))} staged files"


def _hub() -> str:
    from huggingface_hub import HfApi, errors

    try:
        found = next(iter(HfApi().list_models(limit=1)), None)
    except (OSError, ValueError, errors.HTTPError, errors.OfflineModeIsEnabled) as error:
        return f"not reachable: {(str(error).strip() or type(error).__name__).splitlines()[0]}"
    return "reachable" if found else "reachable, and empty"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
