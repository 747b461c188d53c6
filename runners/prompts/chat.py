"""From messages to the prompt text a model reads: system role and chat template."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from specs.faults import Refused
from specs.reader import has_file, place

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from specs.schema import Model

Message = dict[str, str]
BLANK_LINE = "\n\n"
REMEDY = "say `template: plain` (base models), or give a jinja2 chat template, in the model's spec"


class TemplateRefused(Refused):
    """A chat template that does not take some messages; `cause` is what it answered."""

    def __init__(self, fault: str, cause: str) -> None:
        super().__init__(fault)
        self.cause = cause


def chat_template(tokenizer: PreTrainedTokenizerBase, spec: Model) -> str | None:
    """Return the jinja2 source of the chat template, None for `template: plain`.

    Raises:
        Refused: the tokenizer has none of its own, or the spec names no template.
    """
    where = place(spec, ("template",))
    if spec.template == "plain":
        return None
    if spec.template != "own":
        if "{" not in spec.template:
            raise Refused(f"{where}: {spec.template!r} should be own, plain or a jinja2 template")
        return spec.template
    try:
        return str(tokenizer.get_chat_template())
    except ValueError:
        raise Refused(
            f"{where}: the tokenizer has no chat template of its own; {_remedy(spec)}"
        ) from None


def _remedy(spec: Model) -> str:
    """Return what a spec must say for a model without template, whole where there is no spec."""
    if has_file(spec):
        return REMEDY
    import yaml

    name = spec.name.rpartition("/")[2]
    kind = "folder" if spec.folder else "hub"
    source = yaml.safe_dump({kind: getattr(spec, kind)}, width=math.inf, allow_unicode=True)
    return (
        f"write specs/models/{name}.yaml with the two lines `{source.strip()}` and "
        "`template: plain` (base models; or a jinja2 chat template), then say --specs specs and "
        f"--model {name}"
    )


def separator(spec: Model) -> str:
    """Return what stands between prompt and answer: a space for `plain`, else nothing.

    The space is that of Tan et al. 2024, whose code completes `{prompt} {response}`. It counts as
    the beginning of the answer, as there, so that the last prompt token is the same whether or not
    a tokenizer merges the space with what follows.
    """
    return " " if spec.template == "plain" else ""


def heard(messages: Sequence[Message], spec: Model) -> list[Message]:
    """Return the messages that the template gets, after `system_role` was obeyed."""
    if not messages or messages[0]["role"] != "system" or spec.system_role == "native":
        return list(messages)
    if spec.system_role == "refuse":
        raise Refused(
            f"{place(spec, ('system_role',))}: refuse, but the variant has a system message; say "
            "merge_into_user, or leave the variant out"
        )
    system, user, *others = messages
    merged = {**user, "content": system["content"] + BLANK_LINE + user["content"]}
    return [merged, *others]


def prompts(
    tokenizer: PreTrainedTokenizerBase, spec: Model, conversations: Iterable[Sequence[Message]]
) -> list[str]:
    """Return the prompt text of each conversation, up to where the model's answer begins.

    Raises:
        TemplateRefused: the template does not take such messages.
        Refused: there is no template, or the spec refuses system messages.
    """
    from jinja2 import TemplateError

    given = [heard(messages, spec) for messages in conversations]
    template = chat_template(tokenizer, spec)
    if template is None:
        return [_plain(one) for one in given]
    if not given:
        return []
    try:
        rendered: list[str] = tokenizer.apply_chat_template(
            given,
            chat_template=template,
            tokenize=False,
            add_generation_prompt=True,
            **spec.template_kwargs,
        )
    except (TemplateError, TypeError, ValueError) as error:
        roles, cause = " and ".join(message["role"] for message in given[0]), first_line(error)
        raise TemplateRefused(
            f"{place(spec, ('template',))}: the chat template does not take {roles} messages: "
            f"{cause}; choose another `system_role` or `template` in the model's spec",
            cause,
        ) from None
    return rendered


def _plain(messages: Sequence[Message]) -> str:
    """Return messages as one text; an earlier answer stands behind its question as the item's."""
    parts = [
        ((" " if message["role"] == "assistant" else BLANK_LINE) if number else "")
        + message["content"]
        for number, message in enumerate(messages)
    ]
    return "".join(parts)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, without a full stop."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
