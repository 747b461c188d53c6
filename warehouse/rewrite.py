"""Every change is made on a copy that is renamed over the file when it is whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType

import duckdb

from warehouse.faults import WarehouseRefused
from warehouse.file import attach, path
from warehouse.staged import sync_folder


class Rewrite:
    """The warehouse of `home`, copied to `warehouse.duckdb.next`; empty where there is none.

    Readers keep the file they opened. Until `put` has renamed the copy, nothing has happened; what
    a killed process leaves behind is overwritten by the next. Use it under `lock.locked`.
    """

    connection: duckdb.DuckDBPyConnection
    """Opened for writing on the copy."""

    def __init__(self, home: Path) -> None:
        self.target = path(home)
        self.file = self.target.with_name(self.target.name + ".next")

    def __enter__(self) -> Rewrite:
        _refuse_foreign_log(self.target)
        self._remove()
        try:
            if self.target.exists():
                attach(self.target, read_only=True).close()  # refuses one that is being written
                shutil.copyfile(self.target, self.file)
            self.connection = attach(self.file, read_only=False)
        except OSError as error:
            self._remove()
            raise WarehouseRefused(
                f"{self.file}: {error.strerror}; make room for a second copy of the warehouse"
            ) from error
        return self

    def put(self) -> None:
        """Write everything to disk and rename the copy over the warehouse."""
        self.connection.execute("checkpoint")
        self._close()
        with self.file.open("rb") as file:
            os.fsync(file.fileno())
        self.file.replace(self.target)
        sync_folder(self.target.parent)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.close()
        self._remove()

    def _close(self) -> None:
        self.connection.execute("use memory")
        self.connection.execute("detach warehouse")
        self.connection.close()

    def _remove(self) -> None:
        for file in (self.file, _log(self.file)):
            file.unlink(missing_ok=True)


def _log(file: Path) -> Path:
    return file.with_name(file.name + ".wal")


def _refuse_foreign_log(target: Path) -> None:
    if _log(target).exists():
        raise WarehouseRefused(
            f"{_log(target)}: another program wrote into the warehouse and did not finish; open "
            "and close the warehouse with that program, or delete this file to drop what it wrote"
        )
