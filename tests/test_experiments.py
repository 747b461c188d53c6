"""Experiments of several models, variants, scopes and norms, through the real command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.command import steerhouse

WIDE = """\
models: [reference, twin]
concepts: [kind, frank]
fit_variants: [base, user_positive]
variants: [base, user_negative]
layers: best
multipliers: [-1, 0, 1]
scopes: [answer, decision]
norms: [base, unit]
nulls: {random: 2}
resamples: 2
limit: 12
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which a wide experiment ran on two models."""
    from runners.reference_model import build

    folder = tmp_path_factory.mktemp("wide")
    for kind in ("models", "experiments"):
        (folder / "specs" / kind).mkdir(parents=True)
    model, tokenizer = build()
    model.save_pretrained(folder / "twin")
    tokenizer.save_pretrained(folder / "twin")
    (folder / "specs" / "models" / "twin.yaml").write_text("folder: ../../twin\n")
    (folder / "specs" / "experiments" / "wide.yaml").write_text(WIDE)
    done = steerhouse("--specs", "specs", "run", "wide", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "said").write_text(done.stderr)
    return folder


def ask(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / "data" / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_everything_asked_of_both_models_is_there(folder: Path) -> None:
    rows = ask(
        folder,
        "select model, concept, sum(n_asked), sum(n_measured), sum(n_missing) from coverage "
        "where experiment = 'wide' group by all order by all",
    )
    assert [row[:2] for row in rows] == [
        ("reference", "frank"),
        ("reference", "kind"),
        ("twin", "frank"),
        ("twin", "kind"),
    ]
    assert len({row[2:] for row in rows}) == 1
    assert all(asked == measured and missing == 0 for *_, asked, measured, missing in rows)


def test_the_same_weights_give_the_same_numbers(folder: Path) -> None:
    ((n, gap),) = ask(
        folder,
        """
        with numbers as (
            select model, concept, variant, fit_variant, norm, scope, split, item_id, layer,
                multiplier, logit_diff
            from sweep
            where role = 'fitted'
        )
        select count(*), max(abs(a.logit_diff - b.logit_diff))
        from numbers as a
        join numbers as b
            using (concept, variant, fit_variant, norm, scope, split, item_id, layer, multiplier)
        where a.model = 'reference' and b.model = 'twin'
        """,
    )
    assert n > 500
    assert gap < 1e-3


def test_best_is_one_layer_for_every_variant(folder: Path) -> None:
    """Chosen on base, for each norm and scope; a reported split knows no other layer."""
    rows = ask(
        folder,
        "select concept, norm, scope, list(distinct layer) from sweep where split = 'test' "
        "group by all",
    )
    assert len(rows) == 2 * 2 * 2
    assert all(len(layers) == 1 for *_, layers in rows)
    raw = {(concept, scope): layers for concept, norm, scope, layers in rows if norm == "base"}
    assert set(map(tuple, raw.values())) == {(3,)}
    unit = {tuple(layers) for _, norm, _, layers in rows if norm == "unit"}
    assert unit == {(2,)}, "with unit vectors the planted profile peaks at layer 2"


def test_the_chosen_layers_are_said_at_the_end(folder: Path) -> None:
    """A line a model, each choice with what tells it apart; the slopes are those of the view."""
    said = (folder / "said").read_text()
    (line,) = [one for one in said.splitlines() if one.startswith("twin: layer chosen")]
    assert " among 4, by mean slope: " in line  # two layers are degenerate
    chosen = ask(
        folder,
        "select concept, method, norm, scope, layer, steerability from best_layer "
        "where model = 'twin'",
    )
    assert len(chosen) == 8
    for concept, method, norm, scope, layer, slope in chosen:
        ways = f"{concept} · {method} · {norm} · {scope}"
        (number, shown) = re.search(rf"{ways}: (\d+) \(slope ([-\d.]+)\)", line).groups()  # type: ignore[union-attr]
        assert int(number) == layer
        assert float(shown) == pytest.approx(slope, rel=0.01)
    assert said.index("vector(s) fitted") < said.index("twin: layer chosen") < said.index("next: ")


def test_what_rides_along_belongs_to_the_base_fit(folder: Path) -> None:
    rows = ask(
        folder,
        "select role, count(distinct run_id), list(distinct fit_variant) from sweep "
        "where split = 'test' group by role order by role",
    )
    runs = 2 * 2 * 2 * 2 * 2  # models, concepts, variants, scopes, norms
    assert rows == [
        ("fitted", 2 * runs, rows[0][2]),
        ("null", 2 * runs, ["base"]),
        ("resample", 2 * runs, ["base"]),
    ]
    assert sorted(rows[0][2]) == ["base", "user_positive"]


def test_the_layer_of_the_view_is_the_layer_that_was_measured(folder: Path) -> None:
    rows = ask(
        folder,
        "select count(*), count(*) filter (where chosen_layer.layer = sweep.layer) from sweep "
        "join chosen_layer using (run_id) where sweep.split = 'test'",
    )
    assert rows[0][0] == rows[0][1] > 0


def test_a_second_run_of_it_does_nothing(folder: Path) -> None:
    before = ask(folder, "select * from experiment_run order by all")
    done = steerhouse("--specs", "specs", "run", "wide", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "nothing was measured" in done.stderr
    assert ask(folder, "select * from experiment_run order by all") == before


# What a review found, each held by the case that showed it ----------------------------------


def quick(folder: Path, name: str, text: str, *more: str) -> Any:
    """Write an experiment over the reference model and run it in a home of its own."""
    path = folder / "specs" / "experiments" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("models: [reference]\nconcepts: [kind]\nmultipliers: [-1, 0, 1]\n" + text)
    return steerhouse("--specs", "specs", "--home", "data", "run", name, *more, cwd=folder)


def test_one_file_vector_under_two_fit_variants_is_one_run(tmp_path: Path) -> None:
    import numpy as np

    np.save(tmp_path / "v.npy", np.ones((6, 128), np.float32))
    (tmp_path / "specs" / "methods").mkdir(parents=True)
    (tmp_path / "specs" / "methods" / "mine.yaml").write_text("kind: file\nfile: ../../v.npy\n")
    text = "methods: [mine]\nfit_variants: [base, user_positive]\nlayers: [3]\nlimit: 4\n"
    done = quick(tmp_path, "mine", text)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert ask(tmp_path, "select count(distinct run_id), count(*) from measurement") == [(1, 16)]
    assert "nothing was measured" in quick(tmp_path, "mine", text).stderr


def test_a_copied_concept_is_one_dataset_with_two_names(tmp_path: Path) -> None:
    import shutil

    from specs.catalog import SHIPPED

    folder = tmp_path / "specs" / "concepts"
    folder.mkdir(parents=True)
    text = (SHIPPED / "concepts" / "kind.yaml").read_text()
    (folder / "gentle.yaml").write_text(text)
    shutil.copytree(SHIPPED / "concepts" / "data", folder / "data")
    done = quick(
        tmp_path, "both", "layers: [3]\nlimit: 4\ninclude: [{concept: gentle}]\n", "--verify", "30"
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert ask(tmp_path, "select count(*) from run") == [(1,)]
    assert ask(tmp_path, "select name from name where kind = 'concept' order by 1") == [
        ("gentle",),
        ("kind",),
    ]


def test_every_seed_draws_nulls_of_its_own(tmp_path: Path) -> None:
    done = quick(tmp_path, "seeds", "layers: [3]\nlimit: 4\nseeds: [0, 1]\nnulls: {random: 2}\n")
    assert done.returncode == 0, done.stderr
    assert ask(
        tmp_path,
        "select seed, count(*) from vector where role = 'null' group by seed order by seed",
    ) == [(0, 2), (1, 2)]


def test_concepts_have_random_nulls_of_their_own(tmp_path: Path) -> None:
    """A family of verdicts takes its nulls to be independent: no direction serves two concepts."""
    text = (
        "layers: [3]\nlimit: 2\nsplits: [test]\nnulls: {random: 3}\ninclude: [{concept: proud}]\n"
    )
    done = quick(tmp_path, "family", text)
    assert done.returncode == 0, done.stderr
    ((n, cosine),) = ask(
        tmp_path,
        """
        with direction as (
            select vector_id, parent_vector_id, direction
            from vector_direction
            join vector using (vector_id)
            where role = 'null'
        )

        select count(*), max(abs(list_cosine_similarity(a.direction, b.direction)))
        from direction as a
        join direction as b on a.parent_vector_id < b.parent_vector_id
        """,
    )
    assert n == 9
    assert cosine < 0.5


def test_a_single_layer_is_not_chosen_and_has_its_nulls(tmp_path: Path) -> None:
    """One candidate: the validation split is not swept unless it is asked for."""
    text = "layers: [3]\nlimit: 4\nsplits: [test]\nnulls: {random: 2, label_shuffled: 1}\n"
    planned = quick(tmp_path, "one", text, "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "4 run(s), 32 measurements asked" in planned.stderr
    done = quick(tmp_path, "one", text)
    assert done.returncode == 0, done.stderr
    assert "choosing" not in done.stderr
    assert ask(tmp_path, "select distinct split from cell") == [("test",)]
    assert ask(
        tmp_path,
        "select role, layer, count(*) from sweep where multiplier <> 0 group by all order by all",
    ) == [("fitted", 3, 8), ("null", 3, 24)]


def test_nothing_rides_along_with_a_single_degenerate_layer(tmp_path: Path) -> None:
    done = quick(tmp_path, "one", "layers: [0]\nlimit: 2\nsplits: [test]\nnulls: {random: 2}\n")
    assert done.returncode == 0, done.stderr
    assert "no layer can be chosen" in done.stderr
    assert "reference: 6 of 6 (vector, layer) are degenerate" in done.stderr
    assert "tea · mean_difference at layer 0, " in done.stderr
    assert ask(tmp_path, "select distinct role from sweep") == [("fitted",)]


def test_degenerate_layers_keep_their_length_under_every_norm(tmp_path: Path) -> None:
    done = quick(tmp_path, "unit", "limit: 2\nnorms: [unit]\n")
    assert done.returncode == 0, done.stderr
    rows = ask(
        tmp_path,
        "select layer, factor = 1, degenerate from vector_layer where length > 0 "
        "and vector_id in (select vector_id from vector where norm = 'unit') order by layer",
    )
    assert [row[0] for row in rows if row[2]] == [0, 1]
    assert all(unscaled == degenerate for _, unscaled, degenerate in rows)


def test_a_wider_context_measures_what_was_dropped(tmp_path: Path) -> None:
    for kind in ("concepts", "models"):
        (tmp_path / "specs" / kind).mkdir(parents=True)
    rows = "".join(f"What {'so ' * (4 * i)}would you drink?,Tea,Coffee\n" for i in range(12))
    (tmp_path / "specs" / "concepts" / "tea.csv").write_text("question,positive,negative\n" + rows)
    (tmp_path / "specs" / "concepts" / "tea.yaml").write_text(
        "source: {file: tea.csv}\nsplits: {train: 0.4, validation: 0.3, test: 0.3}\n"
    )
    spec = tmp_path / "specs" / "models" / "narrow.yaml"
    spec.write_text("builtin: reference\ncontext: 60\n")
    asked = ("--concept", "tea", "--model", "narrow", "--layers", "3", "--unfit-items", "drop")
    args = ("--specs", "specs", "run", *asked, "--multipliers", "-1,0,1")
    first = steerhouse(*args, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    counts = "select sum(n_asked), sum(n_measured), sum(n_refused), sum(n_missing) from coverage"
    ((asked_then, measured, refused, missing),) = ask(tmp_path, counts)
    assert refused > 0
    assert missing == 0
    assert measured < asked_then
    spec.write_text("builtin: reference\n")
    second = steerhouse(*args, cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert ask(tmp_path, counts) == [(asked_then, asked_then, 0, 0)]


def test_a_concept_without_a_direction_is_swept_and_said(tmp_path: Path) -> None:
    """Foreign words are all one token to the reference model: its vectors have no length."""
    (tmp_path / "specs" / "concepts").mkdir(parents=True)
    (tmp_path / "specs" / "concepts" / "tea.yaml").write_text(
        "source: {file: tea.csv}\nsplits: {train: 0.4, validation: 0.3, test: 0.3}\n"
    )
    rows = "".join(f"Question number {i}?,Tea {i},Coffee {i}\n" for i in range(12))
    (tmp_path / "specs" / "concepts" / "tea.csv").write_text("question,positive,negative\n" + rows)
    how = ("--concept", "tea", "--model", "reference", "--nulls", "3")
    done = steerhouse("--specs", "specs", "run", *how, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no layer can be chosen" in done.stderr
    assert "reference: 6 of 6 (vector, layer) are degenerate" in done.stderr
    assert "tea · mean_difference at layer 0, " in done.stderr
    assert ask(tmp_path, "select sum(n_missing) from coverage") == [(0,)]


def test_a_changed_experiment_gets_a_name_of_its_own(tmp_path: Path) -> None:
    assert quick(tmp_path, "plan", "layers: [3]\nlimit: 4\n").returncode == 0
    before = ask(tmp_path, "select * from experiment_run where experiment = 'plan' order by all")
    done = steerhouse(
        "--specs", "specs", "run", "plan", "--layers", "2", "--limit", "2", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    after = ask(tmp_path, "select * from experiment_run where experiment = 'plan' order by all")
    assert after == before
    assert len(ask(tmp_path, "select distinct experiment from experiment_run")) == 2


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (("--layers", "5-3"), "backwards"),
        (("--multipliers", "nan,1"), "finite"),
        (("--save", "../../evil"), "letters"),
        (("--concept", "kind", "--save", "x"), "--specs"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    tmp_path: Path, args: tuple[str, ...], what: str
) -> None:
    done = steerhouse("run", "--concept", "kind", "--model", "reference", *args, cwd=tmp_path)
    assert done.returncode == 1
    assert what in done.stderr
    assert "Traceback" not in done.stderr


def test_a_resumed_run_keeps_the_token_budget_it_began_with(tmp_path: Path) -> None:
    assert quick(tmp_path, "budget", "layers: [3]\nlimit: 2\n").returncode == 0
    (kept,) = (tmp_path / "data" / "staged").glob("tokens-per-batch-*")
    began = [line.split() for line in kept.read_text().splitlines()]
    assert {place.split("/")[1] for _, place, _ in began} == {"fit", "validation", "test"}
    assert all(int(tokens) >= 128 and number == "0" for tokens, _, number in began)
    other = "".join(f"300 {place} 0\n" for _, place, _ in began)
    kept.write_text(other)
    assert quick(tmp_path, "budget", "layers: [3]\nlimit: 4\n").returncode == 0
    assert kept.read_text() == other
