"""What a run says while it works: lines and one progress bar, all on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

console = Console(stderr=True, highlight=False, soft_wrap=True)


def say(line: str) -> None:
    """Print one line to stderr."""
    console.print(line, markup=False)


class Bar:
    """One bar over prompts; a stderr that is no terminal gets no bar, only what `say` prints."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total)

    def label(self, text: str) -> None:
        """Name what is being worked on."""
        self._progress.update(self._task, description=text)

    def advance(self, items: int) -> None:
        """Count items as done."""
        self._progress.advance(self._task, items)


@contextmanager
def bar(total: int, what: str = "prompts") -> Iterator[Bar]:
    """Show a bar over so many of `what` while the body runs."""
    columns = (
        BarColumn(24),
        MofNCompleteColumn(),
        TextColumn(what),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Bar(progress, total)
