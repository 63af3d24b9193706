"""Recordings of one length each, so that every batch is a worst one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.data.example import AnyExample, AudioInput, Captions, Example, Label, Target, Text
from engine.data.manifest import write_manifest
from engine.data.version_files import MANIFEST_NAME

_RATE_HZ: Final = 16_000
_WORDS: Final = ("one", "two", "three", "four", "five")
TEST_EXAMPLES: Final = 2
LABELS: Final = ("one", "two", "three", "four")


def write(folder: Path, task: str, seconds: float, letters: int, count: int) -> Path:
    """A dataset version of noise; the last recordings are the test split.

    Args:
        folder: to write to.
        task: whose targets it has.
        seconds: of each recording.
        letters: of each text.
        count: number of recordings.
    """
    import numpy as np
    import soundfile

    (folder / "audio").mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    examples: list[AnyExample] = []
    for number in range(count):
        name = f"audio/{number:04}.wav"
        wave_T = 0.1 * generator.standard_normal(round(seconds * _RATE_HZ))
        soundfile.write(folder / name, wave_T.astype(np.float32), _RATE_HZ, subtype="PCM_16")
        group = "test" if number >= count - TEST_EXAMPLES else "train"
        examples.append(Example(f"{number:04}", AudioInput(name, 0.0, seconds), _target(task, number, letters), group))
    write_manifest(folder / MANIFEST_NAME, examples)
    return folder


def _target(task: str, number: int, letters: int) -> Target:
    if task == "audio_classification":
        return Label(LABELS[number % len(LABELS)])
    text = _text(number, letters)
    return Captions((text,)) if task in {"captioning", "retrieval"} else Text(text)


def _text(number: int, letters: int) -> str:
    """Words of so many letters in all, spaces included; the first ones are another number in each recording."""
    text = f"{'abcdefghij'[number % 10]}{'abcdefghij'[number // 10 % 10]} "
    at = number
    while len(text) < letters:
        text += f"{_WORDS[at % len(_WORDS)]} "
        at += 1
    return text[:letters].strip().ljust(letters, "e")
