from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from builders import sources_hub
from builders.commands import build
from builders.faults import faults
from specs.catalog import Catalog
from specs.settings import Settings

FIVE_LINES = """\
description: Likes tea.
source:
  file: tea.csv
  fields: {question: ask, positive: likes, negative: dislikes}
tags: [drink]
"""
HUB = "source: {hub: Someone/evals, file: rows.jsonl}\n"


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A folder as a user has it: one concept of five lines, its csv, and a variant."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources_hub, "hub_silence", lambda: "the Hub does not answer")
    specs = tmp_path / "specs"
    for kind in ("concepts", "variants", "experiments"):
        (specs / kind).mkdir(parents=True)
    (specs / "concepts" / "tea.yaml").write_text(FIVE_LINES)
    rows = "".join(f"Is {{{{ tea }}}} {i} good?,Yes {i},No {i}\n" for i in range(10))
    (specs / "concepts" / "tea.csv").write_text("ask,likes,dislikes\n" + rows)
    (specs / "variants" / "shout.yaml").write_text('user: "{{ item | upper }}"\n')
    return Settings(home=Path("data"), specs=(Path("specs"),))


def invoke(user: Settings, *args: str) -> Result:
    return CliRunner().invoke(build, list(args), obj=user, catch_exceptions=True)


def test_a_concept_of_five_lines_is_built_and_then_unchanged(user: Settings) -> None:
    first = invoke(user, "tea")
    assert first.exit_code == 0, first.output
    assert first.stdout == "data/datasets/tea\n"
    assert first.stderr.startswith("tea: built 20 items (train 8, validation 2, test 10) from 10")
    assert "variant left out: " in first.stderr
    assert "needs the persona of concept 'tea'" in first.stderr
    assert (Path("data/datasets/tea/shout")).is_dir()
    second = invoke(user, "tag:drink")
    assert second.stdout == first.stdout
    assert second.stderr.startswith("tea: unchanged: 20 items")


def test_a_variant_that_was_named_must_be_renderable(user: Settings) -> None:
    only = invoke(user, "tea", "--variant", "shout")
    assert sorted(path.name for path in Path("data/datasets/tea").iterdir() if path.is_dir()) == [
        "items",
        "shout",
    ]
    assert "left out" not in only.stderr
    named = invoke(user, "tea", "--variant", "system_positive")
    assert "needs the persona of concept 'tea'" in str(named.exception)


def test_an_experiment_names_concepts_and_variants(user: Settings) -> None:
    Path("specs/experiments/sip.yaml").write_text(
        "models: [reference]\nconcepts: ['tag:drink']\nvariants: [shout]\nfit_variants: [base]\n"
    )
    done = invoke(user, "--experiment", "sip")
    assert done.exit_code == 0, str(done.exception)
    assert {path.name for path in Path("data/datasets/tea").iterdir() if path.is_dir()} == {
        "items",
        "shout",
        "base",
    }


def test_without_names_what_is_out_of_reach_is_named_and_skipped(user: Settings) -> None:
    Path("specs/concepts/far.yaml").write_text(HUB)
    done = invoke(user)
    assert done.exit_code == 0, str(done.exception)
    assert "data/datasets/tea\n" in done.stdout
    assert (
        "far: not built: specs/concepts/far.yaml: source: Someone/evals/rows.jsonl is not here"
        in done.stderr
    )
    asked = invoke(user, "far", "tea")
    assert "Someone/evals/rows.jsonl is not here" in str(asked.exception)
    assert asked.stdout == "data/datasets/tea\n"


def test_a_faulty_file_does_not_keep_the_others_from_being_built(user: Settings) -> None:
    Path("specs/concepts/bad.yaml").write_text("sauce: 1\n")
    done = invoke(user)
    assert "data/datasets/tea\n" in done.stdout
    assert "specs/concepts/bad.yaml:1:1" in str(done.exception)


def test_faults_finds_what_build_would_stumble_on_and_writes_nothing(user: Settings) -> None:
    Path("specs/concepts/far.yaml").write_text(HUB)
    Path("specs/concepts/equal.yaml").write_text("source: {file: equal.csv}\n")
    Path("specs/concepts/equal.csv").write_text("question,positive,negative\na?,x,x\n")
    Path("specs/variants/broken.yaml").write_text('user: "{{ options[7] }}"\n')
    catalog = Catalog(user.specs)
    found, unreachable = faults(catalog, ["tea", "far", "equal"], user, online=False)
    assert [line.split(": ")[0] for line in found] == [
        "specs/variants/broken.yaml",
        "specs/concepts/equal.csv:row 1",
    ]
    assert len(unreachable) == 1
    assert "Someone/evals" in unreachable[0]
    found, unreachable = faults(catalog, ["far"], user, online=True)
    assert (len(found), unreachable) == (1, [])
    assert not Path("data").exists()
