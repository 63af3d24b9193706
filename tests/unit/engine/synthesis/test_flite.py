"""flite is a program of the system that only the recipe of the bundled model needs: a stand-in takes its place here."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from engine.synthesis.corpus import CorpusRecipe, utterance
from engine.synthesis.espeak import SynthesisError, Synthesizer
from engine.synthesis.flite import VOICES_PITCH_HZ, FliteVoice, random_voice, speak

VOICE = FliteVoice("slt", stretch=1.2, pitch_hz=180.0, size_factor=1.0)

# Writes down what it was called with; what it "says" is a tone of 0.5 s between silences, at flite's 16 kHz.
STAND_IN = f"""#!{sys.executable}
import math, struct, sys, wave
from pathlib import Path
Path(__file__).with_name("called").write_text("\\n".join(sys.argv[1:]))
tone = [0.5 * math.sin(2 * math.pi * 440 * t / 16000) * (4000 <= t < 12000) for t in range(16000)]
with wave.open(sys.argv[sys.argv.index("-o") + 1], "wb") as out:
    out.setnchannels(1); out.setsampwidth(2); out.setframerate(16000); out.setnframes(16000)
    out.writeframesraw(struct.pack("<16000h", *(round(32767 * s) for s in tone)))
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of a program named flite, and the only one where programs are looked for."""
    path = tmp_path / "flite"
    path.write_text(STAND_IN)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_the_program_gets_words_and_voice(program: Path) -> None:
    wave_T = speak(["seven", "on"], VOICE, 16_000, ", ")
    called = (program / "called").read_text().splitlines()
    assert called[called.index("-voice") + 1] == "slt"
    assert called[called.index("-t") + 1] == "seven, on"
    assert {"duration_stretch=1.20", "int_f0_target_mean=180"} <= set(called)
    assert wave_T.dtype == np.float32
    assert np.abs(wave_T).max() == pytest.approx(0.5, abs=0.01)
    assert len(wave_T) == 16_000


def test_a_smaller_speaker_is_shorter_and_another_rate_is_taken(program: Path) -> None:
    assert len(speak(["on"], FliteVoice("slt", 1.0, 170.0, 1.25), 16_000)) == pytest.approx(12_800, abs=2)
    assert len(speak(["on"], VOICE, 8_000)) == pytest.approx(8_000, abs=2)


def test_without_the_program_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SynthesisError, match="apt install flite"):
        speak(["on"], VOICE, 16_000)


@pytest.mark.parametrize("script", ["#!/bin/sh\nexit 3\n", "#!/bin/sh\necho no audio\n"], ids=["fails", "no audio"])
def test_a_program_that_fails_names_the_words(program: Path, script: str) -> None:
    (program / "flite").write_text(script)
    with pytest.raises(SynthesisError, match="seven on"):
        speak(["seven", "on"], VOICE, 16_000)


def test_voices_differ_and_are_drawn_again_the_same() -> None:
    voices = [random_voice(np.random.default_rng([1, index])) for index in range(200)]
    assert {voice.name for voice in voices} == set(VOICES_PITCH_HZ)
    assert len(set(voices)) == 200
    assert random_voice(np.random.default_rng([1, 7])) == voices[7]
    assert all(60 < voice.pitch_hz < 320 for voice in voices)


def test_a_corpus_by_flite_has_its_voices_in_training_alone(program: Path) -> None:
    recipe = CorpusRecipe(train=1, validation=1, word_share=0.5, voices="flite")
    with Synthesizer() as synthesizer:
        trained = [utterance(recipe, "train", index, synthesizer) for index in range(20)]
        assert not utterance(recipe, "validation", 0, synthesizer)[2].startswith("flite")
    assert {speaker.split("-")[0] for _, _, speaker in trained} == {"flite"}
    wave_T = trained[0][0]
    assert 0.5 / 1.15 <= len(wave_T) / 16_000 <= 0.5 / 0.88 + 0.2  # the tone, and a little of the silence around it
    assert len({text for _, text, _ in trained}) > 15
