"""Acoustic augmentation: room reverberation, noise, microphone and telephone line.

All effects that can be expressed as a spectrum share one FFT, since this runs in the training loop.

Legend: T samples over time, K frequency bins. `padded` is the length of an FFT in samples.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from engine.audio.draws import between, drawn
from engine.audio.speed import MARGIN, change_speed, fast_length
from engine.config.augmentation import AugmentationConfig, NoiseKind

Wave = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]
Gain = npt.NDArray[np.float32]

_MU = 255.0


def through_air_and_channel(
    wave_T: Wave, rate_hz: int, config: AugmentationConfig, generator: np.random.Generator
) -> Wave:
    """An utterance in a random room, with random noise, through a random microphone, as `config` allows."""
    decay_s = drawn(config.reverb_probability, config.reverb_decay_s, generator, 0.0)
    noisy = generator.random() < config.noise_probability
    padded = fast_length(len(wave_T) + max(MARGIN, round(decay_s * rate_hz)))
    channel_K = _channel(padded, rate_hz, config, generator)
    if not decay_s and not noisy and channel_K is None:
        return wave_T
    spectrum_K = np.fft.rfft(wave_T, padded).astype(np.complex64, copy=False)
    if decay_s:
        wet_db = between(config.reverb_wet_db, generator)
        spectrum_K = spectrum_K + spectrum_K * room_echo(decay_s, wet_db, padded, rate_hz, generator)
    if noisy:
        snr_db = between(config.noise_snr_db, generator)
        kind = config.noise_kinds[int(generator.integers(len(config.noise_kinds)))]
        noise_K = noise(kind, wave_T, padded, rate_hz, generator)
        spectrum_K = spectrum_K + noise_K * _noise_factor(spectrum_K, noise_K, snr_db, len(wave_T) / padded)
    if channel_K is not None:
        spectrum_K = spectrum_K * channel_K
    return np.fft.irfft(spectrum_K, padded)[: len(wave_T)].astype(np.float32, copy=False)


def room_echo(decay_s: float, wet_db: float, padded: int, rate_hz: int, generator: np.random.Generator) -> Spectrum:
    """Spectrum of a small room's echo without the direct sound: noise that decays by 60 dB in `decay_s`.

    Args:
        decay_s: reverberation time.
        wet_db: energy of the echo relative to the direct sound, in dB.
        padded: length of the FFT in samples.
        rate_hz: sample rate.
        generator: draws the echo.
    """
    samples = max(1, round(decay_s * rate_hz))
    times_T = np.arange(samples, dtype=np.float32)
    echo_T = generator.random(samples, dtype=np.float32) - np.float32(0.5)
    echo_T *= np.exp(times_T * np.float32(-math.log(1000.0) / samples))
    echo_T[: round(generator.uniform(0.001, 0.006) * rate_hz)] = 0.0  # delay of the nearest wall
    energy = float(np.dot(echo_T, echo_T))
    if energy > 0.0:
        echo_T *= np.float32(math.sqrt(10 ** (wet_db / 10) / energy))
    return np.fft.rfft(echo_T, padded).astype(np.complex64, copy=False)


def noise(kind: NoiseKind, wave_T: Wave, padded: int, rate_hz: int, generator: np.random.Generator) -> Spectrum:
    """Spectrum of noise at an arbitrary level, for an FFT of `padded` samples.

    `pink` falls by 3 dB per octave, `brown` by 6; `hum` is mains hum with harmonics; `babble` is a sum of three to six
    shifted copies of the utterance, reversed, every other one at a different speed.
    """
    if kind == "babble":
        return _babble(wave_T, padded, generator)
    if kind == "hum":
        return _hum(padded, rate_hz, generator)
    # Uniform samples take a third of the time of normal ones and sound the same.
    noise_T = generator.random(padded, dtype=np.float32) - np.float32(0.5)
    noise_K = np.fft.rfft(noise_T).astype(np.complex64, copy=False)
    if kind == "pink":
        noise_K *= _slope(-3.0, padded, rate_hz)
    elif kind == "brown":
        noise_K *= _slope(-6.0, padded, rate_hz)
    return noise_K


def _babble(wave_T: Wave, padded: int, generator: np.random.Generator) -> Spectrum:
    babble_T = np.zeros(padded, dtype=np.float32)
    voices = (wave_T[::-1], change_speed(wave_T, generator.uniform(0.8, 1.25))[::-1])
    for number in range(int(generator.integers(3, 7))):
        voice_T = voices[number % 2]
        level = np.float32(generator.uniform(0.3, 1.0))
        start = int(generator.integers(padded))
        # The copy wraps around, so that silence at the edges gets babble too.
        first = min(len(voice_T), padded - start)
        babble_T[start : start + first] += level * voice_T[:first]
        rest = min(len(voice_T) - first, padded)
        babble_T[:rest] += level * voice_T[first : first + rest]
    return np.fft.rfft(babble_T).astype(np.complex64, copy=False)


def _hum(padded: int, rate_hz: int, generator: np.random.Generator) -> Spectrum:
    hum_K = np.zeros(padded // 2 + 1, dtype=np.complex64)
    mains_hz = (50.0, 60.0)[int(generator.integers(2))] * generator.uniform(0.995, 1.005)
    harmonics = np.arange(1, int(generator.integers(4, 20)))
    bins = np.rint(harmonics * mains_hz * padded / rate_hz).astype(np.int64)
    inside = bins[bins < len(hum_K)]
    levels = generator.uniform(0.1, 1.0, len(inside)) / np.sqrt(harmonics[: len(inside)])
    hum_K[inside] = levels * np.exp(2j * np.pi * generator.random(len(inside)))
    return hum_K


def _noise_factor(speech_K: Spectrum, noise_K: Spectrum, snr_db: float, share: float) -> np.float32:
    """Factor that scales the noise to `snr_db`; of the noise's energy over the FFT, `share` falls on the utterance."""
    speech, rest = (float(np.vdot(each_K, each_K).real) for each_K in (speech_K, noise_K))
    return np.float32(math.sqrt(speech / (rest * share) * 10 ** (-snr_db / 10))) if rest > 0.0 else np.float32(0.0)


