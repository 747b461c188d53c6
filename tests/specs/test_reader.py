from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from specs.faults import Refused
from specs.reader import place, position, read
from specs.schema import Concept, Experiment, HubSource, Method, Model, VectorFile

Faults = Callable[..., list[str]]

CONCEPT_KEYS = (
    "answer_format, citation, criterion, description, kind, language, licence, name, option_order, options, "
    "persona, planted, scorer_words, source, splits, symbols, tags, version"
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
    kinds = (
        "mean_difference, pca, logistic_probe, pca_centered, lda, lat, leace, mean_centred, "
        "combined, optimised, sae_decoder, sae_difference, sae_output_score, sae_ts, "
        "sae_ts_pinv, sae_ts_rotation, fgaa, plugin, random, label_shuffled or file"
    )
    assert faults("methods", "kind: mean_diference\n") == [
        f"x.yaml:1:7: kind: found the text 'mean_diference'; should be {kinds}; "
        "did you mean 'mean_difference' or 'sae_difference'?"
    ]
    assert faults("methods", "version: 1\n") == [f"x.yaml:1:1: kind: missing; should be {kinds}"]
    assert faults("methods", "kind: 3\n") == [
        f"x.yaml:1:7: kind: found the number 3; should be {kinds}"
    ]


def test_name_is_not_the_file_name(faults: Faults) -> None:
    assert faults("models", "builtin: reference\nname: y\n") == [
        "x.yaml:2:7: name: 'y' is not the file's name; write 'x', leave it out, or rename the file"
    ]


def test_file_name_that_is_no_name(faults: Faults) -> None:
    assert faults("models", "builtin: reference\n", name="a b.yaml") == [
        "a b.yaml:1:1: a file name may hold letters, digits, `.`, `_` and `-`; rename the file"
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
