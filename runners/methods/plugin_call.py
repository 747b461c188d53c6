"""Other people's code, called: whatever it raises becomes one line that says where."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from specs.faults import Refused

T = TypeVar("T")


def called(where: str, what: str, function: Callable[..., T], *given: object, **named: object) -> T:
    """Return what `function` returns.

    Raises:
        Refused: it raises, or asks to exit; the line has its last place in their code.
    """
    try:
        return function(*given, **named)
    except (Exception, SystemExit) as error:
        words = " ".join(str(error).split()) or "without a message"
        raise Refused(f"{where}: {what}: {type(error).__name__}: {words}{_place(error)}") from None


def _place(error: BaseException) -> str:
    """Return file and line of the innermost call outside of libraries and this room."""
    ours = str(Path(__file__).parent)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<", ours))
        and "site-packages" not in frame.filename
        and "/lib/python" not in frame.filename
    ]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
