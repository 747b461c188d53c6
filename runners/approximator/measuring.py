"""How the effects of vectors are measured in a run: by rollouts, as of any reported vector.

Nothing of a rollout but its features is kept: an approximator needs tens of thousands of vectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from runners.campaign.budgets import Budgets
from runners.console import say
from runners.rollouts.asked import RolloutUnit
from runners.rollouts.measure import RolloutBlock, sample_block
from runners.rollouts.prompts import tokenise_prompts
from runners.rollouts.step import manner
from specs.faults import Refused
from specs.schema import Rollouts

if TYPE_CHECKING:
    from torch import Tensor

    from runners.campaign.asked import Asked
    from runners.rollouts.prompts import TokenisedPrompts
    from runners.rollouts.sampled import Sampler
    from runners.saes.loaded import LoadedSae
    from runners.saes.shelf import Saes
    from specs.schema import Approximator

RAISED = 16
"""Vectors whose multipliers are looked for together."""


@dataclass(frozen=True)
class ByRollouts:
    """Effects are those of rollouts on the model of a run."""

    saes: Saes

    def prompt_set_id(self, spec: Approximator) -> str:
        """Return the id of a spec's openings."""
        return self._tokenised(spec).prompt_set_id

    def effects(self, spec: Approximator, sae: LoadedSae) -> RolloutEffects:
        """Return what measures effects on the features of `sae` as a spec asks."""
        from runners.rollouts.guard import GuardedRollouts

        unit = RolloutUnit(self.saes.loaded, self._tokenised(spec), _rollouts(spec), [])
        sampler = GuardedRollouts(f"approximator {spec.name}", say)
        return RolloutEffects(self.saes, spec, sae, unit, sampler)

    def _tokenised(self, spec: Approximator) -> TokenisedPrompts:
        openings = self.saes.catalog.get("prompt_sets", spec.prompt_set)
        return tokenise_prompts(self.saes.loaded, openings, _rollouts(spec))


@dataclass
class RolloutEffects:
    """Measures vectors at one layer: mean features steered minus unsteered, over rollouts."""

    saes: Saes
    spec: Approximator
    sae: LoadedSae
    unit: RolloutUnit
    sampler: Sampler
    _unsteered: dict[int, Tensor] = field(default_factory=dict)
    """Number of a slice of the samples -> unsteered features [pairs, d_sae], kept throughout."""

    def __call__(self, vectors: Tensor) -> Tensor:
        """Return effects, float32 [n, d_sae], of unit vectors [n, d_model].

        Raises:
            Refused: a vector at which cross-entropy never rises as asked, and what rollouts refuse.
        """
        import torch

        asked = [_asked(vector, self.spec.layer, number) for number, vector in enumerate(vectors)]
        multipliers = self._multipliers(asked)
        unit = replace(
            self.unit,
            asked=[replace(a, multipliers=(m,)) for a, m in zip(asked, multipliers, strict=True)],
        )
        total = torch.zeros(len(vectors), self.sae.d_sae, dtype=torch.float64)
        for number, pairs in unit.slices():
            base = self._base(RolloutBlock(unit, number, pairs, []))
            at = 0
            for cells in unit.groups():
                found = self._sampled(RolloutBlock(unit, number, pairs, cells), [base])
                total[at : at + len(cells)] += found.moments[0][:, 1]
                at += len(cells)
        return (total / len(unit.pairs())).float()

    def _base(self, block: RolloutBlock) -> Tensor:
        """Return the unsteered features of a slice of the samples."""
        if block.number not in self._unsteered:
            self._unsteered[block.number] = self._sampled(block, []).features[0]
        return self._unsteered[block.number]

    def _sampled(self, block: RolloutBlock, base: list[Tensor]) -> Any:
        budget = self._budgets.at(f"{self.unit.evaluation_id}/approximator")
        return sample_block(block, self.sampler, budget, manner(block.unit, (self.sae,)), base)

    @cached_property
    def _budgets(self) -> Budgets:
        return Budgets.kept(self.saes.settings.home, self.saes.loaded, None)

    def _multipliers(self, asked: list[Asked]) -> list[float]:
        """Return what each unit vector is multiplied by."""
        if self.spec.scale is not None:
            return [self.spec.scale] * len(asked)
        found = [m for start in range(0, len(asked), RAISED) for m in self._raised(asked, start)]
        lost = [number for number, m in enumerate(found) if m != m]
        if lost:
            assert self.spec.rise is not None
            raise Refused(
                f"approximator {self.spec.name}: {len(lost)} of {len(asked)} vectors never cost "
                f"text set {self.spec.rise.text_set} as much as `rise` asks; lower it, or give a "
                "`scale` in its place"
            )
        return found

    def _raised(self, asked: list[Asked], start: int) -> Iterator[float]:
        """Yield the multipliers of some vectors at which cross-entropy rises as asked."""
        import torch

        from runners.damage.asked import TextUnit
        from runners.rollouts.rise import by_loss, by_rise, text_costs

        rise, some = self.spec.rise, asked[start : start + RAISED]
        assert rise is not None
        texts = TextUnit(self.saes.loaded, self.saes.texts(rise.text_set), [])
        budget = self._budgets.at(f"{texts.evaluation_id}/rise")
        if rise.loss is None:
            lengths = torch.ones(len(some), dtype=torch.float64)
            found = by_rise(lambda m: text_costs(texts, some, m, budget)[0], lengths, rise.nats)
        else:
            grid = torch.tensor(rise.grid, dtype=torch.float64).expand(len(some), -1)
            costs, unsteered = text_costs(texts, some, grid, budget)
            found = by_loss(grid, costs + unsteered, rise.loss)
        yield from found.tolist()


def _rollouts(spec: Approximator) -> Rollouts:
    """Return the rollouts that a spec asks for as an experiment would."""
    return Rollouts(prompt_sets=(spec.prompt_set,), **spec.rollouts.model_dump())


def _asked(vector: Tensor, layer: int, number: int) -> Asked:
    """Return a vector that is tried, as rollouts take one: it is in no warehouse."""
    from runners.campaign.asked import Asked, Run

    tried: Any = SimpleNamespace(directions={layer: vector})
    return Asked(Run(f"tried-{number}", "", tried, "add", "all"), "rollout", layer, ())
