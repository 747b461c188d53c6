"""The rollout step of a campaign: plan, sample what is missing block by block, stage, ingest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runners.campaign.execution import now
from runners.campaign.step import take_in
from runners.console import bar, say
from runners.rollouts import effects
from runners.rollouts.asked import SPLIT
from runners.rollouts.done import Done
from runners.rollouts.lost import lost_rows
from runners.rollouts.measure import sample_block
from runners.rollouts.plan import describe
from runners.rollouts.prompts import end_tokens
from runners.rollouts.rows import effect_rows, rollout_rows
from runners.rollouts.saes import load_saes
from runners.rollouts.sampled import Manner
from runners.rollouts.sampling import Sampling
from specs.faults import Refused

if TYPE_CHECKING:
    import pyarrow as pa

    from runners.campaign.budgets import Budgets
    from runners.campaign.campaign import Campaign
    from runners.campaign.outcome import Options, Outcome
    from runners.engine.measure import Cell
    from runners.rollouts.asked import RolloutUnit
    from runners.rollouts.measure import Block, RolloutBlock
    from runners.rollouts.sampled import Sampler
    from runners.saes.loaded import LoadedSae


@dataclass
class RolloutStep:
    """What the blocks of one model's prompt sets share."""

    campaign: Campaign
    budgets: Budgets
    options: Options
    execution: dict[str, Any]

    def do(self, units: Sequence[RolloutUnit], outcome: Outcome) -> None:
        """Sample what is missing; what it is about is staged already.

        Raises:
            Refused: an SAE that cannot be read, or what was sampled did not all arrive in the
                warehouse.
        """
        if not units:
            return
        home = self.campaign.settings.home
        saes = () if self.options.dry_run else load_saes(self.campaign)
        todo = self._todo(units, saes)
        for line in describe(self.campaign.loaded.spec.name, units, todo, bool(saes)):
            say(line)
        if self.options.dry_run:
            return
        for unit in units:
            self._restore(unit, saes, todo)
            # What was sampled whole, and killed before its effects were kept.
            self._finish(unit, saes, unit.cells(), f"{unit.evaluation_id}/effects")
        if todo:
            self._stage("execution", {}, self.execution)
            self._sample(todo, saes, outcome)
            self._stage("execution", {}, {**self.execution, "finished_at": now()})
        if take_in(self.campaign.settings) and (left := self._todo(units, saes)):
            raise Refused(
                f"rollouts: {len(left)} block(s) did not arrive in the warehouse, for their staged "
                f"files were damaged (kept in {home / 'staged'}/refused); run the same command "
                "again, it samples what is missing"
            )

    def _todo(self, units: Sequence[RolloutUnit], saes: Sequence[LoadedSae]) -> list[RolloutBlock]:
        home = self.campaign.settings.home
        return [block for unit in units for block in Done.of(home, unit, saes).blocks(unit)]

    def _sample(
        self, todo: Sequence[RolloutBlock], saes: tuple[LoadedSae, ...], outcome: Outcome
    ) -> None:
        """Sample all blocks, and put each where a kill does not reach it."""
        samplers: dict[str, Sampler] = {}
        with bar(sum(block.count() for block in todo), "rollouts") as progress:
            for block in todo:
                unit = block.unit
                progress.label(unit.label)
                sampler = samplers.setdefault(unit.evaluation_id, self._sampler(unit.label))
                budget = self.budgets.at(block.place, block.number)
                base = self._unsteered(block, saes) if block.cells else []
                found = sample_block(block, sampler, budget, manner(unit, saes), base)
                self._keep(block, found, saes, outcome)
                progress.advance(block.count())

    def _sampler(self, label: str) -> Sampler:
        if self.options.engine == "reference":
            from runners.rollouts.reference import reference_rollouts

            return reference_rollouts
        from runners.rollouts.guard import GuardedRollouts

        return GuardedRollouts(label, say)

    def _shelf(self, unit: RolloutUnit, sae: LoadedSae) -> effects.Shelf:
        return effects.Shelf(self.campaign.settings.home, sae.sae_id, unit.spec.stream)

    def _unsteered(self, block: RolloutBlock, saes: Sequence[LoadedSae]) -> list[Any]:
        """Return the unsteered features of a block's pairs, for each SAE [pairs, d_sae]."""
        evaluation, number = block.unit.evaluation_id, block.number
        files = (self._shelf(block.unit, sae).unsteered(evaluation, number) for sae in saes)
        return [effects.read(file)["features"] for file in files]

    def _keep(
        self, block: RolloutBlock, found: Block, saes: Sequence[LoadedSae], outcome: Outcome
    ) -> None:
        """Write a block's features, then stage its rollouts, then what is whole by now.

        In this order: a block counts as done by its rows, and its features must be there then.
        """
        from warehouse.relations import arrow_table

        unit, n_pairs = block.unit, len(block.pairs)
        for n, sae in enumerate(saes):
            shelf = self._shelf(unit, sae)
            if not block.cells:
                where = shelf.unsteered(unit.evaluation_id, block.number)
                effects.write(where, {"features": found.features[n]}, n_pairs)
            for cell, sums in zip(
                block.cells, found.moments[n] if block.cells else (), strict=True
            ):
                effects.write(shelf.part(cell, block.number), {"moments": sums}, n_pairs)
        rows = rollout_rows(block, found)
        tables = {"rollout": arrow_table("rollout", rows)}
        if block.cells:
            tables["cell"] = arrow_table("cell", self._cells(block))
        self._stage(block.key, tables)
        outcome.rollouts += len(rows)
        self._finish(unit, saes, block.cells, f"{block.key}-effects")

    def _cells(self, block: RolloutBlock) -> list[dict[str, Any]]:
        return [
            {
                "run_id": cell.run.run_id,
                "layer": cell.layer,
                "multiplier": cell.multiplier,
                "split": SPLIT,
                "block": block.number,
                "n_items": len(block.pairs),
                "execution_id": self.execution["execution_id"],
            }
            for cell in block.cells
        ]

    def _finish(
        self, unit: RolloutUnit, saes: Sequence[LoadedSae], cells: Sequence[Cell], key: str
    ) -> None:
        """Put together the effects of those cells of which all parts are there.

        Rows are staged before the file is written and the parts go: wherever a kill falls, the
        parts, or rows and file, are there.
        """
        from warehouse.relations import arrow_table

        sizes = {number: len(pairs) for number, pairs in unit.slices()}
        floor = unit.spec.floor
        whole, rows = [], []
        for shelf in (self._shelf(unit, sae) for sae in saes):
            for cell in cells:  # a file may be there already: its rollouts were forgotten since
                if (found := shelf.combined(cell, sizes)) is not None:
                    whole.append((shelf, cell, found))
                    rows += effect_rows(cell, shelf.sae_id, shelf.stream, found, floor)
        if rows:
            self._stage(key, {"feature_effect": arrow_table("feature_effect", rows)})
        for shelf, cell, found in whole:
            shelf.keep(cell, found)
            shelf.forget_parts(cell, list(sizes))

    def _restore(
        self, unit: RolloutUnit, saes: Sequence[LoadedSae], todo: Sequence[RolloutBlock]
    ) -> None:
        """Stage effects that are whole in files and rows nowhere; not of what is sampled now."""
        from warehouse.relations import arrow_table

        coming = {_place(cell) for block in todo for cell in block.cells}
        cells = [cell for cell in unit.cells() if _place(cell) not in coming]
        shelves = [self._shelf(unit, sae) for sae in saes]
        if rows := lost_rows(self.campaign.settings.home, unit, shelves, cells):
            table = arrow_table("feature_effect", rows)
            self._stage(f"{unit.evaluation_id}/effects-restored", {"feature_effect": table})

    def _stage(
        self, key: str, tables: Mapping[str, pa.Table], execution: dict[str, Any] | None = None
    ) -> None:
        from warehouse.relations import arrow_table
        from warehouse.staged import stage

        relations = dict(tables)
        if execution:
            relations["execution"] = arrow_table("execution", [execution])
        stage(self.campaign.settings.home, key, relations)


def _place(cell: Cell) -> tuple[str, int, float]:
    return cell.run.run_id, cell.layer, cell.multiplier


def manner(unit: RolloutUnit, saes: tuple[LoadedSae, ...]) -> Manner:
    """Return what all rollouts of a unit share."""
    spec = unit.spec
    return Manner(
        Sampling(spec.temperature, spec.top_k, spec.top_p),
        spec.tokens,
        end_tokens(unit.loaded),
        spec.scope,
        saes,
        spec.stream,
    )
