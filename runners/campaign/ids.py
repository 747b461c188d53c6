"""Ids of evaluations, vectors and runs: what a number is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from specs.identity import canonical_json, identity, sha256


class Fit(NamedTuple):
    """The training items behind a vector."""

    dataset_id: str
    split: str
    variant_id: str
    items_sha256: str
    """SHA-256 over the item_ids used, in dataset order."""
    n_items: int
    n_questions: int


def items_sha256(item_ids: Sequence[str]) -> str:
    """Return the fingerprint of the items used, in order."""
    return sha256(canonical_json(list(item_ids)))


def evaluation_id(model_id: str, dataset_id: str, variant_id: str, score: str) -> str:
    """Return the id of asking one model one dataset under one variant."""
    return identity(
        "evaluation",
        model_id=model_id,
        dataset_id=dataset_id,
        variant_id=variant_id,
        score=score,
        parameters={},
    )


def text_evaluation_id(model_id: str, text_set_id: str, parameters: dict[str, Any]) -> str:
    """Return the id of reading a text set by one model, with the parameters of how it is read."""
    return identity(
        "evaluation",
        model_id=model_id,
        text_set_id=text_set_id,
        variant_id=None,
        score="next_token",
        parameters=parameters,
    )


def vector_id(
    model_id: str,
    method: str,
    parameters: dict[str, Any],
    fits: Sequence[Fit],
    norm: str,
    norm_vector_id: str | None,
    seed: int | None = None,
    resample: int | None = None,
    parent_vector_id: str | None = None,
    combination: str | None = None,
) -> str:
    """Return the id of a vector; `seed` is null where nothing is drawn.

    `combination` says how several fits became one vector; null where there is one.
    """
    return identity(
        "vector",
        model_id=model_id,
        method=method,
        parameters=parameters,
        seed=seed,
        resample=resample,
        fits=[[f.dataset_id, f.split, f.variant_id, f.items_sha256] for f in fits],
        combination=combination,
        norm=norm,
        norm_vector_id=norm_vector_id,
        parents=[parent_vector_id] if parent_vector_id else [],
    )


def run_id(evaluation_id: str, vector_id: str, operator: str, scope: str) -> str:
    """Return the id of one vector, applied one way, on one evaluation."""
    return identity(
        "run",
        evaluation_id=evaluation_id,
        vector_id=vector_id,
        operator=operator,
        parameters={},
        scope=scope,
    )
