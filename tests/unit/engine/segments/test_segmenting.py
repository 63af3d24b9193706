"""Recordings become segments: trimmed, cut, kept whole, set aside."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.reading import read_audio
from engine.config.selection import SelectionConfig
from engine.data.example import make_utterance
from engine.segments.segment import Segment
from engine.segments.segmenting import (
    SegmentLimits,
    canonical,
    reading_batches,
    segment_batch,
    segment_utterance,
    whole_segment,
)
from engine.segments.speech_activity import load_speech_activity
from tests.unit.engine.segments.spoken import Recording, record

DEMO = Path("engine/data/bundled/demo-speech")
LIMITS = SegmentLimits(30.0, lambda text: len(text) <= 400)


def _segments(
    recording: Recording,
    limits: SegmentLimits = LIMITS,
    *,
    timed: bool = False,
    text: str | None = None,
    **config: object,
) -> list[Segment]:
    told = recording.text if text is None else text
    times = recording.times if timed else ()
    u = make_utterance("u", "a.wav", 100.0, recording.duration_s, told, "amara", "train", times=times)
    prob_F = load_speech_activity().probabilities([recording.wave_T])[0]
    return segment_utterance(u, recording.wave_T, prob_F, SelectionConfig.model_validate(config), limits)


@pytest.fixture(scope="module")
def long() -> Recording:
    """About 15 s: ten phrases, a long pause after the fifth."""
    pauses_s = [1.0, 0.4, 0.3, 0.4, 0.3, 1.5, 0.4, 0.3, 0.4, 0.3, 1.0]
    return record(["seven nine", "turn left", "stop", "four two", "go"] * 2, pauses_s)


def test_silence_is_trimmed_and_speech_is_not() -> None:
    recording = record(["seven three"], [1.5, 2.0])
    (segment,) = _segments(recording)
    (piece,) = segment.pieces
    (spoken,) = recording.times
    assert 100.0 + spoken.start_s - 0.3 < piece.start_s < 100.0 + spoken.start_s
    assert 100.0 + spoken.end_s < piece.start_s + piece.duration_s < 100.0 + spoken.end_s + 0.4
    assert segment.text == "seven three"
    assert segment.speech_s == pytest.approx(spoken.end_s - spoken.start_s, abs=0.2)
    assert segment.snr_db is not None
    assert segment.snr_db > 20
    (untouched,) = _segments(recording, trim={"type": "none"})
    assert (untouched.pieces[0].start_s, untouched.duration_s) == (100.0, recording.duration_s)


@pytest.mark.parametrize("speaker", ["amara", "bruno", "denny", "edita"])
def test_trimming_keeps_the_speech_of_the_bundled_recordings(speaker: str) -> None:
    files = sorted((DEMO / speaker).glob("*.flac"))[::9]
    waves = [read_audio(file) for file in files]
    for file, wave_T, prob_F in zip(files, waves, load_speech_activity().probabilities(waves), strict=True):
        u = make_utterance(file.stem, file.name, 0.0, len(wave_T) / 16_000, "x")
        (piece,) = segment_utterance(u, wave_T, prob_F, SelectionConfig(), LIMITS)[0].pieces
        power_T = np.square(wave_T - wave_T.mean())
        start = round(piece.start_s * 16_000)
        kept = power_T[start : start + round(piece.duration_s * 16_000)].sum() / power_T.sum()
        assert kept > 0.97, file


def test_a_long_recording_with_times_becomes_segments_that_fit(long: Recording) -> None:
    segments = _segments(long, SegmentLimits(4.0, lambda _: True), timed=True)
    assert len(segments) >= 3
    assert [s.id for s in segments] == [f"u#{i}" for i in range(1, len(segments) + 1)]
    assert " ".join(s.text for s in segments) == long.text
    assert {s.utterances for s in segments} == {("u",)}
    for before, after in itertools.pairwise(segments):
        assert before.pieces[0].start_s + before.duration_s <= after.pieces[0].start_s + 1e-6
    words = list(long.times)
    for segment in segments:
        assert segment.fault is None
        assert segment.duration_s <= 4.0
        start_s = segment.pieces[0].start_s - 100.0
        inside, said = [], ""
        while said != segment.text:
            inside.append(words.pop(0))
            said = " ".join(part.text for part in inside)
        assert start_s - 1e-6 <= inside[0].start_s
        assert inside[-1].end_s <= start_s + segment.duration_s + 1e-6


def test_a_long_recording_without_times_is_kept_whole_and_says_so(long: Recording) -> None:
    (segment,) = _segments(long, SegmentLimits(6.0, lambda _: True))
    assert segment.fault == "too_long"
    assert segment.text == long.text
    assert segment.duration_s > 6.0


def test_trimming_may_be_enough(long: Recording) -> None:
    spoken_s = long.times[-1].end_s - long.times[0].start_s
    (segment,) = _segments(long, SegmentLimits(spoken_s + 0.7, lambda _: True))
    assert segment.fault is None
    assert segment.duration_s < long.duration_s - 1.0


def test_a_text_with_too_many_tokens_is_set_aside_or_cut_by_its_times(long: Recording) -> None:
    limits = SegmentLimits(30.0, lambda text: len(text) <= 40)
    (segment,) = _segments(long, limits)
    assert segment.fault == "text_too_long"
    cut = _segments(long, limits, timed=True)
    assert len(cut) > 1
    assert all(s.fault is None and len(s.text) <= 40 for s in cut)


def test_without_speech_the_short_is_kept_and_the_long_with_a_text_is_not() -> None:
    hiss = 0.003 * np.random.default_rng(0).standard_normal(5 * 16_000).astype(np.float32)
    (short,) = _segments(Recording(hiss[:16_000], ()), text="seven")
    assert (short.fault, short.duration_s, short.speech_s) == (None, 1.0, 0.0)
    (silent,) = _segments(Recording(hiss, ()), text="seven")
    assert silent.fault == "no_speech"
    (meant,) = _segments(Recording(hiss, ()), text="")
    assert (meant.fault, meant.duration_s) == (None, 5.0)
    parts = _segments(Recording(hiss, ()), SegmentLimits(2.0, lambda _: True), text="")
    assert [round(p.duration_s, 3) for p in parts] == [2.0, 2.0, 1.0]


def test_a_batch_reads_its_audio_and_is_the_same_as_one_by_one(tmp_path: Path) -> None:
    recording = record(["seven", "nine"], [0.7, 1.0, 0.7])
    soundfile.write(tmp_path / "a.wav", recording.wave_T, 16_000, subtype="PCM_16")
    middle_s = (recording.times[0].end_s + recording.times[1].start_s) / 2
    pool = [
        make_utterance("second", "a.wav", middle_s, recording.duration_s - middle_s, "nine"),
        make_utterance("first", "a.wav", 0.0, middle_s, "seven"),
    ]
    together = segment_batch(pool, tmp_path, SelectionConfig(), LIMITS)
    alone = [s for u in pool for s in segment_batch([u], tmp_path, SelectionConfig(), LIMITS)]
    assert together == alone
    assert [s.id for s in together] == ["second", "first"]
    assert together[0].pieces[0].start_s > middle_s


def test_batches_hold_neighbours_up_to_the_limit_and_a_longer_one_alone() -> None:
    pool = [make_utterance(str(i), "a.wav", float(i), d, "x") for i, d in enumerate((2.0, 2.0, 7.0, 1.0, 1.0))]
    assert [[u.id for u in b] for b in reading_batches(pool, 4.0)] == [["0", "1"], ["2"], ["3", "4"]]
    assert canonical(pool[::-1]) == pool


def test_a_whole_segment_says_what_does_not_fit() -> None:
    u = make_utterance("u", "a.wav", 1.0, 31.0, "x", "s", "train")
    assert whole_segment(u, LIMITS).fault == "too_long"
    assert whole_segment(make_utterance("u", "a.wav", 1.0, 3.0, "x" * 500), LIMITS).fault == "text_too_long"
    assert whole_segment(make_utterance("u", "a.wav", 1.0, 3.0, "x"), LIMITS).as_utterance() == make_utterance(
        "u", "a.wav", 1.0, 3.0, "x"
    )
