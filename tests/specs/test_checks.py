"""What a value of a spec must be beyond its type, and what the reader says where it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Faults = Callable[..., list[str]]

SOURCE = "source: {file: a.csv}\n"


def test_no_source(faults: Faults) -> None:
    should_be = "should be a mapping with one of the keys inline, file, hub, template"
    assert faults("concepts", "source: a.csv\n") == [
        f"x.yaml:1:9: source: found the text 'a.csv'; {should_be}"
    ]
    assert faults("concepts", "source: [1]\n") == [f"x.yaml:1:9: source: found a list; {should_be}"]
    assert faults("concepts", "source: {flie: a.csv}\n") == [
        f"x.yaml:1:9: source: found flie; {should_be}; did you mean 'file'?"
    ]


def test_two_sources(faults: Faults) -> None:
    text = "source: {file: a.csv, inline: [{question: q, positive: a, negative: b}]}\n"
    assert faults("concepts", text) == ["x.yaml:1:10: source.file: unknown key; known here: inline"]


def test_empty_concept(faults: Faults) -> None:
    assert faults("concepts", "source: {inline: []}\n") == [
        "x.yaml:1:18: source.inline: found a list of 0; should be a list of at least 1"
    ]


def test_options_equal(faults: Faults) -> None:
    text = "source:\n  inline:\n    - {question: q, positive: Sure, negative: 'Sure '}\n"
    assert faults("concepts", text) == [
        "x.yaml:3:7: source.inline[0]: both options are 'Sure'; they must differ"
    ]


def test_symbols_equal(faults: Faults) -> None:
    assert faults("concepts", SOURCE + "symbols: [A, A]\n") == [
        "x.yaml:2:10: symbols: the two symbols are both 'A'; they must differ"
    ]
    assert faults("variants", "symbols: [A, A]\n") == [
        "x.yaml:1:10: symbols: the two symbols are both 'A'; they must differ"
    ]


@pytest.mark.parametrize(("symbols", "count"), [("[A]", 1), ("[A, B, C]", 3)])
def test_not_two_symbols(faults: Faults, symbols: str, count: int) -> None:
    assert faults("concepts", SOURCE + f"symbols: {symbols}\n") == [
        f"x.yaml:2:10: symbols: found a list of {count}; should be a list of 2"
    ]


def test_splits_above_one(faults: Faults) -> None:
    assert faults("concepts", SOURCE + "splits:\n  train: 0.9\n") == [
        "x.yaml:3:3: splits: train + validation + test is 1.5; shares may sum to 1 at most"
    ]
    assert faults("concepts", SOURCE + "splits:\n  train: 1.2\n") == [
        "x.yaml:3:10: splits.train: found 1.2; should be at most 1"
    ]


def test_given_splits_without_their_field(faults: Faults) -> None:
    assert faults("concepts", SOURCE + "splits: {by: given}\n") == [
        "x.yaml:2:9: splits: `by: given` needs `field`"
    ]


def test_not_a_regular_expression(faults: Faults) -> None:
    assert faults("concepts", "source: {file: a.csv, remove: ['(']}\n") == [
        "x.yaml:1:32: source.remove[0]: '(' is not a regular expression: "
        "missing ), unterminated subpattern at position 0"
    ]


def test_template_that_is_none(faults: Faults) -> None:
    assert faults("variants", "system: '{% if'\nuser: '{{ itm }}'\n") == [
        "x.yaml:1:9: system: not a jinja2 template: unexpected 'end of template'",
        "x.yaml:2:7: user: unknown name 'itm' in the template; did you mean 'item'? "
        "known: item, question, options, symbols, persona, concept",
    ]


def test_two_origins_of_a_model(faults: Faults) -> None:
    assert faults("models", "hub: a/b\nfolder: c\n") == [
        "x.yaml:1:1: name exactly one of hub, folder, builtin (found hub and folder)"
    ]


def test_template_arguments(faults: Faults) -> None:
    text = "hub: a/b\ntemplate_kwargs:\n  enable_thinking: no\n  tools: [a]\n"
    assert faults("models", text) == [
        "x.yaml:3:20: template_kwargs.enable_thinking: 'no' is text, not a yes or no; "
        "write true or false",
        "x.yaml:4:10: template_kwargs.tools: should be text, a number, true, false or null",
    ]


def test_lists_of_an_experiment(faults: Faults) -> None:
    text = (
        "models: []\nconcepts: [b, b]\nmultipliers: [1, 1.0]\nlayers: [-1]\nseeds: [x]\n"
        "exclude: [{modle: a}, {}]\n"
    )
    keys = "model, concept, method, fit_variant, variant"
    assert faults("experiments", text) == [
        "x.yaml:1:9: models: found a list of 0; should be a list of at least 1",
        "x.yaml:2:11: concepts: 'b' is listed twice; keep one",
        "x.yaml:3:14: multipliers: 1 is listed twice; keep one",
        "x.yaml:4:10: layers[0]: found -1; should be at least 0",
        "x.yaml:5:9: seeds[0]: found the text 'x'; should be a whole number",
        f"x.yaml:6:11: exclude[0]: unknown key 'modle'; did you mean 'model'? known: {keys}",
        f"x.yaml:6:23: exclude[1]: names nothing; give at least one of {keys}",
    ]


def test_a_word_that_is_no_layer(faults: Faults) -> None:
    assert faults("experiments", "models: [a]\nconcepts: [b]\nlayers: al\n") == [
        "x.yaml:3:9: layers: found 'al'; should be all, best or a list such as [13, 14]; "
        "did you mean 'all'?"
    ]
