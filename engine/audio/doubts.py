"""What a person should know about a recording that was read all the same."""

from __future__ import annotations

from typing import Literal, NamedTuple

AudioDoubtCode = Literal[
    "cancelling_channels", "damaged_audio", "joined_audio", "noise_channel", "open_length", "several_tracks"
]


class AudioDoubt(NamedTuple):
    """One such thing."""

    code: AudioDoubtCode
    """Its kind."""
    reason: str
    """What was found, and what was done."""
