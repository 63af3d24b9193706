"""Oddities of a recording that was read all the same, for the person who made it."""

from __future__ import annotations

from typing import Literal, NamedTuple

AudioDoubtCode = Literal[
    "cancelling_channels", "damaged_audio", "joined_audio", "noise_channel", "open_length", "several_tracks"
]


class AudioDoubt(NamedTuple):
    """One oddity of a recording."""

    code: AudioDoubtCode
    """Its kind."""
    reason: str
    """What was found, and what was done."""
