"""Turn rows into items, for all layouts: every row becomes an item or is rejected with its reason."""

from __future__ import annotations

import posixpath
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.data.endings import PACKED_ENDINGS, ending
from engine.data.example import Split
from engine.data.layout import Item, Layout
from engine.data.layouts.contents import Contents
from engine.data.layouts.locating import Located
from engine.data.layouts.naming import speaker_of_path
from engine.data.layouts.nothings import set_file_names_aside, set_nothings_aside
from engine.data.report import TEXTLESS, LayoutKind, named
from engine.data.rows import Row
from engine.data.source import Entry, displayed
from engine.data.speakers import same_speakers
from engine.data.split_names import SPLIT_NAMES, split_of_folders, split_of_name
from engine.data.targets import written
from engine.data.texts import plain_path
from engine.data.values import says_nothing
from engine.errors import IngestError, ItemError


@dataclass(frozen=True, slots=True)
class _Taken:
    """The first row that names a stretch of a file."""

    place: str
    item: Item | None
    """The item made from it, if any."""
    at: int = -1
    """Its place among the items, if one was made."""


_SHOWN = 60
_ROWS_SHOWN, _ROW_CHARACTERS = 3, 120
_TEXTS_FROM_NAMES: frozenset[LayoutKind] = frozenset({"file_names", "label_folders", "speech_commands"})
_TEXTS = frozenset(("csv", "eaf", "json", "lab", "srt", "textgrid", "trn", "tsv", "txt", "vtt", "xml"))


