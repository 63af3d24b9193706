"""Find unreadable text: bytes read in a wrong encoding, control characters, invisible characters."""

from __future__ import annotations

import functools
import re
import unicodedata

REMOVED = frozenset("\u200b\ufeff\u00ad\u2060\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Invisible characters that are not spoken either: they are removed, with a warning."""

_ESCAPE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}|\\[nrt]")
_ENTITY = re.compile(
    r"&(?:#\d{2,7}|#x[0-9a-fA-F]{2,6}|[A-Za-z]{2,8});|</?(?:a|b|br|div|em|font|i|p|small|span|strong|sub|sup|u)\b[^<>]*>"
)
_LACKING = re.compile(
    r"[\[(<{]\s*(?:inaudible|unintelligible|indistinct|unclear|crosstalk|unk|unv|unverständlich|inaudibile|inintelligible|"
    r"ininteligible|ininteligível|неразборчиво)\b[^\[\]()<>{}]*[\])>}]|\[[\s_?]+\]",
    re.IGNORECASE,
)
_NOISES = re.compile(
    r"(?:[\[(<{*]\s*(?:silence|sil|spn|nsn|noise|music|applause|laughter|laughs?|breath\w*|cough\w*|blank_audio|no speech)"
    r"\s*[\])>}*]\s*)+",
    re.IGNORECASE,
)
"""Transcribers' marks for sounds other than speech."""
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
# A garbled "à", whose second byte became a space.
_BARE_TILDE_A = re.compile(r"(?<=[a-zà-ÿ])Ã(?=[\s.,;:!?]|$)|(?:^|(?<=\s))Ã(?=\s)")
_CLOSING = frozenset("’”…»›“‘–—‚„«‹•")
_CODE_PAGES = ("cp1252", "cp1251", "mac_roman", "cp437", "cp850")
_MEANT = re.compile(
    "[\u00a1-\u052f\u05d0-\u064a\u1e00-\u1eff\u2010-\u2040\u20a0-\u20bf\u3040-\u30ff\u4e00-\u9fff\U0001f300-\U0001faff]"
)
_SHOWN = 24


def unreadable(text: str) -> str | None:
    """Describe what is unreadable in a transcript, which still has its control characters; None if nothing is."""
    if escape := _ESCAPE.search(text):
        return f"found the escape {escape[0]}, as for a character that was lost; allowed: the character itself"
    if "??" in text and _is_lost(text):
        return f"found question marks in place of all letters ({near(text, 0)}): they were lost when it was saved"
    if text.isascii() and text.isprintable():
        return None
    garbled = _garbled(text)
    for at, character in enumerate(text):
        kind = unicodedata.category(character)
        if character == "\ufffd":
            return f"found a replacement character ({near(text, at)}): the file was read or written in a wrong encoding"
        if kind == "Cs":
            return f"found a lone surrogate (U+{ord(character):04X}); allowed: whole characters"
        if kind == "Cc" and garbled is None:
            return f"found a control character (U+{ord(character):04X}); allowed: letters, digits and punctuation"
        if kind == "Co" or (kind == "Cn" and not _may_be_new(character)):
            return f"found U+{ord(character):04X}, which is no character of Unicode; allowed: letters of a script"
    if garbled is not None:
        wrong, right = garbled
        return f"found {wrong!r} where {right!r} was meant: UTF-8 was read in another encoding"
    return None


def lacks_words(text: str) -> str | None:
    """The first mark for words that could not be understood, or None."""
    found = _LACKING.search(text)
    return found[0] if found else None


def is_mark(text: str) -> bool:
    """Whether a text consists only of such marks, or of descriptions of noises."""
    return bool(_NOISES.fullmatch(text)) or (lacks_words(text) is not None and says_nothing(_LACKING.sub("", text)))


def entity(text: str) -> str | None:
    """Describe HTML left in a transcript; None if there is none."""
    found = _ENTITY.search(text)
    if found is None:
        return None
    instead = "the text alone" if found[0].startswith("<") else "the character itself"
    return f"found {found[0]}, which is HTML and is not said; allowed: {instead}"


def invisible(text: str) -> str | None:
    """Describe an invisible character, which `plain` removes; None if there is none."""
    found = next((character for character in text if character in REMOVED), None) if not text.isascii() else None
    return f"found U+{ord(found):04X}, which shows nothing; it was taken out" if found else None


def says_nothing(text: str) -> bool:
    """Whether a text has no letter and no digit."""
    return not any(character.isalnum() for character in text)


