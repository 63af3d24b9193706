"""Turn recordings into segments, one at a time or in a batch that shares one detector call. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.audio.features import RATE_HZ
from engine.audio.reading import Wave
from engine.config.selection import SelectionConfig, SpeechTrimConfig
from engine.data.example import Piece, TimedText, Utterance
from engine.data.waves import read_wave
from engine.families.contract import Codec
from engine.segments.cutting import Cut, cut_silence, cut_text
from engine.segments.noise import snr_db
from engine.segments.segment import Segment, SegmentFault, Span
from engine.segments.spans import pauses, speech_spans, speech_within
from engine.segments.speech_activity import Probabilities, load_speech_activity

_DIGITS = 6  # tolerance of times in seconds: a sixteenth of a sample at 16 kHz


@dataclass(frozen=True, slots=True)
class TextLimit:
    """Whether a text fits a model's decoder; picklable."""

    codec: Codec
    most_tokens: int
    """Maximum number of targets, the end token included."""

    def __call__(self, text: str) -> bool:
        """Whether the text fits."""
        return len(self.codec.encode(text)) + 1 <= self.most_tokens


@dataclass(frozen=True, slots=True)
class SegmentLimits:
    """Limits of segments that fit the model."""

    longest_s: float
    """Longest segment, in seconds."""
    fits: Callable[[str], bool]
    """Whether a text fits the model."""


def canonical(utterances: Sequence[Utterance]) -> list[Utterance]:
    """Utterances sorted by file, start and id, so that the result does not depend on the input's order."""
    return sorted(utterances, key=lambda u: (u.input.audio, u.input.start_s, u.id))


def reading_batches(utterances: Sequence[Utterance], audio_s: float) -> Iterator[list[Utterance]]:
    """Batches of consecutive utterances, up to `audio_s` seconds each; a longer utterance gets its own batch."""
    batch: list[Utterance] = []
    seconds = 0.0
    for u in utterances:
        if batch and seconds + u.input.duration_s > audio_s:
            yield batch
            batch, seconds = [], 0.0
        batch.append(u)
        seconds += u.input.duration_s
    if batch:
        yield batch


def segment_batch(
    utterances: Sequence[Utterance], folder: Path, config: SelectionConfig, limits: SegmentLimits
) -> list[Segment]:
    """Read a batch of utterances and cut each into segments; keeps no audio.

    Raises:
        AudioError: a file cannot be read.
        ModelError: the speech detector is not installed.
    """
    waves = [read_wave(folder, u) for u in utterances]
    probabilities = load_speech_activity().probabilities(waves)
    return [
        segment
        for u, wave_T, prob_F in zip(utterances, waves, probabilities, strict=True)
        for segment in segment_utterance(u, wave_T, prob_F, config, limits)
    ]


def segment_utterance(
    utterance: Utterance, wave_T: Wave, prob_F: Probabilities, config: SelectionConfig, limits: SegmentLimits
) -> list[Segment]:
    """Trim an utterance, and cut it if it is too long.

    Segments are in order, never overlap, and lie inside the utterance. An utterance that cannot be cut (its text has no
    times) stays whole, with the reason in `fault`.

    Args:
        utterance: with one span of audio.
        wave_T: its samples at 16 kHz.
        prob_F: probability of speech in each of its windows of 32 ms.
        config: trimming, cutting, thresholds of speech detection.
        limits: of the model.
    """
    spans = _believed(speech_spans(prob_F, utterance.input.duration_s, config.activity), config)
    whole = _trimmed(Span(0.0, utterance.input.duration_s), spans, utterance.target.times, config)
    longest_s = min(limits.longest_s, config.cut.longest_s or limits.longest_s)
    is_long = whole.duration_s > longest_s + 1e-6 or not limits.fits(utterance.target.text)
    cuts = [Cut(whole, utterance.target.text, utterance.target.times)]
    if is_long and utterance.target.times:
        cuts = cut_text(whole, utterance.target.times, pauses(spans), longest_s, config.cut.min_share, limits.fits)
    elif is_long and not utterance.target.text.strip():
        cuts = cut_silence(whole, pauses(spans), longest_s, config.cut.min_share)
    segments = []
    for number, cut in enumerate(cuts, start=1):
        within = speech_within(spans, cut.bounds)
        bounds = _trimmed(cut.bounds, within, cut.parts, config) if len(cuts) > 1 else cut.bounds
        segments.append(
            Segment(
                id=utterance.id if len(cuts) == 1 else f"{utterance.id}#{number}",
                pieces=(_piece(utterance, bounds),),
                text=cut.text,
                speaker=utterance.group,
                split=utterance.split,
                utterances=(utterance.id,),
                speech_s=round(sum(span.duration_s for span in speech_within(spans, bounds)), _DIGITS),
                snr_db=round(_snr_db(wave_T, within, cut.bounds), 3),
                fault=_fault(bounds, cut.text, within, config, limits, longest_s),
            )
        )
    return segments


