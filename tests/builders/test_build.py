"""When a dataset is built anew, and what it is known by."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders.build import build
from specs.schema import Concept, Variant
from specs.settings import Settings
from tests.builders.folders import fingerprint

Make = Callable[..., Concept]
ROOT = Path(__file__).resolve().parents[2]
PERSONA = {"positive": "You love tea.", "negative": "You loathe tea."}


def test_equal_specs_give_equal_bytes(tmp_path: Path, concept: Make, base: Variant) -> None:
    made = concept(n=50, persona=PERSONA, licence="mit", description="{{ tea }}", tags=["drink"])
    folders = [build(made, [base], Settings(home=tmp_path / name)).folder for name in ("a", "b")]
    assert fingerprint(folders[0]) == fingerprint(folders[1])
    assert len(fingerprint(folders[0])) == 8


def test_nothing_is_written_when_nothing_changed(
    concept: Make, settings: Settings, base: Variant, asserting: Variant
) -> None:
    made = concept(persona=PERSONA)
    first = build(made, [base, asserting], settings)
    stamps = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    inode = first.folder.stat().st_ino
    second = build(made, [base], settings)
    assert (first.changed, second.changed) == (True, False)
    assert {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")} == stamps
    assert second.folder.stat().st_ino == inode
    assert second.items.equals(first.items)
    assert list(second.variants) == ["asserting", "base"]


def test_variants_built_earlier_stay_while_they_hold(
    concept: Make, settings: Settings, base: Variant, asserting: Variant
) -> None:
    before = build(concept(persona=PERSONA), [asserting], settings)
    described = build(concept(persona=PERSONA, description="Now described."), [base], settings)
    assert described.dataset_id == before.dataset_id
    assert described.variants["asserting"].variant_id == before.variants["asserting"].variant_id
    assert "Now described." in (described.folder / "README.md").read_text()
    other = {**PERSONA, "positive": "You adore tea."}
    after = build(concept(persona=other), [base], settings)
    assert list(after.variants) == ["base"]
    assert after.notes == (
        "variant 'asserting' dropped: rendered from the concept as it was before",
    )


@pytest.mark.parametrize(
    "keys", [{"n": 21}, {"symbols": ["1", "2"]}, {"splits": {"train": 0.5, "test": 0.4}}]
)
def test_another_content_is_another_dataset(
    concept: Make, settings: Settings, keys: dict[str, Any]
) -> None:
    assert (
        build(concept(), [], settings).dataset_id != build(concept(**keys), [], settings).dataset_id
    )


def test_another_name_is_the_same_dataset(concept: Make, settings: Settings, base: Variant) -> None:
    first, second = (build(concept(name=name), [base], settings) for name in ("tea", "chai"))
    assert first.folder != second.folder
    assert first.dataset_id == second.dataset_id
    assert first.variants["base"].variant_id == second.variants["base"].variant_id


def test_a_changed_source_file_is_seen(tmp_path: Path, concept: Make, settings: Settings) -> None:
    file = tmp_path / "rows.csv"
    lines = ["question,positive,negative", *(f"Is {i} odd?,odd {i},even {i}" for i in range(10))]
    file.write_text("\n".join(lines))
    made = concept({"file": "rows.csv"})
    assert [build(made, [], settings).changed for _ in range(2)] == [True, False]
    file.write_text("\n".join([*lines, "Is 10 odd?,odd 10,even 10"]))
    again = build(made, [], settings)
    assert again.changed
    assert again.audit.n_source_rows == 11


def test_a_split_of_share_zero_has_no_file(
    concept: Make, settings: Settings, base: Variant
) -> None:
    built = build(concept(splits={"train": 0.0, "validation": 0.5, "test": 0.5}), [base], settings)
    assert not list(built.folder.rglob("train*"))
    assert set(built.items["split"].to_pylist()) == {"validation", "test"}
    assert "train" not in (built.folder / "README.md").read_text().split("---")[1]


def test_unchanged_builds_load_no_model_library(
    concept: Make, settings: Settings, base: Variant
) -> None:
    build(concept(), [base], settings)
    script = (
        "import sys, pickle; from builders.build import build; from builders import dataset\n"
        "made, variant, settings = pickle.loads(sys.stdin.buffer.read())\n"
        "assert not build(made, [variant], settings).changed\n"
        "print(sorted({'torch', 'transformers', 'datasets', 'huggingface_hub', 'duckdb'} & set(sys.modules)))"
    )
    import pickle

    payload = pickle.dumps((concept(), base, settings))
    done = subprocess.run(
        [sys.executable, "-c", script], input=payload, capture_output=True, cwd=ROOT, check=False
    )
    assert done.stdout.decode().strip() == "[]", done.stderr.decode()
