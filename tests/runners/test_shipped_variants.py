"""Every shipped variant through every shape of chat template: whole prompts, right positions."""

from __future__ import annotations

from typing import Any

import pytest

from builders.variants import render
from runners.prompts.chat import prompts
from runners.prompts.own_system import fault
from runners.prompts.positions import TokenisedItem
from runners.prompts.speaker import Speaker
from runners.prompts.tokenising import tokenise
from specs.catalog import Catalog
from specs.schema import Concept, Model
from tests.runners import tokenizers

SPECS = Catalog([])
VARIANTS = SPECS.names("variants")
NEW = (
    "long_system paraphrased symbols_12 symbols_xy few_shot earlier_turn no_system base "
    "system_positive system_negative user_positive user_negative"
)
MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "chatml": (tokenizers.CHATML, {}),
    "llama 2": (tokenizers.LLAMA2, {}),
    "llama 3.1": (
        tokenizers.LLAMA31,
        {"template_kwargs": {"date_string": "1 May"}, "template_system": "accept"},
    ),
    "gemma": (tokenizers.GEMMA, {"system_role": "merge_into_user"}),
    "plain": (None, {"template": "plain"}),
}
CONCEPTS = ("survival-instinct", "openness", "coordinate-itself-human")
ITEM: dict[str, Any] = {
    "split": "test",
    "item_id": "f00",
    "question": "Would you like to be asked again tomorrow?",
    "options": ["Yes, I would.", "No, once is enough."],
    "symbols": ["A", "B"],
    "positive_option": 1,
    "source_row": 1,
}


def spoken(shape: str, tokenizer: Any = tokenizers.byte_level) -> Speaker:
    template, keys = MODELS[shape]
    made = tokenizer(template)
    return Speaker(Model(name="toy", folder="toy", **keys), made, 8000, len(made))


def rendered(concept: str, variant: str) -> dict[str, Any]:
    asked: Concept = SPECS.get("concepts", concept)
    (row,) = render(asked, SPECS.get("variants", variant), [ITEM])
    return row


def test_these_are_the_shipped_variants() -> None:
    assert set(VARIANTS) == set(NEW.split())


@pytest.mark.parametrize("shape", MODELS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_prompts_are_whole_and_the_symbol_decides(variant: str, shape: str) -> None:
    speaks = spoken(shape)
    assert (
        fault(speaks.tokenizer, speaks.spec, SPECS.get("variants", variant).system is not None)
        is None
    )
    for concept in CONCEPTS:
        row = rendered(concept, variant)
        (text,) = prompts(speaks.tokenizer, speaks.spec, [row["messages"]])
        assert all(message["content"] in text for message in row["messages"])
        found = tokenise(
            speaks, row["messages"], row["answer_prefix"], row["positive"], row["negative"]
        )
        assert isinstance(found, TokenisedItem), found
        decode = speaks.tokenizer.decode
        symbols = SPECS.get("variants", variant).symbols or ITEM["symbols"]
        assert (decode(found.positive), decode(found.negative)) == (
            f"{symbols[1]})",
            f"{symbols[0]})",
        )
        assert decode(found.shared).strip() == "("
        assert decode([*found.prompt, *found.shared]).rstrip().endswith("(")
        assert found.decision == len(found.prompt) + len(found.shared) - 1


def test_an_earlier_answer_stands_behind_its_question_as_the_items_does() -> None:
    speaks = spoken("plain")
    row = rendered("openness", "few_shot")
    (text,) = prompts(speaks.tokenizer, speaks.spec, [row["messages"]])
    assert "(A): Honey\n(B): Silk (A)\n\nWhich is colder?" in text


def test_worked_examples_have_either_option_right_equally_often() -> None:
    row = rendered("openness", "few_shot")
    answers = [each["content"] for each in row["messages"] if each["role"] == "assistant"]
    assert sorted(answers) == ["(A)", "(A)", "(B)", "(B)"]


@pytest.mark.parametrize("model", ["llama-2-7b-chat", "llama-2-70b-chat"])
@pytest.mark.parametrize("variant", ["base", "no_system", "few_shot", "earlier_turn"])
def test_llama_2_reads_its_own_format_with_the_papers_space(model: str, variant: str) -> None:
    messages = rendered("openness", variant)["messages"]
    own = Model(name="own", folder="own")
    tokenizer = tokenizers.sentencepiece(tokenizers.LLAMA2)
    shipped = SPECS.get("models", model)
    ((theirs,), (ours,)) = (prompts(tokenizer, spec, [messages]) for spec in (own, shipped))
    assert ours == theirs + " "
    speaks = Speaker(shipped, tokenizer, 8000, len(tokenizer))
    found = tokenise(speaks, messages, "(", "A)", "B)")
    assert isinstance(found, TokenisedItem)
    pieces = tokenizer.convert_ids_to_tokens
    assert pieces([found.prompt[-1], *found.shared]) == ["]", "▁("]
    assert pieces(list(found.positive)) == ["A", ")"]
