"""Normal form of stored transcripts and names: composed, without control characters, with single spaces."""

from __future__ import annotations

import re
import unicodedata

_SPACES = re.compile(r"[^\S\x1c-\x1f\x85\xa0]+")  # Python's whitespace, without characters that garbled UTF-8 contains


def clean_text(text: str) -> str:
    """A transcript in Unicode's composed form, without control characters, with single spaces."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = (c if unicodedata.category(c) != "Cc" else " " for c in unicodedata.normalize("NFC", text))
    return " ".join("".join(kept).split())


def clean_transcript(text: str) -> str:
    """The same, keeping control characters and no-break spaces, which show how a text was garbled.

    Validation checks them; the manifest has none.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip(" ")


def plain_path(file_name: str) -> str:
    """A file name from metadata in the form of entries: `/`, composed Unicode, no `.` parts."""
    parts = unicodedata.normalize("NFC", file_name.strip().replace("\\", "/")).split("/")
    return "/".join(part for part in parts if part not in ("", "."))
