"""Read files that hold the text of one recording, and reject those that hold something else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.data.caption_values import caption_columns, read_captions
from engine.data.columns import TEXT_COLUMNS, Role, columns_of
from engine.data.endings import ending
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.naming import bare
from engine.data.limits import MIB
from engine.data.report import named
from engine.data.targets import CAPTIONS, TEXT, TargetKind
from engine.data.text_encoding import UnclearEncodingError, decode, is_unicode
from engine.data.values import as_text
from engine.errors import IngestError, ItemError

MAX_TEXT_BYTES = MIB
"""Largest text of one recording, in bytes."""
_TIMED = re.compile(r"(?P<start>\d+(?:\.\d+)?)\s+(?P<end>\d+(?:\.\d+)?)\s+(?P<text>\S.*)")
_CLOCK = r"(?:\d{1,2}:)?\d{1,2}:\d{2}"
_SPAN = re.compile(
    rf"(?:.*\s)?[^\w\s]*{_CLOCK}[.,]\d{{1,3}}\b.*{_CLOCK}[.,]\d{{1,3}}\b.*"
)  # ORT 00:00:01.200 00:00:02.940 text
_AT_TIME = re.compile(rf"[\[(]?{_CLOCK}\b.*|.*\s[\[(]?{_CLOCK}[\])]?")  # [0:12] text, or Ann 0:12
_CUE = re.compile(rf"\W*{_CLOCK}\S*\s*-->\s*{_CLOCK}.*")  # subtitles under another ending
_HEADING = re.compile(rf"\S(?:.{{0,39}}\S)?\s{{2,}}+[\[(]?{_CLOCK}[\])]?")  # Ann  0:12, above her words
_NUMBER = re.compile(rf"\d+(?:\.\d+)?|{_CLOCK}(?:[.,]\d+)?")
_DIARISED = re.compile(r"(?:speaker|sprecher|locuteur|hablante|spk)[ _]?\d+\s?:\s*", re.IGNORECASE)  # not spoken
_AT_END = re.compile(r"(?P<text>(?:.*\S)?)\s*\((?P<id>[^()\s]+)\)")
_FESTIVAL = re.compile(r'\(\s*(?P<id>\S+)\s+"(?P<text>.*)"\s*\)')
_TIMED_WORDS = "wrd"
_FEWEST_SAMPLES = 1000  # a line `0 END ...` begins with sample numbers if END is larger; else with spoken numbers
_FIRST_OTHER = 0x370  # code point of the first letters that are not Latin
_MARK = b"\x1e"
_SEPARATOR = b"\n" + _MARK + b"\n"


@dataclass(frozen=True, slots=True)
class OneText:
    """Content of a recording's text file."""

    text: str = ""
    speaker: str = ""
    split: str = ""
    lines: int = 1
    """Number of lines that were joined."""
    romanised: int = 0
    """Number of lines that repeat the text in Latin letters and were left out."""
    fault: ItemError | None = None
    """Why it cannot be used, if so."""


def read_texts(texts: Mapping[str, str], contents: Contents, builder: Builder) -> Iterator[tuple[str, OneText]]:
    """Read the text file of each recording; oddities of their encodings become one warning.

    Args:
        texts: path of the text file, by recording.
        contents: the source.
        builder: receives the warning.

    Raises:
        IngestError: all of them together are larger than one metadata file may be.
    """
    known: dict[str, str | ItemError] = {}
    found: dict[str, bytes] = {}
    read_bytes = 0
    for path in dict.fromkeys(texts.values()):
        try:
            with contents.source.open(contents.by_path[path], MAX_TEXT_BYTES) as file:
                data = file.read()
        except ItemError as fault:
            known[path] = ItemError("missing_text", f"its text file {path} cannot be read: {fault.reason}")
            continue
        found[path] = data
        read_bytes += len(data)
        if read_bytes > contents.limits.max_metadata_bytes:
            raise IngestError(
                f"the text files up to {path} have more than {contents.limits.max_metadata_bytes:,} bytes, the most "
                "allowed: split the dataset"
            )
    known |= _decoded(found, builder)
    for audio, path in texts.items():
        content = known[path]
        if isinstance(content, ItemError):
            yield audio, OneText(fault=content)
        else:
            yield audio, text_of(path, content, audio, contents.target)


def text_of(path: str, content: str, audio: str, target: TargetKind = TEXT) -> OneText:
    """Extract the text from a text file.

    Args:
        path: its path; files that end in `.json`, `.wrd` or `.cls` are read in these formats.
        content: its content.
        audio: path of its recording, because a text may begin or end with the recording's name.
        target: what it gives: a transcript, or captions, one on each line.
    """
    if ending(path) == "json":
        return _json_text(path, content, target)
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    if ending(path) == "cls" and lines and lines[0].isdecimal():
        return OneText(fault=_class_number(path, lines[0]))
    timed = [_TIMED.fullmatch(line) for line in lines]
    found = [match for match in timed if match]
    if found and len(found) == len(lines):
        if ending(path) == _TIMED_WORDS:
            return OneText(" ".join(match["text"] for match in found))
        if len(found) > 1 or "." in found[0]["start"]:
            return OneText(fault=_with_times(path, lines))
        if found[0]["start"] == "0" and int(float(found[0]["end"])) > _FEWEST_SAMPLES:
            return OneText(found[0]["text"])
    if _are_timed(lines):
        return OneText(fault=_with_times(path, lines))
    if len(lines) > 1 and bare(lines[0]) == bare(audio):
        lines = lines[1:]
    if not target.is_speech:
        return OneText(target.mark.join(lines), lines=len(lines))
    texts = [_without_name(line, audio) for line in _without_romanisation(lines)]
    return OneText(" ".join(texts), lines=len(texts), romanised=len(lines) - len(texts))


