"""Peak memory, measured from where it was reset."""

from __future__ import annotations

import pytest
import torch

from engine.process.peak_memory import peak_bytes, reset_peak

CPU = torch.device("cpu")
BLOCK_BYTES = 300 * 2**20


def test_a_peak_before_the_reset_does_not_count() -> None:
    if not reset_peak(CPU):
        pytest.skip("this system does not reset the peak of a process")
    start = peak_bytes(CPU)
    block = torch.ones(BLOCK_BYTES // 4)
    assert peak_bytes(CPU) > start + BLOCK_BYTES // 2
    del block
    assert peak_bytes(CPU) > start + BLOCK_BYTES // 2  # until it is reset
    assert reset_peak(CPU)
    assert peak_bytes(CPU) < start + BLOCK_BYTES // 4
