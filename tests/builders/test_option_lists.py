"""Sources that list their options with a 1 or a 0 each, as TruthfulQA does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from builders.build import build, prepare
from builders.sources import locate
from specs.catalog import Catalog
from specs.faults import Refused
from specs.schema import Concept, Fields
from specs.settings import Settings

Make = Callable[..., Concept]
FIELDS = {"options": "targets.choices", "labels": "targets.labels"}


def row(number: int, labels: list[int], choices: list[Any] | None = None) -> dict[str, Any]:
    listed = choices or [f"option {number}.{place}" for place in range(len(labels))]
    return {
        "question": f"Which is right in {number}?",
        "targets": {"choices": listed, "labels": labels},
    }


def written(folder: Path, rows: list[dict[str, Any]]) -> str:
    lines = "".join(json.dumps(each) + "\n" for each in rows)
    (folder / "rows.jsonl").write_text(lines, encoding="utf-8")
    return "rows.jsonl"


def test_the_true_option_and_the_first_false_one_stand_in_the_lists_order(
    tmp_path: Path, concept: Make, settings: Settings
) -> None:
    rows = [row(i, [0, 0, 1] if i % 2 else [1, 0, 0]) for i in range(20)]
    asked = concept({"file": written(tmp_path, rows), "fields": FIELDS}, options="first_negative")
    made = prepare(asked, locate(asked, settings)).items
    assert len(made) == 40
    for item in made:
        number = item["source_row"] - 1
        right, wrong = f"option {number}.{2 * (number % 2)}", f"option {number}.{1 - number % 2}"
        assert item["options"][item["positive_option"]] == right
        assert item["options"][1 - item["positive_option"]] == wrong
        in_order = item["options"] == sorted(item["options"])
        assert in_order == (item["option_order"] == "original")


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (row(1, [1, 0, 0]), "has 3 options; `options: first_negative` would keep two"),
        (row(1, [1, 1]), "the labels are [1, 1]; needs one 1, the others 0"),
        (row(1, [0, 0]), "needs one 1"),
        (row(1, [1, 0], ["a"]), "has 1 options, 2 labels"),
        (row(1, [1, 0], ["a", " a "]), "both options are 'a'; they must differ"),
        (row(1, [1, 0], ["a", ""]), "an option is empty"),
        (row(1, [1, 0], ["a", 7]), "option is 7, no text"),
        ({"question": "Which?", "targets": None}, "need two lists"),
    ],
)
def test_rows_at_fault_say_why(
    tmp_path: Path, concept: Make, settings: Settings, bad: dict[str, Any], says: str
) -> None:
    asked = concept({"file": written(tmp_path, [bad]), "fields": FIELDS})
    with pytest.raises(Refused) as caught:
        prepare(asked, locate(asked, settings))
    assert says in str(caught.value)


def test_what_does_not_go_together_is_a_fault_of_the_spec() -> None:
    with pytest.raises(ValueError, match="go together; name both or neither"):
        Fields(options="choices")
    with pytest.raises(ValueError, match="in the place of positive and negative; remove these"):
        Fields(options="choices", labels="labels", positive="best")


def test_a_missing_column_is_named(tmp_path: Path, concept: Make, settings: Settings) -> None:
    path = written(tmp_path, [{"question": "Which?", "target": {}}])
    asked = concept({"file": path, "fields": FIELDS})
    with pytest.raises(
        Refused, match=r"no column 'targets' \(source.fields.options .*did you mean"
    ):
        prepare(asked, locate(asked, settings))


def test_the_shipped_truthfulqa_reads_parquet_of_the_hubs_form(tmp_path: Path) -> None:
    rows = [row(i, [1, 0, 0, 0]) for i in range(20)]
    renamed = [{"question": each["question"], "mc1_targets": each["targets"]} for each in rows]
    asked = Catalog([]).get("concepts", "truthfulqa")
    mirror = tmp_path / "mirror" / asked.source.hub / asked.source.file
    mirror.parent.mkdir(parents=True)
    duckdb.sql(f"copy (from '{tmp_path / written(tmp_path, renamed)}') to '{mirror}'")
    settings = Settings(home=tmp_path / "home", sources=(tmp_path / "mirror",))
    built = build(asked, [], settings)
    assert (built.audit.n_source_rows, built.audit.n_items, built.audit.left_out) == (20, 40, {})
    assert set(built.items["source_fields"].to_pylist()) == {"{}"}
