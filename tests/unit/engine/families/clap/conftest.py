from __future__ import annotations

from pathlib import Path

import pytest

from engine.data.example import AudioInput, Captions, Example
from tests.unit.engine.families.clap.tiny import recordings, write_tiny_clap


@pytest.fixture(scope="session")
def tiny_clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_clap(tmp_path_factory.mktemp("tiny-clap"))


@pytest.fixture(scope="session")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    recordings(folder)
    return folder


@pytest.fixture
def examples(audio: Path) -> list[Example[AudioInput, Captions]]:
    return recordings(audio)
