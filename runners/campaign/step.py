"""One step of a campaign: plan, measure what is missing block by block, stage, ingest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runners.campaign import estimate, wanted, work
from runners.campaign.about import about
from runners.campaign.execution import now
from runners.campaign.executor import rows_of
from runners.campaign.rows import cell_rows
from runners.console import bar, say
from runners.engine.measure import new_baselines
from specs.faults import Refused

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from runners.campaign.asked import Unit
    from runners.campaign.campaign import Campaign
    from runners.campaign.executor import Executor, Result
    from runners.campaign.outcome import Options, Outcome
    from runners.campaign.work import Block
    from runners.damage.asked import TextUnit
    from runners.rollouts.asked import RolloutUnit
    from specs.settings import Settings


@dataclass
class Step:
    """What the steps of one campaign share."""

    campaign: Campaign
    executor: Executor
    options: Options
    execution: dict[str, Any]
    unfit: Mapping[tuple[str, str], Mapping[str, str]]

    def do(
        self,
        name: str,
        units: Sequence[Unit],
        outcome: Outcome,
        whole_plan: bool,
        texts: Sequence[TextUnit] = (),
        rollouts: Sequence[RolloutUnit] = (),
    ) -> None:
        """Plan, measure and ingest one step.

        `texts` and `rollouts` are asked for with it, and measured later.
        """
        settings = self.campaign.settings
        done = work.done(settings.home, units)
        todo = work.blocks(units, done)
        title = f"{self.campaign.loaded.spec.name}: {name}"
        workers = self.executor.workers() if todo else 1
        for line in estimate.describe(title, units, todo, workers, self.options.engine):
            say(line)
        if todo and (where := self.executor.plan()):
            say(f"  {where}")
        if self.options.dry_run:
            return
        experiment = self.campaign.experiment.name
        asked = (
            wanted.whole(self.campaign, units, [*texts, *rollouts], outcome)
            if whole_plan
            else wanted.first(experiment, settings.home, units)
        )
        self._stage_plan(units, texts, rollouts, asked, bool(todo))
        with bar(sum(len(block.items) for block in todo)) as progress:
            for result in self.executor.measure(todo, progress.label):
                stored = done.baselines.get(result.block.unit.evaluation_id, {})
                self._keep(result, stored, outcome)
                progress.advance(len(result.block.items))
        if todo:
            stage_execution(settings.home, {**self.execution, "finished_at": now()})
        if take_in(settings):
            self._refuse_missing(name, units)

    def verify(self, units: Sequence[Unit]) -> None:
        """Measure random stored rows again and keep the comparison, then say or refuse it."""
        from runners.campaign.verdict import tell
        from runners.campaign.verify import verify
        from warehouse.relations import arrow_table
        from warehouse.staged import stage

        home = self.campaign.settings.home
        identity = self.execution["execution_id"]
        found = verify(units, self.options.verify, self.campaign.settings, identity)
        if found:
            rows = {"verification": found, "execution": [{**self.execution, "finished_at": now()}]}
            stage(home, "verification", {k: arrow_table(k, v) for k, v in rows.items()})
            take_in(self.campaign.settings)
        tell(found, self.campaign.loaded)

    def _refuse_missing(self, name: str, units: Sequence[Unit]) -> None:
        """Refuse to go on where what was measured did not all arrive in the warehouse."""
        home = self.campaign.settings.home
        left = work.blocks(units, work.done(home, units))
        if left:
            cells = sum(len(block.items) * len(block.cells) for block in left)
            raise lost(f"{name}: {cells:,} measurements in {len(left)} block(s)", home)

    def _keep(self, result: Result, stored: Mapping[str, float], outcome: Outcome) -> None:
        """Stage one measured block, and count it."""
        from runners.engine.selfcheck import arithmetic, tolerance

        block, measured, checks = result
        identity = self.execution["execution_id"]
        allowed = 2 * tolerance(arithmetic(self.campaign.loaded), measured.scale)
        fresh = new_baselines(block.unit.evaluation_id, block.items, measured, stored, allowed)
        found = {
            "baseline": fresh,
            "cell": cell_rows(block.cells, block.split, block.number, len(block.items), identity),
            "verification": rows_of(checks, identity),
        }
        self._stage(block, found, measured.tables)
        outcome.measured += sum(table.num_rows for table in measured.tables)
        outcome.unsteered += len(fresh)

    def _stage(
        self, block: Block, found: Mapping[str, list[dict[str, Any]]], tables: list[pa.Table]
    ) -> None:
        """Write one block's rows as one staged file."""
        import pyarrow as pa

        from warehouse.relations import arrow_schema, arrow_table
        from warehouse.staged import stage

        relations = {name: arrow_table(name, some) for name, some in found.items() if some}
        if tables:
            schema = arrow_schema("measurement")
            relations["measurement"] = pa.concat_tables(
                [table.select(schema.names).cast(schema) for table in tables]
            )
        key = f"{block.unit.evaluation_id}/{block.split}-{block.number:05d}"
        stage(self.campaign.settings.home, key, relations)

    def _stage_plan(
        self,
        units: Sequence[Unit],
        texts: Sequence[TextUnit],
        rollouts: Sequence[RolloutUnit],
        asked: list[dict[str, Any]],
        works: bool,
    ) -> None:
        """Stage what the numbers will be about, where the warehouse does not know it all.

        Where there is work its execution is staged first: a finished block must not name an
        execution that is nowhere, however the run ends.
        """
        from warehouse.novelty import is_new
        from warehouse.relations import arrow_table
        from warehouse.staged import stage

        home = self.campaign.settings.home
        relations = about(self.campaign, units, self.unfit, texts, rollouts)
        if asked:
            relations["experiment_run"] = arrow_table("experiment_run", asked)
        if works or is_new(home, relations):
            relations["execution"] = arrow_table("execution", [self.execution])
            stage(home, f"plan-{self.campaign.loaded.model_id}", relations)
            if take_in(self.campaign.settings) and is_new(home, relations):
                raise Refused(
                    f"the plan did not arrive in the warehouse, for its staged file was damaged "
                    f"(kept in {home / 'staged'}/refused); run the same command again"
                )


def stage_execution(home: Path, execution: Mapping[str, Any]) -> None:
    """Stage the row of an execution by itself: as it begins, or as it ends."""
    from warehouse.relations import arrow_table
    from warehouse.staged import stage

    stage(home, "execution", {"execution": arrow_table("execution", [execution])})


def lost(what: str, home: Path) -> Refused:
    """Return the refusal to go on without what was measured and is not in the warehouse."""
    return Refused(
        f"{what} did not arrive in the warehouse, for their staged files were damaged (kept in "
        f"{home / 'staged'}/refused); run the same command again, it measures what is missing"
    )


def take_in(settings: Settings) -> int:
    """Ingest what is staged; return how many damaged files were set aside, each named.

    Their blocks are measured again: by this run where they were left by another, else by the next.
    """
    from warehouse.ingest import ingest
    from warehouse.migrate import bring_up

    for name in bring_up(settings.home):
        say(f"warehouse brought up to date: {name}")
    refused = ingest(settings.home).refused
    for line in refused:
        say(f"Warning: {line}")
    return len(refused)
