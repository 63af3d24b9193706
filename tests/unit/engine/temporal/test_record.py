"""The effective rank of gates, and its picture."""

from __future__ import annotations

import numpy as np
import torch

from engine.temporal.frames import Signals
from engine.temporal.gates import GatedLayer, Gates
from engine.temporal.record import Record, draw, effective_ranks
from tests.unit.engine.temporal.sounds import noise


def test_the_effective_rank_counts_open_ranks() -> None:
    layers = [GatedLayer("a", 4, "frame"), GatedLayer("b", 4, "frame"), GatedLayer("c", 2, "utterance")]
    gates = Gates(layers, Signals("learned", ("speech",), 320), 8)
    equal, one, none, mixed = [1.0] * 4, [0.0, 2.0, 0.0, 0.0], [0.0] * 4, [2.0, 1.0, 1.0, 0.0]
    gates_SR = torch.tensor([[*equal, *equal], [*one, *one], [*equal, *one], [*none, *none], [*mixed, *mixed]])
    torch.testing.assert_close(effective_ranks(gates, gates_SR), torch.tensor([4.0, 1.0, 2.5, 0.0, 16 / 6]))


def test_a_picture_has_a_wave_and_a_strip_for_each_recording() -> None:
    frames = np.linspace(0, 1, 50, dtype=np.float32)
    one = Record("one", noise(1.0), 0.02, frames, 4 * frames, 2 * frames)
    pictures = [draw([one] * count, 4) for count in (1, 2)]
    heights = [int.from_bytes(picture[20:24]) for picture in pictures]
    assert pictures[0].startswith(b"\x89PNG")
    assert heights[1] > 1.8 * heights[0]
