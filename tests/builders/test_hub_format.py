"""What is built is what the Hub and DuckDB read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from builders.build import build
from specs.schema import Concept, Variant
from specs.settings import Settings

Make = Callable[..., Concept]
ROOT = Path(__file__).resolve().parents[2]
PERSONA = {"positive": "You love tea.", "negative": "You loathe tea."}


def test_hub_format_loads_offline_with_types_and_named_splits(
    concept: Make,
    settings: Settings,
    base: Variant,
    asserting: Variant,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from datasets import List, Value, load_dataset

    built = build(concept(persona=PERSONA, n=20), [base, asserting], settings)
    items = load_dataset(str(built.folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in items.items()} == {
        "train": 16,
        "validation": 4,
        "test": 20,
    }
    features = items["train"].features
    assert features["options"] == List(Value("string"))
    assert features["positive_option"] == Value("int8")
    assert features["label_confidence"] == Value("float64")
    assert items["test"]["item_id"][:] == built.items["item_id"].to_pylist()[20:]
    rows = load_dataset(str(built.folder), "asserting", cache_dir=str(tmp_path / "cache"))
    assert rows["test"].features["messages"] == List(
        {"role": Value("string"), "content": Value("string")}
    )
    assert rows["test"][0]["messages"][0] == {"role": "system", "content": "You love tea."}


def test_duckdb_reads_the_files_as_they_lie(
    concept: Make, settings: Settings, base: Variant
) -> None:
    import duckdb

    built = build(concept(), [base], settings)
    query = f"""
        select count(*), count(distinct item_id), max(messages[1].role)
        from '{built.folder}/items/*.parquet' join '{built.folder}/base/*.parquet' using (item_id)
    """
    assert duckdb.execute(query).fetchall() == [(40, 40, "system")]
    schema = built.items.schema
    assert schema.names[:3] == ["split", "row", "item_id"]
    assert (str(schema.field("row").type), str(schema.field("source_row").type)) == (
        "int32",
        "int32",
    )
    assert built.items["row"].to_pylist() == list(range(40))
    assert built.variants["base"].rows["item_id"].to_pylist() == built.items["item_id"].to_pylist()


@pytest.mark.parametrize(
    ("answer_format", "task"),
    [("letter", "multiple-choice"), ("yes_no", "question-answering"), ("text", "text-generation")],
)
def test_the_card_names_the_task_that_the_answers_make(
    concept: Make, settings: Settings, base: Variant, answer_format: str, task: str
) -> None:
    from huggingface_hub import DatasetCard

    rows = [{"question": f"Tea {i}?", "positive": "Yes", "negative": "No"} for i in range(20)]
    built = build(concept({"inline": rows}, answer_format=answer_format), [base], settings)
    assert DatasetCard.load(built.folder / "README.md").data.task_categories == [task]
