"""Find personal data in transcripts by its form and, if it has one, by its check digit.

A model can learn to repeat what it was trained on. Reports show only the first two characters of what was found.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from engine.scripts import UNSPACED

Certainty = Literal["certain", "possible"]


@dataclass(frozen=True, slots=True)
class PersonalData:
    """A piece of personal data in a text."""

    kind: str
    """What it is, in words."""
    certainty: Certainty
    """How clear its form is."""
    shown: str
    """Its first two characters; the rest is hidden."""


_TOP_LEVEL = r"(?:com|org|net|edu|gov|info|biz|io|co|me|de|uk|fr|es|it|nl|eu|at|ch|pl|se|us|ca|au|jp|cn|in|br|ru|kz|ua|tr|ком|ру|рф)"
_AT = r"(?:at|ät|klammeraffe|arroba|arobase|chiocciola|małpa|zavináč|собака|собачка)"
_DOT = r"(?:dot|punkt|punto|point|ponto|kropka|tečka|точка|nokta)"
_EMAIL = re.compile(r"(?<![\w.+%'-])[\w.+%'-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")
_SPOKEN_EMAIL = re.compile(
    rf"\b\w+(?: (?:{_DOT}|underscore|dash) \w+)* {_AT} \w+(?: (?:{_DOT}|dash) \w+)* {_DOT} {_TOP_LEVEL}\b",
    re.IGNORECASE,
)
_URL = re.compile(r"\b(?:https?|ftp|ssh|sftp)://\S+|\bwww\.\S+|(?<![\w.-])[\w.-]*[\w-]\.[a-z]{2,}/\S+", re.IGNORECASE)
_URL_USER = re.compile(
    r"://[^/\s@]+@|[/?&=](?:~|@)\w"
    r"|/(?:users?|u|profiles?|people|members?|accounts?|in|home|channel|c)/[\w.%-]*[A-Za-z][\w.%-]*"
    r"|[?&;](?:user(?:_?name)?|login|uid|account|email|name|profile)=\w"
    r"|\b(?:twitter|x|facebook|instagram|github|gitlab|linkedin|tiktok|t|vk|medium|reddit)\.(?:com|me|ru)/[\w.-]+",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<![\w@/.])@[A-Za-z_]\w{2,}")
_CARD = re.compile(
    r"(?<![\w.,-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5})(?![\w-]|[.,]\d)"
)
_CARD_NUMBER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3[068]\d{12,17}|35\d{14,17}|5[068]\d{14,17}"
    r"|6\d{15,18}"
)
"""Prefixes and lengths of the card networks' numbers."""
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}(?!\w)", re.IGNORECASE)
_SOCIAL_SECURITY = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_IP4 = re.compile(r"(?<![\w.])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\w]|\.\d)")
_IP6 = re.compile(
    r"(?<![\w:.])(?=[0-9a-f:]*:[0-9a-f:]*:)[0-9a-f:]{3,39}(?:\.\d{1,3}\.\d{1,3}\.\d{1,3})?(?![\w:])", re.IGNORECASE
)
_NUMBERED = re.compile(
    r"(?:\bv|\bver|\bversi[oó]n|\brelease|\bchapter|\bsection|§|верси\w{1,12}|版本|バージョン)[.:]?\s*$", re.IGNORECASE
)
"""Words before a number that is surely not an address. Every language has its own; without one, the number decides."""
_NETWORK = re.compile(
    r"\b(?:ip|ipv4|ip-\w+|host\w*|server\w*|servidor\w*|serveur\w*|router\w*|gateway|subnet|ping|dns|localhost)\b"
    r"|адрес|сервер|хост|сеть|роутер|地址|服务器|伺服器|アドレス|サーバ|서버|주소|خادم|عنوان|سرور|सर्वर|(?<!\w)आईपी",
    re.IGNORECASE,
)
_PORT = re.compile(r":\d{2,5}(?!\d)|/\d{1,2}(?!\d)")
_NEAR = 30
_LARGE = 31
"""Parts of a version, of a section or of a date are seldom larger; two of four parts of an address nearly always are."""
_BESIDE_DIGITS = re.compile(
    rf"(?<=[{UNSPACED}])(?=[0-9A-Za-z(+@])|(?<=[0-9A-Za-z)])(?=[{UNSPACED}])"
    r"|(?<=[\u0370-\U0003ffff])(?<=\w)(?=[0-9])|(?<=[0-9])(?=[\u0370-\U0003ffff])(?=\w)"
)
_PHONE = re.compile(
    r"(?<![\w.+-])(?:"
    r"\+\d{1,3}[ .\-/]?(?:\(\d{1,5}\)[ .\-/]?)?\d[\d .\-/]{5,16}\d"  # +49 171 1234567
    r"|00\d{1,3}[ .\-/]\d[\d .\-/]{5,16}\d"
    r"|\((?!(?:1[5-9]|20)\d\d\))\d{2,5}\)[ .\-/]?\d{2,4}[ .\-/]?\d{2,5}(?:[ .\-/]?\d{2,4})?"  # (555) 123-4567
    r"|(?:1[ .-])?[2-9]\d{2}([ .-])\d{3}\1\d{4}"  # 555-123-4567
    r"|0\d{2,5}[ .\-/]\d{3,8}(?:[ .\-/]\d{2,6})?"  # 0171 1234567, 020 7946 0958
    r"|0\d([ .-])\d{2}\2\d{2}\2\d{2}\2\d{2}"  # 01 23 45 67 89
    r"|0\d{9,11}"
    r")(?![\w-]|[.,]\d)"
)
_GROUPS = re.compile(
    r"(?<![\w.+-])(?:8[ -]?\(?\d{3}\)?[ -]\d{3}[ -]\d{2}[ -]\d{2}|1\d{2}[ -]\d{4}[ -]\d{4}|[6-9]\d{4} \d{5})(?![\w-]|[.,]\d)"
)
"""Russia, China, India: 8 912 345-67-89, 138 1234 5678, 98765 43210."""
_DIGIT_RUN = re.compile(r"(?<![\w.,-])\d{10,12}(?![\w-]|[.,]\d)")
_STREET = r"(?:street|st|avenue|ave|road|rd|lane|ln|boulevard|blvd|crescent|highway|hwy|parkway|pkwy)"
_STREET_OR_NOT = r"(?:Way|Court|Ct|Terrace|Place|Pl|Square|Sq|Close|Drive|Dr)"  # only as names: "20 people drive"
_NO_NAME = (
    r"(?!(?:the|of|in|on|and|or|to|by|per|from|for|at|with|a|an|is|was|are|minutes?|hours?|days?|years?|miles?|km|"
    r"kilomet\w+|met\w+|feet|yards?|lanes?|people|cars?|percent|times|more|different|new|long|way|down|up|off|ways)\b)"
)
_NAME = rf"{_NO_NAME}[^\W\d_][\w'’.-]*"
_ADDRESS = re.compile(
    rf"(?<![\w.,])\d{{1,5}}[a-z]?,? (?:(?:north|south|east|west|n|s|e|w)\.? )?(?:{_NAME} ){{1,3}}{_STREET}\b(?! of\b)"
    rf"|(?<![\w.,])\d{{1,5}}[a-z]?,? (?:(?-i:[A-Z])[\w'’.-]* ){{1,3}}(?-i:{_STREET_OR_NOT})\b(?! of\b)"
    r"|\b[^\W\d_]{3,}(?:straße|strasse|str\.|weg|allee|platz|gasse|straat|gatan|gata|vägen) ?\d{1,4} ?[a-z]?\b"
    r"|(?<![\w.,])\d{1,4}(?: ?(?:bis|ter))?,? (?:rue|avenue|boulevard|place|chemin|impasse|allée|quai) "
    r"(?:de |du |des |la |le |l')*[^\W\d_]{3,}"
    r"|\b(?:calle|avenida|plaza|via|viale|piazza|corso|rua|ulica|ul\.) (?:[^\W\d_][\w'’.-]* ){0,3}"
    r"[^\W\d_][\w'’.-]*,? (?:n[.º°]? ?)?\d{1,4}\b"
    r"|\bp\.? ?o\.? box \d+"
    r"|\b(?:улиц[аеу]|ул\.|проспекте?|пр-?т|переулок|шоссе|бульвар) (?:[^\W\d_][\w.-]*,? ){1,3}(?:д(?:ом|\.) ?)?\d{1,4}\b"
    r"|[\u4e00-\u9fff]{2,}[路街道巷] \d{1,4} 号",
    re.IGNORECASE,
)
_NEEDS = re.compile(rf"[@:/]|\d| {_DOT} |www\.", re.IGNORECASE)


