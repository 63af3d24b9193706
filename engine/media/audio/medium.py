"""Audio as a medium. How it is read, decoded, checked and stored is in `engine.audio` and `engine.data`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from engine.data.endings import AUDIO_FILES
from engine.data.example import AudioInput
from engine.data.fields import is_length, is_path, is_start
from engine.media.contract import IntakeSetting, Medium, Preview

if TYPE_CHECKING:
    from engine.data.layouts.registry import LayoutReader
    from engine.media.audio.intake import AudioIntake


def _layouts() -> Sequence[LayoutReader]:
    from engine.data.layouts.registry import LAYOUTS

    return LAYOUTS


def _intake(setting: IntakeSetting) -> AudioIntake:
    from engine.media.audio.intake import AudioIntake

    return AudioIntake(setting)


def _shown(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s of audio"
    return f"{seconds / 60:.1f} min of audio" if seconds < 7200 else f"{seconds / 3600:.1f} h of audio"


AUDIO: Final = Medium(
    input=AudioInput,
    fields={"audio": is_path, "start_s": is_start, "duration_s": is_length},
    noun="recording",
    cost_unit="audio_s",
    amount=lambda given: given.duration_s,
    unit="s of audio",
    shown_amount=_shown,
    preview=lambda given: Preview(duration_s=given.duration_s),
    files=AUDIO_FILES,
    stored=("audio/[0-9]*.wav",),
    given={
        "text": "audio files and a metadata.csv (columns file_name, transcription), or with file names such as "
        "7_jackson_32.wav (text_speaker_take)",
        "label": "audio files in folders of their classes (dog/1.wav), or with a metadata.csv (columns file_name, label)",
        "caption": "audio files and a metadata.csv (columns file_name, caption), or a text file for each recording",
    },
    layouts=_layouts,
    intake=_intake,
)
