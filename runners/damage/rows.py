"""From damage to the rows of relations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from runners.campaign.rows import repeated, run_row
from specs.identity import canonical_json

if TYPE_CHECKING:
    import pyarrow as pa

    from builders.text_sets import ReadTextSet
    from runners.damage.asked import TextUnit
    from runners.damage.sweep import Damages
    from runners.engine.measure import Cell
    from runners.prompts.positions import TokenisedItem


def about_texts(units: Sequence[TextUnit]) -> dict[str, list[dict[str, Any]]]:
    """Return what the damage will be about: text sets, texts, names, evaluations and runs."""
    rows: dict[str, list[dict[str, Any]]] = {
        key: [] for key in ("text_set", "text", "text_set_text", "name", "evaluation", "run")
    }
    for unit in units:
        for relation, some in text_set_rows(unit.tokenised.read).items():
            rows[relation] += some
        rows["evaluation"].append(
            {
                "evaluation_id": unit.evaluation_id,
                "model_id": unit.loaded.model_id,
                "text_set_id": unit.tokenised.read.text_set_id,
                "score": "next_token",
                "parameters": canonical_json(unit.tokenised.parameters),
            }
        )
        runs = {one.run.run_id: one.run for one in unit.asked}
        rows["run"] += [run_row(run) for run in runs.values()]
    return rows


def text_set_rows(read: ReadTextSet) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a text set and its texts, and its name."""
    set_id, spec = read.text_set_id, read.spec
    about = {
        "text_set_id": set_id,
        "n_texts": len(read.texts),
        "language": spec.language,
        "licence": spec.licence,
        "citation": spec.citation,
    }
    return {
        "text_set": [about],
        "text": [{"text_id": key, "text": text} for key, text in read.texts.items()],
        "text_set_text": [
            {"text_set_id": set_id, "row": row, "text_id": key}
            for row, key in enumerate(read.texts)
        ],
        "name": [{"kind": "text_set", "id": set_id, "name": spec.name}],
    }


def damage_table(
    texts: Sequence[TokenisedItem], cells: Mapping[int, Sequence[Cell]], found: Damages
) -> pa.Table:
    """Return the rows of `damage`; layer -> the cells that the columns of `found` belong to."""
    import pyarrow as pa

    parts = []
    names, told = [text.item_id for text in texts], [len(text.prompt) - 1 for text in texts]
    for layer, of_layer in cells.items():
        text = np.repeat(np.arange(len(texts)), len(of_layer))
        cell = np.tile(np.arange(len(of_layer)), len(texts))
        parts.append(
            pa.table(
                {
                    "run_id": repeated([one.run.run_id for one in of_layer], cell),
                    "layer": pa.array(np.full(len(cell), layer, np.int16)),
                    "multiplier": np.array([one.multiplier for one in of_layer], float)[cell],
                    "text_id": repeated(names, text),
                    "n_tokens": np.array(told, np.int32)[text],
                    "kl": found.kl[layer].numpy().reshape(-1),
                    "cross_entropy_rise": found.rise[layer].numpy().reshape(-1),
                }
            )
        )
    return pa.concat_tables(parts)


def baseline_rows(
    evaluation_id: str, texts: Sequence[TokenisedItem], found: Damages
) -> list[dict[str, Any]]:
    """Return the rows of `text_baseline`."""
    return [
        {
            "evaluation_id": evaluation_id,
            "text_id": text.item_id,
            "n_tokens": len(text.prompt) - 1,
            "cross_entropy": value,
        }
        for text, value in zip(texts, found.cross_entropy.tolist(), strict=True)
    ]