def find_personal_data(text: str) -> PersonalData | None:
    """The first personal data in a text, the certain before the possible, or None."""
    text = _plain(text)
    if not _NEEDS.search(text):
        return None
    return _certain(text) or _possible(text)


def _certain(text: str) -> PersonalData | None:
    for found in _URL.finditer(text):
        if _URL_USER.search(found[0]):
            return _hidden("an address on the web with the name of a user", found[0])
    if email := _EMAIL.search(text):
        return _hidden("an e-mail address", email[0])
    if not any(character.isdigit() for character in text) and ":" not in text:
        return None
    for found in _IBAN.finditer(text):
        if iban := _iban(found[0]):
            return _hidden("a bank account (IBAN, its checksum is right)", iban)
    for found in _CARD.finditer(text):
        digits = re.sub(r"\D", "", found[0])
        if _CARD_NUMBER.fullmatch(digits) and len(set(digits)) > 1 and is_luhn(digits):
            return _hidden("the number of a payment card (its check digit is right)", found[0])
    if number := _SOCIAL_SECURITY.search(text):
        return _hidden("a social security number", number[0])
    for found in _addresses(text):
        parts = [int(part) for part in found.groups()]
        is_said = _NETWORK.search(text, max(0, found.start() - _NEAR), found.start()) or _PORT.match(text, found.end())
        if is_said or sum(part > _LARGE for part in parts) >= 2:
            return _hidden("an IP address", found[0])
    for found in _IP6.finditer(text):
        if _is_ip6(found[0]):
            return _hidden("an IP address", found[0])
    for found in _PHONE.finditer(text):
        if 8 <= sum(character.isdigit() for character in found[0]) <= 15:
            return _hidden("a telephone number", found[0])
    return None


