"""An OpenAI-compatible endpoint on the loopback interface, which behaves as a test tells it to."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Asked"], "Answer"]
"""What is answered to one request."""


@dataclass
class Asked:
    """One request as the endpoint got it."""

    text: str
    """The last message."""
    body: dict[str, Any]
    headers: dict[str, str]
    attempt: int
    """How often this very request was made, from 1."""
    at: float
    """When, in seconds of the monotonic clock."""


@dataclass
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


def says(text: str | None, finish: str = "stop", **message: Any) -> Answer:
    """An ordinary completion that reads 100 tokens and writes 2."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}  # fmt: skip
    usage = {"prompt_tokens": 100, "completion_tokens": 2, "total_tokens": 102}
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}  # fmt: skip
    return Answer(body=json.dumps(body).encode())


def error(status: int, message: str, code: str | None = None, **headers: str) -> Answer:
    body = {"error": {"message": message, "type": "x", "code": code}}
    return Answer(status, json.dumps(body).encode(), headers)


@dataclass
class Served:
    url: str
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[Served]:
    """Serve on a free port until the body ends."""
    seen: Counter[str] = Counter()
    lock = threading.Lock()
    under_way = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            nonlocal under_way
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            body = json.loads(raw)
            with lock:
                under_way += 1
                served.most_at_once = max(served.most_at_once, under_way)
                text = body["messages"][-1]["content"]
                seen[text] += 1
                headers = {key.lower(): value for key, value in self.headers.items()}
                one = Asked(text, body, headers, seen[text], time.monotonic())
                served.asked.append(one)
            found = behaviour(one)
            time.sleep(found.delay)
            with lock:
                under_way -= 1
            try:
                self.send_response(found.status)
                for key, value in {"Content-Type": "application/json", **found.headers}.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(found.body)))
                self.end_headers()
                self.wfile.write(found.body)
            except OSError:
                pass  # the client's patience was over

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served = Served(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
