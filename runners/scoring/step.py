"""The scoring step of a campaign: what lacks a score is scored, staged block by block, ingested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runners.campaign.execution import now
from runners.campaign.step import take_in
from runners.console import bar, say
from runners.scoring.asked import AskedScorer, asked_scorers
from runners.scoring.open import block_size, open_scorer
from runners.scoring.rollouts import Rollout, Scored
from runners.scoring.tally import Tally, plan_lines
from specs.faults import Refused

if TYPE_CHECKING:
    import pyarrow as pa

    from runners.campaign.campaign import Campaign
    from runners.campaign.outcome import Options, Outcome
    from runners.console import Bar


@dataclass(frozen=True)
class Todo:
    """One scorer, and how much of it is there."""

    asked: AskedScorer
    n_asked: int = 0
    """Rollouts that it is asked of."""
    n_there: int = 0
    """Those that have a score."""
    n_failed: int = 0
    """Those of which it was asked in vain."""
    n_characters: int = 0
    """Of what it has still to read."""

    @property
    def n_left(self) -> int:
        """Rollouts that it has still to score, those asked in vain included."""
        return self.n_asked - self.n_there


@dataclass
class ScoringStep:
    """What the scorers of one model's rollouts share."""

    campaign: Campaign
    options: Options
    execution: dict[str, Any]

    def do(self, outcome: Outcome) -> None:
        """Score what has no score yet; a judge that cannot go on is said in `outcome.unfinished`.

        Raises:
            Refused: a concept lacks what a scorer reads of it; a classifier that cannot be loaded.
        """
        asked = asked_scorers(self.campaign)
        if not asked:
            return
        todo = self._todo(asked)
        for line in plan_lines(self.campaign.loaded.spec.name, todo):
            say(line)
        if self.options.dry_run or not any(one.n_asked for one in todo):
            return
        left = [one for one in todo if one.n_left]
        if not self._stage_plan(asked, bool(left)):
            return
        with bar(sum(one.n_left for one in left), "rollouts") as progress:
            for one in left:
                self._score(one, progress, outcome)
        self._finish(asked, outcome)

    def _todo(self, asked: Sequence[AskedScorer]) -> list[Todo]:
        """Return what each scorer has still to do, as the warehouse has it."""
        from warehouse import queries
        from warehouse.connect import connect

        home = self.campaign.settings.home
        if not (home / "warehouse.duckdb").exists():
            return [Todo(one) for one in asked]
        with connect(home) as connection:
            return [
                Todo(one, *queries.rows(connection, "scoring_counts", **self._of(one))[0])
                for one in asked
            ]

    def _rollouts(self, asked: AskedScorer) -> list[Rollout]:
        """Return what a scorer has still to score."""
        from warehouse import queries
        from warehouse.connect import connect

        with connect(self.campaign.settings.home) as connection:
            found = queries.rows(connection, "unscored_rollouts", **self._of(asked))
        return [Rollout(*row) for row in found]

    def _of(self, asked: AskedScorer) -> dict[str, Any]:
        """Return the parameters of the query for a scorer's rollouts."""
        vectors, rollouts = asked.vector_ids, self.campaign.experiment.rollouts
        return {
            "experiment": self.campaign.experiment.name,
            "model_id": self.campaign.loaded.model_id,
            "scorer_id": asked.scorer_id,
            "vector_ids": None if vectors is None else sorted(vectors),
            "samples": rollouts.samples if rollouts else None,
        }

    def _score(self, todo: Todo, progress: Bar, outcome: Outcome) -> None:
        """Score the rollouts of one scorer, a block staged at a time."""
        progress.label(todo.asked.label)
        tally = Tally(todo.asked)
        try:
            scorer = open_scorer(todo.asked, self.campaign.settings)
        except Refused as refused:
            if not todo.asked.is_judge:
                raise
            outcome.unfinished += [f"{fault}; nothing else is lost" for fault in refused.faults]
            return
        rollouts, size = self._rollouts(todo.asked), block_size(todo.asked)
        for number, start in enumerate(range(0, len(rollouts), size)):
            block = rollouts[start : start + size]
            found: dict[str, Scored] = {}
            try:
                with closing(scorer.scores(block)) as scores:
                    for rollout, scored in scores:
                        found[rollout.rollout_id] = scored
                        progress.advance(1)
            finally:  # what was paid for is kept, whatever stops the run
                tally.count(found.values())
                self._keep(todo.asked, number, found)
            if scorer.stopped:
                outcome.unfinished.append(tally.stopped(scorer.stopped, len(rollouts)))
                break
        outcome.scored += tally.n_scored
        outcome.found += tally.lines(scorer.n_cut)

    def _keep(self, asked: AskedScorer, number: int, found: Mapping[str, Scored]) -> None:
        from warehouse.relations import arrow_table

        execution = self.execution["execution_id"]
        rows = [one.row(rollout, asked.scorer_id, execution) for rollout, one in found.items()]
        if rows:
            key = f"scores/{asked.scorer_id}-{execution}-{number:05d}"
            self._stage(key, {"score": arrow_table("score", rows)})

    def _stage_plan(self, asked: Sequence[AskedScorer], works: bool) -> bool:
        """Stage what the scores are about; return False where there is nothing new at all."""
        from warehouse.novelty import is_new
        from warehouse.relations import arrow_table

        rows: dict[str, list[dict[str, Any]]] = {}
        for one in asked:
            for relation, some in one.rows().items():
                rows.setdefault(relation, []).extend(some)
        tables = {name: arrow_table(name, some) for name, some in rows.items() if some}
        if not works and not is_new(self.campaign.settings.home, tables):
            return False
        tables["execution"] = arrow_table("execution", [self.execution])
        self._stage(f"scorers-{self.campaign.loaded.model_id}", tables)
        return True

    def _finish(self, asked: Sequence[AskedScorer], outcome: Outcome) -> None:
        """Ingest what was staged; say what did not arrive."""
        from warehouse.relations import arrow_table

        finished = {**self.execution, "finished_at": now()}
        self._stage("execution", {"execution": arrow_table("execution", [finished])})
        if take_in(self.campaign.settings):
            left = sum(todo.n_left - todo.n_failed for todo in self._todo(asked))
            if left:
                outcome.unfinished.append(
                    f"scoring: {left:,} score(s) are missing, for staged files were damaged; run "
                    "the same command again, it scores what is missing"
                )

    def _stage(self, key: str, tables: Mapping[str, pa.Table]) -> None:
        from warehouse.staged import stage

        stage(self.campaign.settings.home, key, tables)
