"""How figures are shown to people."""

from __future__ import annotations

import pytest

from engine.run.shown import amount, duration, rate, size


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (69.6, "1:10"), (3723, "1:02:03")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(512, "512 B"), (583_100, "583.1 kB"), (2_140_000_000, "2.1 GB")])
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("cost", "unit", "text"), [(1094.2, "audio_s", "18:14 of audio"), (12_345.4, "tokens", "12,345 tokens")]
)
def test_costs(cost: float, unit: str, text: str) -> None:
    assert amount(cost, unit) == text


@pytest.mark.parametrize(
    ("cost_per_s", "unit", "text"),
    [
        (41.26, "audio_s", "41.3 audio-s/s"),
        (210.4, "audio_s", "210 audio-s/s"),
        (12_345.6, "tokens", "12,346 tokens/s"),
    ],
)
def test_rates(cost_per_s: float, unit: str, text: str) -> None:
    assert rate(cost_per_s, unit) == text
