"""What a plain YAML scalar means: the core schema of YAML 1.2 (yaml.org/spec/1.2.2, 10.3.2).

`yes`, `on` and dates stay text, so that `symbols: [Yes, No]` means what it says; so do `.nan` and
`.inf`, which no spec can mean.
"""

from __future__ import annotations

import math
import re

_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_MAX_DIGITS = 100


def meaning(text: str) -> str | int | float | bool | None:
    """Return the value of a scalar without quotes.

    Raises OverflowError for whole numbers beyond 64 bits and numbers beyond a float.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    whole = _INT.fullmatch(text)
    if not whole and not _FLOAT.fullmatch(text):
        return text
    if len(text) > _MAX_DIGITS:
        raise OverflowError(text)
    number = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)) if whole else float(text)
    if not math.isfinite(number) or (whole and abs(number) >= 2**63):
        raise OverflowError(text)
    return number
