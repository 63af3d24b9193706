"""The demo's recordings: digits spoken by a few voices that the bundled model was not trained on.

Accents, voice variants, most vocal tract lengths and all recorders differ from those of the training corpus. Each
speaker has one pronunciation of each digit and one recorder, as people do.

`python -m engine.recipes.whisper_pico.synthesis.demo_speech --out DIR` writes an AudioFolder: `metadata.csv` (file_name, text, speaker)
and FLAC files.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from engine.audio.augmentation import augment_wave
from engine.audio.reading import resample
from engine.config.augmentation import AugmentationConfig
from engine.errors import EngineError
from engine.recipes.whisper_pico.synthesis.corpus import CORPUS_RATE_HZ, trim
from engine.recipes.whisper_pico.synthesis.espeak import RATE_HZ, Synthesizer, Voice
from engine.recipes.whisper_pico.synthesis.pronunciation import DIGITS, is_english, pronounce

logger = logging.getLogger("engine.recipes.whisper_pico.synthesis.demo_speech")

DEMO_RATE_HZ = 8_000
TAKES = 10
"""Recordings of each digit by each speaker."""

_ABOUT = """# Demo speech

{files} recordings of the digits zero to nine by {speakers} voices: {names}. They are synthetic: espeak-ng's speech
through simulated rooms and recorders, made by `python -m engine.recipes.whisper_pico.synthesis.demo_speech` with seed {seed}. The bundled
model was trained on other accents, voices and recorders.
"""


@dataclass(frozen=True, slots=True)
class DemoSpeaker:
    """A voice, its pronunciation of the digits, and its recorder."""

    name: str
    """Name in the column `speaker`."""
    voice: Voice
    """Accent and sound; each take varies it a little."""
    pitch_hz: float
    """Lowest pitch of the intonation, in Hz."""
    size_factor: float
    """Factor on the voice's formants."""
    recorder: AugmentationConfig
    """Room, noise, microphone and line; the room and the microphone are drawn once per speaker."""


def _recorder(
    room_s: float, wet_db: float, tilt_db: float, low_hz: float, snr_db: float, noise: str
) -> AugmentationConfig:
    return AugmentationConfig.model_validate(
        {
            "reverb_probability": 1.0, "reverb_decay_s": (room_s, room_s), "reverb_wet_db": (wet_db, wet_db),
            "tilt_probability": 1.0, "tilt_db_per_octave": (tilt_db, tilt_db),
            "peak_probability": 1.0, "peak_db": (8.0, 14.0),
            "band_probability": 1.0, "band_low_hz": (low_hz, low_hz), "band_high_hz": (3500.0, 3800.0),
            "noise_probability": 1.0, "noise_snr_db": (snr_db, snr_db + 4.0), "noise_kinds": (noise,),
            "gain_probability": 1.0, "gain_peak_db": (-12.0, -2.0),
        }
    )  # fmt: skip


SPEAKERS = (
    DemoSpeaker(
        "amara",
        Voice("sw", "linda", rate_wpm=150, pitch_range_hz=90, settings=("flutter 9", "breath 20 20 12 8")),
        190.0,
        1.22,
        _recorder(0.35, -5.0, -2.0, 180.0, 14.0, "pink"),
    ),
    DemoSpeaker(
        "bruno",
        Voice("it", "m7", rate_wpm=185, pitch_range_hz=50, settings=("flutter 4", "roughness 3")),
        84.0,
        0.86,
        _recorder(0.25, -4.0, 3.0, 350.0, 18.0, "hum"),
    ),
    DemoSpeaker(
        "chae",
        Voice("ko", "f5", rate_wpm=165, pitch_range_hz=60, settings=("flutter 6",)),
        215.0,
        1.12,
        _recorder(0.45, -6.0, 2.0, 250.0, 16.0, "white"),
    ),
    DemoSpeaker(
        "denny",
        Voice("en-us-nyc", "Hugo", rate_wpm=200, pitch_range_hz=70, settings=("flutter 12",)),
        100.0,
        1.0,
        _recorder(0.3, -3.0, -3.0, 120.0, 12.0, "babble"),
    ),
    DemoSpeaker(
        "edita",
        Voice("cs", "steph2", rate_wpm=160, pitch_range_hz=110, settings=("flutter 3", "voicing 70")),
        170.0,
        1.3,
        _recorder(0.4, -5.0, 1.0, 300.0, 15.0, "brown"),
    ),
    DemoSpeaker(
        "fyodor",
        Voice("ru", "boris", rate_wpm=140, pitch_range_hz=35, settings=("flutter 8", "roughness 5")),
        70.0,
        0.8,
        _recorder(0.5, -6.0, -1.0, 200.0, 13.0, "pink"),
    ),
)


