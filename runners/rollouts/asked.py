"""Which rollouts an experiment asks for: of the vectors it reports, on each of its prompt sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runners.campaign.asked import Asked, Run
from runners.campaign.ids import run_id
from runners.campaign.reported import reported
from runners.rollouts.prompts import Pair, TokenisedPrompts, tokenise_prompts
from specs import operators

if TYPE_CHECKING:
    from runners.campaign.asked import Unit
    from runners.campaign.campaign import Campaign
    from runners.damage.asked import TextUnit
    from runners.engine.measure import Cell
    from runners.models.load import LoadedModel
    from specs.schema import Rollouts

SPLIT = "rollout"
"""What the rollouts of a set are called where an item would have its split."""
BLOCK_PAIRS = 64
"""Samples of openings in a block, at most; in no id."""
BLOCK_ROLLOUTS = {"cpu": 256}
"""Steered rollouts of a block by kind of device: what is staged at once, and redone whole."""
MOST_ROLLOUTS = 2048
"""The same elsewhere."""


@dataclass
class RolloutUnit:
    """Everything asked of one model and one prompt set."""

    loaded: LoadedModel
    tokenised: TokenisedPrompts
    spec: Rollouts
    asked: list[Asked]
    scales: list[dict[str, Any]] = field(default_factory=list)
    """Rows of `rise_multiplier`: how the multipliers were found, where they were."""
    texts: list[TextUnit] = field(default_factory=list)
    """The text set by which they were found."""

    @property
    def label(self) -> str:
        """The unit as a person would say it."""
        return f"{self.loaded.spec.name} · rollouts {self.tokenised.spec.name}"

    @property
    def evaluation_id(self) -> str:
        """The evaluation that all runs of the unit share."""
        return self.tokenised.evaluation_id

    def pairs(self) -> list[Pair]:
        """Return the samples of all openings: a rollout each for every cell, and unsteered."""
        return self.tokenised.pairs(self.spec.samples)

    def slices(self) -> Iterator[tuple[int, list[Pair]]]:
        """Yield (number, pairs) of the fixed slices of the samples."""
        pairs = self.pairs()
        for start in range(0, len(pairs), BLOCK_PAIRS):
            yield start // BLOCK_PAIRS, pairs[start : start + BLOCK_PAIRS]

    def cells(self) -> list[Cell]:
        """Return what is asked of every sample: a run at a layer and multiplier each."""
        from runners.engine.measure import Cell

        return [Cell(one.run, one.layer, m) for one in self.asked for m in one.multipliers]

    def groups(self) -> Iterator[list[Cell]]:
        """Yield the cells that go through together, always the same ones."""
        cells = self.cells()
        most = BLOCK_ROLLOUTS.get(self.loaded.device.type, MOST_ROLLOUTS)
        size = max(1, most // max(1, min(BLOCK_PAIRS, len(self.pairs()))))
        for start in range(0, len(cells), size):
            yield cells[start : start + size]

    def rows(self, experiment: str) -> list[dict[str, Any]]:
        """Return what an experiment asks of it: rows of `experiment_run`."""
        count = len(self.pairs())
        return [
            {
                "experiment": experiment,
                "run_id": cell.run.run_id,
                "split": SPLIT,
                "layer": cell.layer,
                "multiplier": cell.multiplier,
                "n_asked": count,
            }
            for cell in self.cells()
        ]


def tokenised_prompts(campaign: Campaign) -> list[TokenisedPrompts]:
    """Return the prompt sets of an experiment as the model reads them, in their order.

    Raises:
        Refused: a prompt set that the model cannot continue.
    """
    spec = campaign.experiment.rollouts
    if spec is None:
        return []
    names = campaign.catalog.resolve("prompt_sets", spec.prompt_sets)
    sets = [campaign.catalog.get("prompt_sets", name) for name in names]
    return [tokenise_prompts(campaign.loaded, one, spec) for one in sets]


def rollout_units(
    campaign: Campaign, units: Sequence[Unit], plan_only: bool = False
) -> list[RolloutUnit]:
    """Return the prompt sets of an experiment with the rollouts that are asked on them.

    `units` are the reported ones; with `rise` the multipliers are looked for now, unless the run
    is only planned: then those of the experiment stand for them.

    Raises:
        Refused: a prompt set that the model cannot continue.
    """
    from runners.rollouts.rise import raised

    spec = campaign.experiment.rollouts
    if spec is None:
        return []
    wanted = which(campaign, units)
    scales: list[dict[str, Any]] = []
    texts: list[TextUnit] = []
    if spec.rise is not None and wanted and not plan_only:
        by_rise = raised(campaign, spec.rise, wanted)
        wanted, scales, texts = by_rise.asked, by_rise.rows, [by_rise.texts]
    found = []
    for tokenised in tokenised_prompts(campaign):
        asked = [_on_prompts(one, tokenised.evaluation_id, spec.scope) for one in wanted]
        unique = [one for one in dict.fromkeys(asked) if one.multipliers]
        found.append(RolloutUnit(campaign.loaded, tokenised, spec, unique, scales, texts))
    # Two sets of the same openings are one evaluation.
    return list({unit.evaluation_id: unit for unit in found}.values())


def which(campaign: Campaign, units: Sequence[Unit]) -> list[Asked]:
    """Return the vectors that are rolled out, with operator, layer and multipliers: once each.

    Those whose damage is measured: fitted ones that the experiment reports, and random nulls.
    """
    once: dict[tuple[Any, ...], Asked] = {}
    for one in reported(campaign, units):
        key = (one.run.vector.vector_id, one.run.operator, one.layer, one.multipliers)
        once.setdefault(key, one)
    return list(once.values())


def _on_prompts(one: Asked, evaluation_id: str, scope: str) -> Asked:
    """Return the vector, operator, layer and multipliers of `one`, on a prompt set."""
    run = one.run
    identity = run_id(evaluation_id, run.vector.vector_id, run.operator, scope)
    multipliers = tuple(m for m in one.multipliers if operators.measured(run.operator, m))
    there = Run(identity, evaluation_id, run.vector, run.operator, scope)
    return Asked(there, SPLIT, one.layer, multipliers)