class Builder:
    """Collects the items of a source."""

    def __init__(self, layout: Layout, contents: Contents) -> None:
        self.layout = layout
        self.texts: dict[str, str] = {}
        """Texts of items that are whole recordings, by path."""
        self.faults: list[str] = []
        """Faults of whole metadata files."""
        self.text_source = ""
        """Source of the texts of the following rows, in words."""
        self.contents = contents
        self._kind: LayoutKind = "file_names"
        self._root = ""
        self._taken: dict[tuple[str, float, float | None], _Taken] = {}
        self._withdrawn: set[str] = set()
        self._unknown_splits: Counter[str] = Counter()
        self._other_splits: Counter[tuple[Split, Split]] = Counter()
        self._ids: set[str] = set()
        self._nothings: set[str] = set()
        self._file_names: set[str] = set()

    def begin(self, kind: LayoutKind, paths: list[str]) -> None:
        """Begin another layout; ids are relative to the common folder of its files."""
        self._kind = kind
        self._root = _root(paths)
        self.text_source = ""
        self.layout.found[kind] += 0

    def take(self, row: Row, place: str, audio: str, split: Split | None = None) -> None:
        """Make an item from a row, or reject the row.

        Args:
            row: its content.
            place: its place, such as `metadata.csv:12`.
            audio: path of its recording, which may be missing.
            split: its split if the row itself names none.
        """
        if len(self.layout.first_rows) < _ROWS_SHOWN:
            self.layout.first_rows.append(displayed(f"{row.file_name or audio} | {row.text}")[:_ROW_CHARACTERS])
        is_part = row.start_s > 0 or row.duration_s is not None
        shown = f"{audio} ({place})" if is_part else audio
        self.contents.named.add(audio)
        entry = self.contents.by_path.get(audio)
        earlier = self._taken.get((audio, row.start_s, row.duration_s))
        if earlier is not None and earlier.item is not None:
            if self._joins(earlier.place, place) and row.text and row.fault is None:
                self._join(row, (audio, row.start_s, row.duration_s), earlier)
            else:
                self._take_again(row, place, audio, earlier.place, earlier.item, shown, split)
            return
        if earlier is not None:  # that row was rejected: this one is judged on its own
            shown = f"{audio} ({place})"
        item = None
        if audio.startswith("../"):
            self.layout.set_item_aside(shown, "unsafe_path", f"{place} names a file outside of the dataset")
        elif entry is not None and entry.is_garbled and self._kind in _TEXTS_FROM_NAMES:
            reason = "its name, which would be its text, is not UTF-8, and its code page cannot be determined"
            self.layout.set_item_aside(shown, "unreadable_text", reason)
        elif entry is not None:
            item = self.add(row, place, entry, shown, split)
        elif audio in self.contents.faulty:
            # The file itself is listed with its fault; a part of it is an item of its own.
            if is_part:
                self.layout.set_item_aside(shown, "missing_audio", f"{audio} cannot be read: see there")
        else:
            self.layout.set_item_aside(shown, "missing_audio", f"{place} names it, and there is no such file")
        at = len(self.layout.items) - 1
        self._taken[audio, row.start_s, row.duration_s] = _Taken(place, item, at)

    def take_named(self, row: Row, place: str, located: Located, split: Split | None = None) -> None:
        """Make an item from a row whose recording is found by name, or reject the row."""
        several = located.ambiguous.get(row.file_name)
        if several:
            reason = f"{place} names it, and {len(several)} recordings are called so: {named(several, most=3)}"
            self.layout.set_item_aside(f"{row.file_name} ({place})", "missing_audio", reason)
        else:
            self.take(row, place, located.path(row.file_name), split)

    def repeats(self, row: Row, audio: str, metadata: str) -> bool:
        """Whether another metadata file already gave an item with the same stretch and text."""
        earlier = self._taken.get((audio, row.start_s, row.duration_s))
        if earlier is None or earlier.item is None or earlier.place.startswith(f"{metadata}:"):
            return False
        return bare(earlier.item.text) == bare(row.text)

    def _joins(self, first: str, second: str) -> bool:
        """Whether rows for one stretch give parts of one target: in one file, several captions, or labels if told so."""
        are_parts = bool(self.contents.target.mark)
        return are_parts and _file(first) == _file(second)

    def _join(self, row: Row, key: tuple[str, float, float | None], earlier: _Taken) -> None:
        """Add the target of a further row to that of an item."""
        assert earlier.item is not None
        kind = self.contents.target
        joined = written(kind.make(f"{earlier.item.text}{kind.mark}{displayed(row.text)}"))
        item = replace(earlier.item, text=joined)
        self.layout.items[earlier.at] = item
        self._taken[key] = replace(earlier, item=item)
        if not item.is_part:
            self.texts[item.entry.path] = joined

    def _take_again(
        self, row: Row, place: str, audio: str, first: str, item: Item, shown: str, default: Split | None
    ) -> None:
        """Reject a row for a stretch that an earlier row names.

        The same text is kept once. If one metadata file gives different texts, all are rejected; if two files do, the
        text from the file that was read first is kept.
        """
        is_same = not row.text or row.fault is not None or bare(item.text) == bare(row.text)
        noun = self.contents.target.noun
        if is_same or _file(first) != _file(place):
            reason = f"{place} names it again; the row {first} was kept"
            if not is_same:
                reason = f"{place} gives it another {noun}, {displayed(row.text)[:_SHOWN]!r}; {item.text[:_SHOWN]!r} ({first})"
                reason += " was kept"
            split = split_of_name(row.split) if row.split else default
            if split and split != item.split:
                reason += f", which is in the split {item.split or 'none'}"
            self.layout.set_item_aside(shown, "duplicate_name", reason)
            return
        both = f"{item.text[:_SHOWN]!r} ({first}) and {displayed(row.text)[:_SHOWN]!r} ({place})"
        reason = f"rows give it different {noun}s, {both}, and no valid times; all are rejected"
        for told in (first, place):  # a user may decide which one is right
            self.layout.textless[displayed(f"{audio} ({told})")] = item
        self.layout.set_item_aside(f"{audio} ({place})", "duplicate_name", reason)
        if item.id not in self._withdrawn:
            self._withdrawn.add(item.id)
            self.layout.found[self._kind] -= 1
            self.layout.set_item_aside(f"{audio} ({first})", "duplicate_name", reason)

    def add(self, row: Row, place: str, entry: Entry, shown: str, split: Split | None = None) -> Item | None:
        """Make an item from a row whose recording exists, or reject the row."""
        item = None
        if row.fault:
            self.layout.set_item_aside(shown, row.fault.code, f"{row.fault.reason} ({place})")
        elif not row.text:
            target = self.contents.target
            self.layout.set_item_aside(shown, target.missing, f"its row {place} has no {target.noun}")
        if row.fault and row.fault.code not in TEXTLESS:
            return None
        inside = entry.path.removeprefix(self._root)
        speaker = row.speaker or (speaker_of_path(entry.path) if self.contents.target.is_speech else None)
        found = Item(
            entry,
            row.id or _dotted(inside),
            displayed(row.text or ""),
            displayed(speaker) if speaker else None,
            self._split(row.split, split, inside),
            row.start_s,
            row.duration_s,
            place,
        )
        if row.fault or not row.text:
            self.layout.textless[displayed(shown)] = found
        else:
            item = replace(found, id=self._unique(found.id))
            self.layout.items.append(item)
            if self._kind not in _TEXTS_FROM_NAMES and says_nothing(item.text):
                self._nothings.add(item.id)
            elif "." in item.text and self._is_file_name(item.text, entry):
                self._file_names.add(item.id)
            if not item.is_part:
                self.texts[entry.path] = item.text
            self.layout.found[self._kind] += 1
            self.layout.text_sources[self.text_source or named(self.layout.metadata_files[-1:])] += 1
        return item

    def _is_file_name(self, text: str, entry: Entry) -> bool:
        """Whether a text is the name of a file in the source, or of a text file named like the recording."""
        name = posixpath.basename(plain_path(text))
        stem, _, kind = name.rpartition(".")
        is_called_so = stem.casefold() == posixpath.basename(entry.path).rpartition(".")[0].casefold()
        return name in self.contents.file_names or (is_called_so and kind.lower() in _TEXTS)

    def refuse(self, metadata: str, error: IngestError | str) -> None:
        """Reject a whole metadata file; the rest of the source may still be good."""
        self.faults.append(str(error))
        self.layout.set_item_aside(metadata, "bad_metadata", str(error))

    def claim(self, paths: Iterable[str]) -> None:
        """Mark files as recognised that a layout found while reading others."""
        self.contents.claimed.update(paths)

    def set_aside(self, path: str, fault: ItemError) -> None:
        """Reject an item."""
        self.layout.set_item_aside(path, fault.code, fault.reason)

    def finish(self) -> None:
        """Check the items as a whole, reject files that no row names, and group the items of each file."""
        layout = self.layout
        layout.items = [item for item in layout.items if item.id not in self._withdrawn]
        set_nothings_aside(layout, self._nothings, self.contents.target)
        set_file_names_aside(layout, self._file_names, self.contents.target)
        self._unify_speakers()
        self._tell_splits()
        self.contents.warn()
        read = named(layout.metadata_files, most=3)
        noun = self.contents.target.noun
        no_row = f"no row of {read} names it" if read else f"nothing that could be read gives its {noun}"
        for path in self.contents.by_path:
            if path not in self.contents.named and path not in self.contents.claimed:
                self._set_other_aside(path, no_row)
        layout.put_together()

    def _set_other_aside(self, path: str, no_row: str) -> None:
        """Reject a file that no row names or that is not an input."""
        kind, layout, medium = ending(path), self.layout, self.contents.medium
        if medium.files.reads(path):
            layout.set_item_aside(path, self.contents.target.missing, no_row)
        elif medium.files.knows(path):
            allowed = ", ".join(sorted(medium.files.read))
            layout.set_item_aside(path, "unsupported_format", f"found .{kind}; allowed: {allowed}")
        elif kind in PACKED_ENDINGS:
            layout.set_item_aside(path, "nested_archive", "found an archive inside the dataset; it was not unpacked")
        elif kind in _TEXTS and self.contents.names_recording(posixpath.basename(path).rpartition(".")[0]):
            reason = f"it is named like a {medium.noun} whose text was found elsewhere or is not read from such files"
            layout.set_item_aside(path, "not_audio", reason)
        else:
            layout.set_item_aside(path, "not_audio", f"it is no {medium.noun} and no metadata file")

    def _split(self, said: str | None, default: Split | None, inside: str) -> Split | None:
        """The split given by the row, else by its metadata file, else by the innermost folder named like a split."""
        folder = split_of_folders(posixpath.dirname(inside))
        chosen = default or folder
        if said is not None:
            chosen = SPLIT_NAMES.get(said.lower()) or split_of_name(said)
            if chosen is None:
                self._unknown_splits[said] += 1
        if chosen is not None and folder is not None and chosen != folder:
            self._other_splits[chosen, folder] += 1
        return chosen

    def _tell_splits(self) -> None:
        warnings = self.layout.warnings
        for name, count in sorted(self._unknown_splits.items()):
            warnings.append(
                f"{count} rows are in a split called {displayed(name)!r}, which is none of train, validation, test; it was "
                "ignored"
            )
        for (split, folder), count in sorted(self._other_splits.items()):
            warnings.append(
                f"{count} recordings are in the split {split} by the metadata, and in a folder that is called {folder}; the "
                "metadata was followed"
            )
        splits = {item.split for item in self.layout.items}
        if len(splits) == 1 and splits <= {"validation", "test"}:
            warnings.append(
                f"every item is in the split {splits.pop()}, as the source says: a training divides them anew, and says so"
            )

    def _unify_speakers(self) -> None:
        renamed, warnings = same_speakers(item.speaker for item in self.layout.items if item.speaker)
        self.layout.warnings += warnings
        if renamed:
            self.layout.items = [
                replace(item, speaker=renamed.get(item.speaker or "", item.speaker)) for item in self.layout.items
            ]

    def _unique(self, wanted: str) -> str:
        found, number = wanted, 2
        while found in self._ids:
            found, number = f"{wanted}-{number}", number + 1
        self._ids.add(found)
        return found


def bare(text: str) -> str:
    """Normalised form for comparing texts: no case, no punctuation, no blanks."""
    return "".join(char for char in text.casefold() if char.isalnum() or unicodedata.category(char) in ("Mn", "Mc"))


def _file(place: str) -> str:
    """The metadata file of a place such as `metadata.csv:12`."""
    return place.rpartition(":")[0]


def _dotted(path: str) -> str:
    """The path without its ending and with `.` for `/`, so that an id fits into a URL."""
    dotted = path.replace("/", ".")
    return dotted.rpartition(".")[0] or dotted


def _root(paths: list[str]) -> str:
    """The common folder of all paths, with a trailing `/`; cut above a folder named like a split."""
    folders = [posixpath.dirname(path) for path in paths]
    shared = posixpath.commonpath(folders).split("/") if folders and all(folders) else []
    splits = [at for at, part in enumerate(shared) if part.lower() in SPLIT_NAMES]
    kept = shared[: splits[-1]] if splits else shared
    return "".join(f"{part}/" for part in kept)
