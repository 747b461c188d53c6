from __future__ import annotations

import re
from pathlib import Path

import pytest

from runners.prompts.chat import TemplateRefused, chat_template, heard, prompts
from runners.prompts.template_faults import template_faults
from specs.catalog import open as open_catalog
from specs.faults import Refused
from specs.schema import Model
from specs.settings import Settings
from tests.runners import tokenizers

SYSTEM = {"role": "system", "content": "Be kind."}
USER = {"role": "user", "content": "Tea?"}


def spec(**fields) -> Model:
    return Model(name="toy", folder="toy", **fields)


def render(own: str | None, messages, **fields) -> str:
    return prompts(tokenizers.byte_level(own), spec(**fields), [messages])[0]


def test_own_template_ends_where_the_answer_begins():
    assert render(tokenizers.CHATML, [SYSTEM, USER]) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nTea?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert render(tokenizers.LLAMA2, [SYSTEM, USER]) == (
        "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nTea? [/INST]"
    )


def test_merge_into_user_puts_the_system_text_before_with_a_blank_line():
    assert render(tokenizers.GEMMA, [SYSTEM, USER], system_role="merge_into_user") == (
        "<s><start_of_turn>user\nBe kind.\n\nTea?<end_of_turn>\n<start_of_turn>model\n"
    )
    assert heard([USER], spec(system_role="merge_into_user")) == [USER]


def test_refuse_refuses_a_system_message_only():
    assert heard([USER], spec(system_role="refuse")) == [USER]
    with pytest.raises(Refused, match=r"toy: system_role: refuse, but the variant has a system"):
        heard([SYSTEM, USER], spec(system_role="refuse"))


def test_a_template_without_system_role_says_what_it_answered():
    with pytest.raises(
        TemplateRefused, match="does not take system and user messages: System role"
    ):
        render(tokenizers.GEMMA, [SYSTEM, USER])


def test_a_jinja_template_of_the_spec_replaces_the_tokenizers():
    template = "Q: {{ messages[0].content }}\nA:"
    assert render(tokenizers.CHATML, [USER], template=template) == "Q: Tea?\nA:"
    assert chat_template(tokenizers.byte_level(), spec(template=template)) == template


def test_no_template_names_the_remedy():
    with pytest.raises(Refused, match=r"toy: template: .* no chat template .*`template: plain`"):
        chat_template(tokenizers.byte_level(None), spec())
    with pytest.raises(Refused, match=r"'pain' should be own, plain or a jinja2 template"):
        chat_template(tokenizers.byte_level(), spec(template="pain"))


def test_a_bare_folder_without_template_is_told_a_whole_spec(tmp_path: Path) -> None:
    """What the error says to write is a spec that mends it."""
    folder = str(tmp_path / "my: model")
    with pytest.raises(Refused) as refused:
        chat_template(tokenizers.byte_level(None), Model(name="my-model", folder=folder))
    (line,) = refused.value.faults
    path, source, template = re.findall(r"(?:write |`)([^ `]+yaml|\w+: [^`]+)", line)
    assert path == "specs/models/my-model.yaml"
    assert "then say --specs specs and --model my-model" in line
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(f"{source}\n{template}\n")
    mended = open_catalog(Settings(specs=(tmp_path / "specs",))).get("models", "my-model")
    assert mended.folder == folder
    assert chat_template(tokenizers.byte_level(None), mended) is None


def test_a_spec_without_template_is_told_the_key(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.yaml").write_text("folder: x\n")
    mine = open_catalog(Settings(specs=(tmp_path,))).get("models", "mine")
    with pytest.raises(Refused, match=r"own; say `template: plain` \(base models\), or give"):
        chat_template(tokenizers.byte_level(None), mine)


def test_template_kwargs_reach_the_template():
    fixed = render(tokenizers.LLAMA31, [USER], template_kwargs={"date_string": "26 Jul 2024"})
    assert "Today: 26 Jul 2024\n" in fixed


def faults(own: str | None, **fields) -> list[str]:
    return template_faults(tokenizers.byte_level(own), spec(**fields))


@pytest.mark.parametrize(
    "template", [tokenizers.CHATML, tokenizers.LLAMA2, tokenizers.GEMMA, tokenizers.QWEN]
)
def test_sound_templates_have_no_fault(template):
    assert faults(template) == []
    assert faults(None, template="plain") == []


def test_todays_date_is_a_fault_unless_it_is_fixed():
    (line,) = faults(tokenizers.LLAMA31)
    assert line.startswith("toy: template_kwargs: the chat template writes today's date")
    assert "`template_kwargs: {date_string: 26 Jul 2024}`" in line
    assert faults(tokenizers.LLAMA31, template_kwargs={"date_string": "26 Jul 2024"}) == []


def test_a_date_that_only_a_system_message_brings_is_found_too():
    dated = "{% if messages[0].role == 'system' %}{{ strftime_now('%H:%M') }}{% endif %}"
    (line,) = faults(dated + tokenizers.CHATML)
    assert line.endswith("fix it with a jinja2 `template:` of your own")
    assert "strftime_now" not in tokenizers.QWEN  # and the clock is given back:
    assert "2001" not in render("{{ strftime_now('%Y') }}" + tokenizers.CHATML, [USER])
    assert "2029" not in render("{{ strftime_now('%Y') }}" + tokenizers.CHATML, [USER])


def test_arguments_that_the_template_does_not_have_are_faults():
    (line,) = faults(tokenizers.LLAMA31, template_kwargs={"date_strin": "1 May"})
    assert "template_kwargs.date_strin: the chat template has no such variable" in line
    assert "did you mean 'date_string'?" in line
    (line,) = faults(tokenizers.CHATML, template_kwargs={"add_generation_prompt": False})
    assert line.endswith("set by steerhouse itself; remove it")
    (line,) = faults(None, template="plain", template_kwargs={"a": 1})
    assert line.endswith("`template: plain` takes none; remove a")


def test_a_template_that_is_not_jinja_is_a_fault():
    (line,) = faults(None, template="{% for m in %}")
    assert line.startswith("toy: template: not a jinja2 chat template: ")
