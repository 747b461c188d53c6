"""A judge against an endpoint that answers, refuses, limits, times out and talks nonsense."""

from __future__ import annotations

import email.utils
import importlib.util
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from runners.scoring import endpoint
from runners.scoring.endpoint import missing
from runners.scoring.judge import JudgeScorer, parameters
from runners.scoring.rollouts import Rollout, Scored
from specs.faults import Refused
from specs.schema import Judge, Prices
from tests.judge_endpoint import Answer, Asked, error, says, serving

KEY = "sk-loopback-0123456789abcdef"
RUBRIC = "Opening: {{ prompt }} Text: {{ text }} Criterion: {{ concept.criterion }}"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPBACK_KEY", KEY)
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.01)


def spec(url: str, **more: Any) -> Judge:
    given = {"retries": 2, "timeout": 5.0, "prices": Prices(read=1.0, written=10.0), **more}
    return Judge(name="j", kind="judge", measures="behaviour", base_url=url, model="m", key_env="LOOPBACK_KEY", rubric=RUBRIC, **given)  # fmt: skip


def rollouts(*texts: str) -> list[Rollout]:
    return [Rollout(f"r{n}", "I think", text, [1], -1.0) for n, text in enumerate(texts)]


def judged(
    behaviour: Callable[[Asked], Answer], *texts: str, **more: Any
) -> tuple[dict[str, Scored], JudgeScorer, list[Asked]]:
    """Return text -> what is said of it, the judge, and what the endpoint was asked."""
    with serving(behaviour) as served:
        judge = JudgeScorer.open(spec(served.url, **more), {"criterion": "is kind."})
        found = {rollout.text: said for rollout, said in judge.scores(rollouts(*texts))}
        return found, judge, served.asked


def test_an_answer_is_a_score_with_its_cost() -> None:
    found, judge, asked = judged(lambda one: says("4"), "so {{ text }} it is")
    assert found == {"so {{ text }} it is": Scored(pytest.approx(1 / 3), None, "4", 1, 100, 2, pytest.approx(1.2e-4))}  # fmt: skip
    assert judge.stopped is None
    (one,) = asked
    # A rollout's text is data: what looks like a template in it reaches the judge as it stands.
    assert one.text == "Opening: I think Text: so {{ text }} it is Criterion: is kind."
    assert one.headers["authorization"] == f"Bearer {KEY}"
    assert {k: one.body[k] for k in ("model", "temperature", "max_tokens")} == {"model": "m", "temperature": 0.0, "max_tokens": 16}  # fmt: skip


def test_the_request_is_what_the_spec_says() -> None:
    more = {"system": "Be {{ concept.criterion }}", "options": {"seed": 3}, "max_tokens": None, "temperature": None}  # fmt: skip
    _, _, asked = judged(lambda one: says("4"), "x", **more)
    assert asked[0].body["seed"] == 3
    assert asked[0].body["messages"][0] == {"role": "system", "content": "Be is kind."}
    assert not {"max_tokens", "temperature"} & set(asked[0].body)


NONSENSE = {
    "no number": lambda: says("quite kind"),
    "different numbers": lambda: says("between 3 and 5"),
    "not within 1 to 10": lambda: says("11"),
    "the answer is empty": lambda: says(""),
    "refused: I would rather not": lambda: says(None, refusal="I would rather not"),
    "content filter": lambda: says("", finish="content_filter"),
    "cut off at max_tokens": lambda: says("The rating is 1", finish="length"),
    "holds no text": lambda: Answer(body=b'{"choices": []}'),
    "holds no text ": lambda: Answer(body=b'{"object": "nothing"}'),
    "status 400: too long": lambda: error(400, "too long"),
    "status 422: cannot": lambda: error(422, "cannot"),
}


def test_nonsense_and_refusals_are_failures_of_that_rollout_alone() -> None:
    def behaviour(one: Asked) -> Answer:
        case = next((key for key in NONSENSE if f"<{key}>" in one.text), None)
        return NONSENSE[case]() if case else says("10")

    found, judge, asked = judged(behaviour, *(f"<{key}>" for key in NONSENSE), "fine")
    assert found["fine"].score == 1
    for key in NONSENSE:
        said = found[f"<{key}>"]
        assert said.score is None
        assert said.failure is not None
        assert key.strip() in said.failure, said
    assert judge.stopped is None
    assert len(asked) == len(NONSENSE) + 1  # nothing of this is mended by asking again
    assert found["<different numbers>"].answer == "between 3 and 5"
    assert found["<not within 1 to 10>"].cost == pytest.approx(1.2e-4)


