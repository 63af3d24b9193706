"""Detection of passwords that are easy to guess: common ones and their variations, sequences, repetitions.

Follows the patterns of zxcvbn (Wheeler, USENIX Security 2016) without its estimate of guesses: a list and three rules.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

_LIST: Final = Path(__file__).with_name("common_passwords.txt")
_OWN: Final = ("lessismore", "less-is-more", "fine-tuning", "finetuning")
_LEAST_WORD: Final = 4
_MOST_AROUND: Final = 8
"""Largest number of characters added around a common password that still make a variation of it."""
_LEAST_REPEATED: Final = 8
_MOST_PREDICTABLE: Final = 0.7
"""Share of characters that follow from the one before, from which a password counts as a sequence."""
_ROWS: Final = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "1qaz2wsx3edc4rfv5tgb")
_LOOKALIKES: Final = tuple(str.maketrans("@4031!|$57", f"aaoe{one}{one}{one}sst") for one in "il")


def weakness_of(password: str) -> str | None:
    """Why a password is easy to guess, as a message for its user; None if no pattern matches."""
    lowered = password.lower()
    unit = _repeated_unit(lowered)
    if unit is not None and (len(unit) < _LEAST_REPEATED or _is_variation(unit)):
        return f"repeats {password[: len(unit)]!r} over and over" if len(unit) > 1 else "repeats one character"
    if len(set(lowered)) < 4:
        return "has fewer than 4 different characters"
    if _is_sequence(lowered):
        return "is a sequence of the alphabet, the digits or the keyboard; choose words that do not belong together"
    if _is_variation(lowered):
        return "is one of the first that a guesser tries, or a variation of one; choose several words of your own"
    return None


@cache
def _common() -> frozenset[str]:
    lines = _LIST.read_text(encoding="utf-8").splitlines()
    return frozenset((*(line for line in lines if line and not line.startswith("#")), *_OWN))


def _is_variation(lowered: str) -> bool:
    """Whether it is a common password or two, with the usual variations: p@ssw0rd, Dragon2024!, iloveyousunshine."""
    core = re.sub(r"^[^a-z]+|[^a-z]+$", "", lowered)
    around = len(lowered) - len(core)
    forms = {lowered} | ({core} if len(core) >= _LEAST_WORD and around <= _MOST_AROUND else set())
    spelled = forms | {form.translate(table) for form in forms for table in _LOOKALIKES}
    return any(_is_common(form) for form in spelled)


def _is_common(form: str) -> bool:
    common = _common()
    cuts = range(_LEAST_WORD, len(form) - _LEAST_WORD + 1)
    return form in common or any(form[:cut] in common and form[cut:] in common for cut in cuts)


def _repeated_unit(lowered: str) -> str | None:
    """The unit that the whole password repeats, or None; the last repetition may be partial."""
    for length in range(1, len(lowered) // 2 + 1):
        unit = lowered[:length]
        if (unit * (len(lowered) // length + 1)).startswith(lowered):
            return unit
    return None


def _is_sequence(lowered: str) -> bool:
    letters = re.sub(r"[\W_]", "", lowered)
    if len(letters) < 2:
        return True
    steps = sum(_follows(one, other) for one, other in pairwise(letters))
    return steps / (len(letters) - 1) >= _MOST_PREDICTABLE


def _follows(one: str, other: str) -> bool:
    return abs(ord(one) - ord(other)) <= 1 or any(one + other in row or other + one in row for row in _ROWS)
