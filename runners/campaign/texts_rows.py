"""From a built dataset of texts to the rows of relations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from builders.texts_dataset import BuiltTexts
    from specs.schema import TextsConcept

OF_PLACE = ("row", "text_id", "split", "positive", "source_row")
"""Columns of config `texts` that are columns of `dataset_text`."""


def texts_rows(dataset: BuiltTexts, concept: TextsConcept) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of dataset, text, dataset_text, variant and name."""
    texts = dataset.texts.to_pylist()
    identity = dataset.dataset_id
    return {
        "dataset": [
            {
                "dataset_id": identity,
                "kind": concept.kind,
                "answer_format": None,
                "split_by": None,
                "n_items": len(texts),
                "n_questions": 0,
                "licence": concept.licence,
                "citation": concept.citation,
                "n_duplicate_rows": dataset.audit.n_duplicate_rows,
                "n_leaked_questions": None,
                "n_low_confidence": None,
                "n_unparsed_options": None,
                "n_control_tokens": dataset.audit.n_control_tokens,
            }
        ],
        "text": [{"text_id": row["text_id"], "text": row["text"]} for row in texts],
        "dataset_text": [
            {"dataset_id": identity, **{column: row[column] for column in OF_PLACE}}
            for row in texts
        ],
        "variant": [
            {"variant_id": built.variant_id, "dataset_id": identity}
            for built in dataset.variants.values()
        ],
        "name": [
            {"kind": "concept", "id": identity, "name": concept.name},
            *(
                {"kind": "variant", "id": built.variant_id, "name": name}
                for name, built in dataset.variants.items()
            ),
        ],
    }
