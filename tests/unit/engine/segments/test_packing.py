"""Joining short segments: order, texts, limits, and who may stand beside whom."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from engine.config.selection import NoPackConfig, PackConfig
from engine.data.example import Piece
from engine.segments.packing import pack
from engine.segments.segment import Segment


def _segment(
    number: int, *, speaker: str | None = "a", split: str | None = "train", audio: str = "0.wav", s: float = 1.0
):  # type: ignore[no-untyped-def]
    pieces = (Piece(audio, 10.0 * number, s),)
    return Segment(f"{audio}-{number:02d}", pieces, f"t{number}", speaker, split, (f"u{number}",), 0.5, 10.0)  # type: ignore[arg-type]


def _all_fit(_: str) -> bool:
    return True


def test_packs_keep_order_texts_and_sources_up_to_the_target() -> None:
    segments = [_segment(i) for i in range(7)]
    packed = pack(segments, PackConfig(target_s=3.0), 30.0, _all_fit)
    assert [p.text for p in packed] == ["t0 t1 t2", "t3 t4 t5", "t6"]
    assert [p.id for p in packed] == ["0.wav-00+2", "0.wav-03+2", "0.wav-06"]
    assert packed[0].pieces == tuple(s.pieces[0] for s in segments[:3])
    assert packed[0].utterances == ("u0", "u1", "u2")
    assert (packed[0].duration_s, packed[0].speech_s, packed[0].snr_db) == (3.0, 1.5, 10.0)
    whole = packed[0].as_utterance(weight=2.0)
    assert (whole.input.duration_s, whole.input.stretches(), whole.weight) == (3.0, packed[0].pieces, 2.0)


def test_no_order_of_the_input_changes_the_packs() -> None:
    segments = [_segment(i, speaker="ab"[i % 2], s=0.3 + 0.1 * i) for i in range(20)]
    shuffled = segments.copy()
    random.Random(1).shuffle(shuffled)
    config = PackConfig(target_s=4.0)
    assert pack(shuffled, config, 30.0, _all_fit) == pack(segments, config, 30.0, _all_fit)
    assert pack(shuffled, NoPackConfig(), 30.0, _all_fit) == segments


def test_only_one_speaker_one_split_and_where_asked_one_recording() -> None:
    segments = [
        _segment(0),
        _segment(1, speaker="b"),
        _segment(2, split="validation"),
        _segment(3, audio="1.wav"),
        _segment(4, speaker=None),
        _segment(5, speaker=None),
    ]

    def texts(within: str) -> set[str]:
        config = PackConfig.model_validate({"target_s": 20.0, "within": within})
        return {p.text for p in pack(segments, config, 30.0, _all_fit)}

    assert texts("speaker") == {"t0 t3", "t1", "t2", "t4", "t5"}
    assert texts("recording") == {"t0", "t1", "t2", "t3", "t4 t5"}
    assert texts("split") == {"t0 t1 t4 t5 t3", "t2"}
    mixed = next(p for p in pack(segments, PackConfig(within="split"), 30.0, _all_fit) if len(p.pieces) > 1)
    assert mixed.speaker is None


def test_neither_the_window_nor_the_text_is_exceeded_and_faults_stay_apart() -> None:
    segments = [_segment(i, s=4.0) for i in range(4)]
    assert [p.duration_s for p in pack(segments, PackConfig(target_s=25.0), 10.0, _all_fit)] == [8.0, 8.0]
    short = pack(segments, PackConfig(target_s=25.0), 30.0, lambda text: len(text.split()) <= 3)
    assert [len(p.text.split()) for p in short] == [3, 1]
    segments[1] = replace(segments[1], fault="no_speech")
    assert sorted(len(p.pieces) for p in pack(segments, PackConfig(), 30.0, _all_fit)) == [1, 3]


@pytest.mark.parametrize("target_s", [1.0, 2.5, 7.0])
def test_what_is_as_long_as_the_target_stays_alone(target_s: float) -> None:
    segments = [_segment(i, s=1.0 + (i % 3)) for i in range(9)]
    for packed in pack(segments, PackConfig(target_s=target_s), 30.0, _all_fit):
        assert packed.duration_s <= target_s or len(packed.pieces) == 1
