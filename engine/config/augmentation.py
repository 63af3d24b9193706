"""Random changes to training audio: probabilities and strengths. Everything is off by default."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from engine.config.base import Config

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
NoiseKind = Literal["white", "pink", "brown", "hum", "babble"]


BoundT = TypeVar("BoundT", int, float)


def _ordered(bounds: tuple[BoundT, BoundT]) -> tuple[BoundT, BoundT]:
    if bounds[0] > bounds[1]:
        raise ValueError("the first bound must not exceed the second")
    return bounds


def _negative(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[1] >= 0.0:
        raise ValueError("both bounds must be below 0")
    return bounds


Factor = Annotated[float, Field(ge=0.1, le=10.0)]
Decibels = Annotated[float, Field(ge=-200.0, le=200.0)]
Hertz = Annotated[float, Field(gt=0.0, le=200_000.0)]
Edge = Annotated[float, Field(ge=0.0, le=60.0)]
Decay = Annotated[float, Field(gt=0.0, le=60.0)]
Drive = Annotated[float, Field(gt=0.0, le=1000.0)]
Bits = Annotated[int, Field(ge=1, le=64)]
FactorRange = Annotated[tuple[Factor, Factor], AfterValidator(_ordered)]
DecibelRange = Annotated[tuple[Decibels, Decibels], AfterValidator(_ordered)]
HertzRange = Annotated[tuple[Hertz, Hertz], AfterValidator(_ordered)]
EdgeRange = Annotated[tuple[Edge, Edge], AfterValidator(_ordered)]
Masks = Annotated[int, Field(ge=0, le=100)]


class AugmentationConfig(Config):
    """Random changes to training audio; each happens with its probability, with a strength drawn from its range."""

    speed_probability: Probability = 0.0
    """Play faster or slower: tempo, pitch and formants change together."""
    speed_factor: FactorRange = (0.9, 1.1)
    """Speed, as a factor of the original."""
    pitch_probability: Probability = 0.0
    """Shift pitch and formants; the duration stays the same."""
    pitch_factor: FactorRange = (0.9, 1.12)
    """Pitch and formants, as a factor of the original."""
    reverb_probability: Probability = 0.0
    """Add the echo of a small room."""
    reverb_decay_s: Annotated[tuple[Decay, Decay], AfterValidator(_ordered)] = (0.05, 0.4)
    """Time in which the room's echo decays by 60 dB, in seconds."""
    reverb_wet_db: DecibelRange = (-18.0, -3.0)
    """Level of the echo relative to the direct sound, in dB."""
    tilt_probability: Probability = 0.0
    """Tilt the spectrum, as microphones do."""
    tilt_db_per_octave: DecibelRange = (-3.0, 3.0)
    """Slope around 1 kHz, in dB per octave."""
    peak_probability: Probability = 0.0
    """Raise or lower one or two wide bands."""
    peak_db: DecibelRange = (-9.0, 9.0)
    """Gain at the centre of the band, in dB."""
    band_probability: Probability = 0.0
    """Keep only a band of frequencies."""
    band_low_hz: HertzRange = (30.0, 300.0)
    """Lower edge of the band, in Hz."""
    band_high_hz: HertzRange = (3000.0, 7600.0)
    """Upper edge of the band, in Hz."""
    narrowband_probability: Probability = 0.0
    """Simulate a recording at 8 kHz: remove everything above a random edge between 3.6 and 4 kHz."""
    telephone_probability: Probability = 0.0
    """Simulate a telephone: 300-3400 Hz at a rate of 8 kHz, 8-bit mu-law."""
    quantization_probability: Probability = 0.0
    """Round samples to few bits."""
    quantization_bits: Annotated[tuple[Bits, Bits], AfterValidator(_ordered)] = (7, 12)
    """Minimum and maximum bits per sample; the peak uses the full range."""
    noise_probability: Probability = 0.0
    """Add noise of one random kind."""
    noise_snr_db: DecibelRange = (5.0, 35.0)
    """Signal-to-noise ratio in dB, over the whole utterance."""
    noise_kinds: Annotated[tuple[NoiseKind, ...], Field(min_length=1, max_length=5)] = (
        "white",
        "pink",
        "brown",
        "hum",
        "babble",
    )
    """Kinds of noise to draw from."""
    edge_cut_probability: Probability = 0.0
    """Cut a little off both ends, as in carelessly trimmed recordings."""
    edge_cut_s: EdgeRange = (0.0, 0.05)
    """Length cut off each end, in seconds; at most a tenth of the utterance."""
    level_cut_probability: Probability = 0.0
    """Cut both ends at a level, as in automatically trimmed recordings: soft consonants are lost with the silence."""
    level_cut_db: Annotated[DecibelRange, AfterValidator(_negative)] = (-35.0, -10.0)
    """Level at which the trimmed utterance starts and ends, relative to its loudest 10 ms, in dB."""
    silence_probability: Probability = 0.0
    """Add silence before and after the utterance (noise, if drawn, fills it too)."""
    silence_s: EdgeRange = (0.0, 0.3)
    """Silence on each side, in seconds."""
    clip_probability: Probability = 0.0
    """Clip softly (tanh)."""
    clip_drive: Annotated[tuple[Drive, Drive], AfterValidator(_ordered)] = (1.0, 6.0)
    """Value of the peak at the input of the tanh; higher values clip more."""
    gain_probability: Probability = 0.0
    """Change the level."""
    gain_peak_db: DecibelRange = (-24.0, 0.0)
    """Level of the peak afterwards, in dB relative to full scale."""
    vocal_tract_probability: Probability = 0.0
    """Warp the mel axis, as a longer or shorter vocal tract would."""
    vocal_tract_factor: FactorRange = (0.88, 1.14)
    """Frequency after the warp, as a factor of the original."""
    mask_frequencies: Masks = 0
    """SpecAugment: number of masks over mel bands per utterance."""
    mask_frequency_share: Probability = 0.15
    """Maximum width of such a mask, as a share of all mel bands."""
    mask_times: Masks = 0
    """SpecAugment: number of masks over time per utterance."""
    mask_time_s: Edge = 0.06
    """Maximum length of such a mask, in seconds; a mask covers at most a fifth of the utterance."""


