"""What is the same run and what is another: names, files, contexts, changed options."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.command import steerhouse
from tests.experiments import ask, quick


def test_one_file_vector_under_two_fit_variants_is_one_run(tmp_path: Path) -> None:

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
