"""What the file names of a CAA-style folder say: layer, multiplier, behaviour, model, type.

The layout is that of nrimsky/CAA (`SteeringSettings.make_result_save_suffix`): `key=value` parts
joined by `_`, in any order. Keys and values hold `_` too, so the keys that exist are listed here.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from builders.refusals import first_few
from specs.faults import Refused

KEYS = """
layer multiplier behavior behaviour type system_prompt use_base_model model_size
override_vector override_vector_model override_model_weights_path
""".split()
NOT_READ = ("override_vector", "override_vector_model", "override_model_weights_path")
"""Settings under which a vector or a model is another than the one that the name declares."""
_KEY = re.compile(rf"(?:^|_)({'|'.join(sorted(KEYS, key=len, reverse=True))})=")


class ResultFile(NamedTuple):
    """A file of answers, and what its name says of them."""

    path: Path
    behaviour: str
    model: str
    """`Llama-2-7b-chat`, as CAA calls its models, or what `--model` says."""
    system_prompt: str | None
    """CAA's `pos` or `neg`; None for the default."""
    layer: int
    multiplier: float


class Found(NamedTuple):
    """The result files of a folder."""

    files: list[ResultFile]
    skipped: Counter[str]
    """Why a json file is not read -> how many of them."""


def results_folder(path: Path) -> Path:
    """Return `path/results` where there is one, else `path`; Refused where it is no folder."""
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise Refused(f"{path}: {what}; give a folder that holds results/ and datasets/test/")
    return path / "results" if (path / "results").is_dir() else path


def find(path: Path, model: str | None) -> Found:
    """Return every file of two-option answers below `path`, in the order of layer and multiplier.

    `model` is the declared model, in place of what names say. Raises Refused, a line each, for
    names that contradict themselves or each other, and where no file is left.
    """
    files: list[ResultFile] = []
    skipped: Counter[str] = Counter()
    faults: list[str] = []
    for file in sorted(results_folder(path).rglob("*.json")):
        try:
            read = _parse(file, model)
        except Refused as refusal:
            faults += refusal.faults
            continue
        if isinstance(read, str):
            skipped[read] += 1
        else:
            files.append(read)
    faults += [] if faults else [*_twice(files), *_mixed(files, model, path)]
    if faults:
        raise Refused(*first_few(faults, str(path)))
    if not files:
        seen = "".join(f"; {n} json file(s) skipped: {why}" for why, n in skipped.items())
        raise Refused(
            f"{path}: holds no file such as results_layer=13_multiplier=1.0_behavior=NAME_type=ab_"
            f"use_base_model=False_model_size=7b.json{seen}; give the folder of such files"
        )
    return Found(sorted(files, key=lambda file: (file.layer, file.multiplier)), skipped)


def _parse(file: Path, model: str | None) -> ResultFile | str:
    """Return what a name says, or why the file is none of ours."""
    said = _pairs(file)
    if "layer" not in said and "multiplier" not in said:
        return "the name has no layer= and multiplier="
    if (kind := said.get("type", "ab")) != "ab":
        return f"type={kind}; only type=ab has two options"
    if other := next((key for key in NOT_READ if key in said), None):
        return f"{other}= names another vector or model"
    return ResultFile(
        path=file,
        behaviour=said.get("behavior") or said.get("behaviour") or file.parent.name,
        model=model or _model(file, said),
        system_prompt=said.get("system_prompt"),
        layer=_layer(file, said.get("layer")),
        multiplier=_multiplier(file, said.get("multiplier")),
    )


def _pairs(file: Path) -> dict[str, str]:
    """Return the `key=value` parts of a name; Refused for a key twice or an unknown one."""
    marks = list(_KEY.finditer(file.stem))
    ends = [*(mark.start() for mark in marks[1:]), len(file.stem)]
    said: dict[str, str] = {}
    for mark, end in zip(marks, ends, strict=False):  # a name without any key has one end
        key, value = mark[1], file.stem[mark.end() : end]
        if key in said:
            raise Refused(f"{file}: {key}= stands in the name twice; keep one")
        if "=" in value:
            raise Refused(
                f"{file}: {key}={value} holds a key that is not known; CAA's are {', '.join(KEYS)}"
            )
        said[key] = value
    return said


def _model(file: Path, said: dict[str, str]) -> str:
    """Return CAA's name of its model: Llama-2, of that size, base or chat."""
    size, base = said.get("model_size"), said.get("use_base_model", "False").lower()
    if not size or base not in ("true", "false"):
        raise Refused(
            f"{file}: the name needs model_size= and use_base_model=True or False; or say which "
            "model answered: --model NAME"
        )
    return f"Llama-2-{size}" + ("" if base == "true" else "-chat")


def _layer(file: Path, text: str | None) -> int:
    if text is None or not re.fullmatch(r"[0-9]{1,4}", text):
        raise Refused(f"{file}: layer={text or ''} is no layer; needs a number from 0 on")
    return int(text)


def _multiplier(file: Path, text: str | None) -> float:
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Refused(f"{file}: multiplier={text or ''} is no number; needs one such as -1.5")
    return number + 0.0  # -0.0 is 0


def _twice(files: Iterable[ResultFile]) -> list[str]:
    seen: dict[tuple[object, ...], Path] = {}
    faults = []
    for file in files:
        first = seen.setdefault(file[1:], file.path)
        if first != file.path:
            faults.append(f"{file.path}: says the same as {first}; keep one of the two")
    return faults


def _mixed(files: Iterable[ResultFile], model: str | None, path: Path) -> list[str]:
    """Return a fault where `--model` would make one model of several declared ones."""
    declared = {
        _model(file.path, said) for file in files if "model_size" in (said := _pairs(file.path))
    }
    if model is None or len(declared) < 2:
        return []
    return [
        f"{path}: its files are of {', '.join(sorted(declared))}, which --model {model} would "
        "make one; leave --model out, or import their folders one by one"
    ]
