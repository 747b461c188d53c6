"""How long every analysis takes on a warehouse of half a million and of five million measurements.

    python -m benchmarks.analyses [--measurements 500000 5000000] [--only NAME ...]

The warehouse is made up by the database itself (analyses.sql), in a temporary folder. Whatever the
catalog holds is asked with its default parameters, each on a connection of its own, as
`steerhouse analyse` does. Prints a table with seconds and how they grow to stderr and one JSON
object to stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from analysis.catalog import analyses
from analysis.run import answer
from benchmarks.curves import exponent
from specs.catalog import SHIPPED
from warehouse import file, migrate
from warehouse.connect import connect
from warehouse.faults import WarehouseRefused

PER_UNIT = 71_280
"""Measurements that analyses.sql makes for one model and concept."""
MODELS = ["llama-2-7b-chat", "qwen1.5-14b-chat"]
TARGET = 5.0
"""Seconds that an analysis should take at most, at five million."""


def names(count: int) -> list[str]:
    """Return so many concept names: those shipped first, for the analyses that look for them."""
    known = sorted(path.stem for path in (SHIPPED / "concepts").glob("*.yaml"))
    return [*known, *(f"made-up-{n}" for n in range(count))][:count]


def make(home: Path, measurements: int) -> int:
    """Write a warehouse of about so many measurements; return how many they are."""
    home.mkdir(parents=True)
    concepts = max(2, round(measurements / PER_UNIT / len(MODELS)))
    script = Path(__file__).with_suffix(".sql").read_text("utf-8")
    with file.attach(file.path(home), read_only=False) as connection:
        migrate.apply(connection)
        given = {"models": MODELS, "concepts": names(concepts)}
        for name, values in given.items():
            connection.execute(f"set variable {name} = $values", {"values": values})
        connection.execute(script)
        connection.execute("checkpoint")
        return int(connection.execute("select count(*) from measurement").fetchall()[0][0])


def ask(home: Path, name: str) -> dict[str, Any]:
    """Return seconds, processor seconds and rows of one analysis, or why it cannot be asked so."""
    with connect(home) as connection:
        wall, processor = time.perf_counter(), time.process_time()
        try:
            ((rows,),) = answer(connection, name).aggregate("count(*)").fetchall()
        except (WarehouseRefused, duckdb.Error) as refusal:
            return {"fault": str(refusal).splitlines()[0]}
        return {
            "seconds": time.perf_counter() - wall,
            "processor": time.process_time() - processor,
            "rows": rows,
        }


def measure(sizes: Sequence[int], only: Sequence[str]) -> dict[str, Any]:
    """Return what every analysis takes at every size."""
    found: dict[str, Any] = {"measurements": [], "making": [], "analyses": {}}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            home, since = Path(folder) / "home", time.perf_counter()
            found["measurements"].append(make(home, size))
            found["making"].append(time.perf_counter() - since)
            _say(f"{found['measurements'][-1]:,} measurements in {found['making'][-1]:.1f} s")
            for name in only or analyses():
                took = ask(home, name)
                found["analyses"].setdefault(name, []).append(took)
                _say(f"  {name}: {_line(took)}")
    return found


def _line(took: dict[str, Any]) -> str:
    return took.get("fault") or f"{took['seconds']:.2f} s, of the processor {took['processor']:.2f}"


def table(found: dict[str, Any]) -> str:
    """Return the numbers as lines of text, the slowest first."""
    sizes = found["measurements"]
    header = "".join(f"{size / 1e6:>11.2f} M" for size in sizes)
    lines = [f"{'seconds (processor) at':28}{header}{'rows':>10}{'exponent':>10}"]
    rows = sorted(found["analyses"].items(), key=lambda row: -row[1][-1].get("seconds", 0))
    for name, took in rows:
        if fault := next((each["fault"] for each in took if "fault" in each), None):
            lines.append(f"{name:28} {fault}")
            continue
        numbers = "".join(
            f"{t['seconds']:>7.2f}{'(' + format(t['processor'], '.1f') + ')':>6}" for t in took
        )
        grown = exponent(sizes, [each["seconds"] for each in took])
        slow = "  over" if took[-1]["seconds"] > TARGET else ""
        shown = "-" if grown is None else f"{grown:.2f}"
        lines.append(f"{name:28}{numbers}{took[-1]['rows']:>10,}{shown:>10}{slow}")
    return "\n".join(lines)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--measurements", type=int, nargs="+", default=[500_000, 5_000_000])
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    options = parser.parse_args(arguments)
    found = measure(options.measurements, options.only)
    _say(table(found))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
