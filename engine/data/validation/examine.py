"""Examine one recording and its text alone: faults, doubts, measurements.

Runs in several threads and keeps no state.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from engine.audio.reading import AudioInfo, Decoded, OpenAudio, Source, Wave, hear, opened, read_blocks, resample
from engine.data.layout import Item
from engine.data.limits import IngestLimits
from engine.data.recordings import fault_of, part
from engine.data.shards import RATE_HZ, Samples, to_int16
from engine.data.targets import TEXT, TargetKind
from engine.data.validation import characters
from engine.data.validation.bitstream import check_bitstream
from engine.data.validation.clipping import clipped_samples
from engine.data.validation.config import ValidationConfig
from engine.data.validation.damage import random_samples
from engine.data.validation.dataset_texts import DatasetTexts
from engine.data.validation.fingerprint import Keys, fingerprint
from engine.data.validation.levels import Levels, loudest_dbfs, measure_levels
from engine.data.validation.pitch import median_pitch_hz
from engine.data.validation.speech_rate import mismatch, syllables
from engine.data.validation.target_checks import JUDGES, plain_target
from engine.errors import AudioError, ItemError
from engine.media.contract import Examined

_MAX_SCANNED_SAMPLES = 1 << 28  # a file of a few kilobytes may claim to hold years; it is not scanned for silence


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that was read."""

    info: AudioInfo
    """Its file's metadata."""
    samples_T: Samples
    """At 16 kHz, mono."""
    scaled: bool
    """Whether it was scaled down."""
    levels: Levels
    """Its levels."""
    keys: list[Keys]
    """Its fingerprint, at several speeds."""
    pitch_hz: float
    """Median pitch of its voice; 0 without a voice, or if it is not speech."""
    syllables: float
    """Approximate number of syllables in its text."""


def examine(
    file: Source,
    item: Item,
    limits: IngestLimits,
    config: ValidationConfig,
    texts: DatasetTexts,
    accepted: Collection[str] = (),
    target: TargetKind = TEXT,
) -> Examined[Recording]:
    """Read a recording and check it against the limits and its target.

    Args:
        file: the open file.
        item: the recording in it, with its original target.
        limits: of usable recordings.
        config: thresholds.
        texts: common properties of the dataset's texts.
        accepted: kinds of faults that a person accepts.
        target: what the recording's target is.
    """
    found = Examined[Recording](plain_target(item.text, target), accepted=accepted)
    try:
        info, native_T, duration_s = _read(file, item, limits, found, target)
        found.content = _measured(info, native_T, duration_s, found, limits, config, target)
    except ItemError as fault:
        found.faults.append(fault)
    JUDGES[target.type](item.text, found, texts)
    return found


def _read(
    file: Source, item: Item, limits: IngestLimits, found: Examined[Recording], target: TargetKind
) -> tuple[AudioInfo, Wave, float]:
    """The file's metadata, the item's wave_T at the file's rate, and the item's length in seconds."""
    try:
        with opened(file) as sound:
            return _heard(sound, file, item, limits, found, target)
    except AudioError as error:
        raise fault_of(error, item.entry.path) from error


def _heard(
    sound: OpenAudio, file: Source, item: Item, limits: IngestLimits, found: Examined[Recording], target: TargetKind
) -> tuple[AudioInfo, Wave, float]:
    info = sound.info
    start_s, duration_s = part(item, info)
    if duration_s > limits.max_item_s:
        can_scan = (
            "silent" not in found.accepted and not item.is_part and info.frames * info.channels <= _MAX_SCANNED_SAMPLES
        )
        if can_scan and all(
            loudest_dbfs(channel_T, info.rate_hz) <= limits.silence_dbfs
            for block_TC in read_blocks(sound)
            for channel_T in block_TC.T
        ):
            raise _silent(duration_s, limits)
        taught = (
            f"all {len(item.text)} characters of its text" if target.is_speech else f"the {target.noun} of the whole"
        )
        raise ItemError(
            "too_long",
            f"it lasts {duration_s:.1f} s; allowed: at most {limits.max_item_s:g} s: a model would hear the "
            f"beginning, and be taught {taught}",
        )
    if duration_s < limits.min_item_s:
        raise ItemError("too_short", f"it lasts {duration_s:.3f} s; allowed: at least {limits.min_item_s:g} s")
    if start_s == 0 and duration_s == info.duration_s:
        heard = hear(sound, info.rate_hz)
    else:
        heard = hear(sound, info.rate_hz, start_s, duration_s)
    found.doubts += heard.doubts
    # A part was decoded with its whole file already.
    if not item.is_part and not isinstance(file, Decoded | Path | str | OpenAudio):
        check_bitstream(file)
    return info, heard.wave_T, duration_s


