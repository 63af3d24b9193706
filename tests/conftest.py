"""What all tests share: markers by folder, the order of the suite, thread counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before anything imports torch: the models in the tests are tiny, and more threads than this only fight each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Nothing in the tests may reach for the network or report home.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

_TESTS = Path(__file__).parent
_ORDER = ("unit", "contract", "integration", "e2e", "gpu")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test the marker of its folder and put the quick ones first."""
    for item in items:
        folder = item.path.relative_to(_TESTS).parts[0]
        if folder in _ORDER:
            item.add_marker(folder)
    items.sort(key=_rank)
    if not Path("/dev/nvidiactl").exists():
        without = [item for item in items if item.get_closest_marker("gpu")]
        if without:
            config.hook.pytest_deselected(items=without)
            items[:] = [item for item in items if not item.get_closest_marker("gpu")]


def _rank(item: pytest.Item) -> int:
    return max((_ORDER.index(mark.name) for mark in item.iter_markers() if mark.name in _ORDER), default=0)


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper with random weights."""
    from tests.tiny import write_tiny_whisper  # only the tests that use it pay for torch

    return write_tiny_whisper(tmp_path_factory.mktemp("tiny-whisper"))


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset version in which every word is a tone."""
    from tests.tiny import write_tones

    return write_tones(tmp_path_factory.mktemp("tones"))
