from __future__ import annotations

import json
from pathlib import Path

import pytest

from runners.prompts import tokenising
from runners.prompts.encoding import control_tokens, encode
from runners.prompts.positions import TokenisedItem, Unfit
from runners.prompts.speaker import Speaker, speaker
from runners.prompts.tokenising import tokenise, tokenise_rows
from specs.faults import Refused
from specs.schema import Model, Variant
from specs.settings import Settings
from tests.runners import tokenizers

QUESTION = "Would you like tea?"


def speaks(tokenizer, context=500, **spec) -> Speaker:
    model = Model(name="toy", folder="toy", **spec)
    return Speaker(model, tokenizer, context, len(tokenizer))


def letter(spoken: Speaker, text: str = QUESTION) -> TokenisedItem:
    found = tokenise(spoken, [{"role": "user", "content": text}], "(", "A)", "B)", "x")
    assert isinstance(found, TokenisedItem), found
    return found


def pieces(spoken: Speaker, ids) -> list[str]:
    return spoken.tokenizer.convert_ids_to_tokens(list(ids))


def whole(item: TokenisedItem) -> list[int]:
    return [*item.prompt, *item.shared, *item.positive]


def test_a_bracket_of_its_own_is_shared_and_the_letters_differ():
    spoken = speaks(tokenizers.word_level())
    item = letter(spoken)
    assert pieces(spoken, item.shared) == ["("]
    assert pieces(spoken, item.positive) == ["A", ")"]
    assert pieces(spoken, item.negative) == ["B", ")"]
    assert pieces(spoken, item.prompt)[-2:] == ["<|im_start|>", "assistant"]
    assert pieces(spoken, [whole(item)[item.decision]]) == ["("]


def test_a_merged_bracket_and_letter_leave_nothing_shared():
    spoken = speaks(tokenizers.merging())
    item = letter(spoken)
    assert item.shared == ()
    assert pieces(spoken, item.positive) == ["(A", ")"]
    assert pieces(spoken, item.negative) == ["(", "B", ")"]
    assert item.decision == len(item.prompt) - 1


def test_a_merge_of_prompt_and_answer_moves_the_last_prompt_token_back():
    # "\n(" is one token: the prompt ends before it, wherever the template ended.
    spoken = speaks(tokenizers.merging(merged="\n("))
    item = letter(spoken)
    assert pieces(spoken, item.shared) == ["\n("]
    assert pieces(spoken, item.prompt)[-1] == "t"
    assert item.text.endswith("assistant\n")


@pytest.mark.parametrize(
    "make",
    [tokenizers.byte_level, tokenizers.merging, tokenizers.sentencepiece, tokenizers.word_level],
)
@pytest.mark.parametrize("template", ["own", "plain"])
def test_the_tokens_are_those_of_the_whole_text(make, template):
    spoken = speaks(make(tokenizers.CHATML), template=template)
    item = letter(spoken)
    space = " " if template == "plain" else ""
    for completion, rest in (("(A)", item.positive), ("(B)", item.negative)):
        (ids,) = encode(spoken.tokenizer, spoken.spec, [item.text + space + completion])
        assert list(item.prompt + item.shared + rest) == ids
    assert item.positive[0] != item.negative[0]


@pytest.mark.parametrize(
    ("make", "shared"),
    [
        (tokenizers.sentencepiece, ["▁("]),
        (tokenizers.merging, ["▁"]),
        (tokenizers.byte_level, ["Ġ("]),
    ],
)
def test_the_space_of_plain_belongs_to_the_answer_however_it_is_merged(make, shared):
    spoken = speaks(make(None), template="plain")
    if make is tokenizers.merging:
        spoken.tokenizer.backend_tokenizer.normalizer = tokenizers.normalizers.Replace(" ", "▁")
    item = letter(spoken)
    assert pieces(spoken, item.shared) == shared
    assert pieces(spoken, item.prompt)[-1] == "?"
    assert item.text == QUESTION


def test_plain_gets_the_bos_of_the_tokenizer_and_no_eos():
    spoken = speaks(tokenizers.sentencepiece(), template="plain")
    item = letter(spoken)
    assert item.prompt[:2].count(1) == 1
    assert item.prompt[0] == 1
    assert 2 not in whole(item)