def _measured(
    info: AudioInfo,
    native_T: Wave,
    duration_s: float,
    found: Examined[Recording],
    limits: IngestLimits,
    config: ValidationConfig,
    target: TargetKind,
) -> Recording:
    wave_T = resample(native_T, info.rate_hz, RATE_HZ)
    levels = measure_levels(wave_T, RATE_HZ)
    silent = loudest_dbfs(wave_T, RATE_HZ) <= limits.silence_dbfs
    # Rain and engines are steady noise, and a click may be all of a sound: only speech is more than that.
    quiet = _silence(levels, duration_s, config) if target.is_speech else None
    if fault := _silent(duration_s, limits) if silent else quiet:
        if fault.code not in found.accepted:
            raise fault
        found.add_fault(fault)
    clipped = clipped_samples(native_T)
    # Overdriven audio can be as loud and as white as random numbers, but only random numbers have no flat tops.
    if not clipped and (random := random_samples(native_T)):
        raise ItemError(
            "corrupt", f"{1000 * random / info.rate_hz:.1f} ms of it are random numbers up to full scale, and no sound"
        )
    _judge_level(levels, clipped, info, found, config, target)
    says_something = target.is_speech and not characters.says_nothing(found.text)
    if says_something and (reason := mismatch(found.text, levels, duration_s, config)):
        found.add_fault(ItemError("mismatched_text", reason))
    samples_T, scaled = to_int16(wave_T)
    if scaled:
        found.doubts.append(("scaled", f"its samples go up to {levels.peak_dbfs:+.1f} dB of full scale; allowed: 0"))
    fewest, most = syllables(found.text) if target.is_speech else (0.0, 0.0)
    keys = fingerprint(wave_T) if not found.faults else []
    pitch_hz = median_pitch_hz(wave_T) if target.is_speech else 0.0
    return Recording(info, samples_T, scaled, levels, keys, pitch_hz, (fewest + most) / 2)


def _silence(levels: Levels, duration_s: float, config: ValidationConfig) -> ItemError | None:
    """The fault of a recording that is noise without speech; None otherwise."""
    if levels.sound_s < config.shortest_sound_s <= duration_s:
        return ItemError(
            "silent",
            f"there are {levels.sound_s:.2f} s of sound in its {duration_s:.2f} s; allowed: at least "
            f"{config.shortest_sound_s:g} s",
        )
    is_steady = levels.range_db < config.steady_range_db or levels.crisp_range_db < config.steady_crisp_range_db
    if is_steady and levels.speech_dbfs < config.steady_dbfs:
        return ItemError(
            "silent",
            f"it is a steady noise of {levels.speech_dbfs:.0f} dB of full scale, that never rises by more than "
            f"{levels.range_db:.1f} dB; speech rises by {config.steady_range_db:g} dB and more",
        )
    return None


def _judge_level(
    levels: Levels,
    clipped: int,
    info: AudioInfo,
    found: Examined[Recording],
    config: ValidationConfig,
    target: TargetKind,
) -> None:
    share = clipped / max(1.0, levels.sound_s * info.rate_hz)
    reason = (
        f"{clipped} samples lie on flat tops, {100 * share:.2f} % of those with sound; allowed: up to "
        f"{100 * config.clipped_warning_share:g} %"
    )
    # Sneezes, shots and engines are overdriven in most recordings, and are what they are all the same.
    if share > config.clipped_share and target.is_speech:
        found.add_fault(ItemError("clipped", reason))
    elif share > config.clipped_warning_share:
        found.doubts.append(("clipped_a_little", reason))
    if levels.speech_dbfs < config.quiet_dbfs:
        found.doubts.append(
            (
                "quiet",
                f"its {'speech' if target.is_speech else 'sound'} is at {levels.speech_dbfs:.0f} dB of full scale; good is {config.quiet_dbfs:g} and up",
            )
        )
    if target.is_speech and levels.snr_db < config.noisy_snr_db and info.duration_s >= config.noisy_from_s:
        found.doubts.append(
            ("noisy", f"its speech is {levels.snr_db:.1f} dB above its noise; good is {config.noisy_snr_db:g} and up")
        )


def _silent(duration_s: float, limits: IngestLimits) -> ItemError:
    return ItemError(
        "silent", f"nothing in its {duration_s:.2f} s is louder than {limits.silence_dbfs:g} dB below full scale"
    )
