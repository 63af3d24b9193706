"""The compute type that `auto` takes."""

from __future__ import annotations

import pytest
import torch

from engine.models import precision
from engine.models.catalogue import reference_to
from engine.models.precision import choose_dtype
from engine.models.width import read_width

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("instructions", "width", "chosen"),
    [
        (False, 128, torch.float32),
        (False, 1280, torch.float32),
        (True, 128, torch.float32),
        (True, 384, torch.bfloat16),
    ],
)
def test_a_cpu_gets_bfloat16_where_it_pays(
    monkeypatch: pytest.MonkeyPatch, instructions: bool, width: int, chosen: torch.dtype
) -> None:
    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: instructions)
    assert choose_dtype("auto", CPU, width) == chosen


def test_what_is_asked_for_is_taken() -> None:
    assert choose_dtype("bfloat16", CPU, 64) == torch.bfloat16
    assert choose_dtype("float32", CPU, 4096) == torch.float32


def test_the_width_is_read_from_the_config_alone() -> None:
    assert read_width(reference_to("whisper-pico")) % 64 == 0  # what 4-bit kernels ask for
