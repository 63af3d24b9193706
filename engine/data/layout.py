"""Which recordings a source holds and what was said in each: from metadata files, or from the names of the files."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, cast

from engine.data.limits import IngestLimits
from engine.data.manifest import Split
from engine.data.metadata import METADATA_NAMES, SPLIT_NAMES, Row, clean_text, plain_path, read_metadata
from engine.data.report import ACTIONS, Code, SetAside
from engine.data.source import DataSource, Entry, displayed, safe_path
from engine.errors import IngestError, ItemError

AUDIO_ENDINGS = frozenset({"wav", "wave", "flac", "ogg", "oga", "opus", "mp3"})
OTHER_AUDIO_ENDINGS = frozenset(
    [
        "3gp",
        "aac",
        "aif",
        "aiff",
        "alac",
        "amr",
        "ape",
        "au",
        "caf",
        "dsf",
        "m4a",
        "m4b",
        "mka",
        "mov",
        "mp4",
        "pcm",
        "ra",
        "raw",
        "sph",
        "snd",
        "w64",
        "webm",
        "wma",
        "wv",
    ]
)
ARCHIVE_ENDINGS = frozenset(["7z", "bz2", "gz", "rar", "tar", "tgz", "xz", "zip", "zst"])
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_FILE_NAME = re.compile(r"(?P<text>.+)_(?P<speaker>[^_]+)_(?P<take>\d+)")


@dataclass(frozen=True, slots=True)
class Item:
    """A recording and what is known of it, before its audio is looked at."""

    entry: Entry
    """The file."""
    id: str
    """Unique within the dataset."""
    text: str
    """What was said."""
    speaker: str | None
    """Who said it, if known."""
    split: Split | None
    """Where the dataset's author put it, if anywhere."""


@dataclass(slots=True)
class Layout:
    """What a source holds."""

    kind: Literal["audiofolder", "file_names"]
    """How texts were found."""
    items: list[Item] = field(default_factory=list)
    """Recordings with a text, in order."""
    set_aside: list[SetAside] = field(default_factory=list)
    """Everything else."""
    metadata_files: list[str] = field(default_factory=list)
    """The metadata files that were read."""
    warnings: list[str] = field(default_factory=list)
    """What is odd about the dataset as a whole."""

    def set_item_aside(self, path: str, code: str, reason: str) -> None:
        """Record an item that cannot be used."""
        known = cast(Code, code)
        self.set_aside.append(
            SetAside(path=displayed(path), code=known, reason=displayed(reason), action=ACTIONS[known])
        )


def read_layout(source: DataSource, limits: IngestLimits) -> Layout:
    """Find the recordings of a source; no audio is read.

    Raises:
        IngestError: a metadata file without the needed columns, or a bomb.
    """
    by_path: dict[str, Entry] = {}
    layout = Layout("file_names", warnings=list(source.warnings))
    for entry in source.entries:
        if entry.fault:
            layout.set_item_aside(entry.path, entry.fault.code, entry.fault.reason)
        elif entry.path in by_path:
            layout.set_item_aside(entry.path, "duplicate_name", "an earlier file has the same path; that one was kept")
        else:
            by_path[entry.path] = entry
    faulty = {entry.path for entry in source.entries if entry.fault}
    metadata = _metadata_files(by_path, layout)
    builder = _Builder(layout, _root(metadata or [path for path in by_path if _ending(path) in AUDIO_ENDINGS]))
    if metadata:
        layout.kind = "audiofolder"
        _from_metadata(source, sorted(metadata), by_path, faulty, builder, limits)
    else:
        _from_names(by_path.values(), builder)
    builder.finish()
    return layout


def _metadata_files(by_path: dict[str, Entry], layout: Layout) -> list[str]:
    """Metadata files, one for a folder: `metadata.csv` comes before `metadata.jsonl`."""
    found: dict[str, str] = {}
    for path in sorted(path for path in by_path if posixpath.basename(path).lower() in METADATA_NAMES):
        used = found.setdefault(posixpath.dirname(path), path)
        if used != path:
            layout.warnings.append(f"{path} was not read, because there is {used}")
    return sorted(found.values())


# ---- metadata files -----------------------------------------------------------------------------------------


