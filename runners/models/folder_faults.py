"""What is wrong with a model's folder, found from its files alone, before any weight is read."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from runners.models.limits import LIMITS, context, text_part
from runners.models.model_files import TOKENIZER_FILES, weight_files
from runners.prompts.chat import first_line
from runners.prompts.template_faults import template_faults
from specs.faults import Refused
from specs.reader import place, shown

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from specs.schema import Model

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.msgpack", "*.h5")


def folder_faults(spec: Model, folder: Path) -> list[str]:
    """Return the faults of a folder that is to hold a model in transformers format, a line each.

    Configuration, weights, tokenizer and chat template; torch is not imported.
    """
    try:
        config = read_json(spec, folder)
    except Refused as refused:
        return list(refused.faults)
    return [
        *weight_faults(spec, folder),
        *_limit_faults(spec, config),
        *_tokenizer_faults(spec, folder),
    ]


def read_json(spec: Model, folder: Path) -> dict[str, Any]:
    """Return `config.json` of a model's folder; a missing or broken one is a Refused."""
    path, where = folder / "config.json", place(spec)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refused(
            f"{where}: {shown(folder)} has no config.json; name a folder in transformers format"
        ) from None
    except (OSError, ValueError) as error:
        raise Refused(f"{where}: {shown(path)} is not JSON: {first_line(error)}") from None
    if not isinstance(config, dict) or "model_type" not in config:
        raise Refused(f"{where}: {shown(path)} names no model_type; is it a transformers model?")
    return config


def weight_faults(spec: Model, folder: Path) -> list[str]:
    """Return what is wrong with a folder's weights: none, pickled, shards missing, truncated."""
    where = place(spec)
    try:
        files = weight_files(folder)
    except (ValueError, KeyError) as error:
        return [f"{where}: {shown(folder)}/model.safetensors.index.json: {first_line(error)}"]
    if not files:
        pickles = sorted(path.name for kind in PICKLES for path in folder.glob(kind))
        found = f", only {pickles[0]}, and pickles are never loaded" if pickles else ""
        return [
            f"{where}: {shown(folder)} has no model.safetensors{found}; save the model again with "
            "transformers' save_pretrained"
        ]
    lines = [_damage(path) for path in files]
    return [f"{where}: {line}; fetch it again" for line in lines if line]


def _damage(path: Path) -> str | None:
    """Return why a safetensors file cannot be read; the library checks header against length."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return f"{shown(path)} is missing, though the index names it"
    try:
        with safe_open(str(path), framework="numpy"):
            return None
    except (SafetensorError, OSError) as error:
        return f"{shown(path)} is damaged or cut short ({first_line(error)})"


def _limit_faults(spec: Model, config: dict[str, Any]) -> list[str]:
    text = text_part(config)
    if not any(name in text for name in LIMITS):
        return []  # the class may know a default: told when the model is loaded
    try:
        context(spec, SimpleNamespace(**text))
    except Refused as refused:
        return list(refused.faults)
    return []


def _tokenizer_faults(spec: Model, folder: Path) -> list[str]:
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        return [
            f"{place(spec)}: {shown(folder)} has no tokenizer (looked for "
            f"{', '.join(TOKENIZER_FILES)}); save the model's tokenizer there"
        ]
    try:
        tokenizer = light_tokenizer(spec, folder)
    except Refused as refused:
        return list(refused.faults)
    return template_faults(tokenizer, spec) if tokenizer is not None else []


def light_tokenizer(spec: Model, folder: Path) -> PreTrainedTokenizerBase | None:
    """Return a tokenizer good for its chat template, without torch; None if it needs conversion."""
    from transformers import PreTrainedTokenizerFast

    if not (folder / "tokenizer.json").is_file():
        return None
    try:
        return PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # tokenizers raises bare Exceptions for broken files
        raise Refused(
            f"{place(spec)}: {shown(folder / 'tokenizer.json')} cannot be read: "
            f"{first_line(error)}; save the model's tokenizer there again"
        ) from None