def test_a_chat_template_gets_no_bos_beside_its_own():
    spoken = speaks(tokenizers.sentencepiece(tokenizers.LLAMA2))
    assert whole(letter(spoken)).count(1) == 1
    spoken = speaks(tokenizers.sentencepiece(tokenizers.CHATML))
    assert whole(letter(spoken)).count(1) == 0


@pytest.mark.parametrize("template", ["plain", "{{ bos_token * 3 }}{{ messages[0].content }}"])
def test_a_text_never_begins_with_two_bos(template):
    spoken = speaks(tokenizers.sentencepiece(), template=template)
    found = letter(spoken, "<s>" + QUESTION)
    assert whole(found)[0] == 1
    assert whole(found).count(1) == 1


def test_plain_joins_system_and_user_by_a_blank_line():
    spoken = speaks(tokenizers.byte_level(), template="plain")
    messages = [{"role": "system", "content": "You are"}, {"role": "user", "content": "Yes?"}]
    item = tokenise(spoken, messages, "", "Yes", "No")
    assert isinstance(item, TokenisedItem)
    assert item.text == "You are\n\nYes?"
    assert item.shared == ()


@pytest.mark.parametrize(
    ("positive", "negative", "context", "text", "reason"),
    [
        ("Yes", "Yes", 500, "tea?", "no decision position: 'Yes' and 'Yes' are the same tokens"),
        (
            "No",
            "No or",
            500,
            "tea?",
            "no decision position: the tokens of 'No' begin those of 'No or'",
        ),
        (
            "No or",
            "No",
            500,
            "tea?",
            "no decision position: the tokens of 'No' begin those of 'No or'",
        ),
        ("Yes", "No", 10, "tea?", "beyond the context: 11 tokens, the model holds 10"),
        ("Yes", "Would you", 11, "tea?", "beyond the context: 12 tokens, the model holds 11"),
    ],
)
def test_items_that_cannot_be_measured_say_why(positive, negative, context, text, reason):
    spoken = speaks(tokenizers.word_level(), context=context)
    messages = [{"role": "user", "content": "Would you like " + text}]
    found = tokenise(spoken, messages, "", positive, negative, "x")
    assert isinstance(found, Unfit)
    assert found.item_id == "x"
    assert found.reason.startswith(reason)


def test_the_context_may_be_filled_to_the_last_token():
    spoken = speaks(tokenizers.word_level(), context=11)
    messages = [{"role": "user", "content": "Would you like tea?"}]
    found = tokenise(spoken, messages, "", "Yes", "No")
    assert isinstance(found, TokenisedItem)
    assert len(whole(found)) == 11


def test_a_prompt_of_one_token_is_unfit():
    spoken = speaks(tokenizers.word_level(), template="plain")
    found = tokenise(spoken, [{"role": "user", "content": "tea"}], "", "Yes", "No")
    assert found == Unfit("", "empty prompt: 1 token(s) before the answer, steering needs 2")


def test_a_token_without_embedding_is_unfit():
    tokenizer = tokenizers.word_level()
    spoken = Speaker(Model(name="toy", folder="toy"), tokenizer, 500, len(tokenizer))
    tokenizer.add_tokens(["tea"], special_tokens=True)
    messages = [{"role": "user", "content": "Would you like tea?"}]
    assert isinstance(tokenise(spoken, messages, "", "Yes", "No"), TokenisedItem)
    tokenizer.add_tokens(["banana"])
    found = tokenise(
        spoken, [{"role": "user", "content": "Would you like banana?"}], "", "Yes", "No"
    )
    assert isinstance(found, Unfit)
    assert found.reason.startswith("unknown token: id")


def rows(n: int):
    import pyarrow as pa

    return pa.Table.from_pylist(
        [
            {
                "item_id": f"{number:016x}",
                "messages": [{"role": "user", "content": f"Would you like {number} tea?"}],
                "answer_prefix": "(",
                "positive": "A)" if number % 2 else "B)",
                "negative": "B)" if number % 2 else "A)",
            }
            for number in range(n)
        ]
    )


