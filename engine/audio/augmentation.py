"""Augmentation of audio and log-mel features, so that a model hears more rooms and speakers than were recorded.

Results depend only on the input and the state of the numpy Generator. All shaping of the spectrum (room, channel,
noise) shares one FFT, since this runs in the training loop.

Legend: T samples over time, K frequency bins, M mel bands, F frames of 10 ms.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from engine.audio.acoustics import telephone, through_air_and_channel
from engine.audio.draws import between, drawn
from engine.audio.features import FRAMES_PER_S
from engine.audio.speed import change_speed, stretch
from engine.config.augmentation import AugmentationConfig

Wave = npt.NDArray[np.float32]
Mel = npt.NDArray[np.float32]


def augment_wave(wave_T: Wave, rate_hz: int, config: AugmentationConfig, generator: np.random.Generator) -> Wave:
    """A random variation of an utterance; its length changes with speed and silence.

    Args:
        wave_T: mono samples in -1..1; not modified.
        rate_hz: its sample rate.
        config: the possible changes.
        generator: draws the changes.
    """
    if not len(wave_T):
        return wave_T
    speed = drawn(config.speed_probability, config.speed_factor, generator, 1.0)
    pitch = drawn(config.pitch_probability, config.pitch_factor, generator, 1.0)
    if speed * pitch != 1.0:
        wave_T = change_speed(wave_T, speed * pitch)
    if pitch != 1.0:
        wave_T = stretch(wave_T, rate_hz, pitch)
    if config.edge_cut_probability and generator.random() < config.edge_cut_probability:
        wave_T = cut_edges(wave_T, rate_hz, config.edge_cut_s, generator)
    if config.level_cut_probability and generator.random() < config.level_cut_probability:
        wave_T = cut_quiet_ends(wave_T, rate_hz, between(config.level_cut_db, generator))
    if generator.random() < config.clip_probability:
        wave_T = clip_softly(wave_T, between(config.clip_drive, generator))
    if generator.random() < config.silence_probability:
        before, after = (round(between(config.silence_s, generator) * rate_hz) for _ in range(2))
        wave_T = np.pad(wave_T, (before, after))
    wave_T = through_air_and_channel(wave_T, rate_hz, config, generator)
    if generator.random() < config.telephone_probability:
        wave_T = telephone(wave_T, rate_hz)
    if generator.random() < config.quantization_probability:
        low, high = config.quantization_bits
        wave_T = quantize(wave_T, int(generator.integers(low, high + 1)))
    if generator.random() < config.gain_probability:
        wave_T = set_peak(wave_T, between(config.gain_peak_db, generator))
    return wave_T


def augment_mel(mel_MF: Mel, config: AugmentationConfig, generator: np.random.Generator) -> Mel:
    """A random variation of log-mel features of the same shape: vocal tract length, then SpecAugment's masks.

    Args:
        mel_MF: log-mel, frames of 10 ms; not modified.
        config: the possible changes.
        generator: draws the changes.
    """
    if generator.random() < config.vocal_tract_probability:
        mel_MF = warp_vocal_tract(mel_MF, between(config.vocal_tract_factor, generator))
    if config.mask_frequencies or config.mask_times:
        frames = min(round(config.mask_time_s * FRAMES_PER_S), mel_MF.shape[1] // 5)
        mel_MF = mask(
            mel_MF,
            config.mask_frequencies,
            round(config.mask_frequency_share * mel_MF.shape[0]),
            config.mask_times,
            frames,
            generator,
        )
    return mel_MF


def cut_edges(wave_T: Wave, rate_hz: int, cut_s: tuple[float, float], generator: np.random.Generator) -> Wave:
    """Trim a random duration from each end, each at most a tenth of the utterance."""
    most = len(wave_T) // 10
    before, after = (min(most, round(between(cut_s, generator) * rate_hz)) for _ in range(2))
    return wave_T[before : len(wave_T) - after]


def cut_quiet_ends(wave_T: Wave, rate_hz: int, level_db: float) -> Wave:
    """Trim to the first and last 10 ms frames whose level is within `level_db` of the loudest frame.

    Recordings trimmed by an automatic level threshold look like this: they lack the hiss of `six` and the breath of
    `four`.

    Args:
        wave_T: mono samples.
        rate_hz: its sample rate.
        level_db: threshold relative to the loudest frame, in dB; negative.
    """
    frame = rate_hz // 100
    frames = len(wave_T) // frame
    if frames < 2:
        return wave_T
    power_F = np.square(wave_T[: frames * frame].reshape(frames, frame)).mean(axis=1)
    loud = np.flatnonzero(power_F >= power_F.max() * 10 ** (level_db / 10))
    end = len(wave_T) if loud[-1] == frames - 1 else (int(loud[-1]) + 1) * frame
    return wave_T[int(loud[0]) * frame : end]


def set_peak(wave_T: Wave, peak_db: float) -> Wave:
    """Scale the peak to a level in dB relative to full scale; silence stays unchanged."""
    peak = float(np.abs(wave_T).max(initial=0.0))
    return wave_T * np.float32(10 ** (peak_db / 20) / peak) if peak > 0.0 else wave_T


def clip_softly(wave_T: Wave, drive: float) -> Wave:
    """Overdrive: a tanh whose input is scaled to a peak of `drive`; the output keeps the original peak."""
    peak = float(np.abs(wave_T).max(initial=0.0))
    if peak == 0.0:
        return wave_T
    clipped_T: Wave = np.tanh(wave_T * np.float32(drive / peak)) * np.float32(peak / math.tanh(drive))
    return clipped_T


def quantize(wave_T: Wave, bits: int) -> Wave:
    """Round to 2 ** `bits` steps between minus and plus the peak."""
    peak = float(np.abs(wave_T).max(initial=0.0))
    if peak == 0.0:
        return wave_T
    step = np.float32(peak / 2 ** (bits - 1))
    rounded_T: Wave = np.rint(wave_T / step) * step
    return rounded_T


def warp_vocal_tract(mel_MF: Mel, factor: float) -> Mel:
    """Scale all frequencies by a factor: above 1 as in a shorter vocal tract, below 1 as in a longer one.

    Source: VTLP (Jaitly and Hinton 2013), on the mel axis: linear up to 4.8 kHz; above it, a line that keeps 8 kHz.
    """
    below_M, above_M, weight_M1 = _warp(mel_MF.shape[0], round(factor, 3))
    lower_MF = mel_MF[below_M]
    return lower_MF + weight_M1 * (mel_MF[above_M] - lower_MF)


def mask(
    mel_MF: Mel,
    frequency_masks: int,
    widest_bands: int,
    time_masks: int,
    longest_frames: int,
    generator: np.random.Generator,
) -> Mel:
    """SpecAugment: set random bands and random frames to the lowest value in the input.

    Source: Park et al. 2019, without its time warp. Widths are uniform from 0 to the maximum, positions uniform.
    """
    bands, frames = mel_MF.shape
    masked_MF = mel_MF.copy()
    lowest = mel_MF.min() if mel_MF.size else np.float32(0.0)
    for _ in range(frequency_masks):
        width = int(generator.integers(min(widest_bands, bands) + 1))
        start = int(generator.integers(bands - width + 1))
        masked_MF[start : start + width] = lowest
    for _ in range(time_masks):
        width = int(generator.integers(min(longest_frames, frames) + 1))
        start = int(generator.integers(frames - width + 1))
        masked_MF[:, start : start + width] = lowest
    return masked_MF


@functools.lru_cache(maxsize=512)
def _warp(bands: int, factor: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Mel]:
    """For each band, the two source bands of its new content, and the weight of the upper one."""
    top_hz, knee_hz = 8000.0, 4800.0
    step = _mel(np.array(top_hz)) / (bands + 1)
    centres_hz_M = _hz(step * np.arange(1, bands + 1))
    # Content up to `source_knee` moves to `factor` times its frequency; above it, a second line leads to `top_hz`.
    source_knee = knee_hz * min(1.0, 1 / factor)
    source_hz_M = np.interp(centres_hz_M, [0.0, source_knee * factor, top_hz], [0.0, source_knee, top_hz])
    place_M = np.clip(_mel(source_hz_M) / step - 1, 0, bands - 1)
    below_M = np.minimum(place_M.astype(np.int64), bands - 2)
    return below_M, below_M + 1, (place_M - below_M).astype(np.float32)[:, None]


def _mel(hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Slaney's mel scale, which Whisper uses: linear to 1 kHz, logarithmic above."""
    return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / math.log(6.4))


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.maximum(mel - 15, 0) * math.log(6.4) / 27))
