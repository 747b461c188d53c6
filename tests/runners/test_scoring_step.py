"""The scoring step: planned, done, stopped, killed, done again; nothing lost, nothing twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from math import exp
from pathlib import Path
from typing import Any

import pytest

from analysis.catalog import checks
from runners.scoring import endpoint, open as opening
from specs.faults import Refused
from tests.analysis.conftest import rows
from tests.judge_endpoint import Answer, Asked, error, says, serving
from tests.rollout_world import World, identity
from tests.runners.scoring_campaign import TEXTS, ask, campaign, do, home_of, spec
from warehouse.connect import connect
from warehouse.health import check as check_warehouse

KEY = "sk-loopback-0123456789abcdef"
ROOT = Path(__file__).parents[2]
LOVE = TEXTS + "criterion: is about love.\nscorer_words: [love, kiss*]\n"
WEDDING = TEXTS + "criterion: is about a wedding.\nscorer_words: [bride]\n"
WORDS = ("love", "kisses", "bride", "gravel")


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what was made, and a key."""
    monkeypatch.setenv("LOOPBACK_KEY", KEY)
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.01)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two concepts by a run each, a null of the first, rollouts without steering."""
    tmp_path, world = tmp_path_factory.mktemp("made"), World()
    for name, text in (("love", LOVE), ("wedding", WEDDING)):
        spec(tmp_path, "concepts", name, text)

    def word(prompt: str, sample: int) -> str:
        return f" {WORDS[sample % 4]} is{len(prompt)} here, {sample}"

    world.rollouts(None, 4, text=word)
    parent = identity("vector", "m", "love", "caa", "fitted")
    for run in (
        world.run("love", "caa"),
        world.run("wedding", "caa"),
        world.run("love", "random", role="null", parent=parent),
    ):
        world.rollouts(run, 4, (1.0, 2.0), text=word)
    world.experiment = "another"
    world.rollouts(world.run("love", "caa"), 4, (3.0,), text=word)
    home_of(tmp_path, world)
    return tmp_path


def asked(folder: Path, *scorers: str) -> Any:
    vectors = {
        "love": [identity("vector", "m", "love", method, role) for method, role in (("caa", "fitted"), ("random", "null"))],
        "wedding": [identity("vector", "m", "wedding", "caa", "fitted")],
    }  # fmt: skip
    return campaign(folder, scorers, vectors)


def judge(folder: Path, url: str, more: str = "", measures: str = "coherence") -> None:
    about = " {{ concept.criterion }}" if measures == "behaviour" else ""
    spec(folder, "scorers", f"loop-{measures}", f"kind: judge\nmeasures: {measures}\nbase_url: {url}\nmodel: m\nkey_env: LOOPBACK_KEY\nrubric: '{{{{ prompt }}}}|{{{{ text }}}}|{about}'\nretries: 1\n{more}")  # fmt: skip


def test_free_scorers_score_everything_asked_and_nothing_else(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    done = do(asked(folder, "words", "log_probability", "distinct_2"))
    said = capfd.readouterr().err
    # 8 unsteered; 2 runs and 1 null of 16; words once for each concept, with its own runs.
    assert "4 scorer(s), 176 scores asked, 0 already there, 176 to make" in said
    assert done.scored == 176
    assert done.unfinished == []
    assert ask(folder, "select scorer, count(*), count(score) from rollout_score group by 1 order by 1") == [
        ("distinct_2", 56, 56), ("log_probability", 56, 56), ("words", 64, 64),
    ]  # fmt: skip
    found = ask(
        folder,
        "select name.name, list_sort(list(distinct regexp_extract(text, '[a-z]+')))"
        " from rollout_score inner join scorer_concept using (scorer_id)"
        " inner join name on name.kind = 'concept' and name.id = scorer_concept.dataset_id"
        " where score = 1 group by 1 order by 1",
    )
    assert found == [("love", ["kisses", "love"]), ("wedding", ["bride"])]
    for text, score in ask(folder, "select sample, score from rollout_score where scorer = 'log_probability'"):  # fmt: skip
        assert score == pytest.approx(exp(-2.0 - text))
    assert ask(folder, "select count(*) from score inner join execution using (execution_id)") == [(176,)]  # fmt: skip


def test_asked_again_nothing_is_done_and_an_added_scorer_scores_what_is_there(folder: Path) -> None:
    assert do(asked(folder, "words")).scored == 64
    before = ask(folder, "from score order by all")
    assert do(asked(folder, "words")).scored == 0
    assert do(asked(folder, "words", "repetition")).scored == 56
    assert set(before) < set(ask(folder, "from score"))
    # Other words are another scorer.
    spec(folder, "concepts", "love", LOVE.replace("kiss*", "gravel"))
    assert do(asked(folder, "words")).scored == 40
    assert ask(folder, "select count(distinct scorer_id) from scorer where kind = 'words'") == [(3,)]  # fmt: skip


def test_a_dry_run_plans_and_writes_nothing(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    judge(folder, "http://127.0.0.1:9/v1", "prices: {read: 1000, written: 0}\n", "behaviour")
    do(asked(folder, "loop-behaviour"), dry_run=True)
    said = capfd.readouterr().err
    assert "2 scorer(s), 64 scores asked, 0 already there, 64 to make" in said
    assert "judge loop-behaviour (love) asks m 40 times, about" in said
    assert "by its prices" in said
    assert ask(folder, "select count(*) from scorer") == [(0,)]
    assert not list((folder / "data").glob("staged/**/*.parquet"))


def rating(one: Asked) -> Answer:
    """Rate 10 what is about love, by the criterion; fail on gravel."""
    if "gravel" in one.text:
        return says("no idea")
    _, text, criterion = one.text.split("|")
    return says("10" if "love" in text and "love" in criterion else "1")


def test_a_judge_rates_by_the_criterion_and_failures_stay_and_are_asked_again(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(rating) as served:
        judge(folder, served.url, "prices: {read: 1, written: 10}\n", "behaviour")
        done = do(asked(folder, "loop-behaviour"))
        assert len(served.asked) == 64
        first = ask(folder, "select scorer_id, rollout_id, score from score where score is not null")  # fmt: skip
        lines = "\n".join(done.found)
        assert "scorer loop-behaviour (love): 30 judged, 10 failed, 4,000 tokens read, 80 written, cost 0.0048" in lines  # fmt: skip
        assert "10 times: no number in the answer; the same command asks again" in lines
        assert ask(folder, "select count(*), count(score), sum(cost), min(attempts) from score where failure is not null") == [(16, 0, pytest.approx(16 * 1.2e-4), 1)]  # fmt: skip
        again = do(asked(folder, "loop-behaviour"))
        assert len(served.asked) == 64 + 16
        assert again.scored == 0
    said = capfd.readouterr().err
    assert "48 already there, 16 to make" in said
    assert "10 of them again" in said
    with serving(lambda one: says("4")) as served:
        judge(folder, served.url, "", "behaviour")  # it moved, and gives its prices no more
        assert do(asked(folder, "loop-behaviour")).scored == 16
        assert {one.text.split("|")[1].split()[0] for one in served.asked} == {"gravel"}
    assert set(first) < set(ask(folder, "select scorer_id, rollout_id, score from score"))
    assert ask(folder, "select count(*), count(score), count(failure) from score") == [(64, 64, 0)]


def test_a_key_that_is_refused_stops_the_judge_and_loses_nothing(folder: Path) -> None:
    def behaviour(one: Asked) -> Answer:
        n_before = len(served.asked)
        return says("7") if n_before <= 10 else error(401, f"Incorrect API key provided: {KEY}")

    with serving(behaviour) as served:
        judge(folder, served.url, "concurrency: 1\n")
        done = do(asked(folder, "loop-coherence", "words"))
        n_asked = len(served.asked)
    assert n_asked == 11
    (line,) = done.unfinished
    assert "scorer loop-coherence: stopped, 46 rollout(s) were not judged: status 401" in line
    assert "run the same command again" in line
    assert done.scored == 10 + 64  # the other scorer was asked all the same
    with serving(lambda one: says("7")) as served:
        judge(folder, served.url)
        assert do(asked(folder, "loop-coherence")).scored == 46
        assert len(served.asked) == 46


def test_without_a_key_all_else_is_scored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOOPBACK_KEY")
    judge(folder, "http://127.0.0.1:9/v1")
    done = do(asked(folder, "loop-coherence", "words"))
    assert done.scored == 64
    assert "LOOPBACK_KEY holds no key" in done.unfinished[0]


def test_an_interrupted_judge_keeps_what_was_paid_for(folder: Path) -> None:
    class Interrupt(BaseException):
        pass

    real, seen = opening.open_scorer, []

    def interrupted(*arguments: Any) -> Any:
        scorer = real(*arguments)
        inner = scorer.scores

        def scores(rollouts: Any) -> Any:
            for one in inner(rollouts):
                seen.append(one)
                yield one
                if len(seen) == 5:
                    raise Interrupt

        scorer.scores = scores
        return scorer

    from runners.scoring import step

    with serving(lambda one: says("7")) as served:
        judge(folder, served.url, "concurrency: 1\n")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(step, "open_scorer", interrupted)
            with pytest.raises(Interrupt):
                do(asked(folder, "loop-coherence"))
        staged = list((folder / "data" / "staged" / "scores").glob("*.parquet"))
        assert len(staged) == 1
        # The next run takes in what was staged before it plans.
        from runners.campaign.step import take_in

        take_in(asked(folder).settings)
        assert do(asked(folder, "loop-coherence")).scored == 51
    assert ask(folder, "select count(*), count(distinct rollout_id) from score") == [(56, 56)]


KILLED = """
import os, signal, sys
from pathlib import Path
from runners.scoring import open as opening
from runners.scoring.step import ScoringStep
opening.JUDGE_BLOCK = 8
real, kept = ScoringStep._keep, []
def keep(*args):
    if len(kept) == 2: os.kill(os.getpid(), signal.SIGKILL)
    kept.append(1); real(*args)
