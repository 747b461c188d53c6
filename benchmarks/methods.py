"""What further methods cost: many ways of making a vector in one run, against one.

    python -m benchmarks.methods [--limit N] [--size tiny]

Whole runs as `steerhouse run` does them (benchmarks/overhead.py), each into a fresh home: one
method and many, at one middle layer and at all layers. They share the prompts' pass and the reading
of training activations, so that a further method costs its fits and its chains. Prints a table to
stderr and one JSON object to stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks import material, overhead

ONE = ("mean_difference",)
MANY = (*ONE, "pca", "pca_centered", "lat", "lda", "leace_read")
SPENT = ("model", "fit")
"""Kinds of work that are shown by themselves."""


def measure(options: argparse.Namespace, home: Path) -> dict[str, Any]:
    """Return the seconds of one method and of many, at one layer and at all."""
    n_layers = material.SIZES[options.size]["num_hidden_layers"]
    found: dict[str, Any] = {"methods": list(MANY), "limit": options.limit, "ways": {}}
    for name, layers in (("one layer", (n_layers // 2,)), ("all layers", "all")):
        way = {}
        for methods in (ONE, MANY):
            asked = argparse.Namespace(
                **{**vars(options), "methods": methods, "layers": layers, "variants": 1}
            )
            own = home / name.replace(" ", "-") / str(len(methods))
            own.mkdir(parents=True)
            way[len(methods)] = overhead.measure(asked, own)
        one, many = way[len(ONE)], way[len(MANY)]
        found["ways"][name] = {
            "ratio": many["whole"] / one["whole"],
            "model_ratio": many["seconds"]["model"] / one["seconds"]["model"],
            **{str(n): spent for n, spent in way.items()},
        }
    return found


def table(found: Mapping[str, Any]) -> str:
    """Return the ratios as lines of text."""
    n = len(found["methods"])
    lines = [f"{n} methods against one, whole runs, seconds (ratio)"]
    lines.append(f"{'':12}{'whole':>22}{'model':>22}{'fit':>22}")
    for name, way in found["ways"].items():
        one, many = way[str(len(ONE))], way[str(n)]
        cells = [(one["whole"], many["whole"])]
        cells += [(one["seconds"].get(k, 0), many["seconds"].get(k, 0)) for k in SPENT]
        shown = "".join(f"{a:7.1f} {b:7.1f} ({b / a:4.2f})" if a else " " * 22 for a, b in cells)
        lines.append(f"{name:12}{shown}")
    return "\n".join(lines)


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, help="items a split; left out: all")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--size", choices=material.SIZES, default="60m")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as home:
        found = measure(options, Path(home))
    print(table(found), file=sys.stderr)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
