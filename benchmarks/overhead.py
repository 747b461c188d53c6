"""What a whole run spends its time on: the model, and everything that is not the model.

    python -m benchmarks.overhead [--limit N] [--variants N] [--methods NAME ...] [--size tiny]

A real run in this process: `steerhouse run`'s own function on one concept, every layer and seven
multipliers, into a fresh home; then the views that people ask first. Each function named in
`LEDGER` is wrapped: while it runs, seconds go to its kind and not to that of its caller. The model
is the sweep, the reading of training activations and the self-check's reference passes; loading it
and the plan's trial passes stand apart. Prints a table to stderr and one JSON object to stdout.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import torch

from benchmarks import material, report
from runners.campaign.adhoc import parse_layers
from runners.campaign.execute import run
from runners.campaign.outcome import Options
from specs.catalog import open as open_catalog
from specs.schema import Experiment
from specs.settings import Settings

LEDGER = {
    "model": (
        "runners.engine.chains:sweep",
        "runners.engine.replay:replay_sweep",
        "runners.engine.reference:measure",
        "runners.fitting.extraction:_read_batch",
    ),
    "load": ("runners.models.load:load",),
    "trial passes": ("runners.campaign.estimate:tokens_per_second",),
    "build": ("runners.campaign.prepare:build_datasets",),
    "tokenise": ("runners.campaign.bench:Bench.tokenised",),
    "fit": ("runners.fitting.fitter:Fitter.vector",),
    "plan": (
        "runners.campaign.prepare:campaign",
        "runners.campaign.prepare:unfit",
        "runners.campaign.work:blocks",
        "runners.campaign.work:done",
        "runners.campaign.estimate:describe",
        "runners.campaign.step:about",
        "runners.campaign.wanted:rows",
    ),
    "rows": ("runners.engine.measure:measure_block", "runners.campaign.step:new_baselines"),
    "stage": ("warehouse.staged:stage", "runners.campaign.step:Step._stage"),
    "ingest": ("runners.campaign.step:take_in", "runners.campaign.execute:take_in"),
}
"""Kind of work -> functions, `module:name`, where the callers look them up."""
APART = ("model", "load", "trial passes")
"""What is not counted as overhead: the weights are read once however much is measured."""
VIEWS = ("steerability", "propensity_curve", "best_layer")


class Ledger:
    """Seconds by kind of work; what a wrapped function calls is booked where that belongs."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self._kinds = ["other"]
        self._since = time.perf_counter()

    def _book(self) -> None:
        now = time.perf_counter()
        self.seconds[self._kinds[-1]] += now - self._since
        self._since = now

    @contextmanager
    def spending(self, kind: str) -> Iterator[None]:
        """Book the seconds of the body under `kind`."""
        self._book()
        self._kinds.append(kind)
        self.calls[kind] += 1
        try:
            yield
        finally:
            self._book()
            self._kinds.pop()

    def wrapped(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its seconds booked."""

        @wraps(function)
        def booked(*args: Any, **kwargs: Any) -> Any:
            with self.spending(kind):
                return function(*args, **kwargs)

        return booked

    @contextmanager
    def watching(self, functions: Mapping[str, tuple[str, ...]]) -> Iterator[None]:
        """Wrap the functions while the body runs."""
        with ExitStack() as stack:
            for kind, names in functions.items():
                for name in names:
                    owner, attribute, function = _find(name)
                    setattr(owner, attribute, self.wrapped(kind, function))
                    stack.callback(setattr, owner, attribute, function)
            self._since = time.perf_counter()
            yield
            self._book()


def _find(name: str) -> tuple[Any, str, Callable[..., Any]]:
    """Return who holds a function, under what name, and the function."""
    module, _, path = name.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, attribute = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    return owner, attribute, getattr(owner, attribute)


def measure(options: argparse.Namespace, home: Path) -> dict[str, Any]:
    """Run one concept and return where the seconds went."""
    loaded = material.model(options.size)
    about = report.about(loaded)
    material.save(loaded, home / "model")
    del loaded
    experiment, settings = _asked(options, home)
    ledger = Ledger()
    with ledger.watching(LEDGER):
        outcome = run(experiment, open_catalog(settings), settings, Options())
    for view in VIEWS:
        with ledger.spending("views"):
            _read(view, home)
    seconds = dict(sorted(ledger.seconds.items(), key=lambda spent: -spent[1]))
    whole = sum(seconds.values())
    overhead = sum(spent for kind, spent in seconds.items() if kind not in APART)
    return {
        **about,
        "concept": material.CONCEPT,
        "variants": list(experiment.variants),
        "measurements": outcome.measured,
        "items": outcome.unsteered,
        "seconds": seconds,
        "calls": dict(ledger.calls),
        "whole": whole,
        "overhead": overhead,
        "overhead_share": overhead / whole,
        "not_model_share": 1 - seconds["model"] / whole,
        "target_share": 0.05,
    }


def _asked(options: argparse.Namespace, home: Path) -> tuple[Experiment, Settings]:
    """Write the model's spec and return the experiment."""
    (home / "specs" / "models").mkdir(parents=True)
    spec = home / "specs" / "models" / "bench.yaml"
    spec.write_text(f"folder: {home / 'model'}\ndtype: float32\n", encoding="utf-8")
    settings = Settings(home / "data", (home / "specs",), (material.SOURCES,))
    names = ("base", "system_positive", "system_negative", "user_positive", "user_negative")
    experiment = Experiment(
        name="overhead",
        models=("bench",),
        concepts=(material.CONCEPT,),
        methods=tuple(options.methods),
        layers=options.layers,
        variants=names[: options.variants],
        limit=options.limit,
    )
    return experiment, settings


def _read(view: str, home: Path) -> None:
    from warehouse.connect import connect

    with connect(home / "data") as connection:
        connection.execute(f"from {view}").fetchall()


def table(found: Mapping[str, Any]) -> str:
    """Return the seconds as lines of text."""
    lines = [
        f"{found['measurements']:,} measurements of {found['items']:,} items, "
        f"{found['whole']:.1f} s, {found['threads']} threads",
        f"{'':16}{'seconds':>9}{'share':>9}{'calls':>8}",
    ]
    for kind, seconds in found["seconds"].items():
        share = seconds / found["whole"]
        lines.append(f"{kind:16}{seconds:9.2f}{share:9.2%}{found['calls'].get(kind, 1):8}")
    lines.append(
        f"not the model: {found['overhead']:.2f} s, {found['overhead_share']:.1%} of the whole "
        f"(at most {found['target_share']:.0%}; loading and trial passes apart)"
    )
    return "\n".join(lines)


def main() -> None:
    """Read the options, run, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, help="items a split; left out: all")
    parser.add_argument("--variants", type=int, default=1, help="evaluated variants, 1 to 5")
    parser.add_argument("--methods", nargs="+", default=["mean_difference"])
    parser.add_argument("--layers", type=parse_layers, default="all", help="as `run --layers`")
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
