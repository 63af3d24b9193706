"""Text normalisation before counting errors."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_NOT_WORD = re.compile(r"[^\w\s']|_")
_SPACES = re.compile(r"\s+")


def normalize_basic(text: str) -> str:
    """Lower case, NFKC, no punctuation but apostrophes inside words, single spaces."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    text = _NOT_WORD.sub(" ", text)
    words = (word.strip("'") for word in _SPACES.split(text))
    return " ".join(word for word in words if word)


NORMALIZERS: dict[str, Callable[[str], str]] = {"basic": normalize_basic, "none": str.strip}
