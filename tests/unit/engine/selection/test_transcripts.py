"""Errors of transcripts after the warm-up, from which ranges of error rates are made."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from engine.config.training import TrainingConfig
from engine.data.example import Text
from engine.data.manifest import read_manifest
from engine.models.family import load_model
from engine.selection.scorer import Scorer
from engine.tasks.speech_to_text import SpeechToText


def test_texts_without_blanks_are_counted_by_characters(tiny_whisper: Path, tones: Path) -> None:
    config = TrainingConfig.model_validate({"task": {"max_new_tokens": 5}})
    task = SpeechToText(config, load_model(str(tiny_whisper)), torch.device("cpu"), torch.float32)
    first, second = read_manifest(tones / "manifest.jsonl")[:2]
    rows = [
        dataclasses.replace(first, target=Text("今天天气很好")),
        dataclasses.replace(second, target=Text("so it is")),
    ]
    found = Scorer(task, tones).transcripts(rows)
    assert [row.words for row in found] == [6, 3]
