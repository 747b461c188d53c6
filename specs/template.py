"""Template sources: one question for every combination of the values of its slots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import product
from string import Formatter
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from specs import checks
from specs.document import Loc
from specs.parts import Part, Some, Text
from specs.suggestions import did_you_mean

MOST = 20_000
"""Combinations of one template; beyond that a slip is likelier than a wish."""
TEXTS = ("question", "positive", "negative")
"""What a template holds beside its slots."""

Value = Annotated[str | dict[str, str], BeforeValidator(checks.slot_value)]
Slots = Annotated[dict[str, Some[Value]], Field(min_length=1), AfterValidator(checks.slot_names)]
Chosen = Mapping[str, str | dict[str, str]]
"""Slot -> its value in one combination."""


class Template(Part):
    """A question and its two options with `{slot}` where a value stands; `{{` is a brace."""

    question: Text
    """The stem, e.g. `The {noun} near the door`."""
    positive: Text
    """The option that shows the concept."""
    negative: Text
    """The option that does not show it."""
    slots: Slots
    """Values by slot: texts, or mappings of one set of keys, which go together and are written
    `{slot.key}`. Every value is combined with every value of the other slots."""

    @model_validator(mode="after")
    def _agrees(self) -> Template:
        faults = [*_of_texts(self), *_of_slots(self)]
        if not faults and self.size > MOST:
            sizes = " x ".join(str(len(values)) for values in self.slots.values())
            what = f"{sizes} is {self.size:,} combinations; should be at most {MOST:,}"
            faults = [(("slots",), what)]
        if faults:
            raise ValidationError.from_exception_data("template", [_error(*f) for f in faults])
        return self

    @property
    def size(self) -> int:
        """How many combinations the slots have."""
        return math.prod(len(values) for values in self.slots.values())

    def combinations(self) -> Iterator[Chosen]:
        """Yield every choice of one value a slot, the last slot changing fastest."""
        for values in product(*self.slots.values()):
            yield dict(zip(self.slots, values, strict=True))


def fill(text: str, chosen: Chosen) -> str:
    """Return a text of a template with the values of one combination in it."""
    filled = []
    for literal, name, _, _ in Formatter().parse(text):
        filled.append(literal)
        if name is not None:
            slot, _, key = name.partition(".")
            value = chosen[slot]
            filled.append(value if isinstance(value, str) else value[key])
    return "".join(filled)


def _of_texts(template: Template) -> Iterator[tuple[Loc, str]]:
    """Yield what is wrong with the places of slots in the texts."""
    for key in TEXTS:
        try:
            parsed = list(Formatter().parse(getattr(template, key)))
        except ValueError:
            yield (key,), "a single brace; `{slot}` stands for a value, `{{` and `}}` for a brace"
            continue
        for _, name, format_spec, conversion in parsed:
            if name is None:
                continue
            if format_spec or conversion or name != name.strip():
                yield (key,), f"{{{name}…}} is not `{{slot}}` or `{{slot.key}}`"
            else:
                yield from (((key,), what) for what in _unknown(template, name))


def _unknown(template: Template, name: str) -> Iterator[str]:
    """Yield why `{name}` stands for no value."""
    slot, dot, key = name.partition(".")
    if slot not in template.slots:
        hint = did_you_mean(slot, template.slots) or ";"
        yield f"unknown slot {slot!r}{hint} the slots are {', '.join(template.slots)}"
        return
    keys = _keys(template.slots[slot][0])
    if keys and key not in keys:
        hint = did_you_mean(key, keys) or ";"
        yield f"slot {slot!r} holds mappings{hint} write {_one_of(slot, keys)}"
    elif dot and not keys:
        yield f"the values of slot {slot!r} are texts without keys; write {{{slot}}}"


def _of_slots(template: Template) -> Iterator[tuple[Loc, str]]:
    """Yield slots that no text uses, and values that are not alike."""
    used = {name.partition(".")[0] for key in TEXTS for name in _names(getattr(template, key))}
    readable = all(_parses(getattr(template, key)) for key in TEXTS)
    for slot, values in template.slots.items():
        if slot not in used and readable:
            yield ("slots", slot), f"no text uses this slot; write {{{slot}}} in one, or remove it"
        keys = _keys(values[0])
        for index, value in enumerate(values):
            if _keys(value) != keys:
                wanted = f"the keys {', '.join(keys)}" if keys else "a text"
                what = f"should be {wanted}, as the first value of the slot is"
                yield ("slots", slot, index), what


def _parses(text: str) -> bool:
    try:
        return bool(list(Formatter().parse(text)))
    except ValueError:
        return False


def _names(text: str) -> list[str]:
    if not _parses(text):
        return []
    return [name for _, name, _, _ in Formatter().parse(text) if name is not None]


def _keys(value: str | dict[str, str]) -> list[str]:
    return sorted(value) if isinstance(value, dict) else []


def _one_of(slot: str, keys: list[str]) -> str:
    return " or ".join(f"{{{slot}.{key}}}" for key in keys)


def _error(loc: Loc, what: str) -> InitErrorDetails:
    """Return a fault with its own place inside the template."""
    kind = PydanticCustomError("value_error", "{error}", {"error": what})
    return InitErrorDetails(type=kind, loc=loc, input=None)
