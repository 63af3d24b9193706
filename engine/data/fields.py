"""Checks of a manifest's fields: each says what its value must be, or None if it is that."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

Check = Callable[[Any], str | None]
"""What a value must be, in words; None if it is that."""


def is_inside(path: str) -> bool:
    """Whether a relative path with `/` stays inside its folder on every operating system."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and not any(c in path for c in "\\:\0")


def is_text(value: Any) -> str | None:
    """Any text."""
    return None if isinstance(value, str) else "text"


def is_name(value: Any) -> str | None:
    """A text that is not empty."""
    return None if isinstance(value, str) and value.strip() else "text that is not empty"


def is_path(value: Any) -> str | None:
    """The path of a file of the version."""
    if not isinstance(value, str):
        return "text"
    return None if is_inside(value) else "a path inside the manifest's folder, with '/'"


def is_start(value: Any) -> str | None:
    """A time, in seconds."""
    return None if is_time(value, least_excluded=False) else "a number, 0 or more, in seconds"


def is_length(value: Any) -> str | None:
    """A length, in seconds."""
    return None if is_time(value, least_excluded=True) else "a number above 0, in seconds"


def are_names(value: Any) -> str | None:
    """Texts that are not empty."""
    whole = isinstance(value, list) and all(isinstance(each, str) and each.strip() for each in value)
    return None if whole else "a list of texts that are not empty"


def are_some_names(value: Any) -> str | None:
    """At least one text that is not empty."""
    return are_names(value) or (None if value else "a list of at least one text")


def is_time(value: object, least_excluded: bool) -> bool:
    """Whether a value is a finite number from 0 on, or above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return value > 0 if least_excluded else value >= 0
