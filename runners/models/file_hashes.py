"""SHA-256 of large files, remembered as long as size and modification time stay the same."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def sha256_of(paths: Sequence[Path], cache: Path) -> dict[Path, str]:
    """Return the SHA-256 of each file; `cache` spares files of known path, size and mtime."""
    known = _read_cache(cache)
    found, changed = {}, False
    for path in paths:
        facts = path.stat()
        key, stamp = str(path.resolve()), [facts.st_size, facts.st_mtime_ns]
        if known.get(key, [None])[:2] != stamp:
            with path.open("rb") as stream:
                known[key] = [*stamp, hashlib.file_digest(stream, "sha256").hexdigest()]
            changed = True
        found[path] = str(known[key][2])
    if changed:
        _write_cache(cache, known)
    return found


def _read_cache(cache: Path) -> dict[str, list[Any]]:
    try:
        known: dict[str, list[Any]] = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # it only spares work: hash again
    return known


def _write_cache(cache: Path, known: dict[str, list[Any]]) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", dir=cache.parent, prefix=cache.name, encoding="utf-8", delete=False
    ) as stream:
        json.dump(known, stream, indent=0, sort_keys=True)
    os.replace(stream.name, cache)
