from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from specs.faults import Refused
from specs.reader import place, position, read
from specs.schema import Concept, Experiment, HubSource, Method, Model, VectorFile

Faults = Callable[..., list[str]]

CONCEPT_KEYS = (
    "answer_format, citation, description, kind, language, licence, name, option_order, options, "
    "persona, planted, source, splits, symbols, tags, version"
)
SOURCE = "source: {file: a.csv}\n"


def test_a_good_file_becomes_a_spec_that_knows_its_file(here: Path) -> None:
    folder = here / "concepts"
    folder.mkdir()
    (folder / "calm.yaml").write_text(
        "# a comment\nsource:\n  hub: a/b\n  file: c.jsonl\nsymbols: [Yes, No]\n"
    )
    spec = read(Path("concepts/calm.yaml"), "concepts")
    assert isinstance(spec, Concept)
    assert isinstance(spec.source, HubSource)
    assert spec.name == "calm"
    assert spec.symbols == ("Yes", "No")
    assert spec.directory == Path("concepts")
    assert position(spec, ("symbols", 1)) == (5, 16)
    assert position(spec, ("splits", "train")) == (2, 1)
    assert place(spec, ("source", "file")) == "concepts/calm.yaml:4:9: source.file"


def test_a_spec_without_a_file_is_named_in_its_place() -> None:
    spec = Experiment(name="adhoc", models=("m",), concepts=("c",))
    assert place(spec, ("models", 0)) == "adhoc: models[0]"


@pytest.mark.parametrize(
    ("layers", "read_as"), [("all", "all"), ("best", "best"), ("[3, 0]", (3, 0))]
)
def test_layers_are_a_word_or_a_list(here: Path, layers: str, read_as: object) -> None:
    (here / "x.yaml").write_text(f"models: [a]\nconcepts: [b]\nlayers: {layers}\n")
    spec = read(Path("x.yaml"), "experiments")
    assert isinstance(spec, Experiment)
    assert spec.layers == read_as


def test_a_method_is_told_by_its_kind(here: Path) -> None:
    (here / "x.yaml").write_text("kind: file\nfile: v.npy\nlayers: [3]\n")
    spec: Method = read(Path("x.yaml"), "methods")  # type: ignore[assignment]
    assert isinstance(spec, VectorFile)
    assert spec.layers == (3,)


def test_a_byte_order_mark_is_no_fault(here: Path) -> None:
    (here / "x.yaml").write_bytes(b"\xef\xbb\xbfbuiltin: reference\n")
    assert isinstance(read(Path("x.yaml"), "models"), Model)


def test_unknown_key(faults: Faults) -> None:
    assert faults("concepts", SOURCE + "answer_fromat: letter\n") == [
        "x.yaml:2:1: answer_fromat: unknown key; did you mean 'answer_format'? known here: "
        + CONCEPT_KEYS
    ]


def test_unknown_key_like_no_other(faults: Faults) -> None:
    assert faults("concepts", SOURCE + "zzz: 1\n") == [
        "x.yaml:2:1: zzz: unknown key; known here: " + CONCEPT_KEYS
    ]


def test_unknown_key_inside(faults: Faults) -> None:
    text = "source:\n  file: a.csv\n  fields:\n    positve: x\nsplits: {trian: 0.5}\n"
    assert faults("concepts", text) == [
        "x.yaml:4:5: source.fields.positve: unknown key; did you mean 'positive'? "
        "known here: label_confidence, labels, negative, options, positive, question",
        "x.yaml:5:10: splits.trian: unknown key; did you mean 'train'? "
        "known here: by, field, test, train, validation",
    ]


def test_unknown_key_in_brackets(faults: Faults) -> None:
    assert faults("methods", "kind: random\n<random>: 1\n") == [
        "x.yaml:2:1: <random>: unknown key; known here: description, kind, name, tags, version"
    ]


def test_unknown_key_of_one_kind_of_method(faults: Faults) -> None:
    assert faults("methods", "kind: random\nnorm: raw\n") == [
        "x.yaml:2:1: norm: unknown key; known here: description, kind, name, tags, version"
    ]


