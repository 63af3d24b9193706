"""Find the code of a model family."""

from __future__ import annotations

import importlib
from typing import cast

from engine.errors import ModelError
from engine.families.contract import Family
from engine.families.registry import FAMILIES


def family_for(name: str, task: str) -> Family:
    """The module of a family for a task.

    Raises:
        ModelError: the family cannot be trained for it.
    """
    modules = FAMILIES[name].modules
    if task not in modules:
        able = ", ".join(other for other, entry in FAMILIES.items() if task in entry.modules) or "none"
        raise ModelError(
            f"{name} models cannot be trained for {task}; they do {', '.join(modules)}, and the families for {task} are {able}"
        )
    return cast(Family, importlib.import_module(modules[task]))
