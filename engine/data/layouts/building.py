"""From rows to items: what all layouts do alike, so that every row is either an item or set aside with its reason."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable

from engine.data.endings import AUDIO_ENDINGS, OTHER_AUDIO_ENDINGS, PACKED_ENDINGS, ending
from engine.data.layout import Item, Layout
from engine.data.layouts.contents import Contents
from engine.data.manifest import Split
from engine.data.metadata import SPLIT_NAMES, Row
from engine.data.report import LayoutKind, named
from engine.data.source import Entry, displayed
from engine.errors import IngestError, ItemError


class Builder:
    """Collects the items of a source."""

    def __init__(self, layout: Layout, contents: Contents) -> None:
        self.layout = layout
        self.texts: dict[str, str] = {}
        """Texts of the recordings that are items as a whole, by path."""
        self.faults: list[str] = []
        """What is wrong with whole metadata files."""
        self.text_source = ""
        """Where the texts of the rows that follow come from, for people."""
        self._contents = contents
        self._kind: LayoutKind = "file_names"
        self._root = ""
        self._first_row: dict[tuple[str, float, float | None], str] = {}
        self._unknown_splits: Counter[str] = Counter()
        self._ids: set[str] = set()

    def begin(self, kind: LayoutKind, paths: list[str]) -> None:
        """Go on with another layout; ids are relative to the folder that its files share."""
        self._kind = kind
        self._root = _root(paths)
        self.text_source = ""
        self.layout.found[kind] += 0

    def take(self, row: Row, place: str, audio: str, split: Split | None = None) -> None:
        """Make an item of a row, or set it aside.

        Args:
            row: what it says.
            place: which it is, such as `metadata.csv:12`.
            audio: path of its recording, which may be missing.
            split: the split it belongs to if it does not say so itself.
        """
        is_part = row.start_s > 0 or row.duration_s is not None
        shown = f"{audio} ({place})" if is_part else audio
        earlier = self._first_row.setdefault((audio, row.start_s, row.duration_s), place)
        self._contents.named.add(audio)
        entry = self._contents.by_path.get(audio)
        if earlier != place:
            self.layout.set_item_aside(shown, "duplicate_name", f"{place} names it again; the row {earlier} was kept")
        elif audio.startswith("../"):
            self.layout.set_item_aside(shown, "unsafe_path", f"{place} names a file outside of the dataset")
        elif entry is not None:
            self.add(row, place, entry, shown, split)
        elif audio in self._contents.faulty:
            # The file itself is listed with its fault; a part of it is an item of its own.
            if is_part:
                self.layout.set_item_aside(shown, "missing_audio", f"{audio} cannot be read: see there")
        else:
            self.layout.set_item_aside(shown, "missing_audio", f"{place} names it, and there is no such file")

    def add(self, row: Row, place: str, entry: Entry, shown: str, split: Split | None = None) -> None:
        """Make an item of a row whose recording is there, or set it aside."""
        if row.fault:
            self.layout.set_item_aside(shown, row.fault.code, f"{row.fault.reason} ({place})")
        elif not row.text:
            self.layout.set_item_aside(shown, "missing_text", f"its row {place} has no text")
        else:
            inside = entry.path.removeprefix(self._root)
            item = Item(
                entry,
                self._unique(row.id or _dotted(inside)),
                displayed(row.text),
                displayed(row.speaker) if row.speaker else None,
                self._split(row.split, split, inside),
                row.start_s,
                row.duration_s,
                place,
            )
            self.layout.items.append(item)
            if not item.is_part:
                self.texts[entry.path] = item.text
            self.layout.found[self._kind] += 1
            self.layout.text_sources[self.text_source or named(self.layout.metadata_files[-1:])] += 1

    def refuse(self, metadata: str, error: IngestError | str) -> None:
        """A metadata file of which nothing can be used: the rest of the source may still be good."""
        self.faults.append(str(error))
        self.layout.set_item_aside(metadata, "bad_metadata", str(error))

    def claim(self, paths: Iterable[str]) -> None:
        """Have files count as recognised that the layout found while it read others."""
        self._contents.claimed.update(paths)

    def set_aside(self, path: str, fault: ItemError) -> None:
        """An item that cannot be used."""
        self.layout.set_item_aside(path, fault.code, fault.reason)

    def finish(self) -> None:
        """Name the files that nothing took, and put the items of one file together."""
        layout = self.layout
        for split, count in sorted(self._unknown_splits.items()):
            layout.warnings.append(
                f"{count} rows are in a split called {displayed(split)!r}, which is none of train, validation, test; "
                "it was ignored"
            )
        read = named(layout.metadata_files, most=3)
        no_row = f"no row of {read} names it" if read else "nothing that could be read gives its text"
        for path in self._contents.by_path:
            if path not in self._contents.named and path not in self._contents.claimed:
                self._set_other_aside(path, no_row)
        # So each file is opened once, however its rows are ordered.
        first: dict[str, int] = {}
        for at, item in enumerate(layout.items):
            first.setdefault(item.entry.path, at)
        layout.items.sort(key=lambda item: first[item.entry.path])

    def _set_other_aside(self, path: str, no_row: str) -> None:
        """A file that no row names, or that is no recording."""
        kind, layout = ending(path), self.layout
        if kind in AUDIO_ENDINGS:
            layout.set_item_aside(path, "missing_text", no_row)
        elif kind in OTHER_AUDIO_ENDINGS:
            allowed = ", ".join(sorted(AUDIO_ENDINGS))
            layout.set_item_aside(path, "unsupported_format", f"found .{kind}; allowed: {allowed}")
        elif kind in PACKED_ENDINGS:
            layout.set_item_aside(path, "nested_archive", "found an archive inside the dataset; it was not unpacked")
        else:
            layout.set_item_aside(path, "not_audio", "it is no recording and no metadata file")

    def _split(self, said: str | None, default: Split | None, inside: str) -> Split | None:
        folder = posixpath.dirname(inside).split("/")[0].lower()
        if said is None:
            return default or SPLIT_NAMES.get(folder)
        known = SPLIT_NAMES.get(said.lower())
        if known is None:
            self._unknown_splits[said] += 1
        return known

    def _unique(self, wanted: str) -> str:
        found, number = wanted, 2
        while found in self._ids:
            found, number = f"{wanted}-{number}", number + 1
        self._ids.add(found)
        return found


def _dotted(path: str) -> str:
    """The path without its ending; `.` for `/`, so that an id fits into an address."""
    dotted = path.replace("/", ".")
    return dotted.rpartition(".")[0] or dotted


def _root(paths: list[str]) -> str:
    """The folder that all paths share, with `/` at its end, above any folder that is a split."""
    folders = [posixpath.dirname(path) for path in paths]
    shared = posixpath.commonpath(folders).split("/") if folders and all(folders) else []
    splits = [at for at, part in enumerate(shared) if part.lower() in SPLIT_NAMES]
    kept = shared[: splits[-1]] if splits else shared
    return "".join(f"{part}/" for part in kept)