PASSING = {
    "limit": lambda: error(429, "slow down"),
    "broken": lambda: error(500, "oops"),
    "busy": lambda: error(503, "later"),
    "html": lambda: Answer(200, b"<html>gateway</html>", {"Content-Type": "text/html"}),
    "half": lambda: Answer(200, b'{"choices": [{"message": {"conte'),
    "slow": lambda: Answer(200, b"{}", delay=0.6),
    "list": lambda: Answer(200, b"[1]"),
}


def test_what_passes_is_asked_again() -> None:
    def behaviour(one: Asked) -> Answer:
        case = next(key for key in PASSING if f"<{key}>" in one.text)
        return PASSING[case]() if one.attempt <= 2 else says("10")

    found, _, _ = judged(behaviour, *(f"<{key}>" for key in PASSING), timeout=0.3)
    assert {text: (said.score, said.attempts) for text, said in found.items()} == {
        f"<{key}>": (1.0, 3) for key in PASSING
    }


def test_what_does_not_pass_is_a_failure_in_words() -> None:
    def behaviour(one: Asked) -> Answer:
        return PASSING[next(key for key in PASSING if f"<{key}>" in one.text)]()

    found, judge, asked = judged(behaviour, *(f"<{key}>" for key in PASSING), timeout=0.3)
    words = {
        "limit": "status 429: slow down", "broken": "status 500: oops", "busy": "status 503: later",
        "html": "not JSON", "half": "not JSON", "slow": "no answer within 0.3 s", "list": "no chat completion",
    }  # fmt: skip
    for key, expected in words.items():
        said = found[f"<{key}>"]
        assert said.score is None
        assert expected in str(said.failure)
        assert said.attempts == 3
    assert judge.stopped is None
    assert len(asked) == 3 * len(PASSING)


@pytest.mark.parametrize("form", ["seconds", "date", "milliseconds"])
def test_retry_after_is_honoured_by_all_threads(form: str) -> None:
    wait = {"seconds": 1, "date": 2, "milliseconds": 0.5}[form]
    header = {
        "seconds": ("Retry-After", "1"),
        "date": ("Retry-After", email.utils.formatdate(time.time() + wait + 0.9, usegmt=True)),
        "milliseconds": ("Retry-After-Ms", "500"),
    }[form]

    def behaviour(one: Asked) -> Answer:
        first = "<0>" in one.text and one.attempt == 1
        return error(429, "slow", None, **dict([header])) if first else says("10")

    found, _, asked = judged(behaviour, *(f"<{n}>" for n in range(4)), concurrency=1)
    assert all(said.score == 1 for said in found.values())
    assert len(asked) == 5
    gap = asked[1].at - asked[0].at
    assert gap >= (0.9 if form != "milliseconds" else 0.5), gap


def test_an_endpoint_that_asks_for_too_long_a_wait_is_not_waited_for() -> None:
    found, judge, asked = judged(lambda one: error(429, "tomorrow", None, **{"Retry-After": "86400"}), "a", "b", concurrency=1)  # fmt: skip
    assert found == {}
    assert "86,400 s" in str(judge.stopped)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (error(401, f"Incorrect API key provided: {KEY}."), "status 401"),
        (error(403, "no"), "status 403: no"),
        (error(404, "no model m"), "status 404: no model m"),
        (error(429, "pay first", "insufficient_quota"), "status 429: pay first"),
    ],
)
def test_what_meets_every_request_alike_stops_the_judge_at_once(answer: Answer, why: str) -> None:
    texts = [f"<{n}>" for n in range(50)]
    found, judge, asked = judged(lambda one: answer if one.attempt else says("1"), *texts)
    assert found == {}
    assert why in str(judge.stopped)
    assert len(asked) <= 4  # those under way at that moment
    assert KEY not in str(judge.stopped)


