"""Transcripts are judged after normalisation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.config.tasks.speech_to_text import SpeechToTextConfig
from engine.data.example import Utterance, make_utterance
from engine.tasks.speech_to_text import SpeechToText
from tests.whisper import load_whisper


def _task(base: object = None, **fields: Any) -> SpeechToText:
    return SpeechToText(SpeechToTextConfig(**fields), base)


def _saying(*texts: str) -> list[Utterance]:
    return [make_utterance(str(i), "a.wav", 0.0, 1.0, text, None, None) for i, text in enumerate(texts)]


def test_wer_is_taken_after_normalisation() -> None:
    texts = _saying("Seven!", "two"), ["seven", "too"]
    counts = _task().errors(*texts)
    assert (counts.word_errors, counts.words) == (1, 2)
    assert _task().score(*texts) == {"wer": 0.5, "cer": 1 / 8}
    raw = _task(normalizer="none").errors(*texts)
    assert raw.word_errors == 2


@pytest.mark.parametrize(("texts", "primary"), [(["seven", "two"], "wer"), (["七", "两个", "two"], "cer")])
def test_the_script_of_the_texts_decides_the_primary_metric(texts: list[str], primary: str) -> None:
    assert _task().primary(_saying(*texts)) == primary


def test_whispers_english_takes_the_spellings_of_the_model(tiny_whisper: Path, tmp_path: Path) -> None:
    pair = _saying("Mr. Brown's favourite colour, twenty-five"), ["mister brown is favorite color 25"]
    folder = shutil.copytree(tiny_whisper, tmp_path / "model")
    (folder / "normalizer.json").write_text(json.dumps({"colour": "color", "favourite": "favorite"}))
    with_spellings = _task(load_whisper(str(folder)), normalizer="english").errors(*pair)
    assert (with_spellings.word_errors, with_spellings.words) == (0, 6)
    without = _task(load_whisper(str(tiny_whisper)), normalizer="english").errors(*pair)
    assert (without.word_errors, without.words) == (2, 6)
    assert _task(load_whisper(str(folder))).errors(*pair).word_errors > 2
