"""How far the fast sweep lies from the reference path, family by family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from runners.engine import prefix
from runners.engine.chains import Sweep, sweep
from runners.engine.edits import Rows
from runners.engine.reference import Answer, measure
from runners.engine.replay import replay_sweep
from tests.runners.families import (
    MIXED,
    OPERATIONS,
    UNEQUAL,
    random_births,
    random_edits,
    random_items,
    tiny,
)
from tests.runners.family_configs import CONFIGS, REPLAYED_CONFIGS


def one_by_one(
    loaded: Any, items: Sequence[Any], births: Mapping[int, Rows], scope: str
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
    births: Mapping[int, Rows] | None = None,
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


LONG = [replace(item, sequence=True) for item in UNEQUAL]
OPERATORS = tuple(dict.fromkeys(operator for operator, _ in OPERATIONS))
COMMON = random_items([9], [0], seed=9)[0].prompt


def table(names: Sequence[str] | None = None, load: Callable[[str], Any] = tiny) -> str:
    """Return the largest differences of families, by every way that serves them, as lines.

    `batch`: a left-padded batch of mixed lengths; `alone`: its items one by one; `common`: behind
    nine tokens in common, which chains compute once; `text`: completions of several tokens.
    """
    columns = "".join(f"{c:>9}" for c in ("batch", "alone", "common", "text", "mass", "prefix"))
    lines = [f"{'family':24}{'scope':9}{'way':7}{columns}{'scale':>7}"]
    for name in names or (*CONFIGS, *REPLAYED_CONFIGS):
        for scope, (label, way) in _ways(name).items():
            lines.append(f"{name:24}{scope:9}{label:7}{_row(load(name), scope, way)}")
    return "\n".join(lines)


def operators_table(names: Sequence[str] | None = None, load: Callable[[str], Any] = tiny) -> str:
    """Return the largest difference in logits of each operator, family and scope, as lines.

    At two layers; the larger of a left-padded batch of mixed lengths and of completions of several
    tokens.
    """
    columns = "".join(f"{operator:>17}" for operator in OPERATORS)
    lines = [f"{'family':24}{'scope':9}{'way':7}{columns}{'scale':>7}"]
    for name in names or (*CONFIGS, *REPLAYED_CONFIGS):
        for scope, (label, way) in _ways(name).items():
            found = [_by_operator(load(name), items, scope, way) for items in (MIXED, LONG)]
            worst = (max(column) for column in zip(*found, strict=True))
            *numbers, scale = worst
            shown = "".join(f"{number:17.1e}" for number in numbers)
            lines.append(f"{name:24}{scope:9}{label:7}{shown}{scale:7.1f}")
    return "\n".join(lines)


def _by_operator(
    loaded: Any, items: Sequence[Any], scope: str, way: Callable[..., Sweep]
) -> tuple[float, ...]:
    """Return the largest difference of each of OPERATORS, and the scale of the logits."""
    births = random_edits(loaded, [0, 2])
    _, slow = one_by_one(loaded, items, births, scope)
    fast = way(loaded, items, births, scope).steered
    largest, scale = dict.fromkeys(OPERATORS, 0.0), 0.0
    for layer, answers in slow.items():
        for i, answered in enumerate(answers):
            for row, (operator, _) in enumerate(OPERATIONS):
                gap = abs(float(fast[layer].logit_diff[i, row]) - answered[row].logit_diff)
                largest[operator] = max(largest[operator], gap)
                scale = max(scale, answered[row].largest)
    return (*largest.values(), scale)


def _ways(name: str) -> dict[str, tuple[str, Callable[..., Sweep]]]:
    """Return the way that serves each scope of a family, and what it is called."""
    late = ("chains", sweep) if name in CONFIGS else ("replay", replay_sweep)
    wide = ("replay", replay_sweep)
    return {"answer": late, "decision": late, "prompt": wide, "all": wide}


def _row(loaded: Any, scope: str, way: Callable[..., Sweep]) -> str:
    batch, alone = largest_differences(loaded, MIXED, scope, way=way)
    behind = [replace(item, prompt=COMMON + item.prompt) for item in MIXED]
    own, prefix.WORTH["cpu"] = prefix.WORTH["cpu"], 0
    try:
        common, _ = largest_differences(loaded, behind, scope, way=way)
    finally:
        prefix.WORTH["cpu"] = own
    text, apart = largest_differences(loaded, LONG, scope, way=way)
    text, worst = text.with_worst(apart), batch.with_worst(alone).with_worst(common)
    found = (batch.logit_diff, alone.logit_diff, common.logit_diff, text.logit_diff)
    numbers = (*found, worst.answer_logmass, worst.prefix_logprob)
    return "".join(f"{number:9.1e}" for number in numbers) + f"{worst.scale:7.1f}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(table())
    print(operators_table())
