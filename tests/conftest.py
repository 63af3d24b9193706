"""What all tests share: markers by folder, the order of the suite, thread counts."""

from __future__ import annotations

import os
import random
import secrets
from pathlib import Path
from typing import Any

import pytest

# Before anything imports torch: the models in the tests are tiny, and more threads than this only fight each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Nothing in the tests may reach for the network or report home.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# tests/page has a platform with the web page; no other test builds it.
os.environ.setdefault("LIM_PAGE", "0")
# Ray reads these when it is imported, which some tests do before they start a cluster of their own.
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

_TESTS = Path(__file__).parent
_FAULTS_S = 900
"""Time limit of tests that kill processes or wait: a busy machine takes several times as long as a quiet one."""
_ORDER = ("unit", "contract", "integration", "e2e", "page")
_TOGETHER = (
    "integration/services/test_processes.py",
    "integration/cluster/",
    "integration/services/test_faults.py",
    "integration/services/test_platform.py",
    "e2e/",
    "integration/services/",
    "integration/engine/test_evaluation.py",
)
"""What processes side by side begin with, in this order: it takes longest, and waits for most of its time."""
_APART = "e2e/"
"""Of these tests, each starts all that it needs. Those of another entry share servers: one process carries them out."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test the marker of its folder; put the quick ones first, or the long ones for processes side by side."""
    for item in items:
        folder = item.path.relative_to(_TESTS).parts[0]
        if folder in _ORDER:
            item.add_marker(folder)
        if any(item.iter_markers("faults")) or folder in ("e2e", "page"):
            item.add_marker(pytest.mark.timeout(_FAULTS_S), append=False)
    is_side_by_side = hasattr(config, "workerinput")
    items.sort(key=_place_of if is_side_by_side else _rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadscope`: by what shares servers, instead of by file."""
    if config.getoption("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            entry = _entry(nodeid.removeprefix("tests/"))
            return nodeid if entry in {None, _APART} else str(entry)

    return Scheduling(config, log)


def _rank(item: pytest.Item) -> int:
    return max((_ORDER.index(mark.name) for mark in item.iter_markers() if mark.name in _ORDER), default=0)


def _place_of(item: pytest.Item) -> int:
    entry = _entry(item.path.relative_to(_TESTS).as_posix())
    return len(_TOGETHER) if entry is None else _TOGETHER.index(entry)


def _entry(path: str) -> str | None:
    """The entry of `_TOGETHER` that a test belongs to."""
    return next((entry for entry in _TOGETHER if path.startswith(entry)), None)


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper with random weights."""
    from tests.tiny import write_tiny_whisper  # only the tests that use it pay for torch

    return write_tiny_whisper(tmp_path_factory.mktemp("tiny-whisper"))


@pytest.fixture(scope="session")
def tiny_multilingual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper of several languages with random weights."""
    from tests.tiny_multilingual import write_tiny_multilingual

    return write_tiny_multilingual(tmp_path_factory.mktemp("tiny-multilingual"))


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset version in which every word is a tone."""
    from tests.tiny import write_tones

    return write_tones(tmp_path_factory.mktemp("tones"))


@pytest.fixture
def chance() -> random.Random:
    """Draws for a test, other ones every time; a failure shows the seed, which `LIM_TEST_SEED` gives again."""
    seed = int(os.environ.get("LIM_TEST_SEED") or secrets.randbelow(2**31))
    print(f"LIM_TEST_SEED={seed} draws the same again")  # noqa: T201
    return random.Random(seed)
