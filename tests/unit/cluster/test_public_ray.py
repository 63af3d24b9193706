"""The project uses Ray by its public interface alone: an upgrade of Ray must not be able to stop it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]
_FLOORS = ("cluster", "services", "engine", "tuning")
_INSIDE = re.compile(r"ray\.(_private|_raylet|core\.generated)|\._internal\b")
_REPLACES = re.compile(r"vars\((?!torch)\w+\)\[|setattr\((ray|serve)\b")


def _sources() -> list[Path]:
    return [path for floor in _FLOORS for path in (_ROOT / floor).rglob("*.py")]


def test_no_module_reaches_into_ray_or_replaces_a_part_of_it() -> None:
    found = [
        f"{path.relative_to(_ROOT)}:{number}: {line.strip()}"
        for path in _sources()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _INSIDE.search(line) or _REPLACES.search(line)
    ]
    assert len(_sources()) > 300
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "from ray._private import parameter",
        "import ray._raylet",
        'importlib.import_module("ray.core.generated.node_manager_pb2")',
        "from ray.train.v2._internal.callbacks.datasets import DatasetsCallback",
    ],
)
def test_the_search_finds_what_was_there(line: str) -> None:
    assert _INSIDE.search(line)
