from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.data.example import Utterance
from engine.data.manifest import read_manifest
from engine.recipes.whisper_pico.synthesis.corpus import (
    CORPUS_RATE_HZ,
    CorpusRecipe,
    draw_words,
    generate,
    main,
    trim,
    utterance,
)
from engine.recipes.whisper_pico.synthesis.espeak import Synthesizer
from engine.recipes.whisper_pico.synthesis.pronunciation import DIGITS, WORDS
from engine.recipes.whisper_pico.synthesis.voices import (
    HELD_OUT_ACCENTS,
    HELD_OUT_VARIANTS,
    TRAIN_ACCENTS,
    held_out_speaker,
    train_speaker,
    train_variants,
)

RECIPE = CorpusRecipe(train=60, validation=20, seed=3, shard_s=15.0)


@pytest.fixture(scope="module")
def synthesizer() -> Iterator[Synthesizer]:
    with Synthesizer() as opened:
        yield opened


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    generate(RECIPE, folder)
    return folder


def _digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _cut(folder: Path, utterance: Utterance) -> np.ndarray:
    start, stop = (
        round(s * CORPUS_RATE_HZ)
        for s in (utterance.input.start_s, utterance.input.start_s + utterance.input.duration_s)
    )
    wave_T, rate_hz = soundfile.read(folder / utterance.input.audio, start=start, stop=stop, dtype="float32")
    assert rate_hz == CORPUS_RATE_HZ
    assert len(wave_T) == stop - start
    return np.asarray(wave_T)


def test_the_manifest_agrees_with_the_shards(corpus: Path) -> None:
    utterances = read_manifest(corpus / "manifest.jsonl")
    assert Counter(each.split for each in utterances) == {"train": 60, "validation": 20}
    ends: dict[str, float] = {}
    for each in utterances:
        assert each.input.start_s == pytest.approx(ends.get(each.input.audio, 0.0))  # one after the other, without gaps
        ends[each.input.audio] = each.input.start_s + each.input.duration_s
        assert each.group is not None and set(each.target.text.split()) <= set(WORDS)
    for audio, end_s in ends.items():
        info = soundfile.info(corpus / audio)
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
        assert info.duration == pytest.approx(end_s)
    assert sum(audio.startswith("audio/train") for audio in ends) > 1


def test_every_utterance_is_trimmed_speech(corpus: Path) -> None:
    for each in read_manifest(corpus / "manifest.jsonl"):
        wave_T = _cut(corpus, each)
        words = len(each.target.text.split())
        assert 0.1 * words < each.input.duration_s < 1.8 * words, each
        assert 0.2 < np.abs(wave_T).max() < 1.0, each
        loud = np.flatnonzero(np.abs(wave_T) > 0.05 * np.abs(wave_T).max())
        assert loud[0] < 0.25 * CORPUS_RATE_HZ and len(wave_T) - loud[-1] < 0.35 * CORPUS_RATE_HZ, each


def test_the_same_recipe_gives_the_same_files(corpus: Path, tmp_path: Path) -> None:
    generate(RECIPE, tmp_path)
    assert _digest(tmp_path) == _digest(corpus)


def test_an_utterance_does_not_depend_on_how_many_there_are(corpus: Path, tmp_path: Path) -> None:
    few = generate(RECIPE.model_copy(update={"train": 5, "validation": 0}), tmp_path)
    many = read_manifest(corpus / "manifest.jsonl")[:5]
    assert [(each.target.text, each.group, each.input.duration_s) for each in few] == [
        (each.target.text, each.group, each.input.duration_s) for each in many
    ]
    for one, other in zip(few, many, strict=True):
        assert np.array_equal(_cut(tmp_path, one), _cut(corpus, other))


def test_another_seed_gives_another_corpus(corpus: Path, tmp_path: Path) -> None:
    other = generate(RECIPE.model_copy(update={"seed": 4, "validation": 0}), tmp_path)
    assert [each.target.text for each in other] != [
        each.target.text for each in read_manifest(corpus / "manifest.jsonl")[:60]
    ]


