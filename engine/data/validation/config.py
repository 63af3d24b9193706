"""Thresholds of the validation, each with its unit and its reason."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from engine.config.base import Config

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Range = Annotated[float, Field(gt=0.0, le=200.0)]
"""In dB."""
Level = Annotated[float, Field(ge=-200.0, le=200.0)]
"""In dB, relative to full scale or to another level."""
Factor = Annotated[float, Field(gt=0.0, le=1e6)]
Free = Annotated[float, Field(ge=0.0, le=3600.0)]
"""A tolerance: seconds, or syllables."""
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class ValidationConfig(Config):
    """Limits between good, doubtful and bad."""

    # ---- level ----------------------------------------------------------------------------------------------

    steady_range_db: Range = 6.0
    """A recording whose loudest 30 ms are less than this above its quietest tenth is not speech. Steady noise stays within
    3 dB; the noisiest of 2,600 recordings of single words in rooms spans 10 dB."""
    steady_crisp_range_db: Range = 1.8
    """The same after pre-emphasis, for rumble, whose level varies."""
    steady_dbfs: Level = -30.0
    """Steady sound below this is recorder noise without speech; above it may be a tone or music."""
    shortest_sound_s: Free = 0.04
    """A recording with less sound than this is a click, not a word: the shortest words last 0.1 s."""
    quiet_dbfs: Level = -55.0
    """Warning below this level: consonants are lost in the last of 16 bits."""
    noisy_snr_db: Level = 6.0
    """Warning below this signal-to-noise ratio: the speech is hard to understand."""
    noisy_from_s: Annotated[float, Field(gt=0.0, le=3600.0)] = 1.0
    """Recordings from this length on have a pause that shows their noise."""

    # ---- clipping -------------------------------------------------------------------------------------------

    clipped_share: Share = 0.01
    """Share of the sounding samples on flat tops from which a recording is rejected. Speech overdriven by 3 dB has about
    0.008, by 6 dB 0.03, by 12 dB 0.12; limiters, including those of synthetic voices, stay below 0.005."""
    clipped_warning_share: Share = 0.0002
    """Share from which it is a warning: three samples per second at 16 kHz, hardly audible."""

    # ---- text against audio ---------------------------------------------------------------------------------

    fastest_syllables_per_s: Factor = 10.5
    """Fastest speech, without pauses. Readers of English say 4 to 6 syllables per second; those of Spanish and Japanese 8 on
    average, and the fastest of them 10.
    Source: Pellegrino, Coupe and Marsico, A cross-language perspective on speech information rate, Language 2011."""
    clear_range_db: Range = 20.0
    """If speech rises less than this above the quietest tenth, there is no pause, or noise hides it: soft syllables would count
    as silence, so the whole recording counts as speech."""
    free_syllables: Free = 3.0
    """Tolerance, because a word that was cut close, or slurred, is shorter than its syllables suggest."""
    slowest_s_per_syllable: Factor = 0.65
    """Slowest speech, without pauses: slow dictation has 2 syllables per second."""
    free_s: Free = 1.6
    """Tolerance, because a single word can be drawn out, and other sounds (breath, a door) count as sound too."""
    usual_rate_factor: Factor = 2.2
    """Warning for an item whose sound is this many times longer or shorter than the rest of the dataset suggests; a speaker's
    own rate varies by a factor of 1.5."""
    usual_rate_deviations: Factor = 5.0
    """Robust standard deviations that the item must also be away, so that mixed datasets raise no alarm."""

    # ---- duplicates -----------------------------------------------------------------------------------------

    same_votes: Count = 3
    """Keys of the fingerprint that must agree in time before samples are compared."""
    same_candidates: Annotated[int, Field(ge=1, le=64)] = 4
    """Maximum number of recordings to compare a recording with, sample by sample."""
    same_coherence: Share = 0.92
    """Correlation of the samples (150 to 3,400 Hz, pre-emphasised) above which two recordings are copies. Copies have 0.95
    and more, with noise at 30 dB, or as MP3, Vorbis or Opus; the most similar of 50 takes of a word by one speaker have
    0.85, by one synthetic voice 0.91."""
    same_coherence_many_votes: Share = 0.84
    """The same if the fingerprints agree in many keys: copies with noise at 20 dB, or at the lowest bit rates."""
    many_votes: Count = 11
    """Number of agreeing keys, of 40, that counts as many; different recordings share at most 10."""
    same_coherence_searched: Share = 0.94
    """The same if the speed was searched, because that matches the pitch too."""
    same_coherence_searched_many_votes: Share = 0.9
    """The same with many keys and a searched speed."""
    same_rest_s: Free = 0.13
    """Seconds of sound that only one of two copies may have: cut by 50 ms at both ends they are still copies. A word that is
    also part of a longer recording is not a copy: the shortest additional word has more sound."""
    same_rest_share: Share = 0.2
    """The same as a share of the common part, for long recordings."""

    # ---- the dataset ----------------------------------------------------------------------------------------

    usual_rate_share: Share = 0.8
    """If at least this share of the recordings has one sample rate, each recording with another one is reported."""
    wrong_rate_factor: Factor = 1.75
    """Warning if a voice is higher and faster, or lower and slower, than its speaker's by this factor: confused rates (8 and
    16, 22.05 and 44.1 kHz) differ by 2 and more; a raised voice stays below 1.5."""
    wrong_rate_agreement: Factor = 0.3
    """Maximum difference of the two factors' logarithms."""
    small_model_bytes: Count = 120
    """Texts with more bytes are reported: the bundled whisper-pico has 128 positions of one byte."""
    speaker_share: Share = 0.5
    """Warning if one of several speakers has more than this share."""
    class_ratio: Factor = 10.0
    """Warning if, with few distinct texts, the most frequent is this many times as frequent as the rarest."""
    fewest_of_class: Count = 10
    """Warning for a class with fewer items: of ten, a tenth for validation and a tenth for the test are one item each."""
    length_ratio: Factor = 30.0
    """Warning if the 95th percentile of the durations is this many times the 5th: batches are then mostly padding."""
    fewest_speakers: Count = 3
    """Warning with fewer speakers: training, validation and test cannot all have different voices then."""


DEFAULT_VALIDATION = ValidationConfig()
