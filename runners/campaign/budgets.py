"""The token budgets of one model: where each began and was halved, found again by a resumed run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runners.engine.budget import Budget
from warehouse.whole_file import whole

if TYPE_CHECKING:
    from runners.models.load import LoadedModel


class Entry(NamedTuple):
    """From which block on a place was measured with how many tokens a batch."""

    tokens: int
    place: str
    """`<evaluation_id>/<split>` of a unit, `<variant_id>/fit` of training prompts."""
    number: int
    """Block of the place."""


@dataclass
class Budgets:
    """A budget for every block; a halving lasts for all that comes after it.

    What a place began with, and each halving from the block where it happened, is a line of a file:
    free memory decides the first of them, and a resumed run must repeat the shapes of
    the one it goes on with for its numbers to be the same to the last bit.
    """

    tokens: int
    """Tokens of a batch at places that are not known yet."""
    path: Path | None = None
    """The file; null remembers as long as the object lives."""
    entries: list[Entry] = field(default_factory=list)

    @classmethod
    def of(cls, tokens: int | Budgets) -> Budgets:
        """Return budgets of their own for a number, and budgets as they are."""
        return tokens if isinstance(tokens, Budgets) else cls(tokens)

    @classmethod
    def kept(
        cls, home: Path, loaded: LoadedModel, asked: int | None, workers: int | None = None
    ) -> Budgets:
        """Return the budgets of a model in `home`: as kept there, else `asked` or the default.

        A number that is asked for has a file of its own, and so has a cluster, whose `workers` name
        the default.
        """
        from runners.engine.batches import default_tokens_per_batch

        name = f"tokens-per-batch-{loaded.model_id}" + (f"-{asked}" if asked else "")
        name += "-ray" if workers else ""
        path = home / "staged" / name
        entries = _read(path)
        first = entries[-1].tokens if entries else asked or workers
        first = first or default_tokens_per_batch(loaded)
        return cls(first, path, entries)

    def at(self, place: str, number: int = 0) -> Budget:
        """Return the budget of a block; what it began with and its halvings are kept."""
        before = [e for e in self.entries if e.place == place and e.number <= number]
        if before:
            # Of two lines on one block the later one is its halving.
            tokens = max(reversed(before), key=lambda entry: entry.number).tokens
        else:
            tokens = self.tokens
            self._keep(Entry(tokens, place, number))
        return Budget(tokens, halved=lambda fewer: self._keep(Entry(fewer, place, number)))

    def _keep(self, entry: Entry) -> None:
        """Add an entry, on disk whole before anything is measured with it."""
        self.tokens = entry.tokens
        self.entries.append(entry)
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{e.tokens} {e.place} {e.number}\n" for e in self.entries)
        with whole(self.path) as unfinished:
            unfinished.write_text(lines, encoding="utf-8")


def _read(path: Path) -> list[Entry]:
    """Return what is kept; nothing where there is no file yet."""
    if not path.exists():
        return []
    lines = [line.split() for line in path.read_text("utf-8").splitlines()]
    return [Entry(int(tokens), place, int(number)) for tokens, place, number in lines]