def test_a_dead_endpoint_is_given_up_and_the_rest_is_not_asked() -> None:
    with serving(lambda one: says("1")) as served:
        dead = served.url
    judge = JudgeScorer.open(spec(dead, retries=1), {"criterion": "x"})
    found = list(judge.scores(rollouts(*map(str, range(60)))))
    assert all("no connection" in str(said.failure) for _, said in found)
    assert 8 <= len(found) < 20
    assert "8 requests in a row failed" in str(judge.stopped)


def test_one_answer_in_between_keeps_the_judge_going() -> None:
    texts = [f"<{n}>" for n in range(24)]
    found, judge, _ = judged(lambda one: says("1") if any(f"<{n}>" in one.text for n in range(0, 24, 5)) else error(500, "x"), *texts, retries=0, concurrency=1)  # fmt: skip
    assert len(found) == 24
    assert judge.stopped is None


def test_requests_a_minute_and_at_a_time_are_bounded() -> None:
    with serving(lambda one: Answer(200, says("1").body, delay=0.05)) as served:
        judge = JudgeScorer.open(spec(served.url, requests_per_minute=1200.0, concurrency=3), {"criterion": "x"})  # fmt: skip
        assert len(list(judge.scores(rollouts(*map(str, range(12)))))) == 12
        gaps = [b.at - a.at for a, b in zip(served.asked, served.asked[1:], strict=False)]
        assert served.most_at_once <= 3
    assert sum(gaps) >= 11 * 0.05 * 0.9


def test_a_closed_generator_begins_no_more_requests() -> None:
    with serving(lambda one: Answer(200, says("1").body, delay=0.05)) as served:
        judge = JudgeScorer.open(spec(served.url, concurrency=2), {"criterion": "x"})
        scores = judge.scores(rollouts(*map(str, range(100))))
        next(scores)
        scores.close()
        asked = len(served.asked)
        assert asked < 10
        time.sleep(0.15)
        assert len(served.asked) == asked
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("judge")]


def test_the_key_is_nowhere(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = says(f"your key is {KEY}, and I say 3")
    found, judge, _ = judged(lambda one: echo if "<a>" in one.text else error(400, f"bad: {KEY}"), "<a>", "<b>")  # fmt: skip
    assert found["<a>"].answer == "your key is (the key), and I say 3"
    assert found["<b>"].failure == "status 400: bad: (the key)"
    everything = repr(found) + repr(judge) + caplog.text + "".join(capfd.readouterr())
    assert KEY not in everything
    assert KEY not in json.dumps(parameters(judge.rubric.spec, judge.rubric.about))


def test_without_a_key_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOOPBACK_KEY")
    one = spec("http://127.0.0.1:9/v1")
    assert "LOOPBACK_KEY holds no key" in str(missing(one))
    with pytest.raises(Refused, match="LOOPBACK_KEY holds no key"):
        JudgeScorer.open(one, {})
    assert missing(one.model_copy(update={"key_env": None})) is None


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Refused, match=r"pip install 'steerhouse\[judge\]'"):
        JudgeScorer.open(spec("http://127.0.0.1:9/v1"), {})


def test_an_endpoint_without_a_key_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    _, _, asked = judged(lambda one: says("1"), "x")
    with serving(lambda one: says("1")) as served:
        judge = JudgeScorer.open(spec(served.url).model_copy(update={"key_env": None}), {})
        with pytest.raises(Refused, match="criterion"):  # the concept has none: strict templates
            list(judge.scores(rollouts("x")))
        judge = JudgeScorer.open(spec(served.url).model_copy(update={"key_env": None}), {"criterion": "x"})  # fmt: skip
        list(judge.scores(rollouts("x")))
    assert KEY not in str([one.headers for one in served.asked])
    assert not [one for one in served.asked if "authorization" in one.headers]
    assert asked


def test_the_id_follows_from_what_a_rating_follows_from_and_nothing_else() -> None:
    def of(**more: Any) -> dict[str, Any]:
        return parameters(spec("http://a/v1", **more), {"criterion": "x"})

    assert of() == parameters(spec("https://other/v2", retries=0, concurrency=9, timeout=1.0, prices=None), {"criterion": "x"})  # fmt: skip
    for other in ({"temperature": 1.0}, {"system": "x"}, {"max_tokens": 5}, {"options": {"a": 1}}, {"answer_key": "r"}):  # fmt: skip
        assert of(**other) != of()
    assert parameters(spec("http://a/v1"), {"criterion": "y"}) != of()
