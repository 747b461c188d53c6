"""Staged files: what a runner has measured, on disk and whole, before the warehouse has it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from warehouse.relations import arrow_fitted
from warehouse.whole_file import whole

if TYPE_CHECKING:
    import pyarrow as pa

REPLACING = "replacing"
"""First folder of a staged file's key whose unsteered answers replace those that are there."""
_CHECKSUM = re.compile(r"\.([0-9a-f]{16})\.parquet$")


def stage(home: Path, key: str, relations: Mapping[str, pa.Table]) -> Path:
    """Write rows of several relations as one file, `<home>/staged/<key>.<checksum>.parquet`.

    Each relation is a column of nullable structs and each row holds one of them. The file appears
    whole or not at all. Raises ValueError where there is no row, or a table does not fit its
    relation.
    """
    data = _parquet(relations)
    target = _target(home, key, hashlib.sha256(data).hexdigest()[:16])
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole(target) as unfinished:
        unfinished.write_bytes(data)
    sync_folder(target.parent)
    return target


def _target(home: Path, key: str, checksum: str) -> Path:
    parts = PurePosixPath(key).parts
    if not parts or key.startswith("/") or {"..", "refused"} & set(parts):
        raise ValueError(f"{key!r} is no key of a staged file")
    folder = home.joinpath("staged", *parts[:-1])
    return folder / f"{parts[-1]}.{checksum}.parquet"


def _parquet(relations: Mapping[str, pa.Table]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [
        pa.table({name: arrow_fitted(name, table).to_struct_array()})
        for name, table in relations.items()
        if table.num_rows
    ]
    if not columns:
        raise ValueError("nothing to stage: no relation has a row")
    sink = pa.BufferOutputStream()
    whole = pa.concat_tables(columns, promote_options="default")
    pq.write_table(whole, sink, compression="zstd")
    return bytes(sink.getvalue())


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def waiting(home: Path) -> list[Path]:
    """Return the staged files that are not ingested yet, oldest first."""
    folder = home / "staged"
    found = []
    for file in folder.rglob("*.parquet"):
        if file.relative_to(folder).parts[0] != "refused":
            with suppress(FileNotFoundError):  # another process has just ingested it
                found.append((file.stat().st_mtime_ns, file.name, file))
    return [file for *_, file in sorted(found)]


def abandoned(home: Path) -> list[Path]:
    """Return the temporary files of processes that were killed while they staged."""
    return sorted(
        file
        for file in (home / "staged").rglob(".*.tmp")
        if not is_running(int(file.name.split(".")[-2]))
    )


def is_running(process: int) -> bool:
    """Return whether a process of that number lives on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def alteration(file: Path) -> str | None:
    """Return how the bytes of `file` contradict the checksum in its name, or None."""
    named = _CHECKSUM.search(file.name)
    if named is None:
        return "has no checksum in its name, so steerhouse did not write it"
    found = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    if found != named[1]:
        return f"is truncated or altered: its bytes hash to {found}"
    return None
