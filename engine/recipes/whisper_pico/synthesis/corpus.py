"""A corpus of synthetic digits and short commands, in the manifest format, from espeak-ng's voices.

`python -m engine.recipes.whisper_pico.synthesis.corpus --out build/corpora/digits` writes one.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import soundfile
from pydantic import Field

from engine.audio.speed import change_speed
from engine.config.base import Config, apply_overrides, parse, read_yaml
from engine.data.example import Utterance, make_utterance
from engine.data.manifest import write_manifest
from engine.data.version_files import MANIFEST_NAME
from engine.errors import ConfigError, EngineError
from engine.recipes.whisper_pico.synthesis.espeak import RATE_HZ, Synthesizer
from engine.recipes.whisper_pico.synthesis.pronunciation import (
    COMMANDS,
    DIGITS,
    OTHER_WORDS,
    PHONEMES,
    is_english,
    pronounce,
)
from engine.recipes.whisper_pico.synthesis.vocabulary import common_words
from engine.recipes.whisper_pico.synthesis.voices import Speaker, held_out_speaker, train_speaker

logger = logging.getLogger("engine.recipes.whisper_pico.synthesis.corpus")

CORPUS_RATE_HZ = 16_000
CorpusSplit = Literal["train", "validation"]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class CorpusRecipe(Config):
    """Contents of a synthetic corpus."""

    train: Annotated[int, Field(ge=0, le=100_000_000)] = 30_000
    """Number of training utterances."""
    validation: Annotated[int, Field(ge=0, le=100_000_000)] = 600
    """Number of validation utterances, by voices whose accent and variant no training voice has."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of every random choice: the same recipe gives the same files."""
    shard_s: Annotated[float, Field(gt=0.0, le=86_400.0)] = 600.0
    """Approximate length of the audio in one file, in seconds."""
    command_share: Share = 0.25
    """Share of utterances with one to three command words; the others are digits."""
    string_share: Share = 0.45
    """Share of the digit utterances with two to five digits; the others are single digits."""
    word_share: Share = 0.0
    """Share of utterances with one to three common English words; `command_share` applies to the rest."""
    vocabulary: Annotated[int, Field(ge=1, le=5000)] = 3000
    """Number of most frequent words to draw the common words from."""
    timbre: Share = 0.0
    """How much training voices differ in formant strengths and widths and in the loudness of consonants, from 0 (not at
    all) to 1."""


def generate(recipe: CorpusRecipe, target: Path) -> list[Utterance]:
    """Synthesise a corpus into a folder: `manifest.jsonl` and `audio/*.wav`, 16 kHz mono 16 bit.

    Each utterance depends only on the recipe, its split and its number.

    Raises:
        SynthesisError: espeak-ng fails.
        OSError: the folder cannot be written.
    """
    (target / "audio").mkdir(parents=True, exist_ok=True)
    utterances: list[Utterance] = []
    splits: tuple[tuple[CorpusSplit, int], ...] = (("train", recipe.train), ("validation", recipe.validation))
    with Synthesizer() as synthesizer:
        for split, count in splits:
            utterances += _generate_split(recipe, split, count, target, synthesizer)
    write_manifest(target / MANIFEST_NAME, utterances)
    return utterances


def utterance(
    recipe: CorpusRecipe, split: CorpusSplit, index: int, synthesizer: Synthesizer
) -> tuple[npt.NDArray[np.float32], str, str]:
    """One utterance of a recipe: wave_T at 16 kHz, text, speaker.

    Raises:
        SynthesisError: espeak-ng fails.
    """
    generator = np.random.default_rng([recipe.seed, 0 if split == "train" else 1, index])
    speaker = train_speaker(generator, recipe.timbre) if split == "train" else held_out_speaker(generator)
    if recipe.word_share and generator.random() < recipe.word_share:
        vocabulary = common_words(recipe.vocabulary)
        pool = vocabulary.words if is_english(speaker.voice.accent) else vocabulary.foreign
        words = [pool[index] for index in generator.integers(len(pool), size=_few(generator))]
        phonemes = vocabulary.phonemes
    else:
        words, phonemes = draw_words(recipe, generator), PHONEMES
    return say(words, speaker, synthesizer, generator, phonemes), " ".join(words), speaker.voice.name


def draw_words(recipe: CorpusRecipe, generator: np.random.Generator) -> list[str]:
    """Random words: one digit, a string of digits, or one to three commands."""
    if generator.random() < recipe.command_share:
        count = _few(generator)
        pool = COMMANDS + OTHER_WORDS
        # The ten core commands are together as frequent as the fifteen other words.
        weights = np.array([1 / len(COMMANDS)] * len(COMMANDS) + [1 / len(OTHER_WORDS)] * len(OTHER_WORDS)) / 2
        return [pool[index] for index in generator.choice(len(pool), size=count, p=weights)]
    count = int(generator.integers(2, 6)) if generator.random() < recipe.string_share else 1
    return [DIGITS[index] for index in generator.integers(len(DIGITS), size=count)]