def _from_metadata(
    source: DataSource,
    metadata: list[str],
    by_path: dict[str, Entry],
    faulty: set[str],
    builder: _Builder,
    limits: IngestLimits,
) -> None:
    layout = builder.layout
    first_row: dict[str, str] = {}
    for path in metadata:
        folder = posixpath.dirname(path)
        try:
            with source.open(by_path[path], limits.max_metadata_bytes) as file:
                data = file.read()
        except ItemError as fault:
            raise IngestError(f"{path} cannot be read: {fault.reason}; make it or the archive again") from fault
        inside = f"{folder}/" if folder else ""
        known = {other.removeprefix(inside): None for other in by_path if other.startswith(inside)}
        rows, warnings = read_metadata(path, data, known)
        layout.metadata_files.append(path)
        layout.warnings += warnings
        for row in rows:
            place = f"{path}:{row.line}"
            audio = _resolve(row, folder, place, layout)
            if audio is None:
                continue
            if audio in first_row:
                layout.set_item_aside(
                    audio, "duplicate_name", f"{place} names it again; the row {first_row[audio]} was kept"
                )
            elif audio in by_path:
                first_row[audio] = place
                if row.fault:
                    layout.set_item_aside(audio, row.fault.code, f"{row.fault.reason} ({place})")
                elif not row.text:
                    layout.set_item_aside(audio, "missing_text", f"its row {place} has no text")
                else:
                    builder.add(by_path[audio], row.text, row.speaker, row.split)
            elif audio in faulty:
                first_row[audio] = place  # the file itself is already listed with its fault
            else:
                layout.set_item_aside(audio, "missing_audio", f"{place} names it, and there is no such file")
    for path in by_path:
        if path not in first_row and posixpath.basename(path).lower() not in METADATA_NAMES:
            _set_other_aside(path, layout, f"no row of {', '.join(metadata)} names it")


def _resolve(row: Row, folder: str, place: str, layout: Layout) -> str | None:
    """Path of the recording that a row names, or None if the row names none inside the source."""
    if not row.file_name:
        fault = row.fault or ItemError("missing_audio", "the row names no file")
        layout.set_item_aside(place, fault.code, fault.reason)
        return None
    try:
        safe_path(row.file_name)
    except ItemError as fault:
        layout.set_item_aside(row.file_name, fault.code, f"{place}: {fault.reason}")
        return None
    return posixpath.join(folder, plain_path(row.file_name))


# ---- names of files -----------------------------------------------------------------------------------------


def _from_names(entries: Iterable[Entry], builder: _Builder) -> None:
    for entry in sorted(entries, key=lambda entry: entry.path):
        if _ending(entry.path) not in AUDIO_ENDINGS:
            _set_other_aside(entry.path, builder.layout, "")
            continue
        match = _FILE_NAME.fullmatch(posixpath.basename(entry.path).rpartition(".")[0])
        text = _text_of_name(match["text"]) if match else ""
        if match and text:
            builder.add(entry, text, clean_text(match["speaker"]) or None, None)
        else:
            builder.layout.set_item_aside(
                entry.path, "missing_text", "there is no metadata.csv, and its name is not text_speaker_take"
            )


def _text_of_name(name: str) -> str:
    """`7` is "seven", `4-2` is "four two", `turn-left` and `turn_left` are "turn left"."""
    words = clean_text(re.sub(r"[-_]", " ", name)).split()
    return " ".join(DIGITS[int(word)] if re.fullmatch("[0-9]", word) else word for word in words)


# ---- both ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Builder:
    layout: Layout
    root: str
    unknown_splits: Counter[str] = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)

    def add(self, entry: Entry, text: str, speaker: str | None, split: str | None) -> None:
        inside = entry.path.removeprefix(self.root)
        folder = posixpath.dirname(inside).split("/")[0].lower()
        known = SPLIT_NAMES.get(split.lower() if split else folder)
        if split and not known:
            self.unknown_splits[split] += 1
        item = Item(entry, self._id(inside), displayed(text), displayed(speaker) if speaker else None, known)
        self.layout.items.append(item)

    def finish(self) -> None:
        for split, count in sorted(self.unknown_splits.items()):
            self.layout.warnings.append(
                f"{count} rows are in a split called {displayed(split)!r}, which is none of train, validation, test; "
                "it was ignored"
            )

    def _id(self, inside: str) -> str:
        """The path without its ending; `.` for `/`, so that an id fits into an address."""
        dotted = inside.replace("/", ".")
        wanted = dotted.rpartition(".")[0] or dotted
        found, number = wanted, 2
        while found in self.ids:
            found, number = f"{wanted}-{number}", number + 1
        self.ids.add(found)
        return found


def _set_other_aside(path: str, layout: Layout, no_row: str) -> None:
    """A file that no row names, or that is no recording."""
    ending = _ending(path)
    if ending in AUDIO_ENDINGS:
        layout.set_item_aside(path, "missing_text", no_row)
    elif ending in OTHER_AUDIO_ENDINGS:
        layout.set_item_aside(
            path, "unsupported_format", f"found .{ending}; allowed: {', '.join(sorted(AUDIO_ENDINGS))}"
        )
    elif ending in ARCHIVE_ENDINGS:
        layout.set_item_aside(path, "nested_archive", "found an archive inside the dataset; it was not unpacked")
    else:
        layout.set_item_aside(path, "not_audio", "it is no recording and no metadata file")


def _root(paths: list[str]) -> str:
    """The folder that all paths share, with `/` at its end, above any folder that is a split."""
    folders = [posixpath.dirname(path) for path in paths]
    shared = posixpath.commonpath(folders).split("/") if folders and all(folders) else []
    splits = [at for at, part in enumerate(shared) if part.lower() in SPLIT_NAMES]
    kept = shared[: splits[-1]] if splits else shared
    return "".join(f"{part}/" for part in kept)


def _ending(path: str) -> str:
    return posixpath.basename(path).rpartition(".")[2].lower() if "." in posixpath.basename(path) else ""