@pytest.mark.parametrize("at_once", [2048, 7])
def test_rows_are_tokenised_as_one_by_one(at_once: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokenising, "ROWS", at_once)
    spoken = speaks(tokenizers.byte_level(), context=40)
    table = rows(30)
    one_by_one = [
        tokenise(
            spoken,
            *(row[k] for k in ("messages", "answer_prefix", "positive", "negative")),
            row["item_id"],
        )
        for row in table.to_pylist()
    ]
    assert tokenise_rows(spoken, table) == one_by_one
    assert tokenise_rows(spoken, table.slice(0, 0)) == []


def test_equal_token_ids_are_one_object():
    """What 100,000 prompts occupy depends on it; small numbers are one object in Python anyway."""
    one, other = (tokenising._ids([int("70000"), int("70001")]) for _ in range(2))
    assert one == other == (70000, 70001)
    assert all(a is b for a, b in zip(one, other, strict=True))


def test_a_variant_that_the_template_cannot_show_is_refused_before_any_row():
    spoken = speaks(tokenizers.byte_level(tokenizers.QWEN))
    with pytest.raises(Refused, match=r"variant bare: .*'You are Plum, made by Orchard Labs\.'"):
        tokenise_rows(spoken, rows(2), Variant(name="bare"))
    assert len(tokenise_rows(spoken, rows(2), Variant(name="kept", system="Be kind."))) == 2


def test_control_tokens_in_a_text_are_found():
    tokenizer = tokenizers.byte_level()
    tokenizer.add_tokens(["<think>", "  "])
    assert control_tokens(tokenizer, ["fine  text", "x</s>y <|im_start|>", "</s>"]) == [
        "</s>",
        "<|im_start|>",
    ]
    assert (
        control_tokens(tokenizer, ["a <think> b"]) == []
    )  # an added token, but not of the template
    tokenizer.chat_template = tokenizers.CHATML + "<think>"
    assert control_tokens(tokenizer, ["a <think> b"]) == ["<think>"]


def test_real_questions_pass_through_a_real_tokenizer(shared: Path):
    folder = shared / "models" / "stories260k"
    questions = shared / "sources/Anthropic/model-written-evals/persona/interest-in-science.jsonl"
    if not folder.is_dir() or not questions.is_file():
        pytest.skip(f"{folder} or {questions} is absent")
    model = Model(name="stories", folder=str(folder), template="plain")
    spoken = speaker(model, Settings())
    texts = [json.loads(line)["question"] for line in questions.read_text().splitlines()[:200]]
    framed = [f"{text}\n\nChoices:\n(A): Yes\n(B): No" for text in texts]
    items = [letter(spoken, text) for text in framed]
    for text, item in zip(framed, items, strict=True):
        assert spoken.tokenizer.decode(item.prompt, skip_special_tokens=True) == text
        assert spoken.tokenizer.decode(whole(item), skip_special_tokens=True) == f"{text} (A)"
        assert item.prompt[0] == spoken.tokenizer.bos_token_id
        assert item.positive[0] != item.negative[0]
    long = tokenise(spoken, [{"role": "user", "content": framed[0] * 10}], "(", "A)", "B)")
    assert isinstance(long, Unfit)
    assert "the model holds 512" in long.reason


@pytest.mark.parametrize("make", [tokenizers.byte_level, tokenizers.sentencepiece, tokenizers.word_level])  # fmt: skip
@pytest.mark.parametrize("template", ["own", "plain"])
def test_all_tokens_of_text_answers_are_scored_from_the_first_that_differs(make, template):
    spoken = speaks(make(tokenizers.CHATML), template=template)
    messages = [{"role": "user", "content": QUESTION}]
    answers = ("tea, which you like", "tea or no")
    item = tokenise(spoken, messages, "", *answers, sequence=True)
    assert isinstance(item, TokenisedItem)
    space = " " if template == "plain" else ""
    ids = encode(spoken.tokenizer, spoken.spec, [item.text + space + answer for answer in answers])
    for (*_, last), line, scored in zip(ids, item.lines, item.scored, strict=True):
        assert list(line.tokens) == ids[item.lines.index(line)][:-1]
        assert scored[-1] == last
        assert (*line.tail, last) == scored
    assert item.scored[0][0] != item.scored[1][0]
    assert len(item.shared) > 0
    letters = tokenise(spoken, messages, "", *answers)
    assert isinstance(letters, TokenisedItem)
    assert [len(tokens) for tokens in letters.scored] == [1, 1]
