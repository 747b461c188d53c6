from __future__ import annotations

import pytest

from specs.document import Position, compose


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
