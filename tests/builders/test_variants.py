from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from builders.refusals import CannotRender
from builders.variants import render, renderable, told_by_one_item, variant_id
from specs.faults import Refused
from specs.identity import identity
from specs.schema import Concept, Variant

Make = Callable[..., Concept]
PERSONA = {"positive": "You love tea {{ 1 + 1 }}.", "negative": "You loathe tea."}
ITEM: dict[str, Any] = {
    "split": "test",
    "item_id": "f00",
    "question": "Tea {{ question }} {% raw %}?",
    "options": ["Yes {{ x }}", "No"],
    "symbols": ["A", "B"],
    "positive_option": 1,
    "source_row": 3,
}
YES_NO = {**ITEM, "options": ["Yes", "No"], "symbols": ["Yes", "No"]}
FRAMED = "Tea {{ question }} {% raw %}?\n\nChoices:\n(A): Yes {{ x }}\n(B): No"


def test_the_default_frame_is_that_of_tan_and_texts_are_never_templates(concept: Make) -> None:
    rows = render(concept(), Variant(name="plain"), [ITEM])
    assert rows == [
        {
            "item_id": "f00",
            "messages": [{"role": "user", "content": FRAMED}],
            "answer_prefix": "(",
            "positive": "B)",
            "negative": "A)",
        }
    ]


def test_the_persona_fills_its_place_unrendered(concept: Make) -> None:
    variant = Variant(
        name="v",
        system="{{ persona.positive }}",
        user="{{ persona.negative }} {{ concept }}\n\n{{ item }}",
    )
    (row,) = render(concept(persona=PERSONA), variant, [ITEM])
    assert row["messages"] == [
        {"role": "system", "content": "You love tea {{ 1 + 1 }}."},
        {"role": "user", "content": f"You loathe tea. tea\n\n{FRAMED}"},
    ]


def test_turns_stand_between_system_and_item_with_its_symbols(concept: Make) -> None:
    turns = [{"user": "First ({{ symbols[0] }})?", "assistant": "({{ symbols[0] }})"}]
    variant = Variant(name="v", system="Be brief.", turns=turns, symbols=("1", "2"))
    (row,) = render(concept(), variant, [ITEM])
    assert [message["role"] for message in row["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]
    said = [message["content"] for message in row["messages"]]
    assert said[1:3] == ["First (1)?", "(1)"]
    assert "(1): Yes {{ x }}" in said[3]
    text = concept(answer_format="text")
    with pytest.raises(CannotRender, match="has no symbols"):
        render(text, Variant(name="v", turns=turns), [ITEM])
    broken = [{"user": "{{ question[99] }}", "assistant": "x"}]
    with pytest.raises(Refused, match=r"turns\[0\].user: .* has no element 99"):
        render(concept(), Variant(name="v", turns=broken), [ITEM])


@pytest.mark.parametrize(
    ("user", "told"),
    [
        ("{{ persona.positive }} {{ item }}", True),
        ("{{ options[1] }} or {{ options[0] }}, {{ symbols[0] }}? {{ question }}", True),
        ("{{ question.split('?')[1] }}", False),
        ("{{ question[30] }}", False),
        ("{{ question | upper }}", False),
        ("{% if question %}{{ item }}{% endif %}", False),
        ("{{ 'x' if 'y' in question else item }}", False),
    ],
)
def test_one_item_tells_of_all_where_templates_only_name_things(
    concept: Make, user: str, told: bool
) -> None:
    asked = concept(persona=PERSONA)
    assert told_by_one_item(asked, Variant(name="v", user=user)) is told


def test_yes_no_answers_are_words(concept: Make) -> None:
    (row,) = render(concept(answer_format="yes_no"), Variant(name="v"), [YES_NO])
    assert row["messages"] == [{"role": "user", "content": ITEM["question"]}]
    assert (row["answer_prefix"], row["positive"], row["negative"]) == ("", "No", "Yes")


def test_symbols_frame_and_prefix_may_be_overridden(concept: Make) -> None:
    variant = Variant.model_validate(
        {
            "name": "v",
            "symbols": ["1", "2"],
            "frame": "{{ symbols | join('|') }}",
            "answer_prefix": "Answer: (",
        }
    )
    (row,) = render(concept(), variant, [ITEM])
    assert row["messages"][-1]["content"] == "1|2"
    assert (row["answer_prefix"], row["positive"], row["negative"]) == ("Answer: (", "2)", "1)")
    (bare,) = render(concept(), variant.model_copy(update={"answer_prefix": "Answer: "}), [ITEM])
    assert (bare["positive"], bare["negative"]) == ("2", "1")


def test_a_variant_without_an_answer_says_who_what_and_the_remedy(concept: Make) -> None:
    asks = Variant(name="asks", system="{{ persona.positive }}")
    with pytest.raises(
        CannotRender, match=r"variant 'asks' needs the persona of concept 'tea'.*add `persona:`"
    ):
        render(concept(), asks, [ITEM])
    digits = Variant.model_validate({"name": "digits", "symbols": ["1", "2"]})
    with pytest.raises(CannotRender, match="answers Yes or No and has no option symbols"):
        render(concept(answer_format="yes_no"), digits, [YES_NO])
    fit, unfit = renderable(concept(), [asks, digits])
    assert [variant.name for variant in fit] == ["digits"]
    assert len(unfit) == 1


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (
            {"user": "{{ options[2] }}"},
            "variant 'v': user: list object has no element 2; a template may use item,",
        ),
        ({"user": "{{ item | random }}"}, "No filter named 'random'"),
        ({"frame": "{{ ''.__class__.__mro__ }}"}, "frame: "),
        ({"user": "{{ options.append(1) }}"}, "user: "),
        ({"user": "{{ 1 / 0 }}"}, "user: division by zero"),
        ({"system": "{{ '' }}"}, "system: renders to nothing for source row 3"),
    ],
)
def test_a_broken_template_is_named(concept: Make, keys: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused) as caught:
        render(concept(), Variant.model_validate({"name": "v", **keys}), [ITEM])
    assert says in str(caught.value)


def test_variant_id_covers_split_and_every_rendered_column(concept: Make) -> None:
    rows = render(concept(), Variant(name="v"), [ITEM])
    row = rows[0]
    expected = identity("variant", rows=[["test", "f00", row["messages"], "(", "B)", "A)"]])
    assert variant_id([ITEM], rows) == expected
    assert variant_id([{**ITEM, "split": "train"}], rows) != expected
