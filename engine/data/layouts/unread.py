"""Find files that probably hold the recordings' texts but that no layout reads; if any exist, no text is guessed."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator

from engine.data.endings import ending
from engine.data.layouts.contents import Contents
from engine.data.layouts.list_columns import form_of
from engine.data.layouts.naming import Names
from engine.data.layouts.text_like import may_hold_texts, sample

_MANY = 20  # a file that names this many recordings is about them, even if there are far more
_SEPARATORS = re.compile(r"[\s,;|\"'()<>=\[\]{}]+|:(?!/)")
_FEWEST = 3  # recordings; with fewer, an equal number of lines or files may be a coincidence
_TEXTS = frozenset(("csv", "lab", "list", "lst", "text", "trn", "tsv", "txt"))
_ABOUT = re.compile(
    r"(^|/)(readme|licen[cs]e|changelog|changes|copying|requirements|authors|notes)[^/]*$", re.IGNORECASE
)
_SPREADSHEET, _DOCUMENT = "a spreadsheet", "a document"
_OFFICE = {
    **dict.fromkeys(("xlsx", "xls", "ods", "numbers"), _SPREADSHEET),
    **dict.fromkeys(("docx", "doc", "odt", "rtf", "pdf"), _DOCUMENT),
}
_WITH_TEXTS = re.compile(r"transcri|text|script|prompt|sentence|utterance|label|metadata|word", re.IGNORECASE)
_PACKED_TEXT = re.compile(r"\.(txt|tsv|csv|json|jsonl|lst|list|trn)\.(gz|bz2|xz|zst|zip)$", re.IGNORECASE)


def unread(contents: Contents) -> dict[str, str]:
    """Files that seem to hold the recordings' texts, with the reason why each is not read."""
    names = Names(contents)
    enough = min(_MANY, (len(names) + 1) // 2)
    found: dict[str, str] = {}
    beside: dict[str, list[str]] = defaultdict(list)
    as_many: dict[str, list[str]] = defaultdict(list)
    for path in contents.unclaimed(""):
        if ending(path) in _OFFICE and (_OFFICE[ending(path)] == _SPREADSHEET or _WITH_TEXTS.search(path)):
            found[path] = f"{path} is {_OFFICE[ending(path)]}, which is not read; save it as a metadata.csv"
        elif _PACKED_TEXT.search(path):
            found[path] = f"{path} is a packed text file, which is not read; unpack it"
        elif may_hold_texts(path) and (lines := sample(path, contents)):
            mentioned = {word for line in lines for word in _SEPARATORS.split(line) if word and word in names}
            if mentioned and len(mentioned) >= enough and form_of(lines, names) is None:
                found[path] = f"{path} names the recordings and is in no form that is read; {_shown(lines)}"
            elif any(stem in names for stem in _stems(path)) and any(c.isalpha() for line in lines for c in line):
                beside[ending(path)].append(path)
            elif ending(path) in _TEXTS and len(lines) == len(names) >= _FEWEST and not _ABOUT.search(path):
                found[path] = (
                    f"{path} has as many lines as there are recordings, and does not name them; {_shown(lines)}"
                )
            elif ending(path) in _TEXTS:
                as_many[ending(path)].append(path)
    for kind, paths in beside.items():
        if len(paths) >= min(3, enough):
            shown = _shown(sample(paths[0], contents))
            reason = f"{len(paths)} .{kind} files are called as recordings and are in no form that is read; of {paths[0]} {shown}"
            found |= dict.fromkeys(paths, reason)
    for kind, paths in as_many.items():
        if len(paths) == len(names) >= _FEWEST:
            shown = _shown(sample(paths[0], contents))
            reason = f"there are as many .{kind} files as recordings, under other names; of {paths[0]} {shown}"
            found |= dict.fromkeys(paths, reason)
    return found


def _stems(path: str) -> Iterator[str]:
    name = posixpath.basename(path)
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _shown(lines: list[str]) -> str:
    first = " / ".join(line.strip()[:60] for line in lines[:2])
    return (
        f"the first lines are {first!r}: write the texts into a metadata.csv (columns file_name, text), or leave the file "
        "out if it holds none"
    )
