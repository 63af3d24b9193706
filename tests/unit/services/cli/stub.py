"""A platform that answers from a script, over real HTTP, for commands that are run as a user runs them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Asked:
    """A request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


Answer = tuple[int, Any] | Callable[[Asked], tuple[int, Any]]


@dataclass
class Stub:
    """Answers by method and path; text is sent as an event stream, anything else as JSON."""

    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def on(self, call: str, answer: Any, status: int = 200) -> None:
        """Answer `GET /jobs`, always the same."""
        self.answers[call] = (status, answer)

    def items(self, call: str, *items: Any) -> None:
        """Answer a list; with `q`, those whose name has it."""

        def listed(asked: Asked) -> tuple[int, Any]:
            found = [each for each in items if asked.query.get("q", "") in each["name"]]
            return 200, {"items": found, "total": len(found), "next_cursor": None}

        self.answers[call] = listed

    def sent(self, call: str) -> list[Asked]:
        """What was asked by this call."""
        return [each for each in self.asked if f"{each.method} {each.path}" == call]


@contextmanager
def running() -> Iterator[Stub]:
    """A stub on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = parts.path.removeprefix("/api/v1")
            asked = Asked(self.command, path, dict(parse_qsl(parts.query)), dict(self.headers), body)
            stub.asked.append(asked)
            answer = stub.answers.get(f"{self.command} {path}", (404, {"code": "not_found", "detail": "Not there."}))
            status, value = answer(asked) if callable(answer) else answer
            kind = "text/event-stream" if isinstance(value, str) else "application/json"
            sent = value.encode() if isinstance(value, str) else b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stub = Stub(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
