"""Template sources: what is asked, and every way to write one wrongly, with its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest

from specs.reader import read
from specs.schema import TemplateSource
from specs.template import fill

Faults = Callable[..., list[str]]
GOOD = """\
question: The {place} was {{{how}}}, said {who.name}
positive: good for {who.him}
negative: bad for {who.him}
slots:
  place: [cinema, theatre]
  how: [very, hardly, not]
  who: [{name: Ann, him: her}, {name: Bob, him: him}]
"""
BEGIN = "source:\n  template:\n"


def spec(template: str) -> str:
    return BEGIN + indent(dedent(template), "    ")


def test_every_value_meets_every_value_of_the_other_slots(here: Path) -> None:
    (here / "x.yaml").write_text(spec(GOOD))
    source = read(Path("x.yaml"), "concepts").source  # type: ignore[attr-defined]
    assert isinstance(source, TemplateSource)
    chosen = list(source.template.combinations())
    assert len(chosen) == source.template.size == 12
    assert chosen[1] == {"place": "cinema", "how": "very", "who": {"name": "Bob", "him": "him"}}
    assert fill(source.template.question, chosen[1]) == "The cinema was {very}, said Bob"
    assert fill(source.template.negative, chosen[1]) == "bad for him"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "{place} was",
            "{plase} was",
            [
                "3:15: source.template.question: unknown slot 'plase'; did you mean 'place'? "
                "the slots are place, how, who",
                "7:14: source.template.slots.place: no text uses this slot; write {place} in one, "
                "or remove it",
            ],
        ),
        (
            "{{{how}}}",
            "{} {{{how}}}",
            ["3:15: source.template.question: unknown slot ''; the slots are place, how, who"],
        ),
        (
            "good for {who.him}",
            "good for {who.hin}",
            [
                "4:15: source.template.positive: slot 'who' holds mappings; did you mean 'him'? "
                "write {who.him} or {who.name}"
            ],
        ),
        (
            "good for {who.him}",
            "good for {who}",
            [
                "4:15: source.template.positive: slot 'who' holds mappings; "
                "write {who.him} or {who.name}"
            ],
        ),
        (
            "bad for {who.him}",
            "bad for {place.name}",
            [
                "5:15: source.template.negative: the values of slot 'place' are texts without "
                "keys; write {place}"
            ],
        ),
        (
            "bad for {who.him}",
            "bad for {place",
            [
                "5:15: source.template.negative: a single brace; `{slot}` stands for a value, "
                "`{{` and `}}` for a brace"
            ],
        ),
        (
            "bad for {who.him}",
            "bad for {place!r} {place:>9}",
            [
                "5:15: source.template.negative: {place…} is not `{slot}` or `{slot.key}`",
                "5:15: source.template.negative: {place…} is not `{slot}` or `{slot.key}`",
            ],
        ),
        (
            "[cinema, theatre]",
            "[]",
            ["7:14: source.template.slots.place: found a list of 0; should be a list of at least 1"],
        ),
        (
            "[cinema, theatre]",
            "[cinema, cinema]",
            ["7:14: source.template.slots.place: 'cinema' is listed twice; keep one"],
        ),
        (
            "[cinema, theatre]",
            "cinema",
            [
                "7:14: source.template.slots.place: found the text 'cinema'; should be a list, "
                "such as [x, y]"
            ],
        ),
        (
            "[cinema, theatre]",
            "[cinema, 12, [a], '']",
            [
                "7:23: source.template.slots.place[1]: should be text, or a mapping of texts: "
                "put it in quotes",
                "7:27: source.template.slots.place[2]: should be text, or a mapping of texts",
                "7:32: source.template.slots.place[3]: should be text, or a mapping of texts",
            ],
        ),
        (
            "{name: Bob, him: him}",
            "{name: Bob}",
            [
                "9:36: source.template.slots.who[1]: should be the keys him, name, as the first "
                "value of the slot is"
            ],
        ),
        (
            "[cinema, theatre]",
            "[cinema, {a: theatre}]",
            [
                "7:23: source.template.slots.place[1]: should be a text, as the first value of the "
                "slot is"
            ],
        ),
        (
            "how: [",
            "positive: [a]\n  how: [",
            [
                "7:7: source.template.slots: 'positive' cannot name a slot; taken are question, "
                "positive, negative, label_confidence"
            ],
        ),
        (
            "how: [",
            "no-name: [a]\n  how: [",
            [
                "7:7: source.template.slots: 'no-name': a slot's name holds letters, digits and "
                "`_` only"
            ],
        ),
        ("negative: bad for {who.him}\n", "", ["3:5: source.template.negative: missing; this key has no default"]),
        (
            "slots:",
            "slot: {}\nslots:",
            [
                "6:5: source.template.slot: unknown key; did you mean 'slots'? known here: "
                "negative, positive, question, slots"
            ],
        ),
    ],
)  # fmt: skip
def test_faults_have_a_place(faults: Faults, old: str, new: str, says: list[str]) -> None:
    assert old in GOOD
    assert faults("concepts", spec(GOOD.replace(old, new))) == [f"x.yaml:{line}" for line in says]


def test_no_slots(faults: Faults) -> None:
    text = spec("question: q\npositive: a\nnegative: b\nslots: {}\n")
    assert faults("concepts", text) == [
        "x.yaml:6:12: source.template.slots: found a mapping of 0; should have at least 1 key"
    ]


def test_an_explosion_is_refused_before_it_is_made(faults: Faults) -> None:
    values = ", ".join(f"v{i}" for i in range(100))
    names = "abcdefghij"
    slots = "".join(f"  {name}: [{values}]\n" for name in names)
    question = " ".join(f"{{{name}}}" for name in names)
    text = spec(f'question: "{question}"\npositive: x\nnegative: y\nslots:\n{slots}')
    (fault,) = faults("concepts", text)
    assert fault.startswith("x.yaml:7:7: source.template.slots: 100 x 100 x ")
    assert "100,000,000,000,000,000,000 combinations; should be at most 20,000" in fault


@pytest.mark.parametrize("key", ["symbols: [A, B]", "option_order: {train: both}"])
@pytest.mark.parametrize("answers", ["text", "yes_no"])
def test_what_is_about_shown_options_has_no_place_where_none_are(
    faults: Faults, key: str, answers: str
) -> None:
    (fault,) = faults("concepts", f"answer_format: {answers}\n{key}\n{spec(GOOD)}")
    assert fault.startswith("x.yaml:2:")
    assert f"answer_format {answers} " in fault
    assert fault.endswith("shows no options; remove this key")


def test_a_field_of_tan2024_splits(faults: Faults) -> None:
    assert faults("concepts", spec(GOOD) + "splits: {by: tan2024, field: who}\n") == [
        "x.yaml:10:9: splits: `field` goes with `by: given` and `by: grouped` only"
    ]
