"""Code that is named in a registry or a config, and imported when it is used."""

from __future__ import annotations

import importlib
from typing import Any


def import_code(path: str) -> Any:
    """The class or function that a path such as `engine.tasks.captioning:Captioning` names."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
