"""Errors of transcripts after the warm-up, from which ranges of error rates are made."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from engine.config.training import TrainingConfig
from engine.data.example import Text
from engine.data.manifest import read_manifest
from engine.families.binding import bind
from engine.selection.scorer import Scorer


def test_texts_without_blanks_are_counted_by_characters(tiny_whisper: Path, tones: Path) -> None:
    fields = {"task": {"max_new_tokens": 5}, "method": {"type": "full"}, "precision": "float32"}
    bound = bind(str(tiny_whisper), TrainingConfig.model_validate(fields))
    first, second = read_manifest(tones / "manifest.jsonl")[:2]
    rows = [
        dataclasses.replace(first, target=Text("今天天气很好")),
        dataclasses.replace(second, target=Text("so it is")),
    ]
    found = Scorer(bound, tones).transcripts(rows)
    assert [row.words for row in found] == [6, 3]
