"""What a value of a spec must be beyond its type: each check returns it, or says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from specs.suggestions import did_you_mean

T = TypeVar("T")

COMBINATION_KEYS = ("model", "concept", "method", "fit_variant", "variant")
"""What an include or exclude of an experiment may name."""

TEMPLATE_NAMES = ("item", "question", "options", "symbols", "persona", "concept")
"""What the templates of a variant may name."""

ROW_COLUMNS = ("question", "positive", "negative", "label_confidence")
"""Columns of a row of questions that are not fields of the source's own."""

_YAML_1_1_BOOLEANS = {"yes", "no", "on", "off"}


def distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    """Refuse a list that says the same thing twice: it would be asked and counted twice."""
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ValueError(f"{_shown(value)} is listed twice; keep one")
    return values


def symbols(pair: tuple[str, str]) -> tuple[str, str]:
    """Refuse two symbols that are the same: an answer would name both options."""
    if pair[0] == pair[1]:
        raise ValueError(f"the two symbols are both {pair[0]!r}; they must differ")
    return pair


def pattern(text: str) -> str:
    """Refuse what is not a regular expression of Python's `re`."""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    return text


def template(text: str) -> str:
    """Refuse a variant's template that jinja2 cannot parse, or that names what no item has."""
    from jinja2 import TemplateSyntaxError, meta
    from jinja2.sandbox import SandboxedEnvironment

    try:
        unknown = meta.find_undeclared_variables(SandboxedEnvironment().parse(text))
    except TemplateSyntaxError as error:
        raise ValueError(f"not a jinja2 template: {error.message}") from None
    for name in sorted(unknown - set(TEMPLATE_NAMES)):
        hint = did_you_mean(name, TEMPLATE_NAMES) or ";"
        known = ", ".join(TEMPLATE_NAMES)
        raise ValueError(f"unknown name {name!r} in the template{hint} known: {known}")
    return text


def scalar(value: Any) -> Any:
    """Refuse lists and mappings, and the `yes` and `no` that YAML 1.2 reads as (true) text."""
    if isinstance(value, list | tuple | Mapping):
        raise ValueError("should be text, a number, true, false or null")
    if isinstance(value, str) and value.lower() in _YAML_1_1_BOOLEANS:
        raise ValueError(f"{value!r} is text, not a yes or no; write true or false")
    return value


def slot_names(slots: dict[str, T]) -> dict[str, T]:
    """Refuse slots of a template that no `{slot}` can name, or that a column of a row has."""
    for name in slots:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f"{name!r}: a slot's name holds letters, digits and `_` only")
        if name in ROW_COLUMNS:
            taken = ", ".join(ROW_COLUMNS)
            raise ValueError(f"{name!r} cannot name a slot; taken are {taken}")
    return slots


def slot_value(value: Any) -> Any:
    """Refuse values of a slot that are neither text nor a mapping of texts."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, Mapping) and value:
        texts = all(isinstance(text, str) and text for text in value.values())
        if texts and all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) for key in value):
            return value
        raise ValueError("a mapping here has names of letters, digits and `_`, and text for each")
    quotes = ": put it in quotes" if isinstance(value, bool | int | float) else ""
    raise ValueError(f"should be text, or a mapping of texts{quotes}")


def combination(axes: dict[str, str]) -> dict[str, str]:
    """Refuse an include or exclude that names nothing, or something other than a spec."""
    known = ", ".join(COMBINATION_KEYS)
    if not axes:
        raise ValueError(f"names nothing; give at least one of {known}")
    for key in axes:
        if key not in COMBINATION_KEYS:
            hint = did_you_mean(key, COMBINATION_KEYS) or ";"
            raise ValueError(f"unknown key {key!r}{hint} known: {known}")
    return axes


def layers(value: Any) -> Any:
    """Refuse a word other than `all` and `best` where layers are named."""
    if isinstance(value, str) and value not in ("all", "best"):
        hint = did_you_mean(value, ("all", "best"))
        raise ValueError(f"found {value!r}; should be all, best or a list such as [13, 14]{hint}")
    return value


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)
