"""Faults of concepts, names and arguments: one clear line, exit code 1, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bad_input.asking import ADHOC, GOOD, ROWS, model_folder, refused, write


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (GOOD + "colour: red\n", "tea.yaml:3:1", "colour"),
        (GOOD + "version: one\n", "tea.yaml:3:10", "version"),
        (GOOD + "version: 1\nversion: 2\n", "tea.yaml:4:1", "twice"),
        (GOOD + "description: !tag x\n", "tea.yaml:3:14", "tag"),
        (GOOD + "description: caf\xe9\n".encode().decode().replace("é", "\udce9"), "tea.yaml:3", "UTF-8"),
        (GOOD.replace("0.4", "0.9"), "tea.yaml:2:9", "1.5"),
        (GOOD + "answer_format: leter\n", "tea.yaml:3:16", "letter"),
        ("source: {inline: []}\n", "tea.yaml:1:18", "inline"),
        ("source: {inline: [{question: q, positive: a, negative: a}]}\n", "tea.yaml:1", "differ"),
    ],
)  # fmt: skip
def test_faults_of_a_concept_file(place: Path, text: str, where: str, what: str) -> None:
    write(place, "concepts/tea.yaml", text.encode("utf-8", "surrogateescape"))
    for args in (("check",), ("build", "tea")):
        line = refused(*args)
        assert where in line
        assert what in line


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (("build", "tee"), "did you mean 'tea'"),
        (("run", "quickstrat"), "did you mean 'quickstart'"),
        (("run", "--concept", "tea", "--model", "referense"), "did you mean 'reference'"),
        (("run",), "name an experiment"),
        (("run", "--concept", "tea", "--model", "reference", "--method", "mean_diference"), "mean_difference"),
        (("run", "--concept", "tea", "--model", "reference", "--layers", "x"), "--layers"),
        (("run", "--concept", "tea", "--model", "reference", "--layers", "3,99"), "layers 0 to 5"),
        (("run", "--concept", "tea", "--model", "reference", "--multipliers", "a"), "not numbers"),
        (("run", "--concept", "tag:nothing", "--model", "reference"), "tag"),
        (("run", "--concept", "tea", "--model", "./nowhere"), "no such folder"),
        (("build", "openness"), "Anthropic/model-written-evals"),
        (("analyse", "steerabilty"), "did you mean"),
        (("sql", "select 1"), "warehouse"),
        (("status",), "warehouse"),
    ],
)  # fmt: skip
def test_names_and_arguments(place: Path, args: tuple[str, ...], what: str) -> None:
    assert what in refused(*args)


def test_a_layer_out_of_range_is_refused_before_anything_is_built_or_loaded(place: Path) -> None:
    """From the configuration: neither torch nor a dataset is needed to know it."""
    tried = "\n".join([
        "import sys",
        "from steerhouse import cli",
        f"sys.argv = ['steerhouse', '--specs', 'specs', *{ADHOC!r}, *sys.argv[1:]]",
        "try: cli(standalone_mode=False)",
        "finally: print('torch' in sys.modules)",
    ])  # fmt: skip
    for model in ("reference", str(model_folder(place))):
        how = ("--model", model, "--layers", "3,99")
        done = subprocess.run(
            [sys.executable, "-c", tried, *how], capture_output=True, text=True, check=False
        )
        assert "layer 99 is out of range" in done.stderr
        assert done.stdout == "False\n"
    assert not (place / "data").exists()


def test_too_few_questions_for_a_split(place: Path) -> None:
    write(place, "concepts/tea.csv", "\n".join(ROWS.splitlines()[:2]))
    assert "split" in refused("build", "tea")


def test_persona_missing_for_a_variant(place: Path) -> None:
    line = refused(*ADHOC, "--model", "reference", "--variant", "system_positive")
    assert "persona" in line
    assert "system_positive" in line


def test_options_equal_in_a_file_names_the_row(place: Path) -> None:
    write(place, "concepts/tea.csv", ROWS + "Same?,Tea,Tea\n")
    line = refused("build", "tea")
    assert "row 13" in line
