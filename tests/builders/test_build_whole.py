"""A dataset folder is whole at every moment: refusals, failures, kills, two builds at once."""

from __future__ import annotations

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
from tests.builders.folders import fingerprint

Make = Callable[..., Concept]
ROOT = Path(__file__).resolve().parents[2]
PERSONA = {"positive": "You love tea.", "negative": "You loathe tea."}


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


def test_rows_are_those_of_the_dataset_that_was_opened(
    concept: Make, settings: Settings, base: Variant
) -> None:
    opened = build(concept(), [base], settings)
    assert opened.variants["base"].rows.num_rows == opened.items.num_rows
    build(concept(n=30), [base], settings)
    with pytest.raises(Refused, match="built anew or damaged while it was in use"):
        _ = opened.variants["base"].rows
