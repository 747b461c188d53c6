"""Methods through the real command: plugins, the mean over fit variants, a real trained model."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.command import console_script, steerhouse

DOCS = Path(__file__).parents[1] / "docs" / "methods.md"
SMALL = ("--model", "reference", "--layers", "3", "--multipliers", "-1,1", "--limit", "8")
ASKED = ("--specs", "specs", "run", "--concept", "kind", *SMALL)
SHIPPED = (
    "mean_difference",
    "mean_difference_no_letter",
    "mean_difference_last_token",
    "mean_difference_completion",
    "pca",
    "pca_no_letter",
    "logistic_probe",
    "logistic_probe_no_letter",
    "lda",
    "mean_and_probe",
)


def ask(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / "data" / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def block(language: str, holding: str = "") -> str:
    """Return the one block of docs/methods.md in a language that holds a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)
    (found,) = (text for text in blocks if holding in text)
    return str(found)


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the example of the docs ran, as the docs say."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "trimmed.py").write_text(block("python"))
    (folder / "specs" / "methods").mkdir(parents=True)
    (folder / "specs" / "methods" / "trimmed_last.yaml").write_text(block("yaml", "plugin: "))
    command = block("sh").split()
    assert command[0] == "steerhouse"
    done = steerhouse("--specs", "specs", *command[1:], "--method", "trimmed_last", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_example_of_the_docs_is_short_and_steers(docs: Path) -> None:
    assert len(block("python").splitlines()) <= 15
    ((slope, read),) = ask(
        docs,
        """
        select s.steerability, g.read_position from steerability as s
        join vector_geometry as g on g.vector_id = s.vector_id and g.layer = s.layer
        where s.method = 'trimmed' and s.split = 'test'
        """,
    )
    assert read == "answer_token"
    assert slope == pytest.approx(2.99, abs=0.35)
    assert ask(docs, "select sum(n_missing) from coverage") == [(0,)]


def test_its_code_is_recorded(docs: Path) -> None:
    from specs.identity import sha256

    rows = ask(
        docs,
        """
        select name.name, vector.parameters->>'sha256', vector.parameters->'parameters'->>'trim'
        from vector join name on name.id = vector_id and name.kind = 'method'
        where method = 'plugin' order by all
        """,
    )
    digest = sha256((docs / "trimmed.py").read_bytes())
    assert rows == [("trimmed", digest, None), ("trimmed_last", digest, "0.25")]
    ((command,),) = ask(docs, "select command from execution")
    assert "--plugin trimmed.py" in command


def test_changed_code_makes_new_vectors(docs: Path) -> None:
    before = {row[0] for row in ask(docs, "select vector_id from vector")}
    command = block("sh").split()[1:]
    again = steerhouse("--specs", "specs", *command, cwd=docs)
    assert "nothing was measured" in again.stderr
    (docs / "trimmed.py").write_text(block("python") + "# another thought\n")
    done = steerhouse("--specs", "specs", *command, cwd=docs)
    assert done.returncode == 0, done.stderr
    after = {row[0] for row in ask(docs, "select vector_id from vector")}
    assert before < after


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--plugin", "absent.py", "--method", "absent"), "--plugin absent.py: no such file"),
        (("--plugin", "bad.py", "--method", "bad"), "ZeroDivisionError: division by zero"),
        (("--plugin", "shape.py", "--method", "shape"), "returned shape [48, 128]"),
        (("--plugin", "pca.py", "--method", "pca"), "is a method of that name"),
        (("--method", "lost"), "plugin nowhere: nothing bears this name"),
        (("--method", "tapped"), "unknown method 'tapped'"),
        (("--method", "pca", "--combination", "mean"), "name more variants in fit_variants"),
    ],
)
def test_bad_plugins_are_one_line_and_exit_code_1(
    args: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    for name, text in {
        "bad": "def fit(p, n):\n    return 1 / 0\n",
        "shape": "def fit(p, n):\n    return p - n\n",
        "pca": "def fit(p, n):\n    return p[0]\n",
    }.items():
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "specs" / "methods").mkdir(parents=True)
    (tmp_path / "specs" / "methods" / "lost.yaml").write_text("kind: plugin\nplugin: nowhere\n")
    refused(steerhouse(*ASKED, *args, cwd=tmp_path), message)


