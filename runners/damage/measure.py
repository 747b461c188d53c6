"""Measure one block of texts: every missing cell of it in one pass over the texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runners.damage.asked import SPLIT, cells
from runners.damage.rows import baseline_rows, damage_table
from runners.engine.measure import births

if TYPE_CHECKING:
    import pyarrow as pa

    from runners.damage.asked import TextUnit
    from runners.damage.sweep import DamageSweep
    from runners.engine.budget import Budget
    from runners.engine.measure import Cell
    from runners.prompts.positions import TokenisedItem


@dataclass(frozen=True)
class TextBlock:
    """A slice of a text set with the cells it still lacks."""

    unit: TextUnit
    number: int
    texts: list[TokenisedItem]
    cells: list[Cell]

    @property
    def place(self) -> str:
        """Evaluation and split: what `number` counts in."""
        return f"{self.unit.evaluation_id}/{SPLIT}"

    def tokens(self) -> int:
        """Tokens of the texts, read once without steering."""
        return sum(text.width for text in self.texts)

    def replayed(self) -> float:
        """Steered tokens in units of a full pass: of layer l they pass the blocks behind it."""
        n_layers = self.unit.loaded.n_layers
        shares = ((n_layers - 1 - cell.layer) / n_layers for cell in self.cells)
        return self.tokens() * sum(shares)

    def unembedded(self) -> int:
        """Positions that are unembedded: every token's, unsteered and for each cell."""
        return self.tokens() * (1 + len(self.cells))


def measure_texts(block: TextBlock, sweep: DamageSweep, budget: Budget) -> dict[str, pa.Table]:
    """Return the rows of `damage` and `text_baseline` of a block.

    Where memory runs out the block is done anew in batches and passes of half the tokens.

    Raises:
        Refused: a single text does not fit, or what the sweep refuses.
    """
    from runners.damage.sweep import Damages
    from warehouse.relations import arrow_fitted, arrow_table

    born = births(block.cells)
    found = Damages.empty(len(block.texts), born.rows)

    def do(batch: list[int]) -> None:
        texts = [block.texts[i] for i in batch]
        part = sweep(block.unit.loaded, texts, born.rows, budget.tokens)
        found.cross_entropy[batch] = part.cross_entropy
        for layer in born.rows:
            found.kl[layer][batch], found.rise[layer][batch] = part.kl[layer], part.rise[layer]

    while not budget.fits(block.texts, do):
        pass
    rows = baseline_rows(block.unit.evaluation_id, block.texts, found)
    return {
        "damage": arrow_fitted("damage", damage_table(block.texts, born.cells, found)),
        "text_baseline": arrow_table("text_baseline", rows),
    }


def blocks(units: Sequence[TextUnit], done: dict[tuple[object, ...], int]) -> list[TextBlock]:
    """Return the blocks with something to measure.

    `done`: (run_id, layer, multiplier, block) -> texts measured.
    """
    found = []
    for unit in units:
        asked = cells(unit)
        for number, texts in unit.blocks():
            missing = [
                cell
                for cell in asked
                if done.get((cell.run.run_id, cell.layer, cell.multiplier, number), 0) < len(texts)
            ]
            if missing:
                found.append(TextBlock(unit, number, texts, missing))
    return found
