"""Logging with one JSON object per line, including the ids of the request, the user and the job."""

from __future__ import annotations

import json
import logging
import sys
import traceback
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, Literal

LogFormat = Literal["json", "text"]

correlation: ContextVar[str | None] = ContextVar("correlation_id", default=None)
"""Id of the current request."""
caller: ContextVar[str | None] = ContextVar("user_id", default=None)
"""User of the current request, once known."""

_OURS: Final = ("services", "cluster", "engine")
_TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_STANDARD: Final = frozenset(
    (*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime", "taskName", "color_message")
)


class JsonFormatter(logging.Formatter):
    """`time`, `level`, `logger`, `message`, the ids of the request, and the `extra` fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in (("correlation_id", correlation.get()), ("user_id", caller.get())):
            if value is not None:
                line[name] = value
        more = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        line |= {name: value for name, value in more.items() if not name.startswith("_")}  # Ray adds such a field
        if record.exc_info:
            line["error"] = "".join(traceback.format_exception(*record.exc_info))
        return _encode(line)


def configure(form: LogFormat) -> None:
    """Make this process's loggers write to standard error, which Ray stores. Idempotent."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else logging.Formatter(_TEXT))
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False


def _plain(value: object) -> str:
    return str(value) if isinstance(value, uuid.UUID | datetime) else repr(value)


_encode: Final = json.JSONEncoder(default=_plain, ensure_ascii=False).encode  # json.dumps would make one per line
