"""Languages of multilingual models: find the code that a user means, and the scripts that a language is written in."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

# Other codes and names of languages that have a code in Whisper.
_ALIASES: Final = {"jv": "jw", "nb": "no", "iw": "he", "in": "id", "fil": "tl", "cmn": "zh", "ji": "yi"}

# Scripts by the first word of their characters' Unicode names. Languages not listed are written in Latin.
_SCRIPTS: Final[dict[str, frozenset[str]]] = {
    script_languages: frozenset(scripts.split())
    for languages, scripts in (
        ("ru uk bg be mk ba tt", "CYRILLIC"),
        ("sr bs kk uz az tk tg mn", "CYRILLIC LATIN"),
        ("ar ps ur sd fa", "ARABIC"),
        ("zh yue", "CJK"),
        ("ja", "CJK HIRAGANA KATAKANA"),
        ("ko", "HANGUL"),
        ("hi mr ne sa", "DEVANAGARI"),
        ("pa", "GURMUKHI"),
        ("bn as", "BENGALI"),
        ("he yi", "HEBREW"),
        ("el", "GREEK"),
        ("hy", "ARMENIAN"),
        ("ka", "GEORGIAN"),
        ("th", "THAI"),
        ("lo", "LAO"),
        ("my", "MYANMAR"),
        ("km", "KHMER"),
        ("bo", "TIBETAN"),
        ("am", "ETHIOPIC"),
        ("ta", "TAMIL"),
        ("te", "TELUGU"),
        ("kn", "KANNADA"),
        ("ml", "MALAYALAM"),
        ("si", "SINHALA"),
        ("gu", "GUJARATI"),
    )
    for script_languages in languages.split()
}
_LATIN: Final = frozenset({"LATIN"})
_ENOUGH: Final = 0.5
"""Share of the letters above which a script counts as the script of the texts."""


def find_language(asked: str, known: Sequence[str], names: Mapping[str, str]) -> str | None:
    """The code of a language as a user names it: `sw`, `SW`, `sw-KE`, `<|sw|>`, `Swahili`; None if unknown.

    Args:
        asked: the user's spelling.
        known: codes that the model knows.
        names: codes by name, in lower case.
    """
    word = asked.strip().removeprefix("<|").removesuffix("|>").casefold()
    short = re.split(r"[-_]", word)[0]
    for candidate in (word, names.get(word), _ALIASES.get(word), short, _ALIASES.get(short)):
        if candidate in known:
            return str(candidate)
    return None


def scripts_of(language: str) -> frozenset[str]:
    """Scripts that a language is written in."""
    return _SCRIPTS.get(language, _LATIN)


def main_script(texts: Iterable[str]) -> str | None:
    """The script of most letters of `texts`, by its Unicode name; None if no script has a majority.

    In texts with kana, Chinese characters count as kana, so that Japanese is not taken for Chinese.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        for character in text:
            if character.isalpha():
                counts[unicodedata.name(character, "UNNAMED").split()[0].partition("-")[0]] += 1
    if counts["HIRAGANA"] + counts["KATAKANA"] > 0.1 * counts["CJK"]:
        counts["HIRAGANA"] += counts.pop("KATAKANA", 0) + counts.pop("CJK", 0)
    total = counts.total()
    if not total:
        return None
    script, most = counts.most_common(1)[0]
    return script if most > _ENOUGH * total else None


def written_in(script: str | None, languages: Sequence[str]) -> list[str]:
    """The `languages` written in a script; all of them if the script is unknown."""
    return [code for code in languages if script is None or script in scripts_of(code)]
