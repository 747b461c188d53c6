"""From an approximator to the rows of relations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from runners.approximator.reverse import Best
    from runners.approximator.saved import FittedApproximator


def approximator_tables(found: FittedApproximator) -> Mapping[str, pa.Table]:
    """Return relation -> rows: the approximator, its features, their causes and neighbours."""
    from warehouse.relations import arrow_table

    about = {key: value for key, value in found.about.items() if key != "name"}
    name = {"kind": "approximator", "id": found.approximator_id, "name": found.about["name"]}
    return {
        "name": arrow_table("name", [name]),
        "approximator": arrow_table(
            "approximator", [{"approximator_id": found.approximator_id, **about}]
        ),
        "approximator_feature": _features(found),
        "feature_cause": _ranked(
            {"approximator_id": found.approximator_id}, "cause", "effect", found.causes
        ),
        "feature_neighbour": _ranked(
            {"sae_id": about["sae_id"]}, "neighbour", "cosine", found.neighbours
        ),
    }


def _features(found: FittedApproximator) -> pa.Table:
    """Return a row for each feature."""
    import pyarrow as pa

    skill, weights = found.skill, found.map.weights
    n = len(found.map.bias)
    columns: dict[str, Any] = {
        "feature": np.arange(n, dtype=np.int32),
        "weight_length": weights.double().norm(dim=0).numpy(),
        "bias": found.map.bias.double().numpy(),
        "decoder_cosine": found.decoder_cosine.double().numpy(),
        **{key: value.numpy() for key, value in skill._asdict().items() if key != "n"},
    }
    return pa.table({"approximator_id": pa.repeat(found.approximator_id, n), **columns})


def _ranked(about: Mapping[str, str], other: str, value: str, best: Best) -> pa.Table:
    """Return a row for each feature and rank, from 1."""
    import pyarrow as pa

    n, most = best.features.shape
    return pa.table(
        {
            **{key: pa.repeat(word, n * most) for key, word in about.items()},
            "feature": np.repeat(np.arange(n, dtype=np.int32), most),
            "rank": np.tile(np.arange(1, most + 1, dtype=np.int32), n),
            other: best.features.reshape(-1).numpy().astype(np.int32),
            value: best.values.reshape(-1).double().numpy(),
        }
    )
