"""The damage step of a campaign: plan, measure what is missing block by block, stage, ingest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runners.campaign.execution import now
from runners.campaign.rows import cell_rows
from runners.campaign.step import lost, stage_execution, take_in
from runners.console import bar, say
from runners.damage.asked import NULL, SPLIT, cells
from runners.damage.measure import TextBlock, blocks, measure_texts
from specs.operators import asked_multipliers, measured

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from runners.campaign.asked import Unit
    from runners.campaign.budgets import Budgets
    from runners.campaign.campaign import Campaign
    from runners.campaign.outcome import Options, Outcome
    from runners.damage.asked import TextUnit
    from runners.damage.sweep import DamageSweep
    from runners.damage.texts import TokenisedTexts


@dataclass
class DamageStep:
    """What the blocks of one model's text sets share."""

    campaign: Campaign
    budgets: Budgets
    options: Options
    execution: dict[str, Any]

    def do(self, units: Sequence[TextUnit], outcome: Outcome) -> None:
        """Measure the damage that the warehouse lacks; what it is about is staged already.

        Raises:
            Refused: what was measured did not all arrive in the warehouse.
        """
        home = self.campaign.settings.home
        todo = blocks(units, finished(home, units))
        name, tokens = self.campaign.loaded.spec.name, self.budgets.tokens
        for line in describe(name, units, todo, tokens, self.options.engine):
            say(line)
        if self.options.dry_run or not todo:
            return
        stage_execution(home, self.execution)
        with bar(sum(len(block.texts) for block in todo)) as progress:
            sweeps: dict[str, DamageSweep] = {}
            for block in todo:
                progress.label(block.unit.label)
                sweep = sweeps.setdefault(block.unit.evaluation_id, self._sweep(block.unit.label))
                budget = self.budgets.at(block.place, block.number)
                self._keep(block, measure_texts(block, sweep, budget), outcome)
                progress.advance(len(block.texts))
        stage_execution(home, {**self.execution, "finished_at": now()})
        if take_in(self.campaign.settings) and (left := blocks(units, finished(home, units))):
            raise lost(f"damage: {len(left)} block(s)", home)

    def _sweep(self, label: str) -> DamageSweep:
        if self.options.engine == "reference":
            from runners.damage.reference import reference_damages

            return reference_damages
        from runners.damage.guard import GuardedDamage

        return GuardedDamage(label, say)

    def _keep(self, block: TextBlock, found: dict[str, pa.Table], outcome: Outcome) -> None:
        """Stage one measured block, and count it."""
        from warehouse.relations import arrow_table
        from warehouse.staged import stage

        rows = cell_rows(
            block.cells, SPLIT, block.number, len(block.texts), self.execution["execution_id"]
        )
        key = f"{block.place}-{block.number:05d}"
        stage(self.campaign.settings.home, key, {**found, "cell": arrow_table("cell", rows)})
        outcome.damages += found["damage"].num_rows


def finished(home: Path, units: Sequence[TextUnit]) -> dict[tuple[object, ...], int]:
    """Return (run_id, layer, multiplier, block) -> texts measured, as the warehouse has it."""
    from warehouse import file, queries
    from warehouse.connect import connect

    if not file.path(home).exists():
        return {}
    runs = sorted({one.run.run_id for unit in units for one in unit.asked})
    with connect(home) as connection:
        rows = queries.rows(connection, "finished_cells", run_ids=runs, split=SPLIT)
    return {tuple(key): n_items for *key, n_items in rows}


def describe(
    model: str,
    units: Sequence[TextUnit],
    todo: Sequence[TextBlock],
    tokens_per_pass: int,
    engine: str = "fast",
) -> list[str]:
    """Return the plan as lines."""
    from runners.campaign.estimate import duration
    from runners.damage.estimate import work

    if not units:
        return []
    texts = sum(len(unit.tokenised.texts) for unit in units)
    asked = sum(len(unit.tokenised.texts) * len(cells(unit)) for unit in units)
    missing = sum(len(block.texts) * len(block.cells) for block in todo)
    lines = [
        f"{model}: damage on {texts:,} text(s) of {len(units)} set(s), {asked:,} asked, "
        f"{asked - missing:,} already there, {missing:,} to measure"
    ]
    for unit in units:
        if n_cut := unit.tokenised.n_cut:
            name = unit.tokenised.read.spec.name
            lines.append(f"  of {n_cut} text(s) of {name} only the beginning is read (max_tokens)")
    if todo:
        found = work(todo, tokens_per_pass, engine)
        lines.append(
            f"  {found.words}, {found.flops:.2g} FLOP, about {duration(found.seconds)} at the "
            "speed of a short trial"
        )
    return lines


def foreseen(
    campaign: Campaign, sets: Sequence[TokenisedTexts], units: Sequence[Unit]
) -> list[str]:
    """Return, as a line, what damage will be asked for once the layers are chosen."""
    experiment = campaign.experiment
    if not sets:
        return []
    vectors: dict[tuple[str, str], set[int]] = {}
    for one in (one for unit in units for one in unit.asked):
        vectors.setdefault((one.run.vector.vector_id, one.run.operator), set()).add(one.layer)
    asked = 0
    for (_, operator), layers in vectors.items():
        swept = 1 if experiment.layers == "best" else len(layers)
        grid = asked_multipliers(operator, experiment.multipliers)
        asked += (swept + experiment.nulls.random) * sum(measured(operator, m) for m in grid)
    texts = sum(len(each.texts) for each in sets)
    return [
        f"{campaign.loaded.spec.name}: damage on {texts:,} text(s), about {texts * asked:,} to ask "
        f"for, {NULL} nulls included, once the layers are chosen"
    ]
