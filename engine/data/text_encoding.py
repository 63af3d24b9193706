"""Decode text files in any common encoding: UTF-8, UTF-16 and UTF-32, and older code pages.

A code page is chosen only if the file is plausible text in it, and clearly less plausible in every other one. A file
that fits several code pages is rejected, because a dataset with wrong letters is worse than none.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from engine.data.letters import log_likelihood
from engine.errors import IngestError

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: it begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNIT_BYTES = {"utf-16-le": 2, "utf-16-be": 2, "utf-32-le": 4, "utf-32-be": 4}
_COMMON, _ISO, _OLD = 0.0, -3.0, -4.0
_CODE_PAGES: dict[str, float] = {
    **dict.fromkeys(("cp1252", "cp1251", "cp1250", "gb18030", "cp932", "big5hkscs", "cp949", "euc_jp"), _COMMON),
    **dict.fromkeys(("koi8-r", "koi8-u", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874"), _COMMON),
    **dict.fromkeys(("iso8859-2", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-15", "cp1258"), _ISO),
    **dict.fromkeys(("kz1048", "mac-roman", "mac-latin2", "mac-cyrillic", "mac-greek", "mac-turkish"), _OLD),
    **dict.fromkeys(("cp437", "cp850", "cp852", "cp866", "cp737", "cp857", "cp862"), _OLD),
}
"""Code pages with a prior log probability each, up to a constant; of two with the same reading, the first is used."""
_CLEARLY = 5.0  # log likelihood by which a reading must be better than every other one
_LEAST_PER_LETTER = -6.0  # lowest log likelihood per letter of a text in any language; random letters have less
_ODD = -5.0  # lowest mean log probability of the positions of non-ASCII characters in a text
_SAMPLE_BYTES = 1 << 14
_MIXED = 4  # a UTF-8 file has fewer than this many broken lines per good one
_BETWEEN_WORDS = re.compile(r"[\x00-\x26\x28-\x40\x5b-\x60\x7b-\x7f\u3000]+")
_PUNCTUATION = frozenset("\xa0«»“”„‘’–—…¿¡、。「」『』！？，：；·・（）《》‹›№٪،؟؛€£©°")
_OUT_OF_PLACE = -16.0  # log probability of a symbol in a word, or of letters of two alphabets
_BESIDE_HAN = -9.0  # log probability of another script in a word of Han or Hangul, as in 用APP


class UnclearEncodingError(IngestError):
    """The encoding of a file cannot be determined."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text."""

    text: str
    """Without a byte order mark; its lines end in `\\n` or `\\r\\n`."""
    encoding: str
    """Its encoding."""
    warnings: list[str] = field(default_factory=list)
    """Its oddities."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """Bytes decoded with a code page."""

    encoding: str
    text: str
    likelihood: float
    """Log likelihood of its words."""
    is_legible: bool
    """Whether its letters and their positions are those of a text."""


def decode(name: str, data: bytes, pool: Callable[[], Iterable[bytes]] = tuple) -> Decoded:
    """Decode a file.

    Args:
        name: path of the file, for messages.
        data: its content.
        pool: returns files that probably have the same encoding; called if the file alone does not reveal it.

    Raises:
        UnclearEncodingError: several encodings are possible, or none.
    """
    encoding = _unicode_encoding(data)
    if encoding != "utf-8":
        text = _plain(data.decode(encoding, "replace"))
        lost = f", and {text.count(chr(0xFFFD))} of its characters are damaged" if "\ufffd" in text else ""
        return Decoded(text, encoding, [f"{name} is encoded as {encoding}, not UTF-8{lost}"])
    try:
        return Decoded(_plain(data.decode("utf-8")), "utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
    if b"\0" in data:
        raise UnclearEncodingError(f"{name} is no text: it has NUL bytes; save it as UTF-8")
    if bad := _broken_lines(data):
        text = _plain(data.decode("utf-8", "replace"))
        return Decoded(
            text,
            "utf-8",
            [
                f"{name} has {bad} lines (the first is line {line}) that are not UTF-8, as its other lines are; letters "
                "in them were lost: save it as UTF-8"
            ],
        )
    best = _best(name, _sample(data), pool)
    text = _plain(data.decode(best, "replace"))
    lost = f"; {text.count(chr(0xFFFD))} characters were lost" if "\ufffd" in text else ""
    return Decoded(
        text,
        best,
        [
            f"{name} is not UTF-8 (line {line}); it was read as {best}{lost}: check that its texts are right, such as "
            f"{_shown(text)!r}, or save it as UTF-8"
        ],
    )


def decode_head(data: bytes, is_whole: bool = False) -> str:
    """Decode the beginning of a file, with Latin-1 if its encoding is unclear.

    Args:
        data: the bytes, which may be cut anywhere.
        is_whole: whether they are the whole file, so that a last line without a line end counts too.
    """
    encoding = _unicode_encoding(data)
    unit = _UNIT_BYTES.get(encoding)
    if unit:
        return _plain(data[: len(data) // unit * unit].decode(encoding, "ignore"))
    whole = data if is_whole else data[: data.rfind(b"\n") + 1] or data
    try:
        return decode("", whole).text
    except UnclearEncodingError:
        return _plain(whole.decode("latin-1"))


def is_unicode(data: bytes) -> bool:
    """Whether the beginning of a file, which may be cut anywhere, is in UTF-8, UTF-16, UTF-32 or ASCII."""
    if _unicode_encoding(data) != "utf-8":
        return True
    try:
        (data[: data.rfind(b"\n") + 1] or data).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def best_code_page(lines: Iterable[bytes]) -> str | None:
    """The code page of lines that are not UTF-8; None if it is unclear."""
    found = _readings(b"\n".join(lines))
    return found[0].encoding if _is_clear(found) else None


def code_pages() -> tuple[str, ...]:
    """All supported code pages, the common ones first."""
    return tuple(_CODE_PAGES)


def _plain(text: str) -> str:
    """Remove a byte order mark, and replace the line ends of old Macs."""
    text = text.removeprefix("\ufeff")
    return text if "\n" in text else text.replace("\r", "\n")


def _unicode_encoding(data: bytes) -> str:
    """The encoding shown by a byte order mark, the positions of NUL bytes, or ISO 2022 escapes; else UTF-8."""
    marked = next((encoding for mark, encoding in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if marked or b"\0" not in data[:_SAMPLE_BYTES]:
        return marked or _seven_bit_encoding(data)
    found: dict[str, int] = {}
    for encoding, unit in _UNIT_BYTES.items():
        text = data[: min(_SAMPLE_BYTES, len(data) // unit * unit)].decode(encoding, "replace").removesuffix("\ufffd")
        # In the wrong byte order, many characters are unassigned or odd, and blanks and line ends are lost.
        odd = (unicodedata.category(c) in ("Cc", "Cn", "Co", "Cs") and c not in "\t\r\n" for c in text)
        if "\ufffd" not in text and not any(odd):
            found[encoding] = sum(c.isascii() for c in text)
    best = max(found, key=lambda encoding: found[encoding], default="utf-8")
    return best if found.get(best) else "utf-8"


def _seven_bit_encoding(data: bytes) -> str:
    """The ISO 2022 encodings of Japanese and Korean, which switch alphabets by escapes and are else ASCII; or UTF-8."""
    if b"\x1b$" not in data or not data.isascii():
        return "utf-8"
    encoding = "iso2022_kr" if b"\x1b$)C" in data else "iso2022_jp_2"
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return "utf-8"
    return encoding


def _broken_lines(data: bytes) -> int:
    """How many lines are not UTF-8, if enough others are (beyond ASCII); 0 if the file is in another encoding."""
    good = bad = 0
    for line in data.split(b"\n"):
        if not line.isascii():
            try:
                line.decode("utf-8")
                good += 1
            except UnicodeDecodeError:
                bad += 1
    return bad if _MIXED * good > bad else 0


def _best(name: str, sample: bytes, pool: Callable[[], Iterable[bytes]]) -> str:
    found = _readings(sample)
    if _is_clear(found):
        return found[0].encoding
    pooled = _readings(b"\n".join([sample, *(_sample(data) for data in pool())])[:_SAMPLE_BYTES])
    if _is_clear(pooled):
        return pooled[0].encoding
    advice = "save it as UTF-8 (in a text editor: Save as, Encoding UTF-8)"
    if len(found) > 1 and found[0].is_legible:
        both = " or ".join(f"{reading.encoding} ({_differing(reading, found)!r})" for reading in found[:2])
        raise UnclearEncodingError(f"{name} is not UTF-8, and could be {both}: {advice}")
    raise UnclearEncodingError(f"{name} is not UTF-8, and its encoding cannot be determined: {advice}")


def _readings(sample: bytes) -> list[_Reading]:
    """The different texts that a sample may be, the most likely first."""
    found: dict[str, _Reading] = {}
    for encoding, prior in _CODE_PAGES.items():
        try:
            text = unicodedata.normalize("NFC", sample.decode(encoding))
        except UnicodeDecodeError:
            continue
        if text not in found and not any(
            unicodedata.category(c) in ("Cn", "Co") or "\x7f" <= c <= "\x9f" for c in text
        ):
            letters, oddities = _words(text)
            strange = sum(not char.isascii() for char in text)
            likelihood = log_likelihood(letters) + oddities
            is_legible = oddities >= _ODD * strange and likelihood >= _LEAST_PER_LETTER * (letters.total() + strange)
            found[text] = _Reading(encoding, text, prior + likelihood, is_legible)
    return sorted(found.values(), key=lambda reading: -reading.likelihood)


def _is_clear(found: list[_Reading]) -> bool:
    if not found or not found[0].is_legible:
        return False
    return len(found) == 1 or found[0].likelihood - found[1].likelihood >= _CLEARLY


def _words(text: str) -> tuple[Counter[str], float]:
    """The letters of the words of a text, each word counted once, and the log probability of how they are arranged."""
    letters: Counter[str] = Counter()
    oddities = 0.0
    for word in set(_BETWEEN_WORDS.split(text)) - {""}:
        letters.update(char.lower()[0] for char in word if _is_letter(char))
        oddities += sum(_oddity(before, char, after) for before, char, after in _with_neighbours(word))
    return letters, oddities


def _with_neighbours(word: str) -> Iterator[tuple[str, str, str]]:
    return zip(f" {word[:-1]}", word, f"{word[1:]} ", strict=True)


def _oddity(before: str, char: str, after: str) -> float:
    """Log probability of a character's position in a word, given its neighbours."""
    if _is_letter(char):
        changes_case = before.islower() and char.isupper()
        scripts = {_script(before), _script(char)} if _is_letter(before) else set()
        mixes = len(scripts) > 1
        return -6.0 * changes_case + (_BESIDE_HAN if scripts & {"CJK", "HANGUL"} else _OUT_OF_PLACE) * mixes
    if char in "'’":
        return 0.0
    if char.isdecimal():
        return _OUT_OF_PLACE if before.isalpha() and _script(before) == "LATIN" else -3.0
    is_inside = char != "·" and before.isalpha() and after.isalpha() and not _is_wide(before)
    if char in _PUNCTUATION and not is_inside:
        is_attached = char in "€£©°" and before.isalpha()
        return _OUT_OF_PLACE if is_attached else -8.0 if before in _PUNCTUATION else -3.0
    return _OUT_OF_PLACE


