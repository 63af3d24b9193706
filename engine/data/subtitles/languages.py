"""The language in a subtitle file's name: `talk.de.srt`, `talk.en-US.vtt`, `talk.eng.srt`, `talk_de.srt`."""

from __future__ import annotations

import re

_THREE_LETTERS = {
    "afr": "af", "alb": "sq", "sqi": "sq", "amh": "am", "ara": "ar", "arm": "hy", "hye": "hy", "aze": "az",
    "baq": "eu", "eus": "eu", "bel": "be", "ben": "bn", "bos": "bs", "bul": "bg", "bur": "my", "mya": "my",
    "cat": "ca", "chi": "zh", "zho": "zh", "cmn": "zh", "cze": "cs", "ces": "cs", "dan": "da", "dut": "nl",
    "nld": "nl", "eng": "en", "est": "et", "fil": "tl", "fin": "fi", "fre": "fr", "fra": "fr", "geo": "ka",
    "kat": "ka", "ger": "de", "deu": "de", "glg": "gl", "gre": "el", "ell": "el", "guj": "gu", "hau": "ha",
    "heb": "he", "hin": "hi", "hrv": "hr", "hun": "hu", "ice": "is", "isl": "is", "ind": "id", "ita": "it",
    "jpn": "ja", "kan": "kn", "kaz": "kk", "khm": "km", "kor": "ko", "lao": "lo", "lat": "la", "lav": "lv",
    "lit": "lt", "mac": "mk", "mkd": "mk", "mal": "ml", "mar": "mr", "may": "ms", "msa": "ms", "mon": "mn",
    "nep": "ne", "nor": "no", "nob": "no", "nno": "nn", "pan": "pa", "per": "fa", "fas": "fa", "pol": "pl",
    "por": "pt", "pus": "ps", "rum": "ro", "ron": "ro", "rus": "ru", "sin": "si", "slo": "sk", "slk": "sk",
    "slv": "sl", "som": "so", "spa": "es", "srp": "sr", "swa": "sw", "swe": "sv", "tam": "ta", "tat": "tt",
    "tel": "te", "tgl": "tl", "tha": "th", "tib": "bo", "bod": "bo", "tur": "tr", "ukr": "uk", "urd": "ur",
    "uzb": "uz", "vie": "vi", "wel": "cy", "cym": "cy", "yor": "yo", "zul": "zu",
}  # fmt: skip
"""ISO 639-1 codes by ISO 639-2 and 639-3 code; some languages have two such codes."""
_NAMES = {
    "arabic": "ar", "bengali": "bn", "chinese": "zh", "czech": "cs", "danish": "da", "deutsch": "de", "dutch": "nl",
    "english": "en", "espanol": "es", "español": "es", "finnish": "fi", "francais": "fr", "français": "fr",
    "french": "fr", "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi", "hungarian": "hu",
    "indonesian": "id", "italian": "it", "italiano": "it", "japanese": "ja", "korean": "ko", "norwegian": "no",
    "persian": "fa", "polish": "pl", "polski": "pl", "portuguese": "pt", "portugues": "pt", "português": "pt",
    "romanian": "ro", "russian": "ru", "spanish": "es", "swahili": "sw", "swedish": "sv", "tamil": "ta",
    "thai": "th", "turkish": "tr", "ukrainian": "uk", "urdu": "ur", "vietnamese": "vi",
}  # fmt: skip
_TAG = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{2,8})*(?:[-_]orig)?", re.IGNORECASE)
_OTHER = {"he": "iw", "id": "in", "yi": "ji"}  # codes from before 1989, which some tools still write
_OLD = {old: new for new, old in _OTHER.items()}


def language_of(said: str) -> str | None:
    """The ISO 639-1 code of a language, or the given code if it has none; None if no language is named.

    Regions and scripts are dropped: `en-US` and `eng` become `en`.
    """
    word = said.strip().lower()
    if word in _NAMES:
        return _NAMES[word]
    found = _TAG.fullmatch(word)
    if not found:
        return None
    code = found[1]
    return _OLD.get(code) or _THREE_LETTERS.get(code, code)
