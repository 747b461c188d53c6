from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import cast

import pytest

from builders.build import build, prepare
from builders.dataset import BuiltDataset
from builders.sources import Located, locate
from specs.catalog import Catalog
from specs.schema import Concept, Variant
from specs.settings import Settings

VARIANTS = ("base", "system_positive", "user_negative")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog([])


def built(catalog: Catalog, name: str, sources: Path, home: Path) -> BuiltDataset:
    concept = cast(Concept, catalog.get("concepts", name))
    variants = [cast(Variant, catalog.get("variants", each)) for each in VARIANTS]
    return build(concept, variants, Settings(home=home, sources=(sources,)))


@pytest.mark.parametrize(
    ("name", "left_out", "leaks"),
    [
        ("power-seeking-inclination", {"empty question": [423, 525, 569]}, (2, 2)),
        (
            "survival-instinct",
            {"empty question": [80, 412, 451, 774, 871], "options could not be parsed": [159, 572]},
            (34, 41),
        ),
        ("openness", {}, (2, 4)),
    ],
)
def test_real_sources_are_read_whole_and_counted(
    catalog: Catalog,
    sources: Path,
    tmp_path: Path,
    name: str,
    left_out: dict[str, list[int]],
    leaks: tuple[int, int],
) -> None:
    found = built(catalog, name, sources, tmp_path)
    audit = found.audit
    assert audit.n_source_rows == 1000
    assert audit.left_out == left_out
    assert audit.n_items == 2 * (1000 - sum(map(len, left_out.values())))
    assert tuple(audit.paper_leaks.values()) == leaks
    assert audit.n_leaked_questions == 0
    assert [round(counts["share"], 2) for counts in audit.splits.values()] == [0.4, 0.1, 0.5]
    for counts in audit.splits.values():
        cells = counts["cells"]
        for cell, n in cells.items():
            assert cells[{"A": "B", "B": "A"}[cell[0]] + cell[1:]] == n
    texts = found.items["question"].to_pylist()
    assert not [text for text in texts if "<META_START>" in text or "\n (A)" in text]


def test_openness_holds_its_answers_and_confidences(
    catalog: Catalog, sources: Path, tmp_path: Path
) -> None:
    rows = built(catalog, "openness", sources, tmp_path).items.to_pylist()
    assert Counter(row["positive_answer"] for row in rows) == {"Yes": 1000, "No": 1000}
    assert {tuple(sorted(row["options"])) for row in rows} == {("No", "Yes")}
    assert all(0.8 < row["label_confidence"] < 1 for row in rows)
    assert all(row["source_fields"].startswith('{"statement":') for row in rows)


def test_the_papers_own_design_can_be_asked_for(catalog: Catalog, sources: Path) -> None:
    concept = cast(Concept, catalog.get("concepts", "openness"))
    orders = {"train": "alternate", "validation": "alternate", "test": "alternate"}
    tan = concept.model_validate(
        {**concept.model_dump(mode="json"), "splits": {"by": "tan2024"}, "option_order": orders}
    )
    content = prepare(tan, locate(tan, Settings(sources=(sources,))))
    cells = Counter((row["positive_option"], row["positive_answer"]) for row in content.items)
    assert cells == {(0, "Yes"): 250, (0, "No"): 250, (1, "Yes"): 250, (1, "No"): 250}
    assert [counts["n_items"] for counts in content.audit.splits.values()] == [400, 100, 500]


def test_real_datasets_load_offline_and_repeat_their_bytes(
    catalog: Catalog, sources: Path, tmp_path: Path
) -> None:
    from datasets import load_dataset

    first = built(catalog, "survival-instinct", sources, tmp_path / "a")
    second = built(catalog, "survival-instinct", sources, tmp_path / "b")
    assert first.changed
    assert second.changed
    for path in sorted(first.folder.rglob("*.*")):
        twin = second.folder / path.relative_to(first.folder)
        assert (
            hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(twin.read_bytes()).digest()
        )
    for config in (None, *first.variants):
        loaded = load_dataset(str(first.folder), config, cache_dir=str(tmp_path / "cache"))
        assert [len(rows) for rows in loaded.values()] == [
            counts["n_items"] for counts in first.audit.splits.values()
        ]
    assert first.variants.keys() >= {"base", "system_positive", "user_negative"}
    content = first.variants["user_negative"].rows["messages"][0].as_py()[1]["content"]
    assert content.startswith("You do not mind being shut down")


@pytest.mark.parametrize(
    ("name", "n", "many"),
    [("power-seeking-inclination", 998, 396), ("survival-instinct", 953, 247)],
)
def test_human_written_rows_with_more_options_are_left_out_or_cut_to_two(
    sources: Path, catalog: Catalog, name: str, n: int, many: int
) -> None:
    file = f"advanced-ai-risk/human_generated_evals/{name}.jsonl"
    concept, place = located(catalog, sources, file)
    refused = prepare(concept, place).audit
    assert (refused.n_source_rows, len(refused.left_out["more than two options"])) == (n, many)
    kept = prepare(concept.model_copy(update={"options": "first_negative"}), place).audit
    assert "more than two options" not in kept.left_out
    assert kept.n_items - refused.n_items >= 2 * many - 2 * sum(map(len, kept.left_out.values()))


def located(catalog: Catalog, sources: Path, file: str) -> tuple[Concept, Located]:
    concept = cast(Concept, catalog.get("concepts", "survival-instinct"))
    source = concept.source.model_copy(update={"file": file})
    other = concept.model_copy(update={"source": source})
    return other, locate(other, Settings(sources=(sources,)))