def _are_timed(lines: list[str]) -> bool:
    """Whether most lines are parts of a recording with their times."""
    spans = sum(bool(_SPAN.fullmatch(line)) for line in lines)
    moments = sum(bool(_AT_TIME.fullmatch(line)) for line in lines) if len(lines) > 1 else 0
    has_cues = any(_CUE.fullmatch(line) for line in lines) or sum(bool(_HEADING.fullmatch(line)) for line in lines) > 1
    return bool(lines) and (has_cues or 2 * max(spans, moments) >= len(lines) or all(map(_is_timed_row, lines)))


def _is_timed_row(line: str) -> bool:
    """Whether a line has columns of times and of a text, as ELAN exports them."""
    fields = [value for value in line.split("\t") if value.strip()]
    numbers = sum(bool(_NUMBER.fullmatch(value.strip())) for value in fields)
    return 2 <= numbers < len(fields)


def _with_times(path: str, lines: list[str]) -> ItemError:
    return ItemError(
        "missing_text",
        f"{path} holds labels with times ({lines[0][:60]!r}, ...); allowed: the text alone, subtitles (.srt, .vtt), or a "
        "metadata.csv with the columns file_name, start, end and text",
    )


def _without_romanisation(lines: list[str]) -> list[str]:
    """Drop lines in Latin letters below a text in another script: THCHS-30 has the pronunciation there."""
    is_other = [any(c.isalpha() and ord(c) >= _FIRST_OTHER for c in line) for line in lines]
    if len(lines) > 1 and is_other[0] and not any(c.isascii() and c.isalpha() for c in lines[0]):
        return [line for line, other in zip(lines, is_other, strict=True) if other]
    return lines


def _without_name(line: str, audio: str) -> str:
    """A line without a speaker number or the name X of its recording: `X text`, `text (X)`, `( X "text" )`."""
    if numbered := _DIARISED.match(line):
        return line[numbered.end() :]
    if (match := _FESTIVAL.fullmatch(line)) and bare(match["id"]) == bare(audio):
        return match["text"]
    first, *rest = line.split(maxsplit=1)
    if rest and bare(first.rstrip(":|,;")) == bare(audio):
        return rest[0]
    if (match := _AT_END.fullmatch(line)) and bare(match["id"]) == bare(audio):
        return match["text"]
    return line


def _class_number(path: str, number: str) -> ItemError:
    return ItemError(
        "missing_text", f"{path} holds {number}, the number of a class, and the source does not say what it is called"
    )


def _json_text(path: str, content: str, target: TargetKind) -> OneText:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        return OneText(fault=ItemError("missing_text", f"{path} is no JSON: {error}"))
    if not isinstance(values, dict):
        reason = f"{path} holds {type(values).__name__}; allowed: an object with one of {', '.join(TEXT_COLUMNS)}"
        return OneText(fault=ItemError("missing_text", reason))
    keys = [str(key) for key in values]
    roles: tuple[Role, ...] = (target.role, "speaker", "split")
    found = {role: next((keys[column.at] for column in columns_of(keys, role)), None) for role in roles}
    speaker, split = (as_text(values[key])[0] if (key := found[role]) else "" for role in ("speaker", "split"))
    if target.role == "caption":
        return _json_captions(path, values, keys, speaker, split)
    value = values.get(found["text"]) if found["text"] else None
    if isinstance(value, int) and "label" in str(found["text"]).lower():
        return OneText(fault=_class_number(path, str(value)))
    text = as_text(value)[0]
    if not text.strip():
        shown = ", ".join(keys[:10]) or "nothing"
        reason = f"{path} has the keys {shown}; the text is looked for in one of {', '.join(TEXT_COLUMNS)}"
        return OneText("", speaker, split, fault=ItemError("missing_text", reason))
    return OneText(text, speaker, split)


def _json_captions(path: str, values: dict[str, Any], keys: list[str], speaker: str, split: str) -> OneText:
    for group in caption_columns(keys):
        text, fault = read_captions(group[0].name, [values[keys[column.at]] for column in group])
        if text and not fault:
            return OneText(text, speaker, split)
    shown = ", ".join(keys[:10]) or "nothing"
    reason = f"{path} has the keys {shown}; captions are looked for in one of {CAPTIONS.usual_columns}, text"
    return OneText("", speaker, split, fault=ItemError("missing_caption", reason))


def _decoded(files: Mapping[str, bytes], builder: Builder) -> dict[str, str | ItemError]:
    """The texts of files; those not in Unicode are decoded together, because one alone rarely reveals its encoding."""
    texts: dict[str, str | ItemError] = {}
    warnings: list[str] = []
    others = [path for path, data in files.items() if not is_unicode(data)]
    apart = set(others)
    for path, data in files.items():
        if path in apart:
            continue
        found = decode(path, data)
        texts[path] = found.text
        warnings += found.warnings
    if others:
        plain = [files[path].replace(_MARK, b" ") for path in others]
        try:
            found = decode(named(others, most=1), _SEPARATOR.join(plain))
        except UnclearEncodingError as error:
            return texts | dict.fromkeys(others, ItemError("unreadable_text", str(error)))
        texts |= zip(others, found.text.split(_SEPARATOR.decode()), strict=True)
        warnings += found.warnings
    if warnings:
        builder.layout.warnings.append(
            warnings[0] + (f" (and {len(warnings) - 1} more such files)" if len(warnings) > 1 else "")
        )
    return texts