def test_held_out_voices_never_train() -> None:
    assert not set(HELD_OUT_ACCENTS) & set(TRAIN_ACCENTS)
    assert not set(HELD_OUT_VARIANTS) & set(train_variants())
    generator = np.random.default_rng(0)
    for _ in range(500):
        voice = train_speaker(generator).voice
        assert voice.accent not in HELD_OUT_ACCENTS and voice.variant not in HELD_OUT_VARIANTS
        voice = held_out_speaker(generator).voice
        assert voice.accent in HELD_OUT_ACCENTS and voice.variant in HELD_OUT_VARIANTS


def test_voices_vary() -> None:
    generator = np.random.default_rng(0)
    speakers = [train_speaker(generator) for _ in range(1000)]
    assert len({speaker.voice.name for speaker in speakers}) > 500
    pitches = [speaker.voice.pitch_hz * speaker.size_factor for speaker in speakers if speaker.voice.pitch_hz]
    assert np.percentile(pitches, 5) < 90 and np.percentile(pitches, 95) > 180
    assert 0.35 < np.mean([speaker.voice.accent.startswith("en") for speaker in speakers]) < 0.65


def test_timbre_changes_how_a_voice_sounds_and_nothing_else(synthesizer: Synthesizer) -> None:
    plain = CorpusRecipe(train=8, validation=0, seed=3)
    voices = [[train_speaker(np.random.default_rng(at), timbre).voice for at in range(200)] for timbre in (0.0, 1.0)]
    assert [(voice.name, voice.pitch_hz, voice.rate_wpm) for voice in voices[0]] == [
        (voice.name, voice.pitch_hz, voice.rate_wpm) for voice in voices[1]
    ]
    assert not any(voice.formant_strengths or voice.formant_widths for voice in voices[0])
    second = [20 * np.log10(voice.formant_strengths[1] / voice.formant_strengths[0]) for voice in voices[1]]
    assert np.percentile(second, 10) < -8 and np.percentile(second, 90) > 3
    soft = [int(voice.settings[-1].split()[1]) for voice in voices[1]]
    assert min(soft) < 12 and max(soft) > 110
    for at in range(8):
        said = [
            utterance(recipe, "train", at, synthesizer) for recipe in (plain, plain.model_copy(update={"timbre": 1.0}))
        ]
        assert said[0][2] == said[1][2]
        assert not np.array_equal(said[0][0], said[1][0])


def test_the_words_have_the_wanted_shares() -> None:
    generator = np.random.default_rng(0)
    texts = [draw_words(CorpusRecipe(), generator) for _ in range(4000)]
    single = [words[0] for words in texts if len(words) == 1 and words[0] in DIGITS]
    assert len(single) / len(texts) > 0.38
    assert np.mean([words[0] not in DIGITS for words in texts]) == pytest.approx(0.25, abs=0.03)
    counts = Counter(single)
    assert set(counts) == set(DIGITS) and min(counts.values()) > 0.7 * max(counts.values())
    assert {word for words in texts for word in words} == set(WORDS)
    assert max(len(words) for words in texts) == 5


def test_trim_leaves_the_given_silence() -> None:
    wave_T = np.zeros(16_000, dtype=np.float32)
    wave_T[8_000:12_000] = 0.5
    assert len(trim(wave_T, 16_000, 0.05, 0.1)) == pytest.approx(4_000 + 800 + 1_600, abs=160)
    assert len(trim(wave_T, 16_000, 9.0, 9.0)) == 16_000
    assert len(trim(np.zeros(1_000, dtype=np.float32), 16_000, 0.05, 0.05)) == 1_000


def test_the_command_line_writes_a_corpus(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("train: 50\ncommand_share: 0.0\nstring_share: 0.0\n", encoding="utf-8")
    arguments = ["--out", str(tmp_path / "out"), "--recipe", str(recipe), "--train", "6", "--validation", "0"]
    assert main(arguments) == 0
    utterances = read_manifest(tmp_path / "out" / "manifest.jsonl")
    assert len(utterances) == 6 and all(each.target.text in DIGITS for each in utterances)


def test_the_command_line_names_a_faulty_recipe(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("trian: 50\ncommand_share: 2\n", encoding="utf-8")
    with caplog.at_level(logging.ERROR):
        assert main(["--out", str(tmp_path / "out"), "--recipe", str(recipe)]) == 1
    assert "trian: no such field" in caplog.text
    assert "command_share: Input should be less than or equal to 1; found 2" in caplog.text
