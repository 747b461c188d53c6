"""`loading: {quantization_config: …}` of a model spec, made into transformers' own class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from specs.faults import Refused
from specs.reader import place
from specs.suggestions import did_you_mean

if TYPE_CHECKING:
    from specs.schema import Model

KEY = "quantization_config"
PACKAGES: dict[str, tuple[str, ...]] = {
    "aqlm": ("aqlm",),
    "auto-round": ("auto_round",),
    "awq": ("gptqmodel",),
    "bitsandbytes": ("bitsandbytes",),
    "compressed-tensors": ("compressed_tensors",),
    "eetq": ("kernels",),
    "fp8": (),
    "gptq": ("gptqmodel", "optimum"),
    "higgs": ("flute",),
    "hqq": ("hqq",),
    "mxfp4": ("kernels",),
    "quanto": ("optimum.quanto",),
    "spqr": ("spqr_quant",),
    "torchao": ("torchao",),
    "vptq": ("vptq",),
}
"""quant_method -> the modules that it needs."""
INSTALLED_AS = {"optimum.quanto": "optimum-quanto", "flute": "flute-kernel"}
"""Modules whose package has another name than theirs."""


def quantisation_faults(spec: Model, checkpoint: Mapping[str, Any] | None = None) -> list[str]:
    """Return why a quantisation cannot be loaded here, a line each; loads neither torch nor it.

    `checkpoint` is what the model's own config.json says of its quantisation.
    """
    asked = spec.loading.get(KEY)
    where = place(spec, ("loading", KEY))
    if asked is not None:
        if not isinstance(asked, Mapping) or not isinstance(asked.get("quant_method"), str):
            known = ", ".join(PACKAGES)
            return [f"{where}: say which: {{quant_method: NAME, …}}, NAME one of {known}"]
        method = str(asked["quant_method"])
        if method not in PACKAGES:
            hint = did_you_mean(method, list(PACKAGES)) or ";"
            return [f"{where}: unknown quant_method {method!r}{hint} known: {', '.join(PACKAGES)}"]
        return _missing(where, method)
    method = str((checkpoint or {}).get("quant_method", ""))
    return _missing(place(spec), method) if method in PACKAGES else []


def _missing(where: str, method: str) -> list[str]:
    lacking = [name for name in PACKAGES[method] if not _is_here(name)]
    if not lacking:
        return []
    packages = " ".join(INSTALLED_AS.get(name, name) for name in lacking)
    return [f"{where}: {method} needs {packages}, not installed here; pip install {packages}"]


def _is_here(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it
        return False


def quantisation(spec: Model) -> Any:
    """Return transformers' configuration of the quantisation that a spec asks for, or None.

    Raises:
        Refused: a key that this kind of quantisation does not have, or a value it does not take.
    """
    asked = spec.loading.get(KEY)
    if asked is None:
        return None
    from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING

    where = place(spec, ("loading", KEY))
    method, given = str(asked["quant_method"]), dict(asked)
    del given["quant_method"]
    kind = AUTO_QUANTIZATION_CONFIG_MAPPING[
        f"{method}_8bit" if method == "bitsandbytes" else method
    ]
    known = [
        name
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    if unknown := [key for key in given if key not in known]:
        hint = did_you_mean(unknown[0], known) or ";"
        raise Refused(f"{where}.{unknown[0]}: no key of {method}{hint} keys: {', '.join(known)}")
    try:
        if method == "torchao":
            given["quant_type"] = _torchao(given.get("quant_type"))
        return kind(**given)
    except (TypeError, ValueError, ImportError) as error:
        cause = str(error).strip().splitlines()[0]
        raise Refused(f"{where}: {method} does not take this: {cause}; mend its keys") from None


def _torchao(asked: Any) -> Any:
    """Return torchao's own configuration, named as `Int8WeightOnlyConfig` or `{NAME: {key: …}}`."""
    from importlib import import_module

    torchao = import_module("torchao.quantization")
    name, given = next(iter(asked.items())) if isinstance(asked, Mapping) and asked else (asked, {})
    kinds = sorted(known for known in vars(torchao) if known.endswith("Config"))
    if name not in kinds:
        raise ValueError(f"quant_type {name!r} is none of {', '.join(kinds)}")
    return getattr(torchao, name)(**(given or {}))
