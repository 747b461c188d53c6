"""What is wrong with a chat template and its arguments, whatever is asked of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from runners.prompts.chat import chat_template, first_line, prompts
from specs.faults import Refused
from specs.reader import place
from specs.suggestions import did_you_mean

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from specs.schema import Model


def template_faults(tokenizer: PreTrainedTokenizerBase, spec: Model) -> list[str]:
    """Return what is wrong with a template and its arguments, whatever the messages are.

    A line each: no template, not jinja2, arguments it does not have, today's date in its output.
    """
    from jinja2 import TemplateError

    try:
        template = chat_template(tokenizer, spec)
        if template is None:
            named = ", ".join(spec.template_kwargs)
            where = place(spec, ("template_kwargs",))
            return [f"{where}: `template: plain` takes none; remove {named}"] if named else []
        variables = _variables(template)
    except Refused as refused:
        return list(refused.faults)
    except TemplateError as error:
        where = place(spec, ("template",))
        return [f"{where}: not a jinja2 chat template: {first_line(error)}"]
    faults = _argument_faults(tokenizer, spec, variables)
    return faults or _date_faults(tokenizer, spec, variables)


def _variables(template: str) -> frozenset[str]:
    # transformers' own reading of the template, because only it knows the tags that it adds.
    from transformers.utils.chat_template_utils import _get_template_variables

    found: frozenset[str] = _get_template_variables(template)
    return found


def _argument_faults(
    tokenizer: PreTrainedTokenizerBase, spec: Model, variables: frozenset[str]
) -> list[str]:
    reserved = {*inspect.signature(tokenizer.apply_chat_template).parameters, "messages"}
    own = variables - reserved - set(tokenizer.special_tokens_map)
    lines = []
    for name in spec.template_kwargs:
        where = place(spec, ("template_kwargs", name))
        if name in reserved:
            lines.append(f"{where}: set by steerhouse itself; remove it")
        elif name not in variables:
            known = ", ".join(sorted(own)) or "none"
            hint = did_you_mean(name, own) or ";"
            lines.append(f"{where}: the chat template has no such variable{hint} it has: {known}")
    return lines


def _date_faults(
    tokenizer: PreTrainedTokenizerBase, spec: Model, variables: frozenset[str]
) -> list[str]:
    user = {"role": "user", "content": "?"}
    for messages in ([user], [{"role": "system", "content": "!"}, user]):
        try:
            with _clock(datetime(2001, 2, 3, 4, 5, 6)):
                before = prompts(tokenizer, spec, [messages])
            with _clock(datetime(2029, 11, 30, 17, 58, 59)):
                after = prompts(tokenizer, spec, [messages])
        except Refused:
            continue  # told for the variants that have such messages
        if before != after:
            dates = [name for name in sorted(variables) if "date" in name]
            fixed = f"`template_kwargs: {{{dates[0]}: 26 Jul 2024}}`" if dates else ""
            return [
                f"{place(spec, ('template_kwargs',))}: the chat template writes today's date, so "
                "that the same spec gives other prompts tomorrow; fix it with "
                f"{fixed or 'a jinja2 `template:` of your own'}"
            ]
    return []


@contextmanager
def _clock(now: datetime) -> Iterator[None]:
    """Let the `strftime_now` of chat templates say `now`."""
    from transformers.utils import chat_template_utils

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now

    original = chat_template_utils.datetime
    chat_template_utils.datetime = Stopped
    try:
        yield
    finally:
        chat_template_utils.datetime = original
