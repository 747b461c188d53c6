"""How a dataset lies on disk: config names, Parquet files per split, and their typed columns.

<home>/datasets/<concept>/README.md, steerhouse.json, items/<split>-00000-of-00001.parquet and one
such folder per variant; of a concept of kind `texts` texts/train-00000-of-00001.parquet alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from specs.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

ITEMS = "items"
TEXTS = "texts"
"""The config of a concept of kind `texts`, and the name under which a fit on it is shown."""
MANIFEST = "steerhouse.json"
CARD = "README.md"
FORMAT = 1
"""Raised when equal inputs give other files, or the manifest other keys or other meanings."""


def folder_of(settings: Settings, name: str) -> Path:
    """Return the folder of a concept's dataset."""
    return settings.home / "datasets" / name


def parquet(config: str, split: str) -> str:
    """Return the path of one split of one config inside a dataset folder."""
    return f"{config}/{split}-00000-of-00001.parquet"


def items_schema() -> pa.Schema:
    """Return the columns of config `items`; the split is the file."""
    import pyarrow as pa

    text, texts = pa.string(), pa.list_(pa.string())
    return pa.schema(
        {
            "row": pa.int32(),
            "item_id": text,
            "question_id": text,
            "question": text,
            "options": texts,
            "positive_option": pa.int8(),
            "symbols": texts,
            "option_order": text,
            "positive_answer": text,
            "label_confidence": pa.float64(),
            "source_row": pa.int32(),
            "source_fields": text,
        }
    )


def texts_schema() -> pa.Schema:
    """Return the columns of config `texts`; the split is the file."""
    import pyarrow as pa

    return pa.schema(
        {
            "row": pa.int32(),
            "text_id": pa.string(),
            "text": pa.string(),
            "positive": pa.bool_(),
            "source_row": pa.int32(),
        }
    )


def variant_schema() -> pa.Schema:
    """Return the columns of a variant's config."""
    import pyarrow as pa

    text = pa.string()
    message = pa.struct({"role": text, "content": text})
    return pa.schema(
        {
            "item_id": text,
            "messages": pa.list_(message),
            "answer_prefix": text,
            "positive": text,
            "negative": text,
        }
    )


def typed(schema: pa.Schema) -> pa.Schema:
    """Return the schema with the features that `datasets.load_dataset` reads as its types."""
    from datasets import Features

    schema_with_features: Any = Features.from_arrow_schema(schema).arrow_schema
    return schema_with_features
