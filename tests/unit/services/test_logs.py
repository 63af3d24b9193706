"""Logs that programs read."""

from __future__ import annotations

import json
import logging
import sys
import uuid

from services.observability.logs import JsonFormatter, caller, correlation


def _line(message: str, *arguments: object, **more: object) -> dict[str, object]:
    record = logging.getLogger("services.x").makeRecord(
        "services.x", logging.WARNING, "x.py", 1, message, arguments, None, extra=more
    )
    line = JsonFormatter().format(record)
    assert "\n" not in line
    parsed: dict[str, object] = json.loads(line)
    return parsed


def test_a_line_is_an_object_with_what_was_said() -> None:
    job_id = uuid.uuid4()
    line = _line("job %s:\nfailed", "a", job_id=job_id, wall_ms=1.5, _hidden=1)
    assert line.pop("time")
    assert line == {
        "level": "warning",
        "logger": "services.x",
        "message": "job a:\nfailed",
        "job_id": str(job_id),
        "wall_ms": 1.5,
    }


def test_a_line_of_a_request_says_whose_it_is() -> None:
    tokens = correlation.set("request-1"), caller.set("user-1")
    try:
        assert (_line("x")["correlation_id"], _line("x")["user_id"]) == ("request-1", "user-1")
    finally:
        correlation.reset(tokens[0])
        caller.reset(tokens[1])
    assert "correlation_id" not in _line("x")


def test_an_exception_is_in_its_line() -> None:
    try:
        raise ValueError("what was wrong")
    except ValueError:
        record = logging.LogRecord("services.x", logging.ERROR, "x.py", 1, "it failed", (), sys.exc_info())
    line = json.loads(JsonFormatter().format(record))
    assert line["message"] == "it failed"
    assert "ValueError: what was wrong" in line["error"]
