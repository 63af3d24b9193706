"""Decode file names that are not UTF-8, with the code page in which they match the names in the metadata.

Old zip tools write names in their machine's code page without stating it; tar writes the bytes that it finds. A match with
names in the metadata shows the right code page. Without metadata, letter frequencies may show it.
"""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from engine.data.endings import stem
from engine.data.source import Entry, displayed, safe_path
from engine.data.text_encoding import UnclearEncodingError, best_code_page, code_pages, decode
from engine.errors import ItemError

_METADATA_ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".json", ".lst", ".list", ".scp", "text", "segments", ".xml")
_MOST_FILES = 50
_PACK = "pack the archive with UTF-8 names (7-Zip: parameter cu=on; or make a tar), or unpack it and give the folder"


def with_names(entries: Sequence[Entry], read: Callable[[Entry], bytes]) -> tuple[list[Entry], list[str]]:
    """The entries with all names decoded, and warnings.

    Args:
        entries: every file of a source.
        read: returns the beginning of a file; empty if it cannot be read.
    """
    undecoded = [entry for entry in entries if entry.raw_name is not None]
    if not undecoded:
        return list(entries), []
    names = [entry.raw_name or b"" for entry in undecoded]
    known = list(_texts(entries, read))
    encoding, how = _by_metadata(names, known), "in which they are the names in the metadata"
    if encoding is None:
        encoding, how = best_code_page(name.replace(b"/", b"\n") for name in names), "by their letters"
    if encoding is None:
        shown = displayed(undecoded[0].path)
        warning = f"{len(names)} names of files are not UTF-8, such as {shown!r}, and their code page cannot be determined: {_PACK}"
        return [_undecided(entry) for entry in entries], [warning]
    found = [entry if entry.raw_name is None else _named(entry, encoding) for entry in entries]
    shown = next(entry.path for entry, before in zip(found, entries, strict=True) if before.raw_name is not None)
    return found, [f"{len(names)} names of files are not UTF-8; they were read as {encoding}, {how}: {shown}"]


def _named(entry: Entry, encoding: str) -> Entry:
    """An entry with its name decoded in a code page."""
    name = (entry.raw_name or b"").decode(encoding, "replace")
    try:
        path = displayed(safe_path(posixpath.join(entry.folder, name)))
    except ItemError as fault:
        return replace(entry, path=displayed(name), fault=entry.fault or fault)
    return replace(entry, path=path)


def _undecided(entry: Entry) -> Entry:
    return entry if entry.raw_name is None else replace(entry, is_garbled=True)


def _texts(entries: Sequence[Entry], read: Callable[[Entry], bytes]) -> Iterator[str]:
    """Contents of files that may be metadata."""
    candidates = [entry for entry in entries if not entry.fault and entry.path.lower().endswith(_METADATA_ENDINGS)]
    for entry in candidates[:_MOST_FILES]:
        try:
            yield unicodedata.normalize("NFC", decode(entry.path, read(entry)).text)
        except UnclearEncodingError:
            continue


def _by_metadata(names: Sequence[bytes], texts: Sequence[str]) -> str | None:
    """The code page in which most names match the metadata; None without a match or with conflicting ones."""
    hits: dict[str, tuple[int, list[str]]] = {}
    for encoding in code_pages():
        try:
            decoded = [unicodedata.normalize("NFC", name.decode(encoding)) for name in names]
        except UnicodeDecodeError:
            continue
        count = sum(any(_said(part, texts) for part in _parts(name)) for name in decoded)
        if count:
            hits[encoding] = (count, decoded)
    if not hits:
        return None
    best = max(hits, key=lambda encoding: hits[encoding][0])
    rivals = [decoded for count, decoded in hits.values() if count == hits[best][0]]
    return best if all(decoded == hits[best][1] for decoded in rivals) else None


def _parts(name: str) -> Iterator[str]:
    """The non-ASCII parts of a path, the last one without its extension."""
    for part in (*posixpath.dirname(name).split("/"), stem(posixpath.basename(name))):
        if not part.isascii():
            yield part


def _said(part: str, texts: Sequence[str]) -> bool:
    return any(part in text for text in texts)