def _few(generator: np.random.Generator) -> int:
    return int(generator.choice((1, 2, 3), p=(0.6, 0.25, 0.15)))


def say(
    words: list[str],
    speaker: Speaker,
    synthesizer: Synthesizer,
    generator: np.random.Generator,
    phonemes: Mapping[str, str] = PHONEMES,
) -> npt.NDArray[np.float32]:
    """Words spoken by a speaker: wave_T at 16 kHz with about 50 ms of silence around the speech.

    Words without `phonemes` are read from their spelling, which works only for English speakers.

    Raises:
        SynthesisError: espeak-ng fails.
    """
    accent = speaker.voice.accent
    # English speakers mostly, but not always, pronounce a word as in the dictionary.
    phonetic = not is_english(accent) or generator.random() < 0.25
    phonetic = phonetic and all(word in phonemes for word in words)
    strength = 0.12 if is_english(accent) else 0.35
    spoken = [pronounce(word, accent, generator, strength, phonemes) if phonetic else word for word in words]
    text = (", " if generator.random() < 0.15 else " ").join(spoken)
    text += ("", "!", "?", ",")[int(generator.choice(4, p=(0.6, 0.15, 0.15, 0.1)))]
    wave_T = synthesizer.speak(text, speaker.voice, seed=int(generator.integers(1, 2**31)))
    wave_T = change_speed(wave_T, speaker.size_factor * RATE_HZ / CORPUS_RATE_HZ)
    wave_T = trim(wave_T, CORPUS_RATE_HZ, float(generator.uniform(0.02, 0.08)), float(generator.uniform(0.02, 0.08)))
    peak = 10 ** (float(generator.uniform(-12.0, -1.0)) / 20)
    return wave_T * np.float32(peak / max(float(np.abs(wave_T).max()), 1e-6))


def trim(wave_T: npt.NDArray[np.float32], rate_hz: int, before_s: float, after_s: float) -> npt.NDArray[np.float32]:
    """Trim silence (40 dB below the loudest 5 ms) at both ends, but keep `before_s` and `after_s` of it."""
    frame = rate_hz // 200
    frames = len(wave_T) // frame
    if frames == 0:
        return wave_T
    power_F = np.square(wave_T[: frames * frame].reshape(frames, frame)).mean(axis=1)
    loud = np.flatnonzero(power_F > power_F.max() * 1e-4)
    first = max(0, int(loud[0]) * frame - round(before_s * rate_hz)) if len(loud) else 0
    last = (int(loud[-1]) + 1) * frame + round(after_s * rate_hz) if len(loud) else len(wave_T)
    return wave_T[first:last]


def _generate_split(
    recipe: CorpusRecipe, split: CorpusSplit, count: int, target: Path, synthesizer: Synthesizer
) -> Iterator[Utterance]:
    waves: list[npt.NDArray[np.float32]] = []
    samples = shard = 0
    for index in range(count):
        wave_T, text, speaker = utterance(recipe, split, index, synthesizer)
        audio = f"audio/{split}-{shard:05d}.wav"
        start_s, duration_s = samples / CORPUS_RATE_HZ, len(wave_T) / CORPUS_RATE_HZ
        yield make_utterance(f"{split}-{index:06d}", audio, start_s, duration_s, text, speaker, split)
        waves.append(wave_T)
        samples += len(wave_T)
        if samples >= recipe.shard_s * CORPUS_RATE_HZ or index == count - 1:
            pcm_T = np.round(np.concatenate(waves) * 32_767).astype(np.int16)
            soundfile.write(target / audio, pcm_T, CORPUS_RATE_HZ, subtype="PCM_16")
            logger.info("%s: %d of %d utterances", split, index + 1, count)
            waves, samples, shard = [], 0, shard + 1


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m engine.recipes.whisper_pico.synthesis.corpus",
        description="Synthesise a corpus of spoken digits and commands: DIR/manifest.jsonl and DIR/audio/*.wav.",
        epilog="example: python -m engine.recipes.whisper_pico.synthesis.corpus --out build/corpora/digits --train 3000 --validation 100",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="YAML with the fields of CorpusRecipe")
    parser.add_argument("--train", type=int, help="training utterances (default: 30000)")
    parser.add_argument("--validation", type=int, help="utterances of held-out voices (default: 600)")
    parser.add_argument("--seed", type=int, help="seed of every random choice (default: 0)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    given = [(name, getattr(options, name)) for name in ("train", "validation", "seed")]
    overrides = [f"{name}={value}" for name, value in given if value is not None]
    try:
        values = read_yaml(options.recipe) if options.recipe else {}
        recipe = parse(CorpusRecipe, apply_overrides(values, overrides))
        utterances = generate(recipe, options.out)
    except (ConfigError, EngineError, OSError) as error:
        logger.error("%s", error)
        return 1
    hours = sum(each.input.duration_s for each in utterances) / 3600
    logger.info("%d utterances, %.2f h, in %s", len(utterances), hours, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
