"""Template sources and answer format text, from the spec to the rows that a model is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders.build import build
from builders.refusals import CannotRender
from builders.sources import locate, read
from builders.splits import SPLITS
from builders.variants import refuse_unanswerable, render, renderable
from specs.faults import Refused
from specs.reader import read as read_spec
from specs.schema import Concept, Variant
from specs.settings import Settings

Make = Callable[..., Concept]
NAMES = ["Ann", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ida", "Jo"]
TEMPLATE: dict[str, Any] = {
    "question": "{who.name} {how} the {thing} and said it was",
    "positive": "{who.good} and worth it",
    "negative": "bad",
    "slots": {
        "who": [{"name": name, "good": f"good as {name.lower()}"} for name in NAMES],
        "how": ["saw", "met"],
        "thing": ["play", "team", "sea"],
    },
}


def made(concept: Make, **keys: Any) -> Concept:
    return concept({"template": {**TEMPLATE, **keys.pop("template", {})}}, **keys)


def test_rows_hold_the_texts_and_the_slots(concept: Make, settings: Settings) -> None:
    spec = made(concept)
    source = read(spec, locate(spec, settings))
    assert len(source.rows) == 60
    assert source.rows[4] == {
        "question": "Ann met the team and said it was",
        "positive": "good as ann and worth it",
        "negative": "bad",
        "who": {"name": "Ann", "good": "good as ann"},
        "how": "met",
        "thing": "team",
    }


@pytest.mark.parametrize("answer_format", ["letter", "text"])
def test_every_combination_is_a_question(
    concept: Make, settings: Settings, base: Variant, answer_format: str
) -> None:
    built = build(made(concept, answer_format=answer_format), [base], settings)
    rows = built.items.to_pylist()
    assert len({row["question_id"] for row in rows}) == 60
    assert len(rows) == (60 if answer_format == "text" else 120)
    again = build(made(concept, answer_format=answer_format), [base], settings)
    assert (again.changed, again.dataset_id) == (False, built.dataset_id)
    fields = rows[0]["source_fields"]
    assert '"thing":' in fields
    assert '"who":{"good":' in fields


def test_yes_no_from_a_template(concept: Make, settings: Settings, base: Variant) -> None:
    texts = {"positive": "Yes", "negative": "No", "question": "Is {who.name} {how} the {thing}?"}
    built = build(made(concept, answer_format="yes_no", template=texts), [base], settings)
    assert len(built.items) == 60
    assert set(built.variants["base"].rows["positive"].to_pylist()) == {"Yes"}


def test_text_answers_are_the_options_and_the_prompt_shows_none(
    concept: Make, settings: Settings, base: Variant
) -> None:
    built = build(made(concept, answer_format="text"), [base], settings)
    items, rows = built.items.to_pylist(), built.variants["base"].rows.to_pylist()
    for item, row in zip(items, rows, strict=True):
        assert (item["symbols"], item["option_order"]) == ([], "original")
        assert row["messages"][-1] == {"role": "user", "content": item["question"]}
        assert row["answer_prefix"] == ""
        assert [row["positive"], row["negative"]] == item["options"]
    assert built.audit.splits["test"]["cells"] == {"text/neither": 30}
    assert built.concept_answer_format == "text"
    card = (built.folder / "README.md").read_text()
    assert "the 60 combinations of a template in the spec itself" in card


def test_symbols_have_no_place_around_text(concept: Make) -> None:
    spec = made(concept, answer_format="text")
    for variant in (
        Variant(name="v", symbols=("1", "2")),
        Variant(name="v", frame="{{ question }} {{ symbols[0] }}"),
    ):
        with pytest.raises(CannotRender, match="has no symbols; leave the variant out for it"):
            refuse_unanswerable(spec, variant)
        assert renderable(spec, [variant])[0] == []
    shown = Variant(name="v", frame="{{ question }} ({{ options[1] }})", answer_prefix="rather ")
    item = {
        "item_id": "f", "question": "q", "options": ["a", "b"], "symbols": [], "positive_option": 1,
        "source_row": 1,
    }  # fmt: skip
    (row,) = render(spec, shown, [item])
    assert row["messages"] == [{"role": "user", "content": "q (b)"}]
    assert [row[key] for key in ("answer_prefix", "positive", "negative")] == ["rather ", "b", "a"]


@pytest.mark.parametrize("field", ["who", "who.name", "thing"])
def test_a_slot_keeps_its_questions_on_one_side(
    concept: Make, settings: Settings, base: Variant, field: str
) -> None:
    splits = {"by": "grouped", "field": field, "train": 0.34, "validation": 0.33, "test": 0.33}
    built = build(made(concept, splits=splits), [base], settings)
    rows = built.items.to_pylist()
    sides: dict[Any, set[str]] = {}
    for row in rows:
        name = row["question"].split()[3 if field == "thing" else 0]
        sides.setdefault(name, set()).add(row["split"])
    assert len(sides) == (3 if field == "thing" else 10)
    assert all(len(side) == 1 for side in sides.values())
    assert {row["split"] for row in rows} == set(SPLITS)


def test_without_it_they_are_on_all_sides(concept: Make, settings: Settings, base: Variant) -> None:
    rows = build(made(concept), [base], settings).items.to_pylist()
    assert len({row["split"] for row in rows if row["question"].startswith("Ann")}) > 1


def test_a_question_that_two_values_share_joins_them(
    concept: Make, settings: Settings, base: Variant
) -> None:
    # The question does not say who: all copies of it, and so all who, are one group.
    spec = made(
        concept,
        template={"question": "They {how} the {thing} and said it was"},
        splits={"by": "grouped", "field": "who.name", "train": 1.0, "validation": 0, "test": 0},
    )
    rows = build(spec, [base], settings).items.to_pylist()
    assert {row["split"] for row in rows} == {"train"}
    spec = made(
        concept,
        template={"question": "They {how} the {thing} and said it was"},
        splits={"by": "grouped", "field": "who.name"},
    )
    with pytest.raises(Refused, match=r"6 different questions, grouped by who.name, leave"):
        build(spec, [base], settings)


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("whom", r"the source has no field 'whom'; did you mean 'who'\? it has who, how, thing"),
        ("who.nam", "the source has no field 'who.nam'; it has who, how, thing"),
    ],
)
def test_a_field_that_is_not_there(
    concept: Make, settings: Settings, base: Variant, field: str, says: str
) -> None:
    with pytest.raises(Refused, match=says):
        build(made(concept, splits={"by": "grouped", "field": field}), [base], settings)


def test_a_row_without_the_field_is_named(concept: Make, settings: Settings, base: Variant) -> None:
    rows = [
        {"question": f"q {i}", "positive": "a", "negative": "b", **({"kind": "k"} if i else {})}
        for i in range(20)
    ]
    with pytest.raises(Refused, match=r"inline question 1: has no field 'kind'"):
        build(
            concept({"inline": rows}, splits={"by": "grouped", "field": "kind"}), [base], settings
        )


def test_combinations_at_fault_have_the_place_of_the_template(
    tmp_path: Path, settings: Settings, base: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "same.yaml").write_text(
        "source:\n  template:\n    question: Is {a} {b}?\n    positive: '{a}'\n"
        "    negative: '{b}'\n    slots:\n      a: [x, y]\n      b: [x, y, z]\n"
    )
    spec = read_spec(Path("same.yaml"), "concepts")
    assert isinstance(spec, Concept)
    with pytest.raises(Refused) as refused:
        build(spec, [base], settings)
    assert refused.value.faults == (
        "same.yaml:3:5: source.template: combination 1: both options are 'x'; they must differ",
        "same.yaml:3:5: source.template: combination 5: both options are 'y'; they must differ",
    )
