"""Ids of rows that are hashed one at a time are those of the whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from specs.identity import NUMERICS, identity, identity_of_rows

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("kind", [*NUMERICS, "build"])
def test_no_rows(kind: str) -> None:
    assert identity_of_rows(kind, []) == identity(kind, rows=[])


@given(
    rows=st.lists(
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), NUMBERS, st.text()),
            lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
        )
    )
)
def test_rows_hashed_one_by_one(rows: list[Any]) -> None:
    try:
        expected = identity("variant", rows=rows)
    except UnicodeEncodeError:  # half of a surrogate pair has no bytes
        with pytest.raises(UnicodeEncodeError):
            identity_of_rows("variant", rows)
        return
    assert identity_of_rows("variant", iter(rows)) == expected
