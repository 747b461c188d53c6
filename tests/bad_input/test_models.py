"""Models that cannot be used as they are: one clear line that says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.bad_input.asking import ADHOC, GOOD, model_folder, refused, write


def test_model_folder_without_tokenizer(place: Path) -> None:
    folder = model_folder(place)
    for path in folder.glob("*token*"):
        path.unlink()
    assert "tokenizer" in refused(*ADHOC, "--model", str(folder))


def test_model_folder_without_chat_template(place: Path) -> None:
    folder = model_folder(place, template=None)
    line = refused(*ADHOC, "--model", str(folder))
    assert "template" in line
    assert "plain" in line


def test_template_without_a_system_role(place: Path) -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}"
        "{% endif %}<|user|> {{ m.content }} {% endfor %}<|assistant|>"
    )
    line = refused(*ADHOC, "--model", str(model_folder(place, template=template)))
    assert "system" in line
    assert "merge_into_user" in line


def test_template_with_a_system_text_of_its_own(place: Path) -> None:
    template = (
        "{% if messages[0].role != 'system' %}<|system|> you must be a very kind friend {% endif %}"
        "{% for m in messages %}<|{{ m.role }}|> {{ m.content }} {% endfor %}<|assistant|>"
    )
    folder = model_folder(place, template=template)
    how = ("--variant", "no_system", "--fit-variant", "no_system")
    assert "kind friend" in refused(*ADHOC, *how, "--model", str(folder))


def test_unknown_architecture_is_refused_in_words(place: Path) -> None:
    from transformers import NemotronConfig, NemotronForCausalLM

    folder = model_folder(place)
    sizes = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
    }
    config = NemotronConfig(vocab_size=96, num_hidden_layers=3, head_dim=8, **sizes)
    NemotronForCausalLM(config).save_pretrained(folder)
    line = refused(*ADHOC, "--model", str(folder))
    assert "nemotron" in line


def test_prompt_over_the_context_is_counted(place: Path) -> None:
    write(place, "models/short.yaml", f"folder: {model_folder(place)}\ncontext: 20\n")
    line = refused(*ADHOC, "--model", "short")
    assert "beyond the context" in line
    assert "unfit_items: drop" in line


def test_vector_file_of_another_width(place: Path) -> None:
    np.save(place / "v.npy", np.ones((6, 7), np.float32))
    write(place, "methods/mine.yaml", "kind: file\nfile: ../../v.npy\n")
    line = refused(*ADHOC, "--model", "reference", "--method", "mine")
    assert "width 7" in line


def test_logits_that_are_not_finite(place: Path) -> None:
    np.save(place / "v.npy", np.full((6, 128), 3e38, np.float32))
    write(place, "methods/mine.yaml", "kind: file\nfile: ../../v.npy\n")
    far = ("--multipliers", "-10,0,10")
    line = refused(*ADHOC, *far, "--model", "reference", "--method", "mine")
    assert "not finite" in line
    assert "layer 2" in line


def test_item_without_a_decision_position(place: Path) -> None:
    """The model's tokenizer knows neither symbol, so that both completions are the same tokens."""
    write(place, "concepts/tea.yaml", GOOD + "symbols: [Q, Z]\n")
    line = refused(*ADHOC, "--model", "reference")
    assert "no decision position" in line
