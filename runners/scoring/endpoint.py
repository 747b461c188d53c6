"""One request to a judge: asked again where that may help, and never without an outcome.

The key is read from the environment and goes into the client only. Whatever the endpoint says is
cleaned of it before it becomes a row or a line, for some repeat it.
"""

from __future__ import annotations

import email.utils
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runners.scoring.pace import Pace
from specs.faults import Refused
from specs.reader import place

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

    from specs.schema import Judge

FIRST_WAIT = 1.0
"""Seconds before a request is repeated for the first time; twice as long each time after that."""
LONGEST_WAIT = 60.0
"""At most so long, where the endpoint does not say how long."""
PATIENCE = 600.0
"""An endpoint that asks for a longer wait is not waited for."""
AGAIN = (408, 409, 425, 429)
"""Statuses below 500 that a repetition may mend."""
IN_VAIN = (401, 403, 404)
"""Statuses that meet every request alike: the key, the permission, the model's name."""
NO_CREDIT = ("insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached")
"""Codes of a 429 that waiting does not mend."""
SHOWN = 300
"""Characters of an endpoint's message that are kept."""


class Stopped(Exception):
    """No request of this judge can succeed; says why."""


@dataclass(frozen=True)
class Reply:
    """What came of one request, attempts counted: an answer, or a failure."""

    answer: str | None
    failure: str | None
    attempts: int
    tokens_read: int | None = None
    tokens_written: int | None = None
    lost: bool = False
    """Whether the endpoint never answered, which says nothing of the rollout."""


