"""What of each experiment is measured, told from the warehouse alone."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from runners.console import say
from specs.faults import Refused

if TYPE_CHECKING:
    from pathlib import Path

    from specs.settings import Settings


def tell(settings: Settings, experiment: str | None) -> None:
    """Print a line an experiment, model and concept to stdout.

    Raises:
        Refused: a name or glob of experiments, none of which the warehouse knows.
    """
    from warehouse import queries
    from warehouse.connect import connect
    from warehouse.output import write
    from warehouse.staged import waiting

    left = len(list(waiting(settings.home)))
    with connect(settings.home) as connection:
        known = queries.rows(connection, "experiments")
        if experiment and not any(fnmatchcase(name, experiment) for (name,) in known):
            names = ", ".join(name for (name,) in known) or "none yet"
            raise Refused(f"experiment {experiment!r} has not been run here; run so far: {names}")
        asked = {"experiments": [experiment] if experiment else None}
        question = connection.sql(queries.text("status"), params=asked)
        write(question, "table", None)
    if not known:
        say("no row: nothing was run yet; `steerhouse run quickstart` is a first run")
    if left:
        say(
            f"{left} staged file(s) wait for ingest; `steerhouse warehouse ingest` or the next "
            "run takes them in"
        )
    _tell_kept(settings.home)


def _tell_kept(home: Path) -> None:
    """Say what `run --keep-activations` has left: it is the largest of what lies in a home."""
    from runners.fitting.activations import sized

    sizes = [file.stat().st_size for file in (home / "activations").glob("*.safetensors")]
    if sizes:
        say(
            f"{len(sizes)} file(s) of kept training activations, {sized(sum(sizes))}, in "
            f"{home / 'activations'}; runs use them, and they can be deleted at any time"
        )
