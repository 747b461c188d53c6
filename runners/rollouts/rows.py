"""From rollouts to the rows of relations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runners.campaign.rows import run_row
from runners.damage.rows import about_texts
from specs.identity import canonical_json, identity

if TYPE_CHECKING:
    from runners.engine.measure import Cell
    from runners.rollouts.asked import RolloutUnit
    from runners.rollouts.effects import Effect
    from runners.rollouts.measure import Block, RolloutBlock


def about_rollouts(units: Sequence[RolloutUnit]) -> dict[str, list[dict[str, Any]]]:
    """Return what the rollouts will be about: openings, names, evaluations, runs, multipliers."""
    rows: dict[str, list[dict[str, Any]]] = {
        key: []
        for key in (
            "prompt_set prompt prompt_set_prompt name evaluation run rise_multiplier"
        ).split()
    }
    for unit in units:
        prompts = unit.tokenised
        set_id, spec = prompts.prompt_set_id, prompts.spec
        rows["prompt_set"].append(
            {
                "prompt_set_id": set_id,
                "n_prompts": len(prompts.openings),
                "language": spec.language,
                "licence": spec.licence,
                "citation": spec.citation,
            }
        )
        for row, one in enumerate(prompts.openings):
            place = {"prompt_set_id": set_id, "row": row, "prompt_id": one.prompt_id}
            rows["prompt_set_prompt"].append({**place, "copies": one.copies})
            rows["prompt"].append({"prompt_id": one.prompt_id, "prompt": one.text})
        rows["name"].append({"kind": "prompt_set", "id": set_id, "name": spec.name})
        rows["evaluation"].append(
            {
                "evaluation_id": unit.evaluation_id,
                "model_id": unit.loaded.model_id,
                "prompt_set_id": set_id,
                "score": "rollout",
                "parameters": canonical_json(prompts.parameters),
            }
        )
        runs = {one.run.run_id: one.run for one in unit.asked}
        rows["run"] += [run_row(run) for run in runs.values()]
        rows["rise_multiplier"] += unit.scales
        for name, some in about_texts(unit.texts).items():
            rows.setdefault(name, []).extend(some)
    return rows


def rollout_rows(block: RolloutBlock, found: Block) -> list[dict[str, Any]]:
    """Return the rows of `rollout` of a block."""
    evaluation = block.unit.evaluation_id
    cells: list[Cell | None] = list(block.cells) or [None]
    asked = [(cell, pair) for cell in cells for pair in block.pairs]
    sampled, tokenizer = found.sampled, block.unit.loaded.tokenizer
    rows = []
    for i, (cell, pair) in enumerate(asked):
        about = {
            "evaluation_id": evaluation,
            "run_id": cell.run.run_id if cell else None,
            "layer": cell.layer if cell else None,
            "multiplier": cell.multiplier if cell else None,
            "prompt_id": pair.opening.prompt_id,
            "sample": pair.sample,
        }
        tokens = sampled.tokens[i]
        rows.append(
            {
                "rollout_id": identity("rollout", **about),
                **about,
                "text": continuation(tokenizer, pair.opening.tokens, tokens),
                "token_ids": tokens,
                "n_tokens": len(tokens),
                "logprob": sum(sampled.logprobs[i]) / len(tokens),
                "unsteered_logprob": sum(sampled.unsteered[i]) / len(tokens),
                "margin": float(sampled.margin[i]),
            }
        )
    return rows


def continuation(tokenizer: Any, opening: Sequence[int], tokens: Sequence[int]) -> str:
    """Return the text of `tokens` as it goes on from the text of `opening`.

    Many tokenizers drop the space before the first word of what they decode: by itself `[ named]`
    is `named`, and `a boy` + `named` one word.
    """
    before = tokenizer.decode(opening, skip_special_tokens=True)
    whole: str = tokenizer.decode([*opening, *tokens], skip_special_tokens=True)
    if whole.startswith(before):
        return whole[len(before) :]
    found: str = tokenizer.decode(tokens, skip_special_tokens=True)
    return found


def effect_rows(
    cell: Cell, sae_id: str, stream: str, found: Effect, floor: float
) -> list[dict[str, Any]]:
    """Return the rows of `feature_effect`.

    Of effects of at least `floor`, of the largest, and of the features that the vector is made of
    or aims at, however small: that what was aimed at does not move is a finding.
    """
    size = found.effect.abs()
    large = (size >= floor).nonzero()[:, 0].tolist()
    chosen = sorted({*large, int(size.argmax()), *aimed_at(cell, sae_id)})
    errors = found.standard_error[chosen].tolist()
    return [
        {
            "run_id": cell.run.run_id,
            "layer": cell.layer,
            "multiplier": cell.multiplier,
            "sae_id": sae_id,
            "stream": stream,
            "feature": feature,
            "steered_mean": float(found.steered_mean[feature]),
            "unsteered_mean": float(found.steered_mean[feature] - found.effect[feature]),
            "effect": float(found.effect[feature]),
            "standard_error": None if error != error else error,
            "n_rollouts": found.n_rollouts,
        }
        for feature, error in zip(chosen, errors, strict=True)
    ]


def aimed_at(cell: Cell, sae_id: str) -> list[int]:
    """Return the features of an SAE that a cell's vector is made of or aims at."""
    vector = cell.run.vector
    if vector.parameters.get("sae_id") != sae_id:
        return []
    return [each.feature for each in vector.features.get(cell.layer, ())]
