from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.data.example import AudioInput, Example, Text
from tests.unit.engine.families.audio_llm.tiny import KINDS, recordings, write_tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folders = {kind: write_tiny(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}
    return folders.__getitem__


@pytest.fixture(scope="session")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    recordings(folder)
    return folder


@pytest.fixture
def examples(audio: Path) -> list[Example[AudioInput, Text]]:
    return recordings(audio)
