"""Split a normalised text into the tokens that text metrics compare."""

from __future__ import annotations

import re
from typing import Final

from engine.scripts import UNSPACED

_TOKEN: Final = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")


def tokens(text: str) -> list[str]:
    """Words, and single characters of scripts without spaces between words.

    As character error rates, without a dictionary: `我用 iPhone 拍照` has the tokens `我`, `用`, `iPhone`, `拍`, `照`.
    """
    return text.split() if text.isascii() else _TOKEN.findall(text)