@dataclass
class Endpoint:
    """A judge's endpoint; its methods may be called from several threads."""

    spec: Judge
    pace: Pace
    _client: OpenAI = field(repr=False)
    _key: str | None = field(repr=False)

    @classmethod
    def open(cls, spec: Judge, pace: Pace) -> Endpoint:
        """Return the endpoint of a judge.

        Raises:
            Refused: its key is not in the environment, or openai's client is not installed.
        """
        if reason := missing(spec):
            raise Refused(reason)
        from openai import OpenAI

        key = os.environ[spec.key_env] if spec.key_env else None
        client = OpenAI(
            api_key=key or "none",  # the client wants one; _request leaves it out again
            base_url=spec.base_url,
            timeout=spec.timeout,
            max_retries=0,
        )
        return cls(spec, pace, client, key)

    def ask(self, messages: list[dict[str, str]]) -> Reply | None:
        """Return what came of one request; None where no more requests may begin.

        Raises:
            Stopped: the endpoint refuses every request.
        """
        failure = ""
        for attempt in range(1, self.spec.retries + 2):
            if not self.pace.turn():
                return None
            try:
                return self._reply(self._once(messages), attempt)
            except _Again as again:
                failure = again.why
                wait = _wait(attempt) if again.seconds is None else again.seconds
                if wait > PATIENCE:
                    raise Stopped(f"{failure}; it asks to wait {wait:,.0f} s") from None
                if attempt <= self.spec.retries:
                    self._rest(wait, again.for_all)
        return Reply(None, failure, self.spec.retries + 1, lost=True)

    def _rest(self, seconds: float, for_all: bool) -> None:
        """Wait before the next attempt; a rate limit holds the other threads too."""
        if for_all:
            self.pace.hold(seconds)
        else:
            self.pace.stopped.wait(seconds)

    def _once(self, messages: list[dict[str, str]]) -> Mapping[str, Any] | str:
        """Return the body of one answer, or why the request failed for good.

        Raises:
            _Again: it may be repeated.
            Stopped: it may not, nor may any other.
        """
        import openai

        try:
            raw = self._client.chat.completions.with_raw_response.create(**self._request(messages))
            body = raw.http_response.json()
        except openai.APITimeoutError:
            raise _Again(f"no answer within {self.spec.timeout:g} s") from None
        except openai.APIConnectionError as error:
            cause = self.cleaned(str(error.__cause__ or error))
            raise _Again(f"no connection to the endpoint: {cause}") from None
        except openai.APIStatusError as error:
            return self._status(error)
        except ValueError:  # a body that is cut off, or is no JSON at all
            raise _Again("the endpoint answered what is not JSON") from None
        if not isinstance(body, dict):
            raise _Again("the endpoint answered what is no chat completion")
        return body

    def _request(self, messages: list[dict[str, str]]) -> dict[str, Any]:
        from openai import Omit

        spec = self.spec
        asked = {"temperature": spec.temperature, "max_tokens": spec.max_tokens}
        return {
            "model": spec.model,
            "messages": messages,
            **{key: value for key, value in asked.items() if value is not None},
            **({} if self._key else {"extra_headers": {"Authorization": Omit()}}),
            **({"extra_body": dict(spec.options)} if spec.options else {}),
        }

    def _status(self, error: APIStatusError) -> str:
        """Return why one request failed for good; or raise that it may be repeated, or none may."""
        status, code = error.status_code, str(error.code or error.type or "")
        why = f"status {status}: {self._said(error)}"
        if status in IN_VAIN or code in NO_CREDIT:
            raise Stopped(why) from None
        if status in AGAIN or status >= 500:
            raise _Again(why, _asked_wait(error.response.headers), status == 429) from None
        return why

    def _said(self, error: APIStatusError) -> str:
        body = error.body
        said = body.get("message") if isinstance(body, dict) else None
        return self.cleaned(str(said or error.response.reason_phrase))

    def _reply(self, body: Mapping[str, Any] | str, attempts: int) -> Reply:
        """Return what a body says: its text, or that it was refused or cut off."""
        if isinstance(body, str):
            return Reply(None, body, attempts)
        usage = body.get("usage")
        counts = usage if isinstance(usage, dict) else {}
        read, written = (_count(counts.get(f"{k}_tokens")) for k in ("prompt", "completion"))
        choice = _first(body.get("choices"))
        message = choice.get("message")
        said = message if isinstance(message, dict) else {}
        answer = said.get("content") if isinstance(said.get("content"), str) else None
        failure = None
        if refusal := said.get("refusal"):
            failure = f"refused: {self.cleaned(str(refusal))}"
        elif choice.get("finish_reason") == "content_filter":
            failure = "refused: the endpoint's content filter"
        elif choice.get("finish_reason") == "length":
            failure = "the answer was cut off at max_tokens"
        elif answer is None:
            failure = "the endpoint's answer holds no text"
        answer = None if answer is None else self.cleaned(answer, 2000)
        return Reply(answer, failure, attempts, read, written)

    def cleaned(self, text: str, most: int = SHOWN) -> str:
        """Return what an endpoint said without the key, and not too long."""
        if self._key:
            text = text.replace(self._key, "(the key)")
        return text if len(text) <= most else text[: most - 1] + "…"


class _Again(Exception):
    """A request that may be repeated: why it failed, and after how many seconds it may."""

    def __init__(self, why: str, seconds: float | None = None, for_all: bool = False) -> None:
        super().__init__(why)
        self.why, self.seconds, self.for_all = why, seconds, for_all


def missing(spec: Judge) -> str | None:
    """Return what a judge lacks on this machine, with the remedy; None where nothing."""
    import importlib.util

    where = place(spec)
    if importlib.util.find_spec("openai") is None:
        return f"{where}: a judge needs openai's client; run `pip install 'steerhouse[judge]'`"
    if spec.key_env and not os.environ.get(spec.key_env):
        return (
            f"{where}: key_env: the environment variable {spec.key_env} holds no key; set it, or "
            "say `key_env: null` for an endpoint that needs none"
        )
    return None


def _wait(attempt: int) -> float:
    """Return the seconds before the next attempt: doubled each time, with a quarter of chance."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (attempt - 1)) * random.uniform(0.75, 1)


def _asked_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` asks for, as a number or a date; None without it."""
    try:
        return max(0.0, float(headers["retry-after-ms"]) / 1000)
    except (KeyError, ValueError):
        pass
    text = headers.get("retry-after", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        date = email.utils.parsedate_tz(text)
    return max(0.0, email.utils.mktime_tz(date) - time.time()) if date else None


def _first(choices: object) -> dict[str, Any]:
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
