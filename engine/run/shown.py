"""Figures for people: durations, sizes, costs and rates."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Seconds as `0:07`, `12:30` or `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: float) -> str:
    """Bytes with a unit: `512 B`, `1.4 MB`, `2.1 GB` (powers of ten)."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} B"


def amount(cost: float, unit: str) -> str:
    """A cost with its unit: `18:14 of audio`, `12,345 tokens`."""
    return f"{duration(cost)} of audio" if unit == "audio_s" else f"{cost:,.0f} {unit}"


def rate(cost_per_s: float, unit: str) -> str:
    """A throughput with its unit: `41.3 audio-s/s`, `12,345 tokens/s`."""
    return f"{cost_per_s:,.{1 if cost_per_s < 100 else 0}f} {'audio-s' if unit == 'audio_s' else unit}/s"