def write_demo_speech(folder: Path, seed: int = 0, takes: int = TAKES) -> int:
    """Write the demo's AudioFolder; the same seed gives the same files.

    Returns:
        The number of recordings.

    Raises:
        SynthesisError: espeak-ng fails.
        OSError: the folder cannot be written.
    """
    rows = []
    with Synthesizer() as synthesizer:
        for number, speaker in enumerate(SPEAKERS):
            (folder / speaker.name).mkdir(parents=True, exist_ok=True)
            for digit, word in enumerate(DIGITS):
                for take in range(takes):
                    wave_T = record(speaker, word, (seed, number, digit, take), synthesizer)
                    name = f"{speaker.name}/{word}_{take:02d}.flac"
                    soundfile.write(folder / name, wave_T, DEMO_RATE_HZ, subtype="PCM_16", compression_level=1.0)
                    rows.append((name, word, speaker.name))
            logger.info("%s: %d recordings", speaker.name, takes * len(DIGITS))
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("file_name", "text", "speaker"), *rows])
    names = ", ".join(f"{speaker.name} ({speaker.voice.name})" for speaker in SPEAKERS)
    about = _ABOUT.format(files=len(rows), speakers=len(SPEAKERS), names=names, seed=seed)
    (folder / "README.md").write_text(about, encoding="utf-8")
    return len(rows)


def record(
    speaker: DemoSpeaker, word: str, key: tuple[int, int, int, int], synthesizer: Synthesizer
) -> npt.NDArray[np.float32]:
    """A take of a word: wave_T at 8 kHz.

    Args:
        speaker: of the take.
        word: to say.
        key: seed and numbers of the speaker, the word and the take; seed and speaker determine the recorder, and with
            the word the pronunciation.
        synthesizer: makes the speech.

    Raises:
        SynthesisError: espeak-ng fails.
    """
    seed, number, digit, _ = key
    habits, generator = np.random.default_rng([seed, number, digit]), np.random.default_rng(list(key))
    english = is_english(speaker.voice.accent)
    text = word if english else pronounce(word, speaker.voice.accent, habits, strength=0.5)
    pitch = float(np.exp(generator.normal(0.0, 0.06))) / speaker.size_factor
    voice = dataclasses.replace(
        speaker.voice,
        rate_wpm=round(speaker.voice.rate_wpm * float(generator.uniform(0.85, 1.15)) / speaker.size_factor),
        pitch_hz=speaker.pitch_hz * pitch,
        pitch_range_hz=speaker.voice.pitch_range_hz * pitch * float(generator.uniform(0.6, 1.2)),
        formant_factors=tuple(np.exp(generator.normal(0.0, 0.012, size=4)).tolist()),
    )
    spoken_T = synthesizer.speak(
        text + ("", "!", "?")[int(generator.integers(3))], voice, int(generator.integers(2**31))
    )
    wave_T = resample(spoken_T, round(RATE_HZ * speaker.size_factor), CORPUS_RATE_HZ)
    wave_T = trim(wave_T, CORPUS_RATE_HZ, *generator.uniform(0.03, 0.15, size=2))
    # A speaker has one room and one microphone; noise and level vary from take to take.
    off = {"noise_probability": 0.0, "gain_probability": 0.0}
    place = speaker.recorder.model_copy(update=off)
    wave_T = augment_wave(np.pad(wave_T, 400), CORPUS_RATE_HZ, place, np.random.default_rng([seed, number]))
    fields = ("noise_probability", "noise_snr_db", "noise_kinds", "gain_probability", "gain_peak_db")
    take = AugmentationConfig.model_validate({name: getattr(speaker.recorder, name) for name in fields})
    return resample(augment_wave(wave_T, CORPUS_RATE_HZ, take, generator), CORPUS_RATE_HZ, DEMO_RATE_HZ)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m engine.recipes.whisper_pico.synthesis.demo_speech",
        description="Write the demo's spoken digits: DIR/metadata.csv and a folder of FLAC files per speaker.",
        epilog="example: python -m engine.recipes.whisper_pico.synthesis.demo_speech --out engine/data/bundled/demo-speech",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--seed", type=int, default=0, help="seed of every random choice (default: 0)")
    parser.add_argument("--takes", type=int, default=TAKES, help=f"of each digit by each speaker (default: {TAKES})")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        count = write_demo_speech(options.out, options.seed, options.takes)
    except (EngineError, OSError) as error:
        logger.error("%s", error)
        return 1
    logger.info("%d recordings in %s", count, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
