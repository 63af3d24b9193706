"""Defects of every kind: how each is made of a good item, and which codes the report has to give for it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import soundfile

from engine.audio.reading import resample
from tests.corpora.speech import CORPUS_RATE_HZ, Generator, Said, Wave, at_peak, noise, rms


@dataclass(slots=True)
class Made:
    """A file and its row."""

    data: bytes
    ending: str
    text: str
    speaker: str


# ---- files --------------------------------------------------------------------------------------------------


def encoded(wave_T: Wave, ending: str = "wav", rate_hz: int = CORPUS_RATE_HZ) -> bytes:
    """A file of a wave."""
    formats = {
        "wav": ("WAV", "PCM_16"),
        "flac": ("FLAC", "PCM_16"),
        "ogg": ("OGG", "VORBIS"),
        "mp3": ("MP3", "MPEG_LAYER_III"),
    }
    container, subtype = formats[ending]
    file = io.BytesIO()
    soundfile.write(file, np.clip(wave_T, -1.0, 32767 / 32768), rate_hz, format=container, subtype=subtype)
    return file.getvalue()


def plain(said: Said, generator: Generator) -> Made:
    ending = ("wav", "wav", "flac", "ogg", "mp3")[int(generator.integers(5))]
    return Made(encoded(said.wave_T, ending), ending, said.text, said.speaker)


def _cut(ending: str) -> Callable[[Said, Generator], Made]:
    def make(said: Said, generator: Generator) -> Made:
        data = encoded(said.wave_T, ending)
        return Made(data[: int(generator.integers(1, len(data)))], ending, said.text, said.speaker)

    return make


def _damaged(said: Said, generator: Generator) -> Made:
    """A block of the file overwritten: of WAV, which has no checksum, 512 bytes or more."""
    ending = ("wav", "flac", "ogg")[int(generator.integers(3))]
    data = bytearray(encoded(said.wave_T, ending))
    length = min(int(generator.integers(512, 4096)), len(data) // 3)
    at = int(generator.integers(44, len(data) - length))
    data[at : at + length] = generator.bytes(length)
    return Made(bytes(data), ending, said.text, said.speaker)


def _no_audio(said: Said, generator: Generator) -> Made:
    return Made(generator.bytes(int(generator.integers(0, 20_000))), "wav", said.text, said.speaker)


def _lying_header(said: Said, generator: Generator) -> Made:
    data = bytearray(encoded(said.wave_T))
    size = int.from_bytes(data[40:44], "little")
    data[40:44] = (size + int(generator.integers(2, 2 * size))).to_bytes(4, "little")
    return Made(bytes(data), "wav", said.text, said.speaker)


# ---- sound --------------------------------------------------------------------------------------------------


def _sound(change: Callable[[Wave, Generator], Wave]) -> Callable[[Said, Generator], Made]:
    return lambda said, generator: Made(encoded(change(said.wave_T, generator)), "wav", said.text, said.speaker)


def _silence(wave_T: Wave, generator: Generator) -> Wave:
    return np.zeros_like(wave_T)


def _quiet_noise(wave_T: Wave, generator: Generator) -> Wave:
    level = 10 ** (float(generator.uniform(-80.0, -38.0)) / 20)
    if generator.random() < 0.5:
        return noise(len(wave_T), level, generator)
    spectrum_K = np.fft.rfft(generator.standard_normal(len(wave_T)))
    pink_T = np.fft.irfft(spectrum_K / np.sqrt(np.maximum(np.arange(len(spectrum_K)), 20)), len(wave_T)).astype(
        np.float32
    )
    return pink_T * np.float32(level / rms(pink_T))


def _offset(wave_T: Wave, generator: Generator) -> Wave:
    offset = float(generator.choice((-1, 1)) * generator.uniform(0.01, 0.9))
    return np.full_like(wave_T, offset) + noise(len(wave_T), 1e-4, generator)


def _overdriven(wave_T: Wave, generator: Generator) -> Wave:
    return np.clip(at_peak(wave_T, float(generator.uniform(6.0, 20.0))), -1.0, 1.0)


def _clipped_low(wave_T: Wave, generator: Generator) -> Wave:
    wave_T = at_peak(wave_T, -3.0)
    limit = float(np.abs(wave_T).max() * generator.uniform(0.1, 0.5))
    return np.clip(wave_T, -limit, limit)


def _clipped_and_turned_down(wave_T: Wave, generator: Generator) -> Wave:
    return _overdriven(wave_T, generator) * np.float32(10 ** (-float(generator.uniform(1.0, 25.0)) / 20))


def _clipped_on_one_side(wave_T: Wave, generator: Generator) -> Wave:
    return np.minimum(wave_T, np.float32(wave_T.max() * generator.uniform(0.1, 0.45)))


def _too_long(wave_T: Wave, generator: Generator) -> Wave:
    times = int(np.ceil(generator.uniform(30.5, 60.0) * CORPUS_RATE_HZ / len(wave_T)))
    return np.tile(wave_T, times)


def _too_short(wave_T: Wave, generator: Generator) -> Wave:
    return wave_T[: int(generator.uniform(1, 0.045 * CORPUS_RATE_HZ))]


def _other_rate(said: Said, generator: Generator) -> Made:
    """Samples at 16 kHz in a file that says another rate."""
    rate_hz = int(generator.choice((8_000, 22_050, 44_100, 48_000)))
    return Made(encoded(said.wave_T, "wav", rate_hz), "wav", said.text, said.speaker)


# ---- text ---------------------------------------------------------------------------------------------------


def _text(change: Callable[[Said, Generator], str]) -> Callable[[Said, Generator], Made]:
    return lambda said, generator: Made(encoded(said.wave_T), "wav", change(said, generator), said.speaker)


def _much_more(said: Said, generator: Generator) -> str:
    """Three to six times as many words, and twelve at least."""
    words = max(12, round(len(said.words) * float(generator.uniform(3.0, 6.0))))
    return said.language.blank.join(generator.choice(said.language.words, size=words))


def _much_less(said: Said, generator: Generator) -> str:
    return said.words[0]


def _garbled(said: Said, generator: Generator) -> str:
    words = (
        "café",
        "naïve",
        "größer",
        "señor",
        "don’t",
        "“so”",
        "Łódź",
        "привет",
        "für",
        "déjà",
        "Ελλάδα",
        "100 €",
        "你好",
        *(name for name in said.language.names if not name.isascii()),
    )
    word = words[int(generator.integers(len(words)))]
    code_page = ("cp1252", "latin-1")[int(generator.integers(2))]
    garbled = "".join(_as(bytes([byte]), code_page) for byte in word.encode())
    return f"{said.text} {garbled} {said.words[0]}"


def _as(byte: bytes, code_page: str) -> str:
    try:
        return byte.decode(code_page)
    except UnicodeDecodeError:
        return byte.decode("latin-1")


def _replaced(said: Said, generator: Generator) -> str:
    at = int(generator.integers(len(said.text)))
    return said.text[:at] + "\ufffd" + said.text[at:]


def _controlled(said: Said, generator: Generator) -> str:
    at = int(generator.integers(1, max(2, len(said.text) - 1)))
    control = ("\x00", "\x07", "\x1b", "\x7f", "\x9d", "\x08")[int(generator.integers(6))]
    return said.text[:at] + control + said.text[at:]


def _surrogate(said: Said, generator: Generator) -> str:
    return said.text + " " + chr(0xD800 + int(generator.integers(0x800)))


def _two_alphabets(said: Said, generator: Generator) -> str:
    words = said.language.look_alike
    return f"{said.text} {words[int(generator.integers(len(words)))]}"


def _personal(said: Said, generator: Generator) -> str:

    def digits(count: int) -> str:
        return "".join(str(digit) for digit in generator.integers(10, size=count))

    card = "4" + digits(14)
    card += str(next(digit for digit in range(10) if _luhn(card + str(digit))))
    account = digits(18)
    checksum = 98 - int(account + "131400") % 97  # "DE00" behind the account: D is 13, E is 14
    numbers = (
        card,
        " ".join(card[at : at + 4] for at in range(0, 16, 4)),
        f"DE{checksum:02d}{account}",
        f"DE{checksum:02d} " + " ".join(account[at : at + 4] for at in range(0, 18, 4)),
        f"192.168.{generator.integers(256)}.{generator.integers(256)}",
        f"2001:db8::{generator.integers(1, 9999)}:1",
        *("".join(digits(1) if c == "#" else c for c in form) for form in said.language.personal),
    )
    return f"{said.text}{said.language.blank}{numbers[int(generator.integers(len(numbers)))]}"


def _luhn(number: str) -> bool:
    odd, even = number[-1::-2], number[-2::-2]
    return (sum(map(int, odd)) + sum(sum(divmod(2 * int(digit), 10)) for digit in even)) % 10 == 0


# ---- copies -------------------------------------------------------------------------------------------------


def _at_speed(wave_T: Wave, speed: float) -> Wave:
    return np.interp(np.arange(int(len(wave_T) / speed)) * speed, np.arange(len(wave_T)), wave_T).astype(np.float32)


def _copy_gain(wave_T: Wave, generator: Generator) -> Made:
    return _copied(wave_T * np.float32(10 ** (-float(generator.uniform(1.0, 12.0)) / 20)))


def _copied(wave_T: Wave, ending: str = "wav", rate_hz: int = CORPUS_RATE_HZ) -> Made:
    return Made(encoded(wave_T, ending, rate_hz), ending, "", "")


def _copy_resampled(wave_T: Wave, generator: Generator) -> Made:
    rate_hz = int(generator.choice((8_000, 11_025, 22_050, 44_100)))
    return _copied(resample(wave_T, CORPUS_RATE_HZ, rate_hz), rate_hz=rate_hz)


def _copy_trimmed(wave_T: Wave, generator: Generator) -> Made:
    before, after = generator.integers(0, 800, size=2).tolist()
    return _copied(wave_T[before : len(wave_T) - after])


def _copy_shifted(wave_T: Wave, generator: Generator) -> Made:
    return _copied(np.concatenate([noise(int(generator.integers(100, 4000)), 1e-4, generator), wave_T]))


COPIES: dict[str, Callable[[Wave, Generator], Made]] = {
    "copy_with_gain": _copy_gain,
    "copy_with_noise": lambda wave_T, g: _copied(
        wave_T + noise(len(wave_T), rms(wave_T) * 10 ** (-float(g.uniform(27, 40)) / 20), g)
    ),
    "copy_resampled": _copy_resampled,
    "copy_mp3": lambda wave_T, _: _copied(wave_T, "mp3"),
    "copy_ogg": lambda wave_T, _: _copied(wave_T, "ogg"),
    "copy_trimmed": _copy_trimmed,
    "copy_shifted": _copy_shifted,
    "copy_faster": lambda wave_T, g: _copied(_at_speed(wave_T, float(g.choice((0.99, 1.01))))),
}
DEFECTS: dict[str, tuple[tuple[str, ...], Callable[[Said, Generator], Made]]] = {
    "truncated_wav": (("truncated", "corrupt", "empty_file"), _cut("wav")),
    "truncated_flac": (("truncated", "corrupt", "empty_file"), _cut("flac")),
    "truncated_ogg": (("truncated", "corrupt", "empty_file"), _cut("ogg")),
    "truncated_mp3": (("truncated", "corrupt", "empty_file"), _cut("mp3")),
    "lying_header": (("truncated",), _lying_header),
    "damaged": (("corrupt", "truncated", "empty_file"), _damaged),
    "no_audio": (("corrupt", "empty_file", "unsupported_format"), _no_audio),
    "silent_zeros": (("silent",), _sound(_silence)),
    "silent_noise": (("silent",), _sound(_quiet_noise)),
    "silent_offset": (("silent",), _sound(_offset)),
    "clipped_by_gain": (("clipped", "clipped_a_little"), _sound(_overdriven)),
    "clipped_low": (("clipped", "clipped_a_little"), _sound(_clipped_low)),
    "clipped_then_quieter": (("clipped", "clipped_a_little"), _sound(_clipped_and_turned_down)),
    "clipped_one_side": (("clipped", "clipped_a_little"), _sound(_clipped_on_one_side)),
    "too_long": (("too_long",), _sound(_too_long)),
    "too_short": (("too_short",), _sound(_too_short)),
    "other_rate": (("other_rate", "wrong_rate", "mismatched_text"), _other_rate),
    "no_text": (("missing_text",), _text(lambda said, g: ("", "  ", "...", "?", "-")[int(g.integers(5))])),
    "much_more_text": (("mismatched_text", "unusual_rate"), _text(_much_more)),
    "much_less_text": (("mismatched_text", "unusual_rate"), _text(_much_less)),
    "mojibake": (("unreadable_text",), _text(_garbled)),
    "replacement": (("unreadable_text",), _text(_replaced)),
    "control": (("unreadable_text",), _text(_controlled)),
    "surrogate": (("unreadable_text",), _text(_surrogate)),
    "two_alphabets": (("mixed_scripts",), _text(_two_alphabets)),
    "personal_data": (("personal_data", "possible_personal_data"), _text(_personal)),
    "same_file": (("duplicate_audio",), plain),  # made from an earlier file
}
DUPLICATE_CODES = ("near_duplicate", "duplicate_audio")
BAD_KINDS = (*DEFECTS, *COPIES)


def codes_of(kind: str) -> tuple[str, ...]:
    """Codes of which the report has to give one for an item of a kind."""
    return DUPLICATE_CODES if kind in COPIES else DEFECTS[kind][0]
