"""Decide whether a text fits a recording: its syllables against the seconds with sound.

This checks only the amount. It does not detect a text of about the right length that belongs to another recording; that
would take a speech recogniser.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from engine.data.validation.config import ValidationConfig
from engine.data.validation.levels import Levels

Syllables = tuple[float, float]
"""Minimum and maximum number of syllables of a spoken text."""

_VOWELS = frozenset("aeiouyæøœıɐɑɒɔəɛɜɪʊʌαεηιουωаеёиоуыэюяіїєәөүұѣѵაეიოუաեէըիոօւ")
_LATIN_TAIL = re.compile(r"(?<=[^aeiouy])e[sd]?$")  # mostly silent in English and French
_LETTERS = re.compile(r"(?:[^\W\d_]|[\u0300-\u036f\u0591-\u05c7\u0610-\u06ed\u0700-\u1cff\u200c\u200d\ua800-\uabff])+")
_NUMBER = re.compile(r"\d+")
_ALPHABETS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "GEORGIAN")
_ONE_EACH = ("HANGUL", "BOPOMOFO", "YI")
_UP_TO_ONE = ("HIRAGANA", "KATAKANA", "ETHIOPIC")
_UP_TO_ONE_PER_SYLLABLE = 2.0  # a small kana, a long vowel, a closing consonant
_CONSONANTS_PER_SYLLABLE = 2.5  # in scripts that write few vowels, or that are not known here
_VIRAMA = 9  # combining class
_SEMITIC = ("ARABIC", "HEBREW", "SYRIAC")
_SEMITIC_LETTERS_PER_SYLLABLE = 2.0
_SIGNS_PER_SYLLABLE = 4.0  # in scripts of South-East Asia, whose vowels are letters, some of two
_SOUTH_EAST_ASIA = ("THAI", "LAO", "KHMER", "MYANMAR")
_SPELT_LETTERS = 5  # a word of up to this many capitals may be spelt out


def mismatch(text: str, levels: Levels, duration_s: float, config: ValidationConfig) -> str | None:
    """Why a text cannot belong to a recording, or None."""
    fewest, most = syllables(text)
    speech_s = levels.sound_s if levels.range_db >= config.clear_range_db else duration_s
    allowed = config.free_syllables + config.fastest_syllables_per_s * speech_s
    if fewest > allowed:
        return (
            f"its text of {len(text)} characters takes at least {fewest:.0f} syllables, and there are "
            f"{speech_s:.2f} s of sound in its {duration_s:.2f} s; allowed: at most {allowed:.0f} "
            f"({config.fastest_syllables_per_s:g} in a second, and {config.free_syllables:g})"
        )
    allowed_s = config.free_s + config.slowest_s_per_syllable * most
    if levels.pauses_known and levels.sound_s > allowed_s:
        return (
            f"its text of {len(text)} characters has at most {most:.0f} syllables, and there are "
            f"{levels.sound_s:.2f} s of sound; allowed: at most {allowed_s:.2f} s "
            f"({config.slowest_s_per_syllable:g} s for a syllable, and {config.free_s:g} s)"
        )
    return None


def syllables(text: str) -> Syllables:
    """Fewest and most syllables of a text, over all scripts; 0 where there is nothing to say."""
    fewest = most = 0.0
    shouted = text.isupper() and len(text.split()) > 1  # in a text all in capitals, no word is spelt out
    for run in _LETTERS.findall(unicodedata.normalize("NFC", text)):
        for word in _of_one_script(run):
            low, high = _word(word.casefold())
            if not shouted and word.isupper() and len(word) <= _SPELT_LETTERS:
                high = max(high, 3.0 * len(word) if "W" in word else 1.0 * len(word))
            fewest, most = fewest + low, most + high
    for number in _NUMBER.findall(text):
        # Digit by digit ("seven" has two), or as one number: "1914" has four, "777" up to nine.
        fewest, most = fewest + max(1.0, 0.75 * len(number)), most + 3.0 * len(number)
    return fewest, most


def _of_one_script(run: str) -> list[str]:
    """Letters that follow each other, cut where the script changes: `我用iPhone手机` is three words here."""
    if run.isascii():
        return [run]
    words: list[str] = []
    last = ""
    for letter in run:
        script = _script(letter) if letter.isalpha() else last  # a mark belongs to its letter
        if script == last and words:
            words[-1] += letter
        elif letter.isalpha():
            words.append(letter)
            last = script
    return words


@functools.lru_cache(maxsize=1 << 15)
def _word(word: str) -> Syllables:
    script = _script(word[0])
    if script in _ALPHABETS:
        return _by_vowels(word, script)
    letters = sum(letter.isalpha() for letter in word)
    if script == "CJK":
        # A Japanese reading of a Chinese character has up to four syllables; a Korean or Chinese one has one.
        return 1.0 * letters, 3.0 * letters
    if script in _ONE_EACH:
        return max(1.0, 0.8 * letters), 1.0 * letters
    if script in _UP_TO_ONE:
        return max(1.0, letters / _UP_TO_ONE_PER_SYLLABLE), 1.0 * letters
    if script in _SOUTH_EAST_ASIA:
        return max(1.0, letters / _SIGNS_PER_SYLLABLE), 1.0 * letters
    # The scripts of India write every vowel but the shortest, which may be silent; a virama removes it.
    signs = sum("VOWEL SIGN" in unicodedata.name(sign, "") for sign in word if not sign.isalpha())
    sounded = letters - sum(unicodedata.combining(sign) == _VIRAMA for sign in word)
    per_syllable = _SEMITIC_LETTERS_PER_SYLLABLE if script in _SEMITIC else _CONSONANTS_PER_SYLLABLE
    return max(1.0, sounded / per_syllable, float(signs)), 1.0 * letters


def _by_vowels(word: str, script: str) -> Syllables:
    groups = letters = 0
    inside = False
    for letter in word:
        vowel = _base(letter) in _VOWELS
        groups += vowel and not inside
        letters += vowel
        inside = vowel
    # "idea" has two groups of vowels and three syllables, "named" two groups and one syllable.
    least = groups - (script == "LATIN" and groups > 1 and _LATIN_TAIL.search(word) is not None)
    return max(1.0, float(least)), max(1.0, float(letters))


@functools.lru_cache(maxsize=4096)
def _base(letter: str) -> str:
    return unicodedata.normalize("NFD", letter)[0]


@functools.lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").split()[0].split("-")[0]
