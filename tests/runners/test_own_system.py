from __future__ import annotations

import pytest

from runners.prompts.own_system import fault, own_text
from specs.schema import Model
from tests.runners import tokenizers

LLAMA2_TALKS = tokenizers.LLAMA2.replace(
    "{% set first = '' %}", "{% set first = '<<SYS>>\nYou are honest.\n<</SYS>>\n\n' %}"
)
ALPACA = (
    "Below is an instruction.\n\n{% for m in messages %}{% if m.role == 'user' %}"
    "### Instruction:\n{{ m.content }}\n{% else %}### Response:\n{{ m.content }}\n{% endif %}"
    "{% endfor %}### Response:\n"
)
EMPTY_BLOCK = (
    "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\n<|im_end|>\n' }}{% endif %}"
    + tokenizers.CHATML
)
ONE_TURN = "Question: {{ messages[0].content }}\nAnswer:"


def look(own: str | None, has_system: bool, **fields) -> str | None:
    spec = Model(name="toy", folder="toy", **fields)
    return fault(tokenizers.byte_level(own), spec, has_system)


@pytest.mark.parametrize(
    "template",
    [
        tokenizers.CHATML,
        tokenizers.LLAMA2,
        tokenizers.GEMMA,
        tokenizers.DEAF,
        ONE_TURN,
        EMPTY_BLOCK,
    ],
)
def test_templates_that_add_nothing_are_fine_without_a_system_message(template):
    assert look(template, has_system=False) is None


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (tokenizers.QWEN, "You are Plum, made by Orchard Labs."),
        (LLAMA2_TALKS, "You are honest."),
        (ALPACA, "Below is an instruction."),
    ],
)
def test_a_system_text_of_the_templates_own_is_refused_where_none_is_asserted(template, text):
    line = look(template, has_system=False)
    assert line is not None
    assert line.startswith("toy: template_system: the chat template adds a system text of its own")
    assert text in line
    assert "`template_system: accept`" in line
    assert look(template, has_system=False, template_system="accept") is None


def test_dates_are_a_system_text_even_where_they_are_fixed():
    fixed = {"template_kwargs": {"date_string": "26 Jul 2024"}}
    line = look(tokenizers.LLAMA31, has_system=False, **fixed)
    assert line is not None
    assert "'Known until: May Today: 26 Jul 2024'" in line
    assert look(tokenizers.LLAMA31, has_system=True, **fixed) is None


def test_a_variant_with_a_system_message_takes_the_place_of_the_templates_own():
    assert look(tokenizers.QWEN, has_system=True) is None
    # … but not where it is merged into the user's message: then the template speaks as well.
    line = look(tokenizers.QWEN, has_system=True, system_role="merge_into_user")
    assert line is not None
    assert "Plum" in line


def test_no_system_role_is_refused_with_the_remedy():
    line = look(tokenizers.GEMMA, has_system=True)
    assert line is not None
    assert "has no system role (it answers: System role not supported)" in line
    assert "`system_role: merge_into_user`" in line
    assert look(tokenizers.GEMMA, has_system=True, system_role="merge_into_user") is None


def test_a_system_message_left_out_in_silence_is_refused():
    line = look(tokenizers.DEAF, has_system=True)
    assert line is not None
    assert "leaves the variant's system message out" in line
    assert look(tokenizers.DEAF, has_system=True, system_role="merge_into_user") is None


def test_a_template_that_leaves_the_user_out_is_refused():
    line = look("{{ messages[0].role }}", has_system=False)
    assert line is not None
    assert line.endswith("leaves the user's message out")


def test_refuse_and_plain():
    line = look(tokenizers.CHATML, has_system=True, system_role="refuse")
    assert line is not None
    assert "system_role: refuse" in line
    assert look(None, has_system=True, template="plain") is None
    assert look(None, has_system=False, template="plain") is None


def test_the_own_text_leaves_out_control_tokens_and_role_names():
    spec = Model(name="toy", folder="toy")
    assert own_text(tokenizers.byte_level(tokenizers.QWEN), spec) == (
        "You are Plum, made by Orchard Labs."
    )
    assert own_text(tokenizers.byte_level(EMPTY_BLOCK), spec) == ""
