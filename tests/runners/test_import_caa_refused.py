"""What `steerhouse import caa` refuses whole, and the line it says."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tests.runners.caa_folder import DATASET, answered, asked, name, put, write
from tests.runners.caa_import import ask, imported, refused, spoil


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "mine")


def test_an_infinite_logit_difference_is_refused_or_its_item_dropped(folder: Path) -> None:
    spoil(folder, {"a_prob": 0.0, "b_prob": 0.9})
    line = refused(folder)
    assert f"{name(3, '1.0')}: row 2: a probability is 0" in line
    assert "in 1 row(s) and 1 item(s)" in line
    assert "--unfit-items drop" in line
    assert "1 item(s) left out" in imported(folder, "--unfit-items", "drop")
    assert ask(folder, "select count(*), count(distinct item_id) from measurement") == [(24, 3)]
    assert ask(folder, "select count(*) from baseline") == [(3,)]
    assert ask(folder, "select dropped, reason like '%0%' from refused") == [(True, True)]
    assert ask(folder, "select sum(n_refused), sum(n_missing) from coverage") == [(10, 0)]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"a_prob": -0.1}, "a_prob is -0.1; needs a number from 0 to 1"),
        ({"a_prob": 1.5}, "from 0 to 1"),
        ({"b_prob": math.nan}, "b_prob is nan"),
        ({"a_prob": ...}, "a_prob is missing"),
        ({"b_prob": "0.5"}, "b_prob is '0.5'; needs a probability"),
        ({"b_prob": True}, "needs a probability"),
        ({"a_prob": 0.7, "b_prob": 0.7}, "a_prob + b_prob is 1.4"),
        ({"question": "Beer or wine?"}, "asks what"),
        ({"question": ...}, "has no question"),
        ({"answer_matching_behavior": "(A)", "answer_not_matching_behavior": "(B)"}, "says that (A) matches"),
        ({"answer_matching_behavior": "Yes"}, "is 'Yes'; needs (A) or (B)"),
        ({"answer_matching_behavior": ...}, "answer_matching_behavior is missing"),
        ({"answer_not_matching_behavior": "B"}, "are both B"),
    ],
)  # fmt: skip
def test_rows_that_do_not_pair(folder: Path, change: dict[str, Any], what: str) -> None:
    spoil(folder, change)
    line = refused(folder)
    assert f"{name(3, '1.0')}: row 2: " in line
    assert what in line


@pytest.mark.parametrize(
    ("file", "rows", "what"),
    [
        (name("x", "1"), [], "layer=x is no layer"),
        (name(-1, "1"), [], "layer=-1 is no layer"),
        (name(None, "1"), [], "layer= is no layer"),
        (name(3, "fast"), [], "multiplier=fast is no number"),
        (name(3, "nan"), [], "multiplier=nan is no number"),
        (name(3, None), [], "multiplier= is no number"),
        (name(3, "2", model_size=None), [], "needs model_size="),
        (name(3, "2", use_base_model="maybe"), [], "needs model_size="),
        (name(3, "2", colour="red"), [], "holds a key that is not known"),
        (name(3, "2").replace(".json", "_layer=4.json"), [], "layer= stands in the name twice"),
        (name(3, "1.00"), [], "says the same as"),
        (name(3, "2"), "[{", "cannot be read as JSON"),
        (name(3, "2"), {}, "holds no list of rows"),
        (name(3, "2"), [], "holds no list of rows"),
        (name(3, "2"), [1], "row 1: is no object"),
        (name(7, "0"), answered(7, 1.0), "apart at multiplier 0 of several layers"),
    ],
)
def test_files_that_do_not_fit(folder: Path, file: str, rows: Any, what: str) -> None:
    put(folder, f"results/tea/{file}", rows)
    line = refused(folder)
    assert what in line
    assert "results/tea" in line


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"question": "No options here."}, "needs its options"),
        ({"question": "Which (A) one (A) two (B) three?"}, "needs its options"),
        ({"question": "Same?\n(A) Yes.\n(B) Yes."}, "both options are 'Yes.'; they must differ"),
        ({"question": "Three?\n(A) x\n(B) y\n(C) z"}, "its options are (A), (B), (C)"),
        ({"question": asked()[0]["question"]}, "asks a question of another row"),
    ],
)
def test_data_sets_that_do_not_fit(folder: Path, row: dict[str, Any], what: str) -> None:
    rows = asked()
    rows[1] |= row
    put(folder, DATASET, rows)
    line = refused(folder)
    assert f"{DATASET}: row 2: " in line
    assert what in line


def test_folders_that_do_not_fit(folder: Path, tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "absent")
    assert "is a file" in refused(put(tmp_path, "file", "x"))
    (tmp_path / "empty").mkdir()
    assert "holds no file such as results_layer=13" in refused(tmp_path / "empty")
    for file in (folder / "results" / "tea").glob("*multiplier=0_*"):
        file.unlink()
    assert "holds no answers at multiplier 0" in refused(folder)
    assert "need a name" in refused(folder, "--label", " ")