@pytest.mark.parametrize(
    ("kind", "text", "fault"),
    [
        ("models", "hub: [a]", "1:6: hub: found a list; should be text"),
        ("models", "hub: a\ncontext: 1.5", "2:10: context: found the number 1.5; should be a whole number"),
        ("models", "hub: a\nrevision: 1234567", "2:11: revision: found the number 1234567; should be text: put it in quotes"),
        ("models", "hub: a\nloading: x", "2:10: loading: found the text 'x'; should be a mapping of keys"),
        ("models", "hub: a\ndescription:", "2:13: description: found nothing; should be text"),
        ("concepts", SOURCE + "tags: ai", "2:7: tags: found the text 'ai'; should be a list, such as [x, y]"),
        ("concepts", SOURCE + "symbols: [true, 2]", "2:11: symbols[0]: found true; should be text: put it in quotes"),
        ("concepts", SOURCE + "splits: grouped", "2:9: splits: found the text 'grouped'; should be a mapping of keys"),
        ("concepts", SOURCE + "splits: {train: half}", "2:17: splits.train: found the text 'half'; should be a number"),
        ("concepts", SOURCE + "splits: {train: .nan}", "2:17: splits.train: found the text '.nan'; should be a number"),
        ("experiments", "models: [a]\nconcepts: [b]\nlayers: 3", "3:9: layers: found the number 3; should be a list, such as [x, y]"),
        ("experiments", "models: [a]\nconcepts: [b]\nlayers: [1.5]", "3:10: layers[0]: found the number 1.5; should be a whole number"),
    ],
)  # fmt: skip
def test_wrong_type(faults: Faults, kind: str, text: str, fault: str) -> None:
    assert faults(kind, text)[0] == f"x.yaml:{fault}"


def test_a_long_text_is_cut_in_the_message(faults: Faults) -> None:
    assert faults("models", f"hub: a\ncontext: {'x' * 100}") == [
        f"x.yaml:2:10: context: found the text '{'x' * 39}…'; should be a whole number"
    ]


def test_missing_key(faults: Faults) -> None:
    assert faults("concepts", "# comment\ntags: [a]\n") == [
        "x.yaml:2:1: source: missing; this key has no default"
    ]


def test_missing_key_inside(faults: Faults) -> None:
    text = "source:\n  inline:\n    - {question: q, positive: a}\n"
    assert faults("concepts", text) == [
        "x.yaml:3:7: source.inline[0].negative: missing; this key has no default"
    ]


def test_not_a_choice(faults: Faults) -> None:
    assert faults("concepts", SOURCE + "answer_format: leter\n") == [
        "x.yaml:2:16: answer_format: found the text 'leter'; should be letter, yes_no or text; "
        "did you mean 'letter'?"
    ]


def test_not_a_choice_in_a_list(faults: Faults) -> None:
    text = "models: [a]\nconcepts: [b]\nsplits: [test, dev]\n"
    assert faults("experiments", text) == [
        "x.yaml:3:16: splits[1]: found the text 'dev'; should be train, validation or test"
    ]


def test_not_a_kind_of_method(faults: Faults) -> None:
    kinds = "mean_difference, random, label_shuffled or file"
    assert faults("methods", "kind: mean_diference\n") == [
        f"x.yaml:1:7: kind: found the text 'mean_diference'; should be {kinds}; "
        "did you mean 'mean_difference'?"
    ]
    assert faults("methods", "version: 1\n") == [f"x.yaml:1:1: kind: missing; should be {kinds}"]
    assert faults("methods", "kind: 3\n") == [
        f"x.yaml:1:7: kind: found the number 3; should be {kinds}"
    ]


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


def test_name_is_not_the_file_name(faults: Faults) -> None:
    assert faults("models", "builtin: reference\nname: y\n") == [
        "x.yaml:2:7: name: 'y' is not the file's name; write 'x', leave it out, or rename the file"
    ]


def test_file_name_that_is_no_name(faults: Faults) -> None:
    assert faults("models", "builtin: reference\n", name="a b.yaml") == [
        "a b.yaml:1:1: a file name may hold letters, digits, `.`, `_` and `-`; rename the file"
    ]


def test_duplicate_key(faults: Faults) -> None:
    assert faults("models", "hub: a\nversion: 1\nversion: 2\n") == [
        "x.yaml:3:1: version: this key is given twice (first in line 2); keep one"
    ]


def test_tag(faults: Faults) -> None:
    assert faults("models", "hub: !x a\nversion: !!int 1\n") == [
        "x.yaml:1:6: hub: the tag !x is not allowed; write the plain value",
        "x.yaml:2:10: version: the tag !!int is not allowed; write the plain value",
    ]


def test_anchor_and_alias(faults: Faults) -> None:
    assert faults("models", "hub: &a b\nrevision: *a\n") == [
        "x.yaml:1:6: hub: the anchor &a is not allowed; write the value where it is needed",
        "x.yaml:2:11: revision: the alias *a is not allowed; write the value here",
    ]


def test_key_that_is_not_text(faults: Faults) -> None:
    assert faults("models", "hub: a\ntemplate_kwargs: {1: x}\n? [a]\n: b\n") == [
        "x.yaml:2:19: template_kwargs: a key must be text; put quotes around it",
        "x.yaml:3:3: a key must be text; put quotes around it",
    ]