def plain(text: str) -> str:
    """A readable transcript as stored in the manifest: no invisible characters, single spaces."""
    if not text.isascii():
        text = "".join(character for character in text if character not in REMOVED)
    return " ".join(text.split())


def _is_lost(text: str) -> bool:
    """Whether a text has words of question marks only, and no letters."""
    return not any(c.isalpha() for c in text) and any(set(word.strip(".,;:!-")) == {"?"} for word in text.split())


def _may_be_new(character: str) -> bool:
    """Whether a newer Unicode may define a character: every version adds emoji and rare Chinese characters."""
    return ord(character) > 0xFFFF and ord(character) & 0xFFFE != 0xFFFE


def _garbled(text: str) -> tuple[str, str] | None:
    """Characters that are UTF-8 read in another encoding, and what they were, or None."""
    if bare := _BARE_TILDE_A.search(text):
        return text[max(0, bare.start() - 1) : bare.end()], "à"
    for run in _NOT_ASCII.finditer(text):
        for code_page in _CODE_PAGES:
            if found := _decoded(run[0], code_page, text, run.start()):
                return found
    return None


def _decoded(run: str, code_page: str, text: str, start: int) -> tuple[str, str] | None:
    """The first garbled UTF-8 sequence of a run that makes sense in no language, and its original; or None."""
    coded = [_byte(character, code_page) for character in run]
    at, found = 0, []
    while at < len(run):
        length = _sequence_length(coded[at])
        piece = coded[at : at + length]
        if length > 1 and len(piece) == length and all(0x80 <= byte < 0xC0 for byte in piece[1:]):
            try:
                found.append((at, length, bytes(piece).decode("utf-8")))
                at += length
                continue
            except UnicodeDecodeError:
                pass
        at += 1
    covered = sum(length for _, length, _ in found)
    for at, length, meant in found:
        wrong = run[at : at + length]
        if code_page == "cp1252":
            strange = _is_strange(wrong, meant, text, start + at)
        else:
            strange = covered == len(run) and _is_strange_elsewhere(wrong, meant, text, start, run)
        if strange:
            return wrong, meant
    return None


def _is_strange_elsewhere(wrong: str, meant: str, text: str, start: int, run: str) -> bool:
    """Like `_is_strange`, for other code pages: real texts have `Ні` (no) and `Я…` (I) in Cyrillic."""
    if not _MEANT.match(meant) or (wrong.isalpha() and wrong.islower() and len(wrong) == 2):
        return False  # Ewe has `ƒã`
    if "\u2010" <= meant <= "\u2040":
        return True  # a quotation mark or a dash, the most frequent of all
    if run.isalpha() or all(character in _CLOSING for character in wrong[1:]):
        around = text[max(0, start - 1) : start] + text[start + len(run) : start + len(run) + 1]
        return len(run) >= 4 * len(wrong) or any(character.isascii() and character.isalpha() for character in around)
    return True


def _is_strange(wrong: str, meant: str, text: str, at: int) -> bool:
    """Whether a sequence that could be UTF-8 read as Windows-1252 really is: real texts have `É…` and `ß”` too."""
    if unicodedata.category(meant[0])[0] in "CM" and meant not in REMOVED and not wrong.startswith("Â"):
        return False
    tail_closes = all(character in _CLOSING for character in wrong[1:])
    if not tail_closes:
        # `Ã©`, `â€™`, `Ð¿`: no language has a letter and such a sign in one word.
        # Northern Sami has `ášš`.
        return wrong[0] != "ß" and not (wrong[0].islower() and (len(wrong) == 2 or wrong.isalpha()))
    after = text[at + len(wrong) : at + len(wrong) + 1]
    before = text[at - 1 : at] if at else ""
    inside_word = (before.islower() and wrong[0].isupper()) or (after.isalpha() and after.islower())
    return inside_word and len(wrong) == 2


def _sequence_length(byte: int) -> int:
    if 0xC2 <= byte < 0xE0:
        return 2
    if 0xE0 <= byte < 0xF0:
        return 3
    return 4 if 0xF0 <= byte < 0xF5 else 1


@functools.lru_cache(maxsize=4096)
def _byte(character: str, code_page: str) -> int:
    """The byte that a code page reads as a character; 0 if none. Bytes without one are read as control characters."""
    try:
        return character.encode(code_page)[0]
    except UnicodeEncodeError:
        return ord(character) if code_page == "cp1252" and 0x80 <= ord(character) < 0xA0 else 0


def near(text: str, at: int) -> str:
    """The text around a position, quoted."""
    return repr(text[max(0, at - _SHOWN // 2) : at + _SHOWN // 2])
