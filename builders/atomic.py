"""A folder that is replaced as a whole: whoever looks finds the old one or the new one."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

AT_FDCWD, RENAME_EXCHANGE = -100, 2
"""Constants of Linux's renameat2(2)."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the only right to replace `folder`; a second process waits. Killing frees it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        recover(folder)
        yield


def recover(folder: Path) -> None:
    """Put back what a kill between two renames left aside; nothing where nothing was left."""
    if not folder.exists() and _aside(folder).exists():
        _aside(folder).rename(folder)


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Give an empty sibling to write into, which then takes the place of `folder`.

    An error leaves `folder` as it was and no sibling.
    """
    draft = _fresh(folder)
    try:
        yield draft
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _replace(folder, draft)


def _fresh(folder: Path) -> Path:
    """Return the empty sibling; what a killed build left there is removed."""
    draft = folder.with_name(f".{folder.name}.next")
    for left in (draft, _aside(folder)):
        shutil.rmtree(left, ignore_errors=True)
    draft.mkdir(parents=True)
    return draft


def _replace(folder: Path, draft: Path) -> None:
    """Put `draft` where `folder` is: in one step on Linux, elsewhere in two that `recover` ends."""
    if not folder.exists():
        draft.rename(folder)
    elif _exchange(folder, draft):
        shutil.rmtree(draft)
    else:
        folder.rename(_aside(folder))
        draft.rename(folder)
        shutil.rmtree(_aside(folder))


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.previous")


def _exchange(first: Path, second: Path) -> bool:
    """Swap two paths in one step; false where the system or its file system cannot."""
    if sys.platform != "linux":
        return False
    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):
        return False
    names = os.fsencode(first), os.fsencode(second)
    return bool(renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0)
