"""Text to speech with espeak-ng as a library in this process.

The library and its data come from the pip package `espeakng_loader`. The library keeps state between utterances
(phases, noise generators), so each utterance gets a freshly loaded copy. Its output then depends only on text, voice
and seed; loading takes less than a millisecond.

Legend: T is samples over time.
"""

from __future__ import annotations

import _ctypes
import ctypes
import functools
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import espeakng_loader
import numpy as np
import numpy.typing as npt

from engine.errors import EngineError

RATE_HZ = 22_050
"""The only sample rate of espeak-ng."""
RATES_WPM = (80, 450)
"""Slowest and fastest speech, in words per minute."""
FORMANTS = 9
"""Number of formants: 0 is the voicing peak, 1-5 shape vowels, 6-8 are upper formants."""

_OUTPUT_SYNCHRONOUS = 2
_DO_NOT_EXIT = 1 << 15
_UTF8, _PHONEMES = 1, 0x100
_PARAMETER_RATE, _PARAMETER_WORD_GAP = 1, 7
_ABOUT_VARIANT = ("language", "name", "gender", "maintainer", "status", "variants")  # metadata, not sound

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class SynthesisError(EngineError):
    """Synthesis failed: an unknown voice, a setting out of range, nothing to say."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice and its manner of speaking."""

    accent: str = "en-us"
    """Language code that espeak-ng knows: one of `accents()`."""
    variant: str | None = None
    """Name of a voice variant: one of `variants()`; None for the plain voice."""
    rate_wpm: int = 175
    """Words per minute."""
    pitch_hz: float | None = None
    """Lowest pitch of the intonation, in Hz; None keeps the variant's."""
    pitch_range_hz: float = 40.0
    """Highest above lowest pitch, in Hz; only with `pitch_hz`."""
    word_gap_ms: int = 0
    """Extra pause between words, in ms at the default speed."""
    formant_factors: tuple[float, ...] = ()
    """Factors on the frequencies of formants 1, 2, 3, ...; missing ones keep their frequency."""
    formant_strengths: tuple[float, ...] = ()
    """Factors on their amplitudes."""
    formant_widths: tuple[float, ...] = ()
    """Factors on their bandwidths."""
    settings: tuple[str, ...] = ()
    """Further lines of an espeak-ng voice file, such as `flutter 5` or `breath 20 20 10`; they override the variant."""

    @property
    def name(self) -> str:
        """Accent and variant, as espeak-ng writes them: `en-us+f3`."""
        return f"{self.accent}+{self.variant}" if self.variant else self.accent


@functools.cache
def accents() -> Mapping[str, Path]:
    """Every language code of espeak-ng, with its file."""
    found: dict[str, Path] = {}
    for path in sorted((_data_folder() / "lang").rglob("*")):
        if path.is_file():
            for words in _lines(path):
                if words[0] == "language" and len(words) > 1:
                    found.setdefault(words[1].lower(), path)
    return found


@functools.cache
def variants() -> Mapping[str, Path]:
    """Every voice variant of espeak-ng, with its file."""
    return {path.name: path for path in sorted((_data_folder() / "voices" / "!v").iterdir()) if path.is_file()}