def _possible(text: str) -> PersonalData | None:
    for kind, pattern in (
        ("what looks like the address of a house", _ADDRESS),
        ("what may be a spoken e-mail address", _SPOKEN_EMAIL),
        ("what may be a telephone number", _DIGIT_RUN),
        ("what may be a telephone number", _GROUPS),
        ("what looks like the name of a user", _HANDLE),
    ):
        if found := pattern.search(text):
            return PersonalData(kind, "possible", _hidden(kind, found[0]).shown)
    for found in _addresses(text):
        kind = "what may be an IP address, or the number of a section or a version"
        return PersonalData(kind, "possible", _hidden(kind, found[0]).shown)
    return None


def _addresses(text: str) -> Iterator[re.Match[str]]:
    """Matches of four numbers with dots that can be an IPv4 address."""
    for found in _IP4.finditer(text):
        if all(int(part) <= 255 for part in found.groups()) and not _NUMBERED.search(
            text[max(0, found.start() - _NEAR) : found.start()]
        ):
            yield found


def _plain(text: str) -> str:
    """A text in the form that the patterns expect: digits 0 to 9, set off by blanks from letters of other scripts.

    People write `电话13812345678`, `010-1234-5678로` and `٠١٠١٢٣٤٥٦٧٨`.
    """
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    text = re.sub(r"[^\x00-\x7f]", lambda c: str(unicodedata.decimal(c[0], c[0])), text)
    return _BESIDE_DIGITS.sub(" ", text)


def is_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others.

    Source: ISO/IEC 7812-1, annex B.
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _iban(found: str) -> str | None:
    """The longest prefix of a text that is an IBAN; words may follow it.

    Source: ISO 13616-1, 6.
    """
    compact = re.sub(r"[ -]", "", found).upper()
    for length in range(min(34, len(compact)), 14, -1):
        part = compact[:length]
        if int("".join(str(int(character, 36)) for character in part[4:] + part[:4])) % 97 == 1:
            # Words after it give further candidates, of which one in 97 is valid by chance.
            return part if sum(character.isdigit() for character in part) >= 10 else None
    return None


def _is_ip6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    # Eight numbers may be the times of a run; letters alone, a word.
    plain = text.replace(":", "")
    return any(c.isdigit() for c in plain) and ("::" in text or not plain.isdigit())


def _hidden(kind: str, found: str) -> PersonalData:
    return PersonalData(kind, "certain", f"{found[:2]}…")
