"""Whether rows say anything that the warehouse does not hold yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse import file
from warehouse.connect import connect

if TYPE_CHECKING:
    import pyarrow as pa

WHOLE = ("experiment_run",)
"""Relations whose rows replace others by a key that is not a row's: both directions count."""


def is_new(home: Path, relations: Mapping[str, pa.Table]) -> bool:
    """Return whether staging `relations` (name -> rows) would change the warehouse of `home`.

    A row of a relation whose first row wins counts as new while it differs from the one kept.
    """
    if not file.path(home).is_file():
        return True
    with connect(home) as connection:
        for name, rows in relations.items():  # noqa: B007 (`rows` is read by DuckDB by its name)
            if connection.execute(f'from rows except from "{name}" limit 1').fetchall():
                return True
            if (
                name in WHOLE
                and connection.execute(
                    f'from "{name}" where experiment in (select experiment from rows) '
                    "except from rows limit 1"
                ).fetchall()
            ):
                return True
    return False
