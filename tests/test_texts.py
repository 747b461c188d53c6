"""Concepts of kind texts through the command: checked, built, shown, fitted, and what is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis.catalog import checks
from runners.check import check_all
from specs.settings import Settings
from tests.analysis.conftest import rows
from tests.command import steerhouse
from tests.empty_warehouse import place
from tests.experiments import ask
from warehouse.connect import connect
from warehouse.health import check as check_warehouse

NICE = """kind: texts
positive: [You would be kind about books, "kind with a friend today", "be kind , gladly"]
negative: [You would be rude about books, rude with a friend today]
"""
FEW = 'texts: ["You would find books in gardens , would you not ?", Today you quickly refuse sport .]\n'
MIXED = """models: [reference]
concepts: [nice, kind]
fit_concepts: [nice]
methods: [mean_difference_all]
layers: [2, 3]
multipliers: [-1, 0, 1]
splits: [test]
limit: 4
nulls: {random: 2, label_shuffled: 1}
resamples: 1
text_sets: [few]
"""
ALONE = """models: [reference]
concepts: [nice]
methods: [mean_difference_all, unit]
layers: [1, 2]
multipliers: [-1, 1]
nulls: {random: 2}
text_sets: [few]
"""


def specs(folder: Path, **experiments: str) -> Path:
    texts = {"concepts/nice": NICE, "text_sets/few": FEW}
    texts |= {"methods/unit": "kind: mean_difference\nread: last_token\nnorm: unit\n"}
    texts |= {f"experiments/{name}": text for name, text in experiments.items()}
    for name, text in texts.items():
        path = folder / "specs" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def run(folder: Path, *args: str) -> Any:
    return steerhouse("--specs", "specs", "--home", "data", *args, cwd=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = specs(tmp_path_factory.mktemp("texts"), mixed=MIXED, alone=ALONE)
    place(folder / "data")
    for done in (run(folder, "run", "mixed", "--verify", "4"), run(folder, "run", "alone")):
        assert done.returncode == 0, done.stderr
    return folder


def test_nothing_is_wrong_with_it(folder: Path) -> None:
    done = run(folder, "check", "mixed", "alone")
    assert (done.returncode, done.stderr) == (0, "No faults found.\n")
    listed = run(folder, "list", "concepts", "nice").stdout
    assert listed == "nice\t1\t\tspecs/concepts/nice.yaml\n"


def test_building_says_what_was_built(folder: Path, tmp_path: Path) -> None:
    again = run(folder, "build", "nice", "--variant", "base")
    assert again.returncode == 0, again.stderr
    assert again.stdout == "data/datasets/nice\n"
    assert "nice: unchanged: 3 positive and 2 negative texts, dataset " in again.stderr
    assert "variant left out: base: texts stand as they are" in again.stderr


def test_its_vectors_have_damage_with_their_random_nulls_at_every_layer(folder: Path) -> None:
    query = """
        select fit_concept, method, role, layer, count(distinct vector_id), count(*)
        from text_damage
        semi join (from experiment_run where experiment = 'mixed') using (run_id, layer, multiplier)
        where fit_concept = 'nice'
        group by all order by all
    """
    assert ask(folder, query) == [
        ("nice", "mean_difference_all", "fitted", 2, 1, 4),
        ("nice", "mean_difference_all", "fitted", 3, 1, 4),
        ("nice", "random", "null", 2, 2, 8),
        ("nice", "random", "null", 3, 2, 8),
    ]
    # A direction for each null at each of its layers.
    query = """
        select vector_id, count(distinct layer), count(*) from vector_direction
        join vector using (vector_id) where role <> 'fitted' group by all
    """
    counts = ask(folder, query)
    assert {layers for _, layers, _ in counts} == {2, 3}
    assert all(layers == n for _, layers, n in counts)
    with connect(folder / "data") as connection:
        for filters in ({"experiment": "alone"}, {"concept": "nice", "method": "unit"}):
            curve = rows(connection, "damage_curve", **filters)
            assert {row["fit_concept"] for row in curve} == {"nice"}
            # A run has whatever layers any experiment asked of it.
            assert {1, 2} <= {row["layer"] for row in curve}
            assert {row["random_n"] for row in curve} == {2}
            assert {row["complete"] for row in curve} == {True}
        assert rows(connection, "damage_curve", concept="kind", experiment="alone") == []


def test_its_vectors_are_measured_on_the_questions_of_others(folder: Path) -> None:
    query = """
        select fit_concept, concept, fit_variant, variant, method, layer, count(*)
        from sweep where fit_concept = 'nice' and role = 'fitted' and multiplier <> 0 group by all
        order by all
    """
    assert ask(folder, query) == [
        ("nice", "kind", "texts", "base", "mean_difference_all", layer, 8) for layer in (2, 3)
    ]
    derived = "select method, count(*) from sweep where fit_concept = 'nice' and role <> 'fitted' "
    assert ask(folder, derived + "and multiplier <> 0 group by all order by all") == [
        ("label_shuffled", 16),
        ("mean_difference_all", 16),
        ("random", 32),
    ]
    query = "select layer, n_items, own_steerability from side_effect where fit_concept = 'nice'"
    assert sorted(ask(folder, query)) == [(2, 4, None), (3, 4, None)]
    ((n_verified,),) = ask(folder, "select count(*) from verification")
    assert n_verified >= 4


def test_the_warehouse_knows_the_texts_and_nothing_is_missing(folder: Path) -> None:
    query = """
        select text, positive, split, source_row from dataset_text join text using (text_id)
        join name on name.id = dataset_text.dataset_id and name.kind = 'concept'
        where name.name = 'nice' order by row
    """
    found = ask(folder, query)
    assert [row[1:] for row in found] == [(n <= 3, "train", n) for n in range(1, 6)]
    assert found[4][0] == "rude with a friend today"
    query = "select kind, answer_format, n_items, n_questions from dataset order by kind"
    assert ask(folder, query)[1] == ("texts", None, 5, 0)
    with connect(folder / "data") as connection:
        for check in checks():
            assert rows(connection, check.name) == [], check.name
    assert ask(folder, "select sum(n_missing) from coverage") == [(0,)]
    assert [line.found for line in check_warehouse(folder / "data") if line.fault] == []


def test_asked_again_nothing_is_done(folder: Path) -> None:
    again = run(folder, "run", "mixed")
    assert "everything is there already" in again.stderr, again.stderr
    plan = run(folder, "run", "alone", "--dry-run")
    assert "48 asked, 48 already there" in plan.stderr


def test_show_prints_the_texts_and_where_they_are_read(folder: Path) -> None:
    shown = run(folder, "show", "nice", "--model", "reference", "--method", "unit")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0] == "nice · texts · 3 positive, 2 negative"
    assert [line[0] for line in lines[1:6]] == ["+", "+", "+", "-", "-"]
    assert sum(line.endswith("\tread") for line in lines) == 2


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ("methods: [mean_difference]\n", "method mean_difference reads answer_token, and texts"),
        ("methods: [mean_difference]\n", "`exclude: [{concept: nice, method: mean_difference}]`"),
        ("methods: [optimised]\n", "method optimised needs pairs"),
        ("layers: best\n", "`layers: best` is chosen by the answers to questions"),
        ("norms: [base]\n", "norm base is the length of a vector fitted on questions"),
        ("combinations: [mean]\n", "combination mean is over variants"),
    ],
)
def test_what_texts_cannot_answer_is_refused_in_words(
    tmp_path: Path, changes: str, fault: str
) -> None:
    key = changes.partition(":")[0]
    kept = "".join(f"{line}\n" for line in ALONE.splitlines() if not line.startswith(key))
    specs(tmp_path, wrong=kept + changes)
    found, _ = check_all(Settings(tmp_path / "data", (tmp_path / "specs",)), ["wrong"], False)
    assert any(fault in line for line in found), found
    if key == "norms":
        done = run(tmp_path, "run", "wrong")
        assert done.returncode == 1
        assert done.stderr == "".join(f"Error: {line}\n" for line in found)
        assert not (tmp_path / "data" / "vectors").exists()


def test_a_vector_alone_is_fitted_and_what_could_be_asked_is_said(tmp_path: Path) -> None:
    specs(tmp_path)
    place(tmp_path / "data")
    options = ("--concept", "nice", "--model", "reference", "--method", "mean_difference_all")
    done = run(tmp_path, "run", *options, "--layers", "1")
    assert done.returncode == 0, done.stderr
    assert "nothing was asked about the vectors of nice · mean_difference_all: texts" in done.stderr
    assert "`rollouts: {prompt_sets: [plain]}`" in done.stderr
    assert "steerhouse analyse" not in done.stderr  # there is no slope to look at
    assert ask(tmp_path, "select count(*) from vector_layer") == [(6,)]


@pytest.mark.slow
def test_texts_beyond_the_context_are_refused_or_dropped(tmp_path: Path) -> None:
    specs(tmp_path, alone=ALONE)
    place(tmp_path / "data")
    long = NICE.replace("positive: [", "positive: [" + "gladly " * 4000 + ", ")
    (tmp_path / "specs" / "concepts" / "nice.yaml").write_text(long)
    refused = run(tmp_path, "run", "alone")
    assert refused.returncode == 1
    assert "1 text(s) cannot be used (e.g. text " in refused.stderr
    dropped = run(tmp_path, "run", "alone", "--unfit-items", "drop")
    assert dropped.returncode == 0, dropped.stderr
    assert "beyond the context: 4000 tokens" in dropped.stderr
    assert ask(tmp_path, "select distinct n_items from vector_fit") == [(5,)]