def _is_letter(char: str) -> bool:
    return char.isalpha() or unicodedata.category(char) in ("Mn", "Mc")


def _script(char: str) -> str:
    """The script of a letter; the three scripts of Japanese count as one."""
    name = "LATIN" if char.isascii() else unicodedata.name(char, "").partition(" ")[0].replace("COMBINING", "LATIN")
    return "CJK" if name.startswith(("HIRAGANA", "KATAKANA")) else name


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) == "W"


def _sample(data: bytes) -> bytes:
    """Lines that are not ASCII, as many as are needed to detect an encoding."""
    lines, size = [], 0
    for line in data.split(b"\n"):
        if not line.isascii():
            lines.append(line)
            size += len(line)
            if size > _SAMPLE_BYTES:
                break
    return b"\n".join(lines)


def _shown(text: str) -> str:
    line = next((line for line in text.split("\n") if not line.isascii()), "")
    return " ".join(line.split())[:80]


def _differing(reading: _Reading, found: list[_Reading]) -> str:
    """The first line of a reading that differs in the other one."""
    other = found[1] if reading is found[0] else found[0]
    pairs = zip(reading.text.split("\n"), other.text.split("\n"), strict=False)
    return " ".join(next((mine for mine, theirs in pairs if mine != theirs), reading.text).split())[:60]
