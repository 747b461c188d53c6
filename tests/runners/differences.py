"""How far the fast sweep lies from the reference path, family by family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from runners.engine.chains import Sweep, sweep
from runners.engine.reference import Answer, measure
from runners.engine.replay import replay_sweep
from tests.runners.families import CONFIGS, MIXED, REPLAYED_CONFIGS, random_births, tiny


def one_by_one(
    loaded: Any, items: Sequence[Any], births: Mapping[int, torch.Tensor], scope: str
) -> tuple[list[Answer], dict[int, list[list[Answer]]]]:
    """Return the reference path's unsteered answers, and layer -> [item][row]."""
    return (
        [measure(loaded, item, scope) for item in items],
        {
            layer: [[measure(loaded, item, scope, layer, row) for row in rows] for item in items]
            for layer, rows in births.items()
        },
    )


@dataclass(frozen=True)
class Differences:
    """Largest distances of one sweep from the reference path, and the scale of its logits."""

    logit_diff: float
    answer_logmass: float
    prefix_logprob: float
    scale: float
    moved: float
    """Largest change that steering made: a sweep of a model that cannot move proves nothing."""

    def with_worst(self, other: Differences) -> Differences:
        """Return the larger of each."""
        return replace(self, **{k: max(v, getattr(other, k)) for k, v in vars(self).items()})


def differences(result: Sweep, unsteered: list[Answer], steered: Mapping[int, Any]) -> Differences:
    """Compare a sweep with the reference path."""

    def reference(field: str) -> torch.Tensor:
        columns = [[getattr(a, field) for a in row] for rows in steered.values() for row in rows]
        parts = torch.tensor(columns).unflatten(0, (len(steered), -1))
        first = torch.tensor([getattr(a, field) for a in unsteered])[:, None]
        return torch.cat([first, *parts], 1)

    def fast(field: str) -> torch.Tensor:
        parts = [getattr(result.steered[layer], field) for layer in steered]
        return torch.cat([getattr(result.unsteered, field)[:, None], *parts], 1)

    def largest(field: str) -> float:
        return float((fast(field) - reference(field)).abs().max())

    prefix = torch.tensor([answer.prefix_logprob for answer in unsteered])
    truth = reference("logit_diff")
    return Differences(
        largest("logit_diff"),
        largest("answer_logmass"),
        float((result.prefix_logprob - prefix).abs().max()),
        float(reference("largest").max()),
        float((truth - truth[:, :1]).abs().max()),
    )


def largest_differences(
    loaded: Any,
    items: Sequence[Any],
    scope: str,
    births: Mapping[int, torch.Tensor] | None = None,
    way: Callable[..., Sweep] = sweep,
) -> tuple[Differences, Differences]:
    """Return what one left-padded batch of mixed lengths differs by, and the items one by one."""
    births = random_births(loaded) if births is None else births
    unsteered, steered = one_by_one(loaded, items, births, scope)
    together = differences(way(loaded, items, births, scope), unsteered, steered)
    alone: Differences | None = None
    for i, item in enumerate(items):
        of_item = {layer: [rows[i]] for layer, rows in steered.items()}
        found = differences(way(loaded, [item], births, scope), [unsteered[i]], of_item)
        alone = found if alone is None else alone.with_worst(found)
    assert alone is not None
    return together, alone


def table(names: Sequence[str] | None = None, load: Callable[[str], Any] = tiny) -> str:
    """Return the largest differences of families, by every way that serves them, as lines."""
    lines = [
        f"{'family':24}{'scope':9}{'way':7}{'batch':>9}{'alone':>9}{'mass':>9}{'prefix':>9}{'scale':>7}"
    ]
    for name in names or (*CONFIGS, *REPLAYED_CONFIGS):
        late = {"chains": sweep} if name in CONFIGS else {"replay": replay_sweep}
        by_scope = {"answer": late, "decision": late}
        for scope in ("answer", "decision", "prompt", "all"):
            for label, way in by_scope.get(scope, {"replay": replay_sweep}).items():
                batch, alone = largest_differences(load(name), MIXED, scope, way=way)
                worst = batch.with_worst(alone)
                lines.append(
                    f"{name:24}{scope:9}{label:7}{batch.logit_diff:9.1e}{alone.logit_diff:9.1e}"
                    f"{worst.answer_logmass:9.1e}{worst.prefix_logprob:9.1e}{worst.scale:7.1f}"
                )
    return "\n".join(lines)
