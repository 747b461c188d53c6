"""`steerhouse import caa` on small folders: what comes in, what is refused, what stays."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import click.testing
import duckdb
import numpy as np
import pytest

from builders.items import dataset_id
from specs.identity import identity
from tests.command import steerhouse
from tests.runners.caa_folder import (
    DATASET,
    LAYERS,
    MULTIPLIERS,
    answered,
    asked,
    name,
    put,
    truth,
    write,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "mine")


def bring(folder: Path, *options: str) -> click.testing.Result:
    from steerhouse import cli

    home = folder.parent / "home"
    args = ["--home", str(home), "import", "caa", str(folder), *options]
    return click.testing.CliRunner().invoke(cli, args, obj=None)


def imported(folder: Path, *options: str) -> str:
    done = bring(folder, *options)
    assert done.exit_code == 0, done.output
    return done.stderr


def refused(folder: Path, *options: str) -> str:
    """Import what must be refused whole; return the lines."""
    before = kept(folder)
    done = bring(folder, *options)
    if not isinstance(done.exception, SystemExit):
        raise AssertionError(done.output) from done.exception
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    assert kept(folder) == before
    return "\n".join(line for line in done.stderr.splitlines() if line.startswith("Error: "))


def kept(folder: Path) -> bytes | None:
    file = folder.parent / "home" / "warehouse.duckdb"
    assert not list((folder.parent / "home").rglob("*.parquet"))
    return file.read_bytes() if file.exists() else None


def ask(folder: Path, query: str) -> list[tuple[Any, ...]]:
    file = folder.parent / "home" / "warehouse.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(query).fetchall()


def spoil(folder: Path, change: dict[str, Any], layer: int = 3, multiplier: str = "1.0") -> None:
    """Change the second row of one result file."""
    rows = answered(layer, float(multiplier))
    rows[1] |= change
    rows[1] = {key: value for key, value in rows[1].items() if value is not ...}
    put(folder, f"results/tea/{name(layer, multiplier)}", rows)


def test_every_number_comes_in(folder: Path) -> None:
    said = imported(folder)
    assert "tea · Llama-2-7b-chat · caa: 2 layers, 5 multipliers, 4 items (2 with A" in said
    assert "mine: 32 measurements and 4 unsteered answers" in said
    found = ask(
        folder,
        "select source_row, layer, multiplier, logit_diff, answer_logmass, positive_option "
        "from sweep join dataset_item using (dataset_id, item_id) order by all",
    )
    assert len(found) == len(LAYERS) * len(MULTIPLIERS) * 4
    for row, layer, multiplier, difference, logmass, option in found:
        expected, mass = truth(row - 1, layer, multiplier)
        assert difference == pytest.approx(expected, abs=1e-5)
        assert logmass == pytest.approx(math.log(mass), abs=1e-5)
        assert option == (0, 1, 0, 1)[row - 1]


def test_the_views_and_checks_work_on_it(folder: Path) -> None:
    imported(folder)
    slopes = dict(ask(folder, "select layer, steerability from steerability where complete"))
    assert slopes == pytest.approx({n: 0.2 * n - 0.75 for n in LAYERS}, abs=1e-5)
    home = str(folder.parent / "home")
    done = steerhouse("--home", home, "analyse", "checks", cwd=folder)
    assert done.returncode == 0, done.stdout
    best = ("analyse", "best_layer", "--experiment", "import-mine", "--format", "json")
    (row,) = json.loads(steerhouse("--home", home, *best, cwd=folder).stdout)
    assert (row["layer"], row["cross_fitted"], row["reported_layers"]) == (11, True, [11])
    nulls = ("analyse", "steerability", "--method", "mine", "--format", "json")
    assert {
        row["nulls"] for row in json.loads(steerhouse("--home", home, *nulls, cwd=folder).stdout)
    } == {"no null"}


def test_what_the_rows_say_of_themselves(folder: Path) -> None:
    imported(folder)
    (row,) = ask(
        folder,
        "select run_card.model, concept, variant, run_card.method, run_card.role, operator, scope, model.source, "
        "model.n_layers, vector.method, dataset.answer_format, n_items, n_questions from run_card "
        "join model on model.model_id = run_card.model_id join vector using (vector_id) join dataset using (dataset_id)",
    )
    assert row[:7] == ("Llama-2-7b-chat", "tea", "caa", "mine", "fitted", "add", "answer")
    assert row[7:] == ("declared:Llama-2-7b-chat", 32, "imported", "letter", 4, 4)
    texts = ask(
        folder,
        "select question, options from item join dataset_item using (item_id) order by source_row",
    )
    assert texts[1:3] == [
        ("Cat or dog?", ["Dog.", "Cat."]),
        ("Do you:", ["Walk to work", "Drive?"]),
    ]
    ((content, command),) = ask(folder, "select content_sha256, command from execution")
    assert len(content) == 64
    assert command.startswith("steerhouse")


def test_ids_are_those_of_the_design(folder: Path) -> None:
    imported(folder, "--label", "theirs")
    said = {"format": "caa", "model": "Llama-2-7b-chat", "behaviour": "tea", "label": "theirs"}
    assert ask(folder, "select vector_id, parameters from vector") == [
        (identity("vector", **said), json.dumps(said, sort_keys=True, separators=(",", ":")))
    ]
    item = identity(
        "item", question="Tea or coffee?", options=["Tea.", "Coffee."], positive=0,
        order="original", symbols=["A", "B"],
    )  # fmt: skip
    ids = [i for (i,) in ask(folder, "select item_id from dataset_item order by row")]
    assert ids[0] == item
    assert ask(folder, "select dataset_id from dataset") == [
        (dataset_id([{"split": "test", "item_id": each} for each in ids]),)
    ]


def test_twice_changes_nothing(folder: Path) -> None:
    imported(folder)
    before = kept(folder)
    assert "everything is there already" in imported(folder)
    assert kept(folder) == before
    assert len(ask(folder, "from execution")) == 1


def test_a_second_folder_of_one_label_adds_its_layers(folder: Path) -> None:
    imported(folder)
    for file in (folder / "results" / "tea").iterdir():
        file.rename(file.with_name(file.name.replace("layer=3", "layer=5")))
    for file in (folder / "results" / "tea").glob("*layer=11*"):
        file.unlink()
    imported(folder)
    assert ask(folder, "select distinct layer from measurement order by all") == [(3,), (5,), (11,)]
    assert ask(folder, "select count(*), sum(n_missing) from coverage") == [(15, 0)]


def test_disagreement_is_reported_and_replaced_only_when_asked(folder: Path) -> None:
    imported(folder)
    for multiplier in ("1.0", "0"):
        for layer in LAYERS:
            spoil(folder, {"a_prob": 0.2, "b_prob": 0.6}, layer, multiplier)
    line = refused(folder)
    assert "mine: 2 measurements disagree" in line
    assert "mine: 1 unsteered answers disagree" in line
    assert "--replace" in line
    assert "replaced" in imported(folder, "--replace")
    changed = "select logit_diff from {} join dataset_item using (item_id) where source_row = 2"
    same = "select count(*), count(distinct (item_id, layer, multiplier)) from measurement"
    assert ask(folder, changed.format("baseline")) == [(pytest.approx(math.log(3)),)]
    assert (
        ask(folder, changed.format("measurement") + " and multiplier = 1")
        == [(pytest.approx(math.log(3)),)] * 2
    )
    assert ask(folder, same) == [(32, 32)]
    assert "everything is there already" in imported(folder)


def test_another_label_is_another_vector_on_the_same_questions(folder: Path) -> None:
    imported(folder)
    spoil(folder, {"a_prob": 0.2, "b_prob": 0.6})
    assert "16" not in refused(folder)
    imported(folder, "--label", "other")
    assert ask(folder, "select count(*), count(distinct evaluation_id) from run") == [(2, 1)]
    assert len(ask(folder, "from method_comparison")) == len(LAYERS)


def test_system_prompts_are_variants(folder: Path) -> None:
    for multiplier in MULTIPLIERS:
        rows = answered(3, float(multiplier) - 0.5)
        put(folder, f"results/tea/{name(3, multiplier, system_prompt='pos')}", rows)
    imported(folder)
    assert ask(folder, "select variant, count(*) from sweep group by all order by all") == [
        ("caa", 40),
        ("caa_system_positive", 20),
    ]
    assert ask(folder, "select count(*) from vector") == [(1,)]


def test_base_models_and_any_other(folder: Path) -> None:
    for file in list((folder / "results" / "tea").iterdir()):
        file.rename(
            file.with_name(file.name.replace("model=False", "model=True").replace("7b", "13b"))
        )
    imported(folder)
    imported(folder, "--model", "my-llama", "--scope", "all")
    assert ask(folder, "select model, scope from run_card order by all") == [
        ("Llama-2-13b", "answer"),
        ("my-llama", "all"),
    ]
    put(folder, f"results/tea/{name(3, '0')}", answered(3, 0))
    assert "--model mine would make one" in refused(folder, "--model", "mine")


def test_names_in_any_order_and_without_a_data_set(tmp_path: Path) -> None:
    folder = tmp_path / "flat"
    for multiplier in MULTIPLIERS:
        put(folder, f"run_multiplier={multiplier}_behaviour=tea_model_size=70b_use_base_model=True_layer=07.json", answered(7, float(multiplier)))  # fmt: skip
    imported(folder)
    assert ask(folder, "select model, concept, layer, n_items from steerability") == [
        ("Llama-2-70b", "tea", 7, 4)
    ]


def test_what_is_not_read_is_counted(folder: Path) -> None:
    put(folder, f"results/tea/{name(3, '1', type='open_ended')}", [{"question": "q"}])
    put(folder, f"results/tea/{name(3, '1', override_vector=5)}", [])
    put(folder, "results/scores.json", [])
    said = imported(folder)
    assert "1 json file(s) skipped: type=open_ended" in said
    assert "1 json file(s) skipped: override_vector= names another vector" in said
    assert "1 json file(s) skipped: the name has no layer= and multiplier=" in said
    assert "32 measurements" in said


def test_missing_files_and_rows_show_as_missing(folder: Path) -> None:
    (folder / f"results/tea/{name(3, '1.0')}").unlink()
    put(folder, f"results/tea/{name(11, '1.5')}", answered(11, 1.5)[:3])
    assert "1 file(s) lack items" in imported(folder)
    missing = ask(
        folder, "select layer, multiplier, n_missing from coverage where n_missing > 0 order by all"
    )
    assert missing == [(3, 1.0, 4), (11, 1.5, 1)]
    assert ask(folder, "select distinct complete from steerability") == [(False,)]
    assert ask(folder, "select n_items from cell where layer = 11 and multiplier = 1.5") == [(3,)]


def test_copies_are_one_item(folder: Path) -> None:
    put(folder, DATASET, [*asked(), asked()[0]])
    for layer in LAYERS:
        for multiplier in MULTIPLIERS:
            rows = answered(layer, float(multiplier))
            put(folder, f"results/tea/{name(layer, multiplier)}", [*rows, rows[0]])
    imported(folder)
    assert ask(folder, "select n_items, n_duplicate_rows from dataset") == [(5, 1)]
    assert ask(folder, "select max(copies), count(*) from item_slope") == [(2, 8)]
    rows = answered(3, 1.0)
    put(folder, f"results/tea/{name(3, '1.0')}", [*rows, rows[0] | {"a_prob": 0.1, "b_prob": 0.9}])
    assert "apart in one file" in refused(folder)


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


def test_few_multipliers_are_told(folder: Path) -> None:
    for file in (folder / "results" / "tea").iterdir():
        if "multiplier=1.0" in file.name or "multiplier=1.5" in file.name:
            file.unlink()
        elif "multiplier=-1_" in file.name or "multiplier=-1.5" in file.name:
            file.rename(file.with_name(file.name.replace("=-1", "=-9")))
    assert "a slope needs 3: analyse with --param multiplier_bound=9" in imported(folder)


def test_torch_is_not_loaded(folder: Path) -> None:
    code = (
        "import sys; sys.argv = ['steerhouse', '--home', 'h', 'import', 'caa', sys.argv[1]]\n"
        "import steerhouse\n"
        "steerhouse.cli.main(standalone_mode=False)\n"
        "assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        capture_output=True,
        text=True,
        cwd=folder.parent,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert np.isclose(32, int(done.stderr.split("mine: ")[1].split(" ")[0]))
