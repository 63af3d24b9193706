"""How a Whisper model is asked."""

from __future__ import annotations

from typing import Literal

SpeechTask = Literal["transcribe", "translate"]
"""Language of the transcript: `transcribe` keeps the language of the speech, `translate` writes English."""
Search = Literal["greedy", "guarded", "fallback"]
"""How to choose the tokens of a transcript. `greedy`: the most likely ones. `guarded`: greedy, stopped once the
transcript repeats itself. `fallback`: greedy, retried at rising temperatures if the transcript repeats itself or is
improbable."""