ScoringStep._keep = keep
from tests.runners.scoring_campaign import do
from tests.runners.test_scoring_step import asked
do(asked(Path(sys.argv[1]), "loop-coherence"))
"""


@pytest.mark.slow
def test_killed_it_goes_on_after_the_last_block(folder: Path) -> None:
    with serving(rating_of_coherence) as served:
        judge(folder, served.url, "concurrency: 1\n")
        died = subprocess.run([sys.executable, "-c", KILLED, str(folder)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False)  # fmt: skip
        assert died.returncode == -signal.SIGKILL, died.stderr
        assert KEY.encode() not in died.stdout + died.stderr
        from runners.campaign.step import take_in

        take_in(asked(folder).settings)
        assert ask(folder, "select count(*) from score") == [(16,)]
        assert do(asked(folder, "loop-coherence")).scored == 40
        killed = ask(folder, "select rollout_id, score, answer from score order by all")
    assert len({row[0] for row in killed}) == 56
    assert {row[1] for row in killed} == {1 / 3, 2 / 3}


def rating_of_coherence(one: Asked) -> Answer:
    return says("4" if "here, 1" in one.text else "7")


def test_the_key_is_in_no_file_and_no_line(
    folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    answers = [says(f"{KEY} 3"), error(400, KEY), error(500, KEY), says(None, refusal=KEY)]

    def behaviour(one: Asked) -> Answer:
        return answers[len(served.asked) % 4]

    with serving(behaviour) as served:
        judge(folder, served.url)
        done = do(asked(folder, "loop-coherence"))
    printed = "".join(capfd.readouterr())
    assert ask(folder, "select count(*) filter (where answer like '%(the key)%') > 0, count(*) filter (where failure like '%(the key)%') > 0 from score") == [(True, True)]  # fmt: skip
    assert KEY not in printed + caplog.text + "\n".join([*done.found, *done.unfinished])
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".duckdb" for path in files)
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    tables = ask(folder, "select table_name from duckdb_tables()")
    for (table,) in tables:  # compressed pages might hide it from a search of bytes
        assert KEY not in str(ask(folder, f'from "{table}"')), table


@pytest.mark.slow
def test_staged_files_do_not_hold_the_key_either(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    from runners.scoring import step

    monkeypatch.setattr(step, "take_in", lambda settings: 0)
    with serving(lambda one: error(422, f"{KEY} is odd")) as served:
        judge(folder, served.url)
        do(asked(folder, "loop-coherence"))
    staged = list((folder / "data" / "staged").rglob("*.parquet"))
    assert len(staged) >= 3
    everything = [str(pq.read_table(path).to_pylist()) for path in staged]
    assert any("(the key) is odd" in text for text in everything)
    assert not any(KEY in text for text in everything)


def test_a_concept_without_words_or_criterion_is_refused(folder: Path) -> None:
    spec(folder, "concepts", "love", TEXTS)
    judge(folder, "http://127.0.0.1:9/v1", "", "behaviour")
    for scorer, lacks in (("words", "scorer_words"), ("loop-behaviour", "criterion")):
        with pytest.raises(Refused, match=f"concept 'love' has no `{lacks}`"):
            do(asked(folder, scorer))


def test_own_words_and_own_criterion_stand_for_all_concepts(folder: Path) -> None:
    spec(folder, "concepts", "love", TEXTS)
    spec(folder, "scorers", "gravel", "kind: words\nwords: [gravel]\ncount: share\n")
    with serving(lambda one: says("7")) as served:
        judge(folder, served.url, "criterion: is dull\n", "behaviour")
        assert do(asked(folder, "gravel", "loop-behaviour")).scored == 112
        assert all(one.text.endswith("is dull") for one in served.asked)
    assert ask(folder, "select count(*) from scorer_concept") == [(0,)]
    assert ask(folder, "select distinct score from rollout_score where scorer = 'gravel' and score > 0") == [(0.25,)]  # fmt: skip


@pytest.mark.slow
def test_the_analyses_answer_and_the_checks_find_nothing(folder: Path) -> None:
    with serving(rating) as served:
        judge(folder, served.url)
        judge(folder, served.url, "", "behaviour")
        do(asked(folder, "words", "loop-behaviour", "log_probability", "repetition"))
    with connect(folder / "data") as connection:
        for check in checks():
            if check.name not in ("cell_counts", "missing_measurements"):
                assert rows(connection, check.name) == [], check.name
        found = rows(connection, "behaviour_coherence", experiment="e")
        assert {(row["concept"], row["behaviour_scorer"]) for row in found} == {(c, s) for c in ("love", "wedding") for s in ("words", "loop-behaviour")}  # fmt: skip
        nulls = rows(connection, "behaviour_coherence", role="null", method="random")
        assert {(row["method"], row["concept"], row["fit_concept"]) for row in nulls} == {("random", "love", "love")}  # fmt: skip
        for name in ("best_scale", "pareto_front", "coherence_by_scale", "saets_table2"):
            assert rows(connection, name)
    faults = [line for line in check_warehouse(folder / "data") if line.fault]
    assert [line for line in faults if "vector" not in line.check] == []