@pytest.mark.parametrize("number", ["1e999", "9223372036854775808", "1" * 5000])
def test_number_too_large(faults: Faults, number: str) -> None:
    assert faults("models", f"hub: a\nversion: {number}\n") == [
        "x.yaml:2:10: version: this number is too large; put quotes around it if it is text"
    ]


def test_two_documents(faults: Faults) -> None:
    assert faults("models", "hub: a\n---\nhub: b\n") == [
        "x.yaml:2:1: a second document begins here; a file holds one spec"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1:1: the file is empty"),
        ("# only this\n", "1:1: the file is empty"),
        ("- a\n", "1:1: found a list"),
        ("a.csv\n", "1:1: found the text 'a.csv'"),
    ],
)
def test_not_a_mapping(faults: Faults, text: str, fault: str) -> None:
    should_be = "should be a mapping of keys, one `key: value` a line"
    assert faults("models", text) == [f"x.yaml:{fault}; {should_be}"]


def test_not_utf_8(faults: Faults) -> None:
    assert faults("models", "hub: a\ndescription: über caf".encode() + b"\xe9\n") == [
        "x.yaml:2:22: not UTF-8 (byte 0xe9); save the file as UTF-8"
    ]


def test_not_utf_8_at_all(faults: Faults) -> None:
    assert faults("models", "hub: a".encode("utf-16")) == [
        "x.yaml:1:1: not UTF-8 (byte 0xff); save the file as UTF-8"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hub: a: b", "1:7: not YAML: mapping values are not allowed here; put text that contains"
         " `: ` in quotes, and check the indentation"),
        ("hub: a\n\tversion: 1", "2:1: not YAML: found character '\\t' that cannot start any token"
         " while scanning for the next token; indent with spaces, and put text that begins with"
         " such a character in quotes"),
        ("hub: 'a", "1:8: not YAML: found unexpected end of stream while scanning a quoted scalar;"
         " a quote or bracket is not closed"),
        ("tags: [a", "1:9: not YAML: expected ',' or ']', but got '<stream end>' while parsing a"
         " flow sequence"),
        ("hub: a\x07", "1:7: not YAML: the character U+0007 is not allowed in it"),
        ('hub: "\\UFFFFFFFF"', "1:1: not YAML: an escape or number after here has no meaning"),
        ('hub: "\\ud800"', "1:6: hub: an escape of U+D800 to U+DFFF is half a character; write it"
         " out"),
    ],
)  # fmt: skip
def test_syntax_error(faults: Faults, text: str, fault: str) -> None:
    assert faults("models", text) == [f"x.yaml:{fault}"]


def test_nested_without_end(faults: Faults) -> None:
    assert faults("models", "hub: " + "[" * 5000) == [
        "x.yaml:1:56: hub: nested more than 50 levels deep; no spec needs that"
    ]


def test_all_faults_at_once_in_the_order_of_lines(faults: Faults) -> None:
    text = (
        "name: other\nversion: 0\ntags: x\nversion: 1\nsource:\n  file: 3\nsymbols: [A, A]\n"
        "persona: &p {positive: a}\n"
    )
    assert faults("concepts", text) == [
        "x.yaml:1:7: name: 'other' is not the file's name; write 'x', leave it out, or rename the"
        " file",
        "x.yaml:2:10: version: found 0; should be at least 1",
        "x.yaml:3:7: tags: found the text 'x'; should be a list, such as [x, y]",
        "x.yaml:4:1: version: this key is given twice (first in line 2); keep one",
        "x.yaml:6:9: source.file: found the number 3; should be text: put it in quotes",
        "x.yaml:7:10: symbols: the two symbols are both 'A'; they must differ",
        "x.yaml:8:10: persona: the anchor &p is not allowed; write the value where it is needed",
        "x.yaml:8:10: persona.negative: missing; this key has no default",
    ]


def test_a_fault_of_yaml_hides_only_what_follows_from_it(faults: Faults) -> None:
    assert faults("models", "hub: a\nversion: !x 3\ncontext: x\n") == [
        "x.yaml:2:10: version: the tag !x is not allowed; write the plain value",
        "x.yaml:3:10: context: found the text 'x'; should be a whole number",
    ]


def test_a_list_whose_members_are_faulty_is_not_called_empty(faults: Faults) -> None:
    assert faults("concepts", "source: {inline: [3]}\n") == [
        "x.yaml:1:19: source.inline[0]: found the number 3; should be a mapping of keys"
    ]


def test_no_such_file(here: Path) -> None:
    with pytest.raises(Refused, match=r"^none\.yaml: cannot be read: No such file or directory$"):
        read(Path("none.yaml"), "models")


def test_paths_below_the_working_folder_are_shown_short(here: Path) -> None:
    (here / "x.yaml").write_text("")
    with pytest.raises(Refused, match=r"^x\.yaml:1:1: "):
        read(here / "x.yaml", "models")