def pretraining() -> AugmentationConfig:
    """Strong augmentation, for a base model trained on synthetic speech that must handle real rooms and microphones."""
    return AugmentationConfig(
        speed_probability=0.5,
        speed_factor=(0.82, 1.2),
        pitch_probability=0.3,
        pitch_factor=(0.85, 1.18),
        reverb_probability=0.4,
        reverb_decay_s=(0.05, 0.5),
        reverb_wet_db=(-15.0, 0.0),
        tilt_probability=0.7,
        tilt_db_per_octave=(-4.0, 4.0),
        peak_probability=0.5,
        peak_db=(-12.0, 12.0),
        band_probability=0.3,
        narrowband_probability=0.3,
        telephone_probability=0.2,
        quantization_probability=0.15,
        quantization_bits=(6, 12),
        noise_probability=0.8,
        noise_snr_db=(3.0, 40.0),
        silence_probability=0.6,
        silence_s=(0.0, 0.35),
        clip_probability=0.15,
        gain_probability=1.0,
        gain_peak_db=(-30.0, 0.0),
        vocal_tract_probability=0.5,
        vocal_tract_factor=(0.86, 1.16),
        mask_frequencies=2,
        mask_frequency_share=0.18,
        mask_times=1,
        mask_time_s=0.05,
    )


def finetuning() -> AugmentationConfig:
    """Moderate augmentation, which keeps an adapter from memorising its few recordings."""
    return AugmentationConfig(
        speed_probability=0.5,
        speed_factor=(0.9, 1.1),
        tilt_probability=0.3,
        tilt_db_per_octave=(-2.0, 2.0),
        noise_probability=0.4,
        noise_snr_db=(12.0, 40.0),
        silence_probability=0.5,
        silence_s=(0.0, 0.2),
        gain_probability=1.0,
        gain_peak_db=(-20.0, 0.0),
        vocal_tract_probability=0.3,
        vocal_tract_factor=(0.93, 1.07),
        mask_frequencies=2,
        mask_frequency_share=0.12,
        mask_times=1,
        mask_time_s=0.04,
    )
