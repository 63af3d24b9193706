"""Windows of recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.data.example import AudioInput, Piece
from engine.families.audio_encoder.windows import draw_window, read_window, windows


@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [
        (0.01, [(0.0, 0.01)]),
        (30.0, [(0.0, 30.0)]),
        (30.0005, [(0.0, 30.0005)]),  # rounded times
        (31.0, [(0.0, 30.0), (1.0, 30.0)]),
        (60.0, [(0.0, 30.0), (30.0, 30.0)]),
        (60.0005, [(0.0, 30.0), (30.0005, 30.0)]),
        (75.0, [(0.0, 30.0), (22.5, 30.0), (45.0, 30.0)]),
    ],
)
def test_windows_cover_a_recording_evenly(duration_s: float, expected: list[tuple[float, float]]) -> None:
    assert windows(duration_s, 30.0) == [pytest.approx(window) for window in expected]


def test_one_window_is_drawn_from_everywhere() -> None:
    assert draw_window(10.0, 30.0, np.random.default_rng(0)) == (0.0, 10.0)
    assert draw_window(50.0, 30.0, None) == (10.0, 30.0)
    generator = np.random.default_rng(0)
    starts = [draw_window(50.0, 30.0, generator)[0] for _ in range(200)]
    assert 0.0 <= min(starts) < 1.0
    assert 19.0 < max(starts) <= 20.0


def test_a_window_reads_only_its_part_of_joined_pieces(tmp_path: Path) -> None:
    wave_T = np.arange(32_000, dtype=np.float32) / 64_000
    soundfile.write(tmp_path / "a.wav", wave_T, 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "b.wav", -wave_T, 16_000, subtype="FLOAT")
    pieces = (Piece("a.wav", 0.5, 0.5), Piece("b.wav", 0.25, 1.0), Piece("gone.wav", 0.0, 9.0))
    audio = AudioInput("a.wav", 0.5, 10.5, pieces)
    whole_T = np.concatenate([wave_T[8_000:16_000], -wave_T[4_000:20_000]])
    assert np.array_equal(read_window(tmp_path, audio, 0.0, 1.5), whole_T)
    assert np.array_equal(read_window(tmp_path, audio, 0.25, 0.5), whole_T[4_000:12_000])
    assert np.array_equal(read_window(tmp_path, audio, 0.75, 0.5), whole_T[12_000:20_000])
    single = AudioInput("b.wav", 1.0, 1.0)
    assert np.array_equal(read_window(tmp_path, single, 0.5, 0.01), -wave_T[24_000:24_160])
