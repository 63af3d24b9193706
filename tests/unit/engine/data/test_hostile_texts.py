"""What looks at texts takes time in proportion to them, however they are made."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from engine.data.subtitles.reading import read_subtitles
from engine.data.texts import plain_path
from engine.data.validation import characters
from engine.data.validation.alphabets import confusable_letters, foreign_stem, usual_alphabet
from engine.data.validation.lost_letters import LostLetters
from engine.data.validation.personal_data import find_personal_data
from engine.data.validation.speech_rate import syllables

SHORT, GROWTH = 2_000, 4
SLOW_S = 0.02
PARTS = [
    *"<>[](){}&;:@./-_+?*'\"\\|#%=~,!¿»…♪ \t\n\u00a0\u200b",
    *"a1AÃäжÐ中ア١\u0301\ufffd\x01",
    "<<", "</", "<b", "<v ", "&#1", "\\u", "{\\", "[unk", "(noise", "www.", "://", "@a.", "1.1.1.1", "+1 ", "Ã©", "Ð¿", ">>", "-->",
]  # fmt: skip


def cue(text: str) -> str:
    return f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n\n2\n00:00:03,000 --> 00:00:04,000\n{text[:4000]}\n"


LOOKS: dict[str, Callable[[str], Any]] = {
    "personal data": find_personal_data,
    "unreadable": characters.unreadable,
    "lacks words": characters.lacks_words,
    "marks": characters.is_mark,
    "entities": characters.entity,
    "invisible": characters.invisible,
    "plain": characters.plain,
    "lost letters": lambda text: LostLetters.of([text]).find(text),
    "alphabet": lambda text: (usual_alphabet([text]), confusable_letters(text, "LATIN"), foreign_stem(text)),
    "syllables": syllables,
    "path": plain_path,
    "subtitles": lambda text: read_subtitles(cue(text), "srt"),
}


def seconds(look: Callable[[str], Any], text: str, tries: int) -> float:
    best = float("inf")
    for _ in range(tries):
        started_s = time.thread_time()
        look(text)
        best = min(best, time.thread_time() - started_s)
    return best


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_takes_as_long_as_its_text_is(name: str) -> None:
    look = LOOKS[name]
    for unit in [*PARTS, *map("".join, itertools.islice(itertools.permutations(PARTS, 2), 0, None, 11))]:
        short, long = unit * (SHORT // len(unit)), unit * (GROWTH * SHORT // len(unit))
        if seconds(look, short, 1) < SLOW_S:
            continue
        for _ in range(3):
            short_s = seconds(look, short, 3)
            if short_s < SLOW_S or (ratio := seconds(look, long, 2) / short_s) < 2.2 * GROWTH:
                break
        else:
            raise AssertionError(f"{name}: a text {GROWTH} times as long took {ratio:.0f} times the time: {unit!r} * n")
