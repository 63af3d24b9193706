from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile

from engine.recipes.whisper_pico.synthesis.demo_speech import DEMO_RATE_HZ, SPEAKERS, main, record, write_demo_speech
from engine.recipes.whisper_pico.synthesis.espeak import Synthesizer
from engine.recipes.whisper_pico.synthesis.pronunciation import DIGITS
from engine.recipes.whisper_pico.synthesis.voices import HELD_OUT_ACCENTS, HELD_OUT_VARIANTS


def test_the_demo_is_an_audio_folder(tmp_path: Path) -> None:
    assert write_demo_speech(tmp_path, takes=1) == len(SPEAKERS) * 10
    with (tmp_path / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file_name", "text", "speaker"]
    assert {(row["speaker"], row["text"]) for row in rows} == {(s.name, word) for s in SPEAKERS for word in DIGITS}
    for row in rows:
        wave_T, rate_hz = soundfile.read(tmp_path / row["file_name"])
        assert rate_hz == DEMO_RATE_HZ
        assert 0.2 < len(wave_T) / rate_hz < 2.0, row
        assert 0.1 < np.abs(wave_T).max() < 1.0, row


def test_takes_are_made_again_and_differ(tmp_path: Path) -> None:
    with Synthesizer() as synthesizer:
        takes = [record(SPEAKERS[1], "four", (0, 1, 4, take), synthesizer) for take in (0, 1, 0)]
    assert np.array_equal(takes[0], takes[2])
    assert not np.array_equal(takes[0], takes[1])


def test_no_training_voice_is_in_the_demo() -> None:
    for speaker in SPEAKERS:
        assert speaker.voice.accent in HELD_OUT_ACCENTS
        assert speaker.voice.variant in HELD_OUT_VARIANTS


def test_the_command_line_reports_a_folder_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["--out", str(tmp_path / "file"), "--takes", "1"]) == 1
