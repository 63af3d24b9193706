"""Join short segments into longer ones: less padding, and fewer windows if the encoder runs over whole ones.

Works on segments without audio. The margins that trimming leaves around speech become the pauses between joined segments.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from engine.config.selection import PackConfig, SegmentPackConfig
from engine.segments.segment import Segment


def pack(
    segments: Sequence[Segment], config: SegmentPackConfig, longest_s: float, fits: Callable[[str], bool]
) -> list[Segment]:
    """Join segments in the order of their files, up to the target length.

    Segments with a fault, and segments as long as the target, stay alone. The result does not depend on the order of the
    input.

    Args:
        segments: in any order.
        config: which segments may be joined, and the target length.
        longest_s: longest segment that fits the model, in seconds.
        fits: whether a text fits the model.
    """
    ordered = sorted(segments, key=lambda s: (s.pieces[0].audio, s.pieces[0].start_s, s.id))
    if not isinstance(config, PackConfig):
        return ordered
    target_s = min(config.target_s, longest_s)
    packed: list[Segment] = []
    groups: dict[Hashable, list[Segment]] = {}
    for segment in ordered:
        key = _group(segment, config)
        if key is None or segment.fault is not None:
            packed.append(segment)
        else:
            groups.setdefault(key, []).append(segment)
    for group in groups.values():
        current: list[Segment] = []
        for segment in group:
            together = [*current, segment]
            is_full = sum(s.duration_s for s in together) > target_s + 1e-6 or not fits(_text(together))
            if current and is_full:
                packed.append(join(current))
                current = []
            current.append(segment)
        packed.append(join(current))
    return packed


def join(segments: Sequence[Segment]) -> Segment:
    """Concatenate segments; their texts are joined with a space."""
    if len(segments) == 1:
        return segments[0]
    speakers = {s.speaker for s in segments}
    speech = [s.speech_s for s in segments if s.speech_s is not None]
    levels = [(s.snr_db, s.duration_s) for s in segments if s.snr_db is not None]
    return Segment(
        id=f"{segments[0].id}+{len(segments) - 1}",
        pieces=tuple(piece for s in segments for piece in s.pieces),
        text=_text(segments),
        speaker=speakers.pop() if len(speakers) == 1 else None,
        split=segments[0].split,
        utterances=tuple(id for s in segments for id in s.utterances),
        speech_s=sum(speech) if len(speech) == len(segments) else None,
        snr_db=sum(db * s for db, s in levels) / sum(s for _, s in levels) if len(levels) == len(segments) else None,
    )


def _group(segment: Segment, config: PackConfig) -> Hashable:
    """Key shared by segments that may be joined; None for a segment that stays alone."""
    if config.within == "recording":
        return segment.split, segment.speaker, segment.pieces[0].audio
    if config.within == "speaker":
        return (segment.split, segment.speaker) if segment.speaker is not None else None
    return (segment.split,)


def _text(segments: Sequence[Segment]) -> str:
    return " ".join(text for s in segments if (text := s.text.strip()))