class Synthesizer:
    """Makes speech; use it in a `with` statement, from one thread at a time."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="espeak-")
        self._library = Path(self._folder.name) / "libespeak-ng.so"
        self._voice_file = Path(self._folder.name) / "voice"
        try:
            # A copy, because loading the original again would return the instance that is already loaded.
            shutil.copyfile(espeakng_loader.get_library_path(), self._library)
        except OSError as error:
            raise SynthesisError(f"cannot copy espeak-ng's library: {error}; install espeakng-loader again") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary files."""
        self._folder.cleanup()

    def speak(self, text: str, voice: Voice, seed: int = 0) -> npt.NDArray[np.float32]:
        """Speech at `RATE_HZ` in [-1, 1]; deterministic.

        Args:
            text: words, or espeak-ng's phonemes between double brackets (`[[s'Ev@n]]`).
            voice: of the speaker.
            seed: of the noise in the voice.

        Returns:
            wave_T.

        Raises:
            SynthesisError: an unknown accent or variant, a setting out of range, or nothing audible in the text.
        """
        self._voice_file.write_text(voice_file(voice), encoding="utf-8")
        chunks: list[bytes] = []

        def receive(samples: int | None, count: int, _events: int | None) -> int:
            if samples and count > 0:
                chunks.append(ctypes.string_at(samples, 2 * count))
            return 0

        callback = _Callback(receive)
        library = ctypes.CDLL(str(self._library))
        try:
            self._synthesize(library, callback, text.encode(), voice, seed)
        finally:
            library.espeak_Terminate()
            _ctypes.dlclose(library._handle)
        wave_T = np.frombuffer(b"".join(chunks), dtype="<i2").astype(np.float32) * np.float32(1 / 32_768)
        if not wave_T.any():
            raise SynthesisError(f"{voice.name} says nothing for {text!r}; give words or [[phonemes]] that it knows")
        return wave_T

    def sounds(self, words: Sequence[str], accent: str) -> list[tuple[str, ...]]:
        """See `transcribe`."""
        if accent not in accents():
            raise SynthesisError(f"espeak-ng has no accent {accent!r}; allowed: {', '.join(sorted(accents()))}")
        library = ctypes.CDLL(str(self._library))
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        try:
            library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 500, str(_data_folder()).encode(), _DO_NOT_EXIT)
            library.espeak_SetVoiceByName(accent.encode())
            return [_sounds(library, word) for word in words]
        finally:
            library.espeak_Terminate()
            _ctypes.dlclose(library._handle)

    def _synthesize(self, library: ctypes.CDLL, callback: object, text: bytes, voice: Voice, seed: int) -> None:
        folder = str(_data_folder()).encode()
        rate_hz = library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 500, folder, _DO_NOT_EXIT)
        if rate_hz != RATE_HZ:
            raise SynthesisError(
                f"espeak-ng does not start with the data in {folder.decode()} (it answers {rate_hz}); "
                "install espeakng-loader again"
            )
        library.espeak_SetSynthCallback(callback)
        library.espeak_ng_SetRandSeed(ctypes.c_long(seed))
        ctypes.CDLL(None).srand(ctypes.c_uint(seed))  # some voices draw their breath noise from C's rand()
        if library.espeak_SetVoiceByFile(str(self._voice_file).encode()) != 0:
            raise SynthesisError(f"espeak-ng does not accept the voice {voice}; check its settings")
        library.espeak_SetParameter(_PARAMETER_RATE, voice.rate_wpm, 0)
        library.espeak_SetParameter(_PARAMETER_WORD_GAP, voice.word_gap_ms // 10, 0)
        library.espeak_Synth(
            text, ctypes.c_size_t(len(text) + 1), ctypes.c_uint(0), 0, ctypes.c_uint(0),
            ctypes.c_uint(_UTF8 | _PHONEMES), None, None,
        )  # fmt: skip


def transcribe(words: Sequence[str], accent: str = "en-us") -> list[tuple[str, ...]]:
    """The sounds of each word in an accent, from espeak-ng's dictionary and in espeak-ng's notation.

    `'` before a sound marks primary stress, `,` secondary; a string that espeak-ng does not read as one word gives no
    sounds.

    Raises:
        SynthesisError: an unknown accent.
    """
    with Synthesizer() as synthesizer:
        return synthesizer.sounds(words, accent)


def voice_file(voice: Voice) -> str:
    """A voice in espeak-ng's own file format: the accent's lines, then the variant's, then the voice's own.

    Raises:
        SynthesisError: an unknown accent or variant, or a setting out of range.
    """
    _check(voice)
    lines = [" ".join(words) for words in _lines(accents()[voice.accent])]
    formants: dict[int, list[float]] = {}
    if voice.variant is not None:
        for words in _lines(variants()[voice.variant]):
            if words[0] == "formant":
                formants[int(words[1])] = [float(word) for word in words[2:]]
            elif words[0] not in _ABOUT_VARIANT:
                lines.append(" ".join(words))
    for place, factors in enumerate((voice.formant_factors, voice.formant_strengths, voice.formant_widths)):
        for number, factor in enumerate(factors, start=1):
            values = formants.setdefault(number, [])
            values += [100.0] * (place + 1 - len(values))
            values[place] *= factor
    for number, values in sorted(formants.items()):
        lines.append(f"formant {number} " + " ".join(f"{value:.0f}" for value in values))
    if voice.pitch_hz is not None:
        lines.append(f"pitch {voice.pitch_hz:.0f} {voice.pitch_hz + voice.pitch_range_hz:.0f}")
    return "\n".join([*lines, *voice.settings]) + "\n"


def _sounds(library: ctypes.CDLL, word: str) -> tuple[str, ...]:
    text = ctypes.c_char_p(word.encode())
    told: bytes = library.espeak_TextToPhonemes(ctypes.byref(text), _UTF8, ord("_") << 8)
    sounds = tuple(told.decode().split("_"))
    return () if any(not sound.strip("',") or " " in sound or "?" in sound for sound in sounds) else sounds


def _check(voice: Voice) -> None:
    if voice.accent not in accents():
        raise SynthesisError(f"no accent {voice.accent!r}; allowed: {', '.join(accents())}")
    if voice.variant is not None and voice.variant not in variants():
        raise SynthesisError(f"no voice variant {voice.variant!r}; allowed: {', '.join(variants())}")
    if not RATES_WPM[0] <= voice.rate_wpm <= RATES_WPM[1]:
        raise SynthesisError(f"rate_wpm is {voice.rate_wpm}; allowed: {RATES_WPM[0]} to {RATES_WPM[1]}")
    if voice.pitch_hz is not None and not 30 <= voice.pitch_hz <= 500:
        raise SynthesisError(f"pitch_hz is {voice.pitch_hz}; allowed: 30 to 500")
    if voice.pitch_range_hz < 0:
        raise SynthesisError(f"pitch_range_hz is {voice.pitch_range_hz}; it must be 0 or more")
    if voice.word_gap_ms < 0:
        raise SynthesisError(f"word_gap_ms is {voice.word_gap_ms}; it must be 0 or more")
    for name in ("formant_factors", "formant_strengths", "formant_widths"):
        count = len(getattr(voice, name))
        if count >= FORMANTS:
            raise SynthesisError(f"{count} {name.replace('_', ' ')}; allowed: up to {FORMANTS - 1}")


@functools.cache
def _data_folder() -> Path:
    return Path(espeakng_loader.get_data_path())


@functools.cache
def _lines(path: Path) -> tuple[tuple[str, ...], ...]:
    text = path.read_text(encoding="utf-8", errors="replace")
    stripped = (line.split("//")[0].split() for line in text.splitlines())
    return tuple(tuple(words) for words in stripped if words)
