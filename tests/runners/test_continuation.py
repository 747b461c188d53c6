"""What a rollout says goes on from its opening as it was said: spaces included."""

from __future__ import annotations

import pytest
from transformers import AutoTokenizer

from runners.rollouts.rows import continuation
from tests.runners.stories import FOLDER


@pytest.mark.parametrize("rest", [" named Tim. He", "ly, they", ""])
def test_opening_and_continuation_make_the_text(rest: str) -> None:
    if not FOLDER.is_dir():
        pytest.skip("../shared/models/stories260k is not here")
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    opening = tokenizer("One day, a boy")["input_ids"]
    tokens = tokenizer("One day, a boy" + rest)["input_ids"]
    assert tokens[: len(opening)] == opening
    assert continuation(tokenizer, opening, tokens[len(opening) :]) == rest


def test_what_does_not_begin_with_the_opening_is_read_by_itself() -> None:
    class Odd:
        def decode(self, tokens: list[int], skip_special_tokens: bool) -> str:
            return f"{len(tokens)} tokens"

    assert continuation(Odd(), [1, 2], [3]) == "1 tokens"
