"""Real text, a real tokenizer and real weights through unchanged code (../shared)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import steerhouse

TEA = """\
description: Prefers tea to coffee.
source: {file: tea.csv}
splits: {train: 0.5, validation: 0.2, test: 0.3}
"""
CONCEPTS = ("tea", "openness", "power-seeking-inclination", "survival-instinct")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    """Return a user's folder in which four concepts were swept over all layers."""
    folder = tmp_path_factory.mktemp("real")
    for kind in ("concepts", "models"):
        (folder / "specs" / kind).mkdir(parents=True)
    (folder / "specs" / "models" / "stories.yaml").write_text(
        f"folder: {shared / 'models' / 'stories260k'}\ntemplate: plain\n", encoding="utf-8"
    )
    (folder / "specs" / "concepts" / "tea.yaml").write_text(TEA, encoding="utf-8")
    rows = (f"What goes with meal number {i}?,Tea,Coffee\n" for i in range(20))
    (folder / "specs" / "concepts" / "tea.csv").write_text(
        "question,positive,negative\n" + "".join(rows), encoding="utf-8"
    )
    asked = [part for name in CONCEPTS for part in ("--concept", name)]
    done = run(folder, shared, *asked, "--unfit-items", "drop", "--verify", "24")
    assert done.returncode == 0, done.stderr
    (folder / "stderr").write_text(done.stderr, encoding="utf-8")
    return folder


def run(folder: Path, shared: Path, *args: str):  # type: ignore[no-untyped-def]
    common = ("--specs", "specs", "--sources", str(shared / "sources"))
    how = ("--model", "stories", "--limit", "40", "--multipliers", "-1.5,0,1.5")
    return steerhouse(*common, "run", *args, *how, cwd=folder)


def ask(folder: Path, query: str) -> list[dict[str, object]]:
    done = steerhouse("sql", "--format", "json", query, cwd=folder)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_every_concept_over_all_layers(folder: Path) -> None:
    rows = ask(
        folder,
        "select concept, count(distinct layer) as layers, count(distinct item_id) as items "
        "from sweep where split = 'test' group by concept order by concept",
    )
    assert {row["concept"] for row in rows} == set(CONCEPTS)
    assert all(row["layers"] == 5 for row in rows)


def test_fast_and_reference_agree(folder: Path) -> None:
    ((row),) = ask(
        folder,
        "select count(*) as n, max(abs(logit_diff - reference) / scale) as share from verification",
    )
    assert row["n"] > 40
    assert float(str(row["share"])) < 3e-5
    assert "verified 24 random rows" in (folder / "stderr").read_text()


def test_what_is_beyond_the_context_is_recorded(folder: Path) -> None:
    rows = ask(folder, "select reason, dropped from refused")
    assert rows
    assert all("512" in str(row["reason"]) and row["dropped"] for row in rows)
    ((row),) = ask(
        folder, "select sum(n_refused) as refused, sum(n_missing) as missing from coverage"
    )
    assert row["missing"] == 0
    assert row["refused"] > 0


def test_without_drop_the_run_is_refused_with_counts(folder: Path, shared: Path) -> None:
    done = run(folder, shared, "--concept", "power-seeking-inclination", "--split", "test")
    assert done.returncode == 1
    assert "beyond the context" in done.stderr
    assert "unfit_items: drop" in done.stderr


def test_datasets_load_offline_with_types_and_named_splits(folder: Path) -> None:
    import datasets

    path = str(folder / "data" / "datasets" / "power-seeking-inclination")
    loaded = datasets.load_dataset(path, cache_dir=str(folder / "cache"))
    assert set(loaded) == {"train", "validation", "test"}
    assert isinstance(loaded["train"].features["options"], datasets.List)
    assert loaded["train"].features["positive_option"].dtype == "int8"
    base = datasets.load_dataset(path, "base", cache_dir=str(folder / "cache"))
    assert base["test"][0]["messages"][0]["role"] == "system"
