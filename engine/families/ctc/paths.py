"""Times of words in a path over frames. Does not import torch."""

from __future__ import annotations

from collections.abc import Sequence

from engine.data.example import TimedText
from engine.families.ctc.spelling import Spelling


def words_of(path: Sequence[int], spelling: Spelling, frame_s: float) -> tuple[TimedText, ...]:
    """The words that a path spells, each from its first to its last frame.

    Args:
        path: one id per frame.
        spelling: of the model.
        frame_s: seconds between frames.
    """
    words: list[TimedText] = []
    labels: list[int] = []
    start = end = 0
    # A delimiter at the end completes the last word; its id, which no label has, writes a space.
    for frame, index in enumerate([*path, -1]):
        label = " " if index < 0 else spelling.label_of(index)
        repeats = 0 < frame < len(path) and path[frame - 1] == index
        if label == " ":
            if labels:
                words.append(TimedText(round(start * frame_s, 3), round(end * frame_s, 3), spelling.write(labels)))
            labels = []
        elif label:
            if not labels:
                start = frame
            end = frame + 1
            if not repeats:
                labels.append(index)
    return tuple(words)