def _channel(padded: int, rate_hz: int, config: AugmentationConfig, generator: np.random.Generator) -> Gain | None:
    """Gain of a random microphone and line at each frequency; None for no change."""
    gain_db_K: Gain | np.float32 = np.float32(0.0)
    octaves_K = _octaves(padded, rate_hz)
    shaped = False
    if generator.random() < config.tilt_probability:
        shaped = True
        gain_db_K = np.clip(np.float32(between(config.tilt_db_per_octave, generator)) * octaves_K, -30, 30)
    if generator.random() < config.peak_probability:
        shaped = True
        for _ in range(int(generator.integers(1, 3))):
            middle, width = np.float32(generator.uniform(-3.0, 2.8)), np.float32(generator.uniform(0.3, 1.2))
            peak_db = np.float32(between(config.peak_db, generator))
            gain_db_K = gain_db_K + peak_db * np.exp(np.float32(-0.5) * np.square((octaves_K - middle) / width))
    gain_K = np.exp2(gain_db_K * np.float32(math.log2(10) / 20)) if shaped else None
    if generator.random() < config.band_probability:
        low_hz, high_hz = between(config.band_low_hz, generator), between(config.band_high_hz, generator)
        band_K = _band(low_hz, high_hz, padded, rate_hz)
        gain_K = band_K if gain_K is None else gain_K * band_K
    if generator.random() < config.narrowband_probability:
        edge = round(generator.uniform(3600.0, 4000.0) * padded / rate_hz)
        gain_K = np.ones(len(octaves_K), dtype=np.float32) if gain_K is None else gain_K
        gain_K[edge:] = 0.0
    return None if gain_K is None else gain_K.astype(np.float32, copy=False)


def _band(low_hz: float, high_hz: float, padded: int, rate_hz: int) -> Gain:
    """Band-pass gain: 18 dB per octave below `low_hz`, 1 in the band, falling linearly to 0 at 1.1 * `high_hz`."""
    octaves_K = _octaves(padded, rate_hz)
    gain_K: Gain = np.exp2(np.minimum(np.float32(3.0) * (octaves_K - np.float32(math.log2(low_hz / 1000))), 0.0))
    start, stop = (min(len(gain_K), math.ceil(edge * padded / rate_hz)) for edge in (high_hz, 1.1 * high_hz))
    gain_K[start:stop] *= np.linspace(1.0, 0.0, stop - start, dtype=np.float32)
    gain_K[stop:] = 0.0
    return gain_K


def _slope(db_per_octave: float, padded: int, rate_hz: int) -> Gain:
    gain_K: Gain = np.exp2(_octaves(padded, rate_hz) * np.float32(db_per_octave * math.log2(10) / 20))
    return gain_K


@functools.lru_cache(maxsize=256)
def _octaves(padded: int, rate_hz: int) -> Gain:
    """Each frequency's distance from 1 kHz in octaves; frequencies below 20 Hz count as 20 Hz."""
    frequencies_K = np.fft.rfftfreq(padded, 1 / rate_hz)
    octaves_K: Gain = np.log2(np.maximum(frequencies_K, 20.0) / 1000).astype(np.float32)
    octaves_K.flags.writeable = False
    return octaves_K


def telephone(wave_T: Wave, rate_hz: int) -> Wave:
    """Telephone line: 300-3400 Hz, 8 kHz, 8-bit mu-law (ITU-T G.711's curve) with the peak at full scale."""
    padded = fast_length(len(wave_T) + MARGIN)
    spectrum_K = np.fft.rfft(wave_T, padded)
    spectrum_K *= _band(300.0, 3400.0, padded, rate_hz)
    narrow = round(padded * 8000 / rate_hz)
    narrow_T = np.fft.irfft(spectrum_K[: narrow // 2 + 1], narrow)
    peak = float(np.abs(narrow_T).max())
    if peak == 0.0:
        return wave_T
    narrow_T *= np.float32(1 / peak)
    coded_T = np.rint(np.log1p(_MU * np.abs(narrow_T)) * np.float32(127 / math.log1p(_MU)))
    decoded_T = np.copysign(np.expm1(coded_T * np.float32(math.log1p(_MU) / 127)) * np.float32(peak / _MU), narrow_T)
    wide_K = np.zeros(padded // 2 + 1, dtype=np.complex64)
    wide_K[: narrow // 2] = np.fft.rfft(decoded_T)[: narrow // 2]
    return np.fft.irfft(wide_K, padded)[: len(wave_T)].astype(np.float32, copy=False)
