"""Unicode ranges of scripts without spaces between words and of scripts that join letters."""

from __future__ import annotations

import re
from typing import Final

UNSPACED: Final = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao; Tibetan; Burmese; Khmer
    "\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\ua980-\ua9ff\uaa60-\uaadf"  # Tai scripts, Balinese, Javanese
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u303c\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # radicals, kana
    "\u3100-\u312f\u31a0-\u31bf\ua000-\ua4cf"  # Bopomofo, Yi
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"  # Chinese characters, old kana
)
"""Body of a regex character class: scripts without spaces between words. Korean has spaces."""

JOINING: Final = (
    "\u0600-\u109f"  # Arabic, Syriac, N'Ko, the scripts of India, Tibetan, Burmese
    "\u1780-\u18af\u1900-\u1cff\ua800-\uabff\U00010a00-\U00010fff\U00011000-\U00011fff"  # Khmer, Mongolian, Javanese
)
"""Body of a regex character class: scripts whose spelling uses the zero-width joiner and non-joiner."""

_UNIT = re.compile(rf"(?P<unspaced>[{UNSPACED}])|(?:(?![{UNSPACED}])[^\W\d_])+")


def is_unspaced(text: str) -> bool:
    """Whether a text is mostly in scripts without spaces: more characters in them than words in other scripts."""
    if text.isascii():
        return False
    unspaced = spaced = 0
    for unit in _UNIT.finditer(text):
        if unit["unspaced"]:
            unspaced += 1
        else:
            spaced += 1
    return unspaced > spaced
