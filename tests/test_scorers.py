"""Scorers through the command: sampled, scored, asked again, one added, one that fails, forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.analysis.conftest import rows
from tests.experiments import ask, quick
from tests.judge_endpoint import error, says, serving
from warehouse.connect import connect

SPEC = """layers: [2]
splits: [test]
limit: 4
nulls: {random: 1}
rollouts: {prompt_sets: [mine], tokens: 3, samples: 2}
scorers: [own, log_probability, distinct_2]
"""


def specs(folder: Path, **scorers: str) -> None:
    for kind, name, text in (
        ("prompt_sets", "mine", "prompts: ['You would', 'the']\n"),
        ("scorers", "own", "kind: words\nwords: [you, the, a, would]\ncount: share\n"),
        *(("scorers", name, text) for name, text in scorers.items()),
    ):
        path = folder / "specs" / kind / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored")
    specs(folder)
    done = quick(folder, "said", SPEC)
    assert done.returncode == 0, done.stderr
    # 4 streams: unsteered, and a vector and a null at 2 multipliers (0 is the unsteered).
    assert "3 scorer(s), 60 scores asked, 0 already there, 60 to make" in done.stderr
    assert "said: 60 scores of a rollout written" in done.stderr
    assert "next: steerhouse analyse behaviour_coherence --experiment said" in done.stderr
    return folder


def scores(folder: Path) -> list[tuple[Any, ...]]:
    return ask(folder, "from score order by all")


def test_every_rollout_has_every_score(folder: Path) -> None:
    found = ask(folder, "select scorer, measures, count(*), count(distinct rollout_id), count(score) from rollout_score group by all order by all")  # fmt: skip
    assert found == [
        ("distinct_2", "coherence", 20, 20, 20),
        ("log_probability", "coherence", 20, 20, 20),
        ("own", "behaviour", 20, 20, 20),
    ]
    assert ask(folder, "select min(score) >= 0, max(score) <= 1, count(distinct score) > 5 from score") == [(True, True, True)]  # fmt: skip
    assert ask(folder, "select max(abs(score - exp(unsteered_logprob))) < 1e-12 from rollout_score where scorer = 'log_probability'") == [(True,)]  # fmt: skip


def test_asked_again_an_added_scorer_rates_what_is_there_and_nothing_else_is_done(
    folder: Path,
) -> None:
    before = scores(folder)
    more = quick(folder, "said", SPEC.replace("distinct_2]", "distinct_2, repetition]"))
    assert more.returncode == 0, more.stderr
    assert "4 scorer(s), 80 scores asked, 60 already there, 20 to make" in more.stderr
    assert "20 to sample" not in more.stderr
    assert set(before) < set(scores(folder))


def test_the_analyses_answer(folder: Path) -> None:
    with connect(folder / "data") as connection:
        coherent = {row["coherence_scorer"] for row in rows(connection, "coherence_by_scale")}
        for name, n in (("behaviour_coherence", 3), ("coherence_by_scale", 2), ("best_scale", 1)):
            found = rows(connection, name, concept="kind", experiment="said")
            assert len(found) == n * len(coherent)
            assert {row["complete"] for row in found} == {True}
        assert {row["prompt_set"] for row in found} == {"mine"}
        assert {row["concept"] for row in found} == {"kind"}
        assert rows(connection, "behaviour_coherence", role="null", method="random")


@pytest.mark.slow
def test_a_judge_that_cannot_go_on_is_an_error_after_all_else_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOPBACK_KEY", "sk-loopback-secret")
    judge = "kind: judge\nmeasures: behaviour\nbase_url: {}\nmodel: m\nkey_env: LOOPBACK_KEY\nrubric: '{{{{ text }}}}'\n"  # fmt: skip
    asked = SPEC.replace("[own", "[loop, own")
    with serving(lambda one: error(401, "wrong key sk-loopback-secret")) as served:
        specs(folder, loop=judge.format(served.url))
        done = quick(folder, "said", asked)
    assert done.returncode == 1
    assert "Error: scorer loop: stopped, 20 rollout(s) were not judged: status 401" in done.stderr
    with serving(lambda one: says("4")) as served:
        specs(folder, loop=judge.format(served.url))
        again = quick(folder, "said", asked)
    assert again.returncode == 0, again.stderr
    assert "scorer loop: 20 judged, 0 failed, 2,000 tokens read, 40 written" in again.stderr
    assert "sk-loopback" not in done.stderr + again.stderr + done.stdout + again.stdout
    assert not [p for p in folder.rglob("*") if p.is_file() and b"sk-loopback-secret" in p.read_bytes()]  # fmt: skip
    monkeypatch.delenv("LOOPBACK_KEY")
    third = quick(folder, "said", asked)
    assert third.returncode == 0, third.stderr
    assert "everything is there already" in third.stderr
    assert "Warning: scorer loop will not be asked" in third.stderr


def test_faults_are_told_before_any_work(tmp_path: Path) -> None:
    specs(tmp_path, loop="kind: judge\nmeasures: behaviour\nmodel: m\nrubric: '{{ concept.criterion }}'\n")  # fmt: skip
    asked = SPEC.replace("[own, log_probability, distinct_2]", "[words, loop]")
    done = quick(tmp_path, "said", asked)
    assert done.returncode == 1
    assert "concept 'kind' has no `scorer_words`" in done.stderr
    assert "concept 'kind' has no `criterion`" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "data").glob("datasets/*"))
