"""What a chat template does with a system text: adds one of its own, or has no room for one.

A variant without a system message asserts that the model sees none. Qwen2.5's template then writes
"You are Qwen, created by Alibaba Cloud. …", and Llama-3.1's a knowledge cutoff and a date.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import TYPE_CHECKING

from runners.prompts.chat import Message, TemplateRefused, heard, prompts
from specs.faults import Refused
from specs.reader import place

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from specs.schema import Model

SYSTEM, USER, ASSISTANT, SECOND = "zqsystem", "zquser", "zqassistant", "zqsecond"
"""Texts that no template holds; they begin and end alike, so that only a template's text differs
before and after them."""
MERGE = "say `system_role: merge_into_user` in the model's spec, or leave the variant out"
ROLES = {"system", "user", "assistant", "model", "human", "developer"}


def fault(tokenizer: PreTrainedTokenizerBase, spec: Model, has_system: bool) -> str | None:
    """Return why a model's template cannot show a variant as it is meant; None where it can.

    `has_system` says whether the variant has a system message. Checked are: a template that takes
    no system message, or leaves it out, or leaves the user's out, or adds a system text of its own
    where it is given none (unless the spec says `template_system: accept`).
    """
    messages = _conversation(has_system)
    where = place(spec, ("system_role",))
    try:
        given = heard(messages, spec)
        text = prompts(tokenizer, spec, [messages])[0]
    except TemplateRefused as refused:
        if given[0]["role"] != "system":
            return refused.faults[0]
        return (
            f"{where}: the chat template has no system role (it answers: {refused.cause}), but the "
            f"variant has a system message; {MERGE}"
        )
    except Refused as refused:
        return refused.faults[0]
    if USER not in text:
        return f"{place(spec, ('template',))}: the chat template leaves the user's message out"
    if has_system and SYSTEM not in text:
        return f"{where}: the chat template leaves the variant's system message out; {MERGE}"
    if spec.template == "plain" or spec.template_system == "accept" or given[0]["role"] == "system":
        return None
    own = own_text(tokenizer, spec)
    if not own:
        return None
    return (
        f"{place(spec, ('template_system',))}: the chat template adds a system text of its own, "
        f"{_short(own)!r}, where it is given none; evaluate a variant with a system message, or "
        "say `template_system: accept` in the model's spec"
    )


def own_text(tokenizer: PreTrainedTokenizerBase, spec: Model) -> str:
    """Return the text that the template puts before a first user message of its own accord.

    What stands before the first message also stands before a second one, or between a system
    message and the first, as far as it is the header of a turn. The rest, without control tokens
    and names of roles, is text.
    """
    before = _before(tokenizer, spec, _conversation(False))
    turns = [_conversation(True), [*_conversation(False), *_second_turn()]]
    others = [_before(tokenizer, spec, turn) for turn in turns]
    headers = [_common_end(before, other) for other in others if other]
    if not headers:
        return ""  # a template of one turn without system role: nothing to compare with
    rest = before[: len(before) - max(map(len, headers))]
    controls = sorted(tokenizer.added_tokens_encoder, key=len, reverse=True)
    for control in controls:
        rest = rest.replace(control, "\n")
    lines = [line.strip() for line in rest.splitlines()]
    words = [line for line in lines if line and line.lower() not in ROLES]
    return " ".join(words) if re.search(r"\w", " ".join(words)) else ""


def _conversation(has_system: bool) -> list[Message]:
    system = [{"role": "system", "content": SYSTEM}] if has_system else []
    return [*system, {"role": "user", "content": USER}]


def _second_turn() -> list[Message]:
    return [{"role": "assistant", "content": ASSISTANT}, {"role": "user", "content": SECOND}]


def _before(tokenizer: PreTrainedTokenizerBase, spec: Model, messages: list[Message]) -> str:
    """Return what is rendered before the last message; nothing where that cannot be rendered."""
    native = spec.model_copy(update={"system_role": "native"})
    try:
        text = prompts(tokenizer, native, [messages])[0]
    except Refused:
        return ""
    head, found, _ = text.rpartition(messages[-1]["content"])
    return head if found else ""


def _common_end(one: str, other: str) -> str:
    pairs = zip(reversed(one), reversed(other), strict=False)
    length = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return one[len(one) - length :]


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
