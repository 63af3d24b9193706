"""Oddities of a recording that was read nevertheless, for reports to the user."""

from __future__ import annotations

from typing import Literal, NamedTuple

AudioDoubtCode = Literal[
    "cancelling_channels", "damaged_audio", "joined_audio", "noise_channel", "open_length", "several_tracks"
]


class AudioDoubt(NamedTuple):
    """One oddity of a recording."""

    code: AudioDoubtCode
    """Kind of oddity."""
    reason: str
    """What was found, and what was done."""
