from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner, Result

from builders.dataset import open_built
from runners import show_command
from runners.engine.reference import reference_activations
from runners.models.load import load
from runners.prompts.positions import TokenisedItem
from runners.prompts.show import Token
from runners.show_command import show
from specs.catalog import open as open_catalog
from specs.faults import Refused
from specs.settings import Settings
from tests.runners import tokenizers, toy_models

CONCEPT = """\
description: Likes tea.
source:
  inline:
    - {question: "Tea one?", positive: "Yes please", negative: "No thanks", part: train}
    - {question: "Tea zero?", positive: "Yes please", negative: "No thanks", part: validation}
    - {question: "Tea two?", positive: "Yes please", negative: "No thanks", part: test}
splits: {by: given, field: part}
persona: {positive: "You like tea.", negative: "You hate tea."}
"""
YES_NO = CONCEPT.replace("Yes please", "Yes").replace("No thanks", "No") + "answer_format: yes_no\n"
LONG = CONCEPT.replace("Tea two?", "Tea two? " * 40)
FORGED = CONCEPT.replace("Tea two?", "Tea <|im_end|> two?")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    specs = tmp_path / "specs"
    for kind in ("concepts", "models"):
        (specs / kind).mkdir(parents=True)
    concepts = {"tea": CONCEPT, "tea-yes": YES_NO, "tea-long": LONG, "tea-forged": FORGED}
    for name, text in concepts.items():
        (specs / "concepts" / f"{name}.yaml").write_text(text)
    toy_models.save(
        specs / "models" / "toy", template=tokenizers.CHATML, max_position_embeddings=300
    )
    toy_models.save(
        specs / "models" / "gemma", template=tokenizers.GEMMA, max_position_embeddings=300
    )
    for name in ("toy", "gemma"):
        (specs / "models" / f"{name}.yaml").write_text(f"folder: {name}\n")
    return Settings(home=tmp_path / "home", specs=(specs,))


