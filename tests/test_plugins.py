"""Methods of the user's own through the real command: the example of the docs, and bad ones."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.command import console_script, steerhouse
from tests.doc_blocks import block
from tests.experiments import ask

PAGE = "methods.md"
SMALL = ("--model", "reference", "--layers", "3", "--multipliers", "-1,1", "--limit", "8")
ASKED = ("--specs", "specs", "run", "--concept", "kind", *SMALL)


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the example of the docs ran, as the docs say."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "trimmed.py").write_text(block(PAGE, "python"))
    (folder / "specs" / "methods").mkdir(parents=True)
    (folder / "specs" / "methods" / "trimmed_last.yaml").write_text(block(PAGE, "yaml", "plugin: "))
    command = block(PAGE, "sh").split()
    assert command[0] == "steerhouse"
    done = steerhouse("--specs", "specs", *command[1:], "--method", "trimmed_last", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_example_of_the_docs_is_short_and_steers(docs: Path) -> None:
    assert len(block(PAGE, "python").splitlines()) <= 15
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
    command = block(PAGE, "sh").split()[1:]
    again = steerhouse("--specs", "specs", *command, cwd=docs)
    assert "nothing was measured" in again.stderr
    (docs / "trimmed.py").write_text(block(PAGE, "python") + "# another thought\n")
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