def test_two_packages_with_a_plugin_of_one_name_are_refused(tmp_path: Path) -> None:
    from tests.runners.test_plugins import installed

    for package in ("one_pack", "other_pack"):
        installed(tmp_path / "site", package, "clash")
    (tmp_path / "specs" / "methods").mkdir(parents=True)
    path = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    done = console_script(*ASKED, "--method", "clash", cwd=tmp_path, PYTHONPATH=path)
    refused(done, "plugin clash: named by 2")


def refused(done: subprocess.CompletedProcess[str], message: str) -> None:
    """Hold that a command ended with one line that says this."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    assert message in line
    assert done.stderr.splitlines()[-1] == line


def test_check_finds_what_a_plugin_lacks_and_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "specs" / "experiments").mkdir(parents=True)
    (tmp_path / "specs" / "experiments" / "mine.yaml").write_text(
        "models: [reference]\nconcepts: [kind]\nmethods: [own]\n"
    )
    (tmp_path / "own.py").write_text("raise SystemExit(3)\ndef fit(p, n):\n    return p[0]\n")
    without = steerhouse("--specs", "specs", "check", "mine", cwd=tmp_path)
    assert without.returncode == 1
    assert "unknown method 'own'" in without.stderr
    given = steerhouse("--specs", "specs", "check", "mine", "--plugin", "own.py", cwd=tmp_path)
    assert given.returncode == 0, given.stderr
    (tmp_path / "own.py").write_text("def fitted(p, n):\n    return p[0]\n")
    empty = steerhouse("--specs", "specs", "check", "mine", "--plugin", "own.py", cwd=tmp_path)
    assert empty.returncode == 1
    assert "defines no function `fit`" in empty.stderr


MEANS = """\
models: [reference]
concepts: [kind]
methods: [mean_difference, pca_no_letter]
fit_variants: [base, user_positive, system_negative]
combinations: [single, mean]
variants: [base, user_positive]
norms: [base, raw]
layers: best
multipliers: [-1, 0, 1]
nulls: {random: 2, label_shuffled: 2}
resamples: 2
limit: 8
"""


@pytest.fixture(scope="module")
def means(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which an experiment with a mean over fit variants ran."""
    folder = tmp_path_factory.mktemp("means")
    (folder / "specs" / "experiments").mkdir(parents=True)
    (folder / "specs" / "experiments" / "means.yaml").write_text(MEANS)
    done = steerhouse("--specs", "specs", "run", "means", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_mean_over_fit_variants_is_that_of_their_raw_vectors(means: Path) -> None:
    import numpy as np

    rows = ask(
        means,
        """
        select name.name, vector.norm, vector.combination, direction, length
        from vector join name on name.id = vector_id and name.kind = 'method'
        join vector_direction using (vector_id) join vector_layer using (vector_id, layer)
        where role = 'fitted' and layer = 3
        """,
    )
    for method in ("mean_difference", "pca_no_letter"):
        found = {
            (norm, combination): [np.array(d) for n, m, c, d, _ in rows if (n, m, c) == (method, norm, combination)]
            for norm in ("base", "raw")
            for combination in (None, "mean")
        }  # fmt: skip
        assert len(found["raw", None]) == 3
        (raw,), (based,) = found["raw", "mean"], found["base", "mean"]
        assert raw == pytest.approx(np.mean(found["raw", None], axis=0), abs=1e-6)
        length = {n: le for n, m, c, _, le in rows if (m, c) == ("base", None)}[method]
        assert np.linalg.norm(based) == pytest.approx(length, rel=1e-5)
        assert np.cross(raw[:3], based[:3]) == pytest.approx(0, abs=1e-6)


def test_a_mean_is_named_by_all_its_fits_and_chooses_no_layer(means: Path) -> None:
    assert ask(means, "select sum(n_missing) from coverage") == [(0,)]
    named = {row[0] for row in ask(means, "select fit_variant from run_card where role = 'fitted'")}
    joined = "base + system_negative + user_positive"
    assert named == {"base", "system_negative", "user_positive", joined}
    rows = ask(means, "select distinct method, fit_variant, layer from best_layer order by all")
    assert rows == [("mean_difference", "base", 3), ("pca_no_letter", "base", 3)]
    ((n_items, n_questions),) = ask(
        means, f"select distinct n_items, n_questions from fit_card where fit_variant = '{joined}'"
    )
    assert (n_items, n_questions) == (144, 24)
    cells = ask(
        means,
        f"select count(*), min(steerability) from steerability where fit_variant = '{joined}' "
        "and split = 'test' and role = 'fitted'",
    )
    assert cells[0][0] == 2 * 2 * 2  # methods, evaluation variants, norms
    assert cells[0][1] > 2


def test_the_order_of_fit_variants_decides_nothing(means: Path) -> None:
    text = MEANS.replace(
        "[base, user_positive, system_negative]", "[user_positive, system_negative, base]"
    )
    (means / "specs" / "experiments" / "again.yaml").write_text(text)
    done = steerhouse("--specs", "specs", "run", "again", cwd=means)
    assert done.returncode == 0, done.stderr
    assert "nothing was measured" in done.stderr


def test_options_of_the_command_reach_norm_and_combination(tmp_path: Path) -> None:
    fits = ("--fit-variant", "base", "--fit-variant", "user_positive", "--combination", "mean")
    done = steerhouse(
        "run", "--concept", "kind", *SMALL, *fits, "--norm", "unit", "--norm", "base", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    rows = ask(
        tmp_path,
        "select combination, norm, round(length, 4) from run join vector using (vector_id) "
        "join vector_layer using (vector_id) where layer = 3 order by all",
    )
    assert [row[:2] for row in rows] == [("mean", "base"), ("mean", "unit")]
    assert rows[1][2] == 1


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    """Return a folder in which every method ran on a real model and a real concept."""
    folder = tmp_path_factory.mktemp("stories")
    for kind in ("concepts", "models"):
        (folder / "specs" / kind).mkdir(parents=True)
    (folder / "specs" / "models" / "stories.yaml").write_text(
        f"folder: {shared / 'models' / 'stories260k'}\ntemplate: plain\n"
    )
    (folder / "trimmed.py").write_text(block("python"))
    methods = [part for name in (*SHIPPED, "trimmed") for part in ("--method", name)]
    done = steerhouse(
        "--specs", "specs", "--sources", str(shared / "sources"), "run", "--concept", "openness",
        "--model", "stories", "--plugin", "trimmed.py", *methods, "--layers", "2,3", "--limit", "12",
        "--multipliers", "-1,0,1", "--nulls", "2", "--resamples", "2", "--unfit-items", "drop",
        cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder / "stderr").write_text(done.stderr)
    return folder


def test_every_method_runs_on_a_real_model(stories: Path) -> None:
    assert ask(stories, "select sum(n_missing) from coverage") == [(0,)]
    rows = ask(
        stories,
        """
        select method, count(*) filter (role = 'fitted'), count(*) filter (role = 'null'),
            count(*) filter (role = 'resample')
        from run_card group by method order by method
        """,
    )
    found = {row[0]: row[1:] for row in rows}
    assert {*found} == {*SHIPPED, "trimmed", "random", "label_shuffled"}
    for method in (*SHIPPED, "trimmed"):
        assert found[method] == (1, 0, 2), method
    assert found["random"][1] == found["label_shuffled"][1] == 2 * (len(SHIPPED) + 1)


def test_their_norms_and_geometry_are_there(stories: Path) -> None:
    rows = ask(
        stories,
        """
        select g.method, g.layer, g.length, g.raw_length, g.split_half_cosine, g.auroc, g.degenerate
        from vector_geometry as g where g.role = 'fitted' and g.layer in (2, 3) order by all
        """,
    )
    assert len(rows) == 2 * (len(SHIPPED) + 1)
    base = {row[1]: row[2] for row in rows if row[0] == "mean_difference"}
    for _method, layer, length, raw_length, cosine, auroc, degenerate in rows:
        assert degenerate or length == pytest.approx(base[layer], rel=1e-4)
        assert raw_length > 0
        assert cosine is not None
        assert 0.45 <= auroc <= 1