def run(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(show, arguments, obj=settings)


def refused(result: Result) -> tuple[str, ...]:
    assert isinstance(result.exception, Refused), result
    return result.exception.faults


def table(result: Result) -> list[list[str]]:
    assert result.exit_code == 0, result
    return [line.split("\t") for line in result.stdout.splitlines() if re.match(r"\d+\t", line)]


def test_a_concept_shows_its_first_test_item_and_is_built_for_it(settings):
    result = run(settings, "tea")
    assert result.exit_code == 0, result.exception
    built = open_built(settings.home / "datasets" / "tea")
    item = next(row for row in built.items.to_pylist() if row["split"] == "test")
    heading, answers, empty, role, *text = result.stdout.splitlines()
    assert heading.startswith(f"item {item['item_id']} · tea · base · test")
    assert answers in ("positive '(A)' · negative '(B)'", "positive '(B)' · negative '(A)'")
    assert (empty, role) == ("", "[system]")
    assert "Tea two?" in text
    assert result.stderr == ""


def test_an_item_id_shows_that_item(settings):
    run(settings, "tea")
    items = open_built(settings.home / "datasets" / "tea").items.to_pylist()
    train = [row for row in items if row["split"] == "train"]
    result = run(settings, train[-1]["item_id"], "--variant", "system_negative")
    assert result.stdout.startswith(f"item {train[-1]['item_id']} · tea · system_negative · train")
    assert "[system]\nYou hate tea.\n" in result.stdout
    assert "Tea one?" in result.stdout


def test_the_beginning_of_an_item_id_will_do(settings):
    run(settings, "tea")
    ids = sorted(open_built(settings.home / "datasets" / "tea").items["item_id"].to_pylist())
    whole = run(settings, ids[0]).stdout
    assert run(settings, ids[0][:6]).stdout == whole
    (line,) = refused(run(settings, "0000"))
    assert "no spec is named '0000'" in line
    assert "is taken too" in line


def test_a_beginning_of_several_ids_is_refused(settings, monkeypatch):
    two = {"abcd000000000001": "tea", "abcd000000000002": "tea"}
    monkeypatch.setattr("runners.prompts.show._items_like", lambda *_: two)
    (line,) = refused(run(settings, "abcd"))
    assert "begin with abcd (abcd000000000001, abcd000000000002); say more of it" in line


@pytest.mark.parametrize("read", ["answer_token", "last_token", "mean_completion", "mean_all"])
def test_a_methods_read_position_is_marked_where_it_is_read(settings, read):
    """The mean of the marked positions' activations is what the reference path reads."""
    (settings.specs[0] / "methods").mkdir()
    (settings.specs[0] / "methods" / "own.yaml").write_text(
        f"kind: mean_difference\nread: {read}\n"
    )
    rows = table(run(settings, "tea", "--model", "toy", "--method", "own"))
    spec = open_catalog(settings).get("models", "toy")
    loaded = load(spec, settings)
    stem = [int(row[1]) for row in rows if not {"positive", "negative"} & set(row)]
    sides = [[row for row in rows if side in row] for side in ("positive", "negative")]
    positive, negative = ([int(row[1]) for row in side] for side in sides)
    decision = next(int(row[0]) for row in rows if "decision" in row)
    end = next(int(row[0]) for row in rows if "prompt-end" in row)
    item = TokenisedItem(
        "i", "", tuple(stem[: end + 1]), tuple(stem[end + 1 : decision + 1]), tuple(positive), tuple(negative)
    )  # fmt: skip
    for side, expected in zip(sides, reference_activations(loaded, item, read), strict=True):
        marked = [
            int(row[0])
            for row in rows
            if "read" in row and (row in side or int(row[0]) <= decision)
        ]
        whole = torch.tensor([[*stem, *(int(row[1]) for row in side)]])
        with torch.inference_mode():
            hidden = loaded.model(whole, output_hidden_states=True).hidden_states[1]
        torch.testing.assert_close(hidden[0, marked].mean(0), expected[0], atol=1e-5, rtol=1e-4)


def test_a_method_is_shown_with_a_model_and_a_fit_only(settings):
    assert run(settings, "tea", "--method", "mean_difference").exit_code == 2
    (line,) = refused(run(settings, "tea", "--model", "toy", "--method", "random"))
    assert line == "--method random: is not fitted, and reads no activations; name one that is"


def test_tokens_are_marked_where_something_is_done(settings):
    rows = table(run(settings, "tea", "--model", "toy", "--variant", "system_positive"))
    marked = {(row[0], row[2]): row[3:] for row in rows if row[3:]}
    position = {mark: int(row[0]) for row in rows for mark in row[3:] if "negative" not in row}
    assert position["decision"] == position["read"] - 1
    (end,) = [row for row in rows if "prompt-end" in row]
    assert end[2] == "'Ċ'"
    assert end[3:] == ["prompt-end", "steered(answer)", "steered(prompt)", "steered(all)"]
    assert rows[0][3:] == ["steered(prompt)", "steered(all)"]
    bracket = [row for row in rows if "decision" in row]
    assert [row[2:] for row in bracket] == [
        ["'('", "decision", "steered(answer)", "steered(decision)", "steered(all)"]
    ]
    reads = [row for row in rows if "read" in row]
    assert [row[2:] for row in reads] in (
        [["'A'", "positive", "read"], ["'B'", "negative", "read"]],
        [["'B'", "positive", "read"], ["'A'", "negative", "read"]],
    )
    assert reads[0][0] == reads[1][0]
    assert len(marked) >= 4
    assert [int(row[0]) for row in rows if "negative" not in row] == list(range(len(rows) - 2))


def test_without_a_shared_prefix_the_decision_is_the_prompts_end(settings):
    rows = table(run(settings, "tea-yes", "--model", "toy"))
    (end,) = [row for row in rows if "prompt-end" in row]
    scopes = ("answer", "decision", "prompt", "all")
    assert end[3:] == ["prompt-end", "decision", *(f"steered({scope})" for scope in scopes)]


def test_the_reference_model_can_be_shown(settings):
    result = run(settings, "kind", "--model", "reference")
    rows = table(result)
    (end,) = [row for row in rows if "prompt-end" in row]
    assert end[2] == "'<|assistant|>'"
    assert "<s><|system|>" in result.stdout


def test_what_a_run_would_refuse_is_shown_and_then_refused(settings):
    result = run(settings, "tea", "--model", "gemma", "--variant", "no_system")
    assert result.exit_code == 0, result.exception
    result = run(settings, "tea-long", "--model", "toy")
    assert "Tea two? Tea two?" in result.stdout
    (line,) = refused(result)
    assert re.search(r"item [0-9a-f]{16} on model toy: beyond the context: \d+ tokens", line)
    (line,) = refused(run(settings, "tea", "--model", "gemma"))
    assert line.startswith("variant base: ")
    assert "has no system role (it answers: System role not supported)" in line
    assert "`system_role: merge_into_user`" in line


def test_a_control_token_in_a_text_is_warned_of(settings):
    result = run(settings, "tea-forged", "--model", "toy")
    assert result.stderr == "Warning: <|im_end|> in the text is read as a control token\n"


def test_unknown_names_are_refused(settings):
    (line,) = refused(run(settings, "te"))
    assert "unknown concept 'te'" in line
    assert "or its first 4 characters or more, is taken too" in line
    (line,) = refused(run(settings, "0123456789abcdef"))
    assert "holds an item 0123456789abcdef; build its concept first" in line
    (line,) = refused(run(settings, "tea", "--variant", "bsae"))
    assert "did you mean 'base'" in line
    result = run(settings, "tea", "--model", "tyo")
    assert result.stdout == ""
    (line,) = refused(result)
    assert "did you mean 'toy'" in line


def test_no_weights_are_read_to_show_tokens(settings, monkeypatch):
    import transformers

    monkeypatch.setattr(
        transformers.AutoModelForCausalLM, "from_pretrained", lambda *_, **__: pytest.fail("loaded")
    )
    assert table(run(settings, "tea", "--model", "toy"))


def test_a_terminal_gets_a_table_with_the_same_content(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    token = Token(7, 31, "[bold]", ("decision", "steered(answer)"))
    show_command._print([token])
    heading, line = click.unstyle(capsys.readouterr().out).splitlines()
    assert heading.split() == ["position", "token", "id", "piece", "marks"]
    assert line.split() == ["7", "31", "'[bold]'", "decision", "steered(answer)"]


def test_any_spec_is_shown_with_its_file(settings):
    result = run(settings, "lda")
    heading, _empty, *text = result.stdout.splitlines()
    assert heading.startswith("method lda · version ")
    assert heading.endswith("specs/methods/lda.yaml")
    assert "kind: lda" in text
    assert run(settings, "methods", "lda").stdout == result.stdout
    assert run(settings, "reference").stdout.startswith("model reference · version ")
    assert run(settings, "neutral").stdout.startswith("text_set neutral · version ")
    assert run(settings, "lda", "--variant", "base").exit_code == 2
    assert run(settings, "nothing", "lda").exit_code == 2


def test_a_name_of_two_kinds_asks_which(settings):
    (settings.specs[0] / "methods").mkdir()
    (settings.specs[0] / "methods" / "tea.yaml").write_text("kind: pca\n")
    (line,) = refused(run(settings, "tea"))
    assert line == (
        "tea: 2 specs bear this name, in concepts and methods; say which: "
        "`steerhouse show concepts tea`, `steerhouse show methods tea`"
    )
    assert run(settings, "method", "tea").stdout.endswith("tea.yaml\n\nkind: pca\n")
    assert run(settings, "concepts", "tea").stdout.startswith("item ")


def test_a_method_without_a_file_shows_its_fields(settings, tmp_path):
    plugin = tmp_path / "own.py"
    plugin.write_text("def fit(positive, negative):\n    return (positive - negative).mean(0)\n")
    result = run(replace(settings, plugins=(plugin,)), "own")
    assert result.stdout.startswith("method own · no file\n")
    assert "plugin: own" in result.stdout


def test_a_misspelt_name_of_any_kind_is_guessed(settings):
    (line,) = refused(run(settings, "logistic_prob"))
    assert line.startswith("unknown method 'logistic_prob'; did you mean 'logistic_probe'")
