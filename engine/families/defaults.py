"""What a config.json leaves out. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def filled(told: Mapping[str, Any] | None, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a config.json with the defaults of those that it lacks or leaves null."""
    return {**defaults, **{key: value for key, value in (told or {}).items() if value is not None}}
