"""`steerhouse import caa` on small folders: what comes in, and what stays."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

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
from tests.runners.caa_import import ask, imported, kept, refused, spoil


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "mine")


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
    assert int(done.stderr.split("mine: ")[1].split(" ")[0]) == 32
