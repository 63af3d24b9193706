"""Text to speech with flite, whose voices were made from recordings of people.

espeak-ng builds every sound by rule, in many voices. flite has four voices, with the grain of real ones. Only the recipe of
the bundled model uses it, so that it is no dependency of the project: the program comes from the system's packages.

Legend: T is samples over time.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile

from engine.audio.reading import resample
from engine.audio.speed import change_speed
from engine.synthesis.espeak import SynthesisError

VOICES_PITCH_HZ = {"kal16": 105.0, "awb": 115.0, "rms": 100.0, "slt": 170.0}
"""flite's English voices of 16 kHz and how high they speak."""

_PROGRAM = "flite"
_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class FliteVoice:
    """Who speaks, and how."""

    name: str
    """One of `VOICES_PITCH_HZ`."""
    stretch: float
    """Durations, as a factor."""
    pitch_hz: float
    """Mean pitch, in Hz."""
    size_factor: float
    """The wave is played this many times faster, which moves all formants up."""


def require() -> None:
    """Say at once that the program is missing.

    Raises:
        SynthesisError: flite is not installed.
    """
    if shutil.which(_PROGRAM) is None:
        raise SynthesisError("flite is not installed; install it (Debian: apt install flite)")


def random_voice(generator: np.random.Generator) -> FliteVoice:
    """One of the voices at a random rate, pitch and size."""
    name, pitch_hz = list(VOICES_PITCH_HZ.items())[int(generator.integers(len(VOICES_PITCH_HZ)))]
    pitch_hz *= float(np.exp(generator.normal(0.0, 0.15)))
    stretch = float(np.exp(generator.uniform(-0.45, 0.3)))
    return FliteVoice(name, stretch, pitch_hz, float(generator.uniform(0.88, 1.15)))


def speak(words: Sequence[str], voice: FliteVoice, rate_hz: int, separator: str = " ") -> npt.NDArray[np.float32]:
    """Words by a voice: wave_T in [-1, 1], the same for the same arguments.

    Raises:
        SynthesisError: flite is not installed, or cannot speak.
    """
    require()
    command = [_PROGRAM, "-voice", voice.name, "--setf", f"duration_stretch={voice.stretch:.2f}"]
    command += ["--setf", f"int_f0_target_mean={voice.pitch_hz:.0f}", "-t", separator.join(words), "-o", "/dev/stdout"]
    try:
        spoken = subprocess.run(command, capture_output=True, check=True, timeout=_TIMEOUT_S)
        wave_T, voice_rate_hz = soundfile.read(io.BytesIO(spoken.stdout), dtype="float32")
    except (subprocess.SubprocessError, soundfile.SoundFileError) as error:
        raise SynthesisError(f"flite cannot say {' '.join(words)!r}: {error}") from error
    return change_speed(resample(wave_T, voice_rate_hz, rate_hz), voice.size_factor)
