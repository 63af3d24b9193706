"""What a recording and its text may be like: every threshold of the validation, with its unit and its reason."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from engine.config.base import Config

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Range = Annotated[float, Field(gt=0.0, le=200.0)]
"""In dB."""
Level = Annotated[float, Field(ge=-200.0, le=200.0)]
"""In dB, of full scale or of one thing over another."""
Factor = Annotated[float, Field(gt=0.0, le=1e6)]
Free = Annotated[float, Field(ge=0.0, le=3600.0)]
"""What is allowed on top: seconds, or syllables."""
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class ValidationConfig(Config):
    """Limits between good, doubtful and bad."""

    # ---- level ----------------------------------------------------------------------------------------------

    steady_range_db: Range = 6.0
    """A recording whose loudest 30 ms are less than this above its quietest tenth is no speech. Steady noise stays
    within 3 dB; the noisiest of 2,600 recordings of single words in rooms ranges over 10 dB."""
    steady_crisp_range_db: Range = 1.8
    """The same after pre-emphasis, for rumble, whose own level wanders."""
    steady_dbfs: Level = -30.0
    """Steady sound below this is the noise of a recorder in which nobody speaks; above it may be a tone or music."""
    shortest_sound_s: Free = 0.04
    """A recording with less sound than this holds a click and no word: the shortest words last 0.1 s."""
    quiet_dbfs: Level = -55.0
    """Speech below this loses its consonants in the last bits of 16; a warning."""
    noisy_snr_db: Level = 6.0
    """Speech less than this above the noise is hard to understand for people; a warning."""
    noisy_from_s: Annotated[float, Field(gt=0.0, le=3600.0)] = 1.0
    """Recordings from this length on have a pause in which their noise is heard."""

    # ---- clipping -------------------------------------------------------------------------------------------

    clipped_share: Share = 0.01
    """Part of the sounding samples on flat tops from which a recording is set aside. Speech that is overdriven by 3 dB
    has about 0.008, by 6 dB 0.03, by 12 dB 0.12; limiters, of synthetic voices too, stay below 0.005."""
    clipped_warning_share: Share = 0.0002
    """From here on it is a warning: three samples in a second at 16 kHz, hardly to be heard."""

    # ---- text against audio ---------------------------------------------------------------------------------

    fastest_syllables_per_s: Factor = 10.5
    """Fastest speech, pauses left out. Readers of English say 4 to 6 syllables per second; those of Spanish and Japanese
    8 on average, and the fastest of them 10.
    Source: Pellegrino, Coupe and Marsico, A cross-language perspective on speech information rate, Language 2011."""
    clear_range_db: Range = 20.0
    """Where speech rises less than this above the quietest tenth, nobody has made a pause, or noise hides it: level takes
    soft syllables for silence, and all of the recording may be speech."""
    free_syllables: Free = 3.0
    """Allowed on top, since a word that was cut close, or slurred, is over sooner than its syllables say."""
    slowest_s_per_syllable: Factor = 0.65
    """Slowest speech, pauses left out: slow dictation is at 2 syllables per second."""
    free_s: Free = 1.6
    """Allowed on top: a single word can be drawn out, and sounds that are no words (breath, a door) are sound too."""
    usual_rate_factor: Factor = 2.2
    """A warning for an item whose sound is this many times longer or shorter than the rest of the dataset makes expect;
    a speaker's own rate varies by a factor of 1.5."""
    usual_rate_deviations: Factor = 5.0
    """... and only if it is that many robust standard deviations away, so that mixed datasets raise no alarm."""

    # ---- duplicates -----------------------------------------------------------------------------------------

    same_votes: Count = 3
    """Keys of the fingerprint that must agree in time before the samples are compared."""
    same_candidates: Annotated[int, Field(ge=1, le=64)] = 4
    """Most recordings that one is compared with, sample by sample."""
    same_coherence: Share = 0.92
    """Correlation of the samples (150 to 3,400 Hz, pre-emphasised) above which two recordings are one. Copies have 0.95
    and more, with noise at 30 dB, or as MP3, Vorbis or Opus; the most alike of 50 takes of a word by one speaker have
    0.85, and by one synthetic voice 0.91."""
    same_coherence_many_votes: Share = 0.84
    """The same where the fingerprints agree in many keys: copies with noise at 20 dB, or at the lowest bit rates."""
    many_votes: Count = 11
    """Keys of 40 that are many; strangers have at most 10."""
    same_coherence_searched: Share = 0.94
    """The same where the speed was searched for, since that matches the pitch too."""
    same_coherence_searched_many_votes: Share = 0.9
    """The same with many keys."""
    same_rest_s: Free = 0.13
    """Sound that only one of two copies has: cut by 50 ms at both ends they are still one. A word that is also part of a
    longer recording is no duplicate of it: the shortest further word has more sound."""
    same_rest_share: Share = 0.2
    """The same as a part of what they share, for long recordings."""

    # ---- the dataset ----------------------------------------------------------------------------------------

    usual_rate_share: Share = 0.8
    """When at least this part of the recordings has one sample rate, each with another is told."""
    wrong_rate_factor: Factor = 1.75
    """A warning when a voice is that much higher and faster, or lower and slower, than its speaker's: rates that are
    confused (8 and 16, 22.05 and 44.1 kHz) are 2 and more apart; a voice that is raised stays below 1.5."""
    wrong_rate_agreement: Factor = 0.3
    """How far the logarithms of the two factors may differ."""
    small_model_bytes: Count = 120
    """Texts of more bytes are told: the bundled whisper-pico has 128 positions of one byte."""
    speaker_share: Share = 0.5
    """A warning when one of several speakers says more than this."""
    class_ratio: Factor = 10.0
    """A warning when, with few distinct texts, the most frequent is that many times as frequent as the rarest."""
    length_ratio: Factor = 30.0
    """A warning when the 95th percentile of the durations is that many times the 5th: batches are mostly padding."""
    fewest_speakers: Count = 3
    """With fewer, what is learned is not tested on another voice than it was chosen on."""


DEFAULT_VALIDATION = ValidationConfig()
