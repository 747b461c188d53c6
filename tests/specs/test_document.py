from __future__ import annotations

from collections.abc import Callable

import pytest

from specs.document import Position, compose

Faults = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("'12'", "12"), ('"true"', "true"), ("|\n  12", "12"), ("=", "="), ("<<", "<<")],
)
def test_only_scalars_without_quotes_mean_more_than_text(text: str, value: object) -> None:
    document = compose(f"key: {text}")
    assert document.data == {"key": value}
    assert not document.faults


def test_positions_of_keys_and_values() -> None:
    document = compose("# first\na: [1, {b: 'ü', c: 2}]\nd:\n  - e\n")
    assert document.values[()] == Position(2, 1)
    assert document.values["a", 1, "c"] == Position(2, 20)
    assert document.keys["a", 1, "c"] == Position(2, 17)
    assert document.values["d", 0] == Position(4, 5)


def test_a_byte_order_mark_is_kept_out_of_columns() -> None:
    assert compose("\ufeffa: x").values["a",].line == 1


def test_a_faulty_document_still_gives_its_other_data() -> None:
    document = compose("a: 1\na: 2\nb: &x 3\nc: *x\nd: !t 4\n5: e\nf: g")
    assert document.data == {"a": 1, "b": 3, "c": None, "d": "4", "f": "g"}
    assert [fault.at for fault in document.faults] == [(2, 1), (3, 4), (4, 4), (5, 4), (6, 1)]
    assert document.unreadable == {("c",), ("d",)}


# What the reader says of files that are no good YAML -------------------------------------------


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
