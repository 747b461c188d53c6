"""Ids: 16 hex digits of SHA-256 over canonical JSON of what a thing is ABOUT.

Never in an id: who made it, when, batch sizes, devices, versions, names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

NUMERICS = {"dataset": 1, "variant": 1, "model": 1, "vector": 2, "evaluation": 1, "run": 1}
"""Raised by one when our own code changes a number under the same spec (kinds not named: never).

vector 2: random nulls are drawn for each parent by itself; the parent's id changes with those of
its nulls, so that old and new ones never stand beside one vector.
"""


def canonical_json(value: Any) -> str:
    """Return `value` as JSON with sorted keys and no spaces; NaN and infinities are refused."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def sha256(text: str | bytes) -> str:
    """Return the 64 hex digits of SHA-256 of `text` (UTF-8 where it is a string)."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def identity(kind: str, **about: Any) -> str:
    """Return the id of a thing of `kind`, e.g. `identity("run", vector_id=..., scope="answer")`."""
    return sha256(canonical_json({**_kind(kind), **about}))[:16]


def identity_of_rows(kind: str, rows: Iterable[Any]) -> str:
    """Return `identity(kind, rows=[*rows])`, of which no more than a row is held at a time."""
    found = hashlib.sha256(canonical_json(_kind(kind))[:-1].encode())
    before = ',"rows":['
    for row in rows:
        found.update((before + canonical_json(row)).encode())
        before = ","
    found.update(("]}" if before == "," else before + "]}").encode())
    return found.hexdigest()[:16]


def _kind(kind: str) -> dict[str, Any]:
    return {"kind": kind, **({"numerics": NUMERICS[kind]} if kind in NUMERICS else {})}
