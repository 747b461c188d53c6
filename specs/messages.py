"""pydantic's errors in our words: where in the YAML, what is wrong, what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from specs.document import ASIDE, Loc
from specs.suggestions import did_you_mean

_SHOULD_BE = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list, such as [x, y]",
    "model_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
}
_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "above"),
    "less_than": ("lt", "below"),
}


class Message(NamedTuple):
    """One fault of a mapping: the place in the data, and the words."""

    loc: Loc
    what: str
    at_key: bool = False
    """Whether the key is at fault, not its value."""


def messages(error: ValidationError, annotation: Any) -> Iterator[Message]:
    """Yield what `error` says of data that were to be an `annotation`."""
    for details in error.errors(include_url=False):
        what = _in_words(details, annotation)
        if what:
            at_key = details["type"] == "extra_forbidden"
            yield Message(_place(details["type"], details["loc"]), what, at_key)


def dotted(loc: Loc) -> str:
    """Return a place as a reader would write it: `source.inline[3].question`."""
    text = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc if part != ASIDE
    )
    return text.removeprefix(".")


def found(value: object) -> str:
    """Return what stands in the YAML, in a few words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value if len(value) <= 40 else value[:39] + '…'!r}"
    return "a mapping" if isinstance(value, Mapping) else "a list"


def _in_words(details: ErrorDetails, annotation: Any) -> str | None:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind in _SHOULD_BE:
        return _wrong_type(kind, value)
    if kind in _LIMITS:
        limit, words = _LIMITS[kind]
        return f"found {value:g}; should be {words} {context[limit]:g}"
    if kind == "extra_forbidden":
        return _unknown_key(details["loc"], annotation)
    if kind == "missing":
        return _missing(details["loc"], value)
    if kind == "literal_error":
        return _not_a_choice(value, re.findall(r"'([^']*)'", context["expected"]))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _wrong_kind(value, annotation)
    if kind in ("too_short", "too_long", "string_too_short"):
        return _wrong_length(value, context)
    if kind == "value_error":
        return str(context["error"])
    if kind == "source":
        return _no_source(value, details["msg"])
    return f"found {found(value)}; {details['msg']}"


def _wrong_type(kind: str, value: object) -> str:
    quotes = isinstance(value, bool | int | float) and kind == "string_type"
    return f"found {found(value)}; should be {_SHOULD_BE[kind]}" + (
        ": put it in quotes" if quotes else ""
    )


def _missing(loc: Loc, value: Any) -> str:
    if isinstance(loc[-1], int):
        return f"found a list of {len(value)}; should be a list of {loc[-1] + 1}"
    return "missing; this key has no default"


def _not_a_choice(value: object, allowed: list[str]) -> str:
    hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
    return f"found {found(value)}; should be {_either(allowed)}{hint}"


def _wrong_length(value: Any, context: Mapping[str, Any]) -> str | None:
    if isinstance(value, str):
        return "found empty text; should say something"
    least, most = context.get("min_length"), context.get("max_length")
    if least is not None and len(value) >= least:
        return None  # its members have faults of their own, and pydantic counts the others only
    if isinstance(value, Mapping):
        return f"found a mapping of {len(value)}; should have at least {least} key"
    if most is not None:
        return f"found a list of {len(value)}; should be a list of {most}"
    return f"found a list of {len(value)}; should be a list of at least {least}"


def _unknown_key(loc: Loc, annotation: Any) -> str:
    known = _keys_at(annotation, loc[:-1])
    hint = did_you_mean(str(loc[-1]), known) or ";"
    return f"unknown key{hint} known here: {', '.join(sorted(known))}"


def _wrong_kind(value: Any, annotation: Any) -> str:
    kinds = [_tag(member) or "" for member in get_args(_bare(annotation))]
    allowed = [kind.strip("<>") for kind in kinds]
    if "kind" not in value:
        return f"missing; should be {_either(allowed)}"
    return _not_a_choice(value["kind"], allowed)


def _no_source(value: object, should_be: str) -> str:
    if not isinstance(value, Mapping):
        return f"found {found(value)}; {should_be}"
    keys = ", ".join(map(str, value)) or "no key"
    hints = (did_you_mean(str(key), ("inline", "file", "hub", "template")) for key in value)
    return f"found {keys}; {should_be}{next(filter(None, hints), '')}"


def _either(allowed: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(allowed[:-1]), allowed[-1]]))


def _place(kind: str, loc: Loc) -> Loc:
    """Return the place in the data of a fault whose place among the classes is `loc`."""
    keys = tuple(part for part in loc[:-1] if not _is_tag(part))
    if kind.startswith("union_tag"):
        return (*keys, *loc[-1:], "kind")
    if kind == "missing" and isinstance(loc[-1], int):
        return keys
    return keys if loc and _is_tag(loc[-1]) and kind != "extra_forbidden" else (*keys, *loc[-1:])


def _is_tag(part: str | int) -> bool:
    return isinstance(part, str) and part.startswith("<") and part.endswith(">")


def _tag(annotation: Any) -> str | None:
    metadata = getattr(annotation, "__metadata__", ())
    return next((each.tag for each in metadata if isinstance(each, Tag)), None)


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _keys_at(annotation: Any, loc: Loc) -> list[str]:
    """Return the keys of the class that stands at `loc`, unions' tags included, of a spec."""
    bare = _bare(annotation)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        if not loc:
            return list(bare.model_fields)
        return _keys_at(bare.model_fields[str(loc[0])].annotation, loc[1:])
    members: tuple[Any, ...] = get_args(bare)
    if loc and _is_tag(loc[0]):
        members = tuple(member for member in members if _tag(member) == loc[0])
        loc = loc[1:]
    elif loc and isinstance(loc[0], int):
        loc = loc[1:]
    return next(filter(None, (_keys_at(member, loc) for member in members)), [])