def whole_segment(utterance: Utterance, limits: SegmentLimits) -> Segment:
    """An utterance as one segment, without reading its audio."""
    fault: SegmentFault | None = None
    if utterance.input.duration_s > limits.longest_s + 1e-3:
        fault = "too_long"
    elif not limits.fits(utterance.target.text):
        fault = "text_too_long"
    piece = Piece(utterance.input.audio, utterance.input.start_s, utterance.input.duration_s)
    return Segment(
        utterance.id, (piece,), utterance.target.text, utterance.group, utterance.split, (utterance.id,), fault=fault
    )


def _believed(spans: list[Span], config: SelectionConfig) -> list[Span]:
    trim = config.trim
    least_s = trim.least_speech_s if isinstance(trim, SpeechTrimConfig) else 0.0
    return spans if sum(span.duration_s for span in spans) >= least_s else []


def _piece(utterance: Utterance, bounds: Span) -> Piece:
    if bounds == Span(0.0, utterance.input.duration_s):
        return Piece(utterance.input.audio, utterance.input.start_s, utterance.input.duration_s)
    start_s, end_s = round(bounds.start_s, _DIGITS), round(bounds.end_s, _DIGITS)
    return Piece(
        utterance.input.audio, round(utterance.input.start_s + start_s, _DIGITS), round(end_s - start_s, _DIGITS)
    )


def _trimmed(bounds: Span, spans: Sequence[Span], times: Sequence[TimedText], config: SelectionConfig) -> Span:
    """Trim silence at both ends; bounds without speech stay whole."""
    if not isinstance(config.trim, SpeechTrimConfig) or not spans:
        return bounds
    margin_s = config.trim.margin_s
    # Times of the text count as speech too: the detector may miss a soft word.
    heard = [*spans, *(Span(part.start_s, part.end_s) for part in times)]
    start_s = min(span.start_s for span in heard) - margin_s
    end_s = max(span.end_s for span in heard) + margin_s
    return Span(max(bounds.start_s, start_s), min(bounds.end_s, end_s))


def _snr_db(wave_T: Wave, spans: Sequence[Span], bounds: Span) -> float:
    """Signal-to-noise ratio of a part of a recording; the noise is measured around its speech."""
    part_T = wave_T[round(bounds.start_s * RATE_HZ) : round(bounds.end_s * RATE_HZ)]
    return snr_db(part_T, [Span(s.start_s - bounds.start_s, s.end_s - bounds.start_s) for s in spans])


def _fault(
    bounds: Span, text: str, spans: Sequence[Span], config: SelectionConfig, limits: SegmentLimits, longest_s: float
) -> SegmentFault | None:
    if bounds.duration_s > longest_s + 1e-6:
        return "too_long"
    if not limits.fits(text):
        return "text_too_long"
    trim = config.trim
    if isinstance(trim, SpeechTrimConfig) and not spans and text.strip() and bounds.duration_s > trim.keep_whole_s:
        return "no_speech"
    return None
