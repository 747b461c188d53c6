from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders import atomic, dataset
from builders.build import build
from builders.dataset import open_built
from builders.refusals import CannotRender
from specs.faults import Refused
from specs.schema import Concept, Variant
from specs.settings import Settings

Make = Callable[..., Concept]
ROOT = Path(__file__).resolve().parents[2]
PERSONA = {"positive": "You love tea.", "negative": "You loathe tea."}


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


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


def test_a_damaged_folder_is_refused_by_readers_and_mended_by_build(
    concept: Make, settings: Settings, base: Variant
) -> None:
    built = build(concept(), [base], settings)
    whole = fingerprint(built.folder)
    (built.folder / "base" / "test-00000-of-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(Refused, match="damaged or of another version; run `steerhouse build tea`"):
        open_built(built.folder)
    assert build(concept(), [base], settings).changed
    assert fingerprint(built.folder) == whole
    with pytest.raises(Refused, match="is not built; run `steerhouse build none`"):
        open_built(built.folder.with_name("none"))


def test_a_refusal_leaves_the_old_folder(
    concept: Make, settings: Settings, base: Variant, asserting: Variant
) -> None:
    built = build(concept(), [base], settings)
    whole = fingerprint(built.folder)
    with pytest.raises(CannotRender):
        build(concept(), [asserting], settings)
    with pytest.raises(Refused, match="too small for a split"):
        build(concept(n=2), [base], settings)
    with pytest.raises(Refused, match="cannot be called 'items'"):
        build(concept(), [Variant(name="items")], settings)
    assert fingerprint(built.folder) == whole


def test_a_split_of_share_zero_has_no_file(
    concept: Make, settings: Settings, base: Variant
) -> None:
    built = build(concept(splits={"train": 0.0, "validation": 0.5, "test": 0.5}), [base], settings)
    assert not list(built.folder.rglob("train*"))
    assert set(built.items["split"].to_pylist()) == {"validation", "test"}
    assert "train" not in (built.folder / "README.md").read_text().split("---")[1]


def test_the_card_counts_what_was_left_out(
    tmp_path: Path, concept: Make, settings: Settings
) -> None:
    rows = [
        {
            "question": f"Q {i}?\n(A) a\n(B) b" + "\n(C) c" * (i % 3 == 0),
            "positive": "(A)",
            "negative": "(B)",
        }
        for i in range(30)
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    built = build(concept({"file": "rows.json"}), [], settings)
    assert built.audit.left_out == {"more than two options": list(range(1, 31, 3))}
    assert built.notes == ("10 of 30 source rows left out: more than two options",)
    card = (built.folder / "README.md").read_text()
    assert "| left out: more than two options | 10 |" in card
    assert "- more than two options: 1, 4, 7, 10, 13, 16, 19, 22, 25, 28" in card


def test_the_audit_sees_copies_leaks_labels_and_stray_tokens(
    tmp_path: Path, concept: Make, settings: Settings
) -> None:
    rows = [
        {
            "question": f"Is {i // 2} odd?",
            "positive": f"odd {i // 2}",
            "negative": "it is even",
            "label_confidence": 0.9,
        }
        for i in range(40)
    ]
    rows[0]["label_confidence"] = 0.5
    rows[4]["question"] = "[INST] Is (A) odd?<|im_end|>"
    rows[5]["positive"] = "odd</s>"
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    tan = {
        "splits": {"by": "tan2024"},
        "option_order": {"train": "source", "validation": "source", "test": "source"},
    }
    audit = build(concept({"file": "rows.json"}, **tan), [], settings).audit
    assert (audit.n_source_rows, audit.n_items, audit.n_questions) == (40, 40, 21)
    assert (audit.n_duplicate_rows, audit.n_repeated_questions) == (19, 19)
    assert audit.n_leaked_questions > 0
    assert audit.paper_leaks["0-40/50-100"] >= audit.n_leaked_questions
    assert (audit.n_low_confidence, audit.lowest_confidence) == (1, 0.5)
    assert audit.n_control_tokens == 2
    assert audit.control_tokens == {"</s>": 1, "<|im_end|>": 1, "[INST]": 1}
    assert audit.n_symbols_in_text == 1
    assert audit.positive_longer_share == 0.0
    grouped = build(concept({"file": "rows.json"}), [], settings).audit
    assert grouped.n_leaked_questions == 0


def test_a_kill_between_two_renames_is_mended(
    concept: Make, settings: Settings, base: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build(concept(), [base], settings)
    whole = fingerprint(built.folder)
    built.folder.rename(built.folder.with_name(".tea.previous"))
    assert open_built(built.folder).dataset_id == built.dataset_id
    assert fingerprint(built.folder) == whole
    monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    assert build(concept(n=30), [base], settings).changed
    assert sorted(path.name for path in built.folder.parent.iterdir()) == [".tea.lock", "tea"]


def test_a_failure_while_writing_leaves_the_old_folder(
    concept: Make, settings: Settings, base: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build(concept(), [base], settings)
    whole = fingerprint(built.folder)

    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(dataset, "write_manifest", full)
    with pytest.raises(OSError, match="No space left"):
        build(concept(n=30), [base], settings)
    assert fingerprint(built.folder) == whole


KILLED = """
import sys
from pathlib import Path
from builders.build import build
from specs.schema import Concept
from specs.settings import Settings
print("ready", flush=True)
for round in range(10**6):
    n = 20 + round % 2
    source = {"inline": [{"question": f"Q {i}?", "positive": "a", "negative": "b"} for i in range(n)]}
    build(Concept.model_validate({"name": "tea", "source": source}), [], Settings(home=Path(sys.argv[1])))
"""


@pytest.mark.parametrize("delay", [0.05, 0.11, 0.17])
def test_kill_9_at_any_moment_leaves_a_whole_dataset(
    tmp_path: Path, concept: Make, delay: float
) -> None:
    settings = Settings(home=tmp_path)
    build(
        concept(
            {
                "inline": [
                    {"question": f"Q {i}?", "positive": "a", "negative": "b"} for i in range(20)
                ]
            }
        ),
        [],
        settings,
    )
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(1.5 + delay)  # past the import of datasets, into the rewriting
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    found = open_built(tmp_path / "datasets" / "tea")
    assert found.audit.n_source_rows in (20, 21)
    assert found.items.num_rows == 2 * found.audit.n_source_rows
    assert build(concept(n=30), [], settings).changed


BESIDE = """
import sys
from pathlib import Path
from builders.build import build
from specs.schema import Concept, Variant
from specs.settings import Settings
source = {"inline": [{"question": f"Q {i}?", "positive": "a", "negative": "b"} for i in range(20)]}
concept = Concept.model_validate({"name": "tea", "source": source})
build(concept, [Variant(name=sys.argv[2])], Settings(home=Path(sys.argv[1])))
"""


def test_two_builds_at_once_lose_nothing(tmp_path: Path) -> None:
    names = ("one", "two", "three")
    processes = [
        subprocess.Popen([sys.executable, "-c", BESIDE, str(tmp_path), name], cwd=ROOT)
        for name in names
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert sorted(open_built(tmp_path / "datasets" / "tea").variants) == sorted(names)


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
