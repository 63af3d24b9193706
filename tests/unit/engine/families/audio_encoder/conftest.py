"""Fixtures: a folder for each kind of encoder, and recordings of mixed lengths."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.data.example import AudioInput, Example, Label
from tests.unit.engine.families.audio_encoder.tiny_encoders import KINDS, WRITERS, example


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each kind."""
    torch.manual_seed(0)
    folders = {kind: tmp_path_factory.mktemp(kind) for kind in KINDS}
    for kind, folder in folders.items():
        WRITERS[kind](folder)
    return folders


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, sources: dict[str, Path]) -> Path:
    return sources[request.param]


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Example[AudioInput, Label]]]:
    """A dataset's folder and its examples; the shortest has 10 ms, the longest is longer than most windows."""
    folder = tmp_path_factory.mktemp("sounds")
    lengths_s = (0.61, 0.4, 0.01, 0.61, 1.03, 7.1)
    labels = ("high", "low", "noise", "low", "high", "noise")
    return folder, [
        example(folder, label, length_s, seed)
        for seed, (label, length_s) in enumerate(zip(labels, lengths_s, strict=True))
    ]
