"""How memory and time grow with items: `build` and `run` of 10,000 and of 100,000 questions.

    python -m benchmarks.many_items [--counts 10000 100000]

A source file of so many different questions, a Llama of two layers and width 32, both layers and
seven multipliers; each command is a process of its own, as a user starts it, and its largest
resident memory is what the system says of it when it ends. Prints a table to stderr and one JSON
object to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import material, report
from benchmarks.curves import exponent

WORDS = """
a able about account act after again agent all allow also always an and another any are ask at away
be because been before being better between both bring build but by call can care change choose come
control could day decide do each even every ever fair few find for free from gain gather get give go
good great group grow had hand have help her here high his hold how human idea if in into it its
keep kind know large last lead learn leave less let life like little long look make many may mean
might more most move much must need never new next no not now of off offer on one only open or other
our out over own people place plan power put reach right rule run same say see seek set share she
should show small so some stay still such system take task tell than that the their them then there
these they thing think this time to too trust try two under up use very want was way we well what
when where which while who why will with work world would yes yet you your
""".split()
COMMANDS = ("build", "run")
SPECS = {
    "concepts/many.yaml": """
        description: Many questions.
        source: {{file: many.csv}}
        option_order: {{train: source, validation: source, test: source}}
        splits: {{train: 0.02, validation: 0, test: 0.98}}
        """,
    "models/small.yaml": "folder: {home}/model\ndtype: float32",
    "experiments/many.yaml": """
        models: [small]
        concepts: [many]
        layers: all
        splits: [test]
        """,
}


def measure(counts: list[int], home: Path) -> dict[str, Any]:
    """Return seconds and peak memory of both commands at every count."""
    loaded = material.model("tiny", num_hidden_layers=2, vocab_size=1024)
    material.save(loaded, home / "model")
    points = [_point(count, home) for count in counts]
    return {
        **report.about(loaded),
        "points": points,
        "exponents": {
            command: exponent(counts, [point[command]["processor_seconds"] for point in points])
            for command in COMMANDS
        },
        "bytes_an_item": {
            command: _slope(counts, [point[command]["peak_bytes"] for point in points])
            for command in COMMANDS
        },
    }


def _slope(counts: list[int], peaks: list[int]) -> float | None:
    """Return by how many bytes the peak grows an item, from the first count to the last."""
    return (peaks[-1] - peaks[0]) / (counts[-1] - counts[0]) if len(counts) > 1 else None


def _point(count: int, home: Path) -> dict[str, Any]:
    folder = home / str(count)
    write_specs(folder / "specs", count, home)
    at = ("--home", str(folder / "data"), "--specs", str(folder / "specs"))
    found = {
        "items": count,
        "build": timed_command("build", "many", *at),
        "run": timed_command("run", "many", *at),
    }
    print(f"{count:,} items: {found}", file=sys.stderr, flush=True)
    return found


def write_specs(folder: Path, count: int, home: Path) -> None:
    """Write a concept of `count` random questions, a model and an experiment."""
    for name, text in SPECS.items():
        file = folder / name
        file.parent.mkdir(parents=True)
        lines = [line.strip() for line in text.strip().splitlines()]
        file.write_text("\n".join(lines).format(home=home) + "\n", encoding="utf-8")
    draw = random.Random(0)
    with (folder / "concepts" / "many.csv").open("w", encoding="utf-8") as source:
        source.write("question,positive,negative\n")
        for number in range(count):
            question, positive, negative = (
                " ".join(draw.choices(WORDS, k=length)) for length in (20, 6, 6)
            )
            source.write(f"{number} {question}?,{positive} yes,{negative} no\n")


def timed_command(*arguments: str) -> dict[str, float]:
    """Run one steerhouse command; return its seconds and largest resident memory in bytes."""
    command = [sys.executable, "-c", "import steerhouse; steerhouse.main()", *arguments]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{' '.join(arguments)}:\n{said.read().decode()}")
    return {
        "seconds": time.perf_counter() - start,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
    }


def table(found: Mapping[str, Any]) -> str:
    """Return the points as lines of text."""
    lines = [
        f"{'items':>9}" + "".join(f"{c + ' s':>10}{'cpu s':>10}{'peak MB':>10}" for c in COMMANDS)
    ]
    for point in found["points"]:
        numbers = "".join(
            f"{point[command]['seconds']:10.1f}{point[command]['processor_seconds']:10.1f}"
            f"{point[command]['peak_bytes'] / 1e6:10.0f}"
            for command in COMMANDS
        )
        lines.append(f"{point['items']:9,}{numbers}")
    for command, power in found["exponents"].items():
        if power is not None:
            grows = found["bytes_an_item"][command]
            lines.append(
                f"{command}: processor time grows as items^{power:.2f}, {grows:,.0f} bytes an item"
            )
    return "\n".join(lines)


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        found = measure(options.counts, Path(home))
    print(table(found), file=sys.stderr)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
