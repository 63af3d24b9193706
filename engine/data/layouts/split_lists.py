"""Lists of the recordings of a split: `testing_list.txt`, `validation_list.txt`, `dev.txt`, with a name on each line."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from engine.data.example import Split
from engine.data.layout import Layout
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.naming import Names
from engine.data.report import named
from engine.data.split_names import split_of_name
from engine.errors import IngestError

_ENDINGS = (".txt", ".lst", ".list", ".csv", ".tsv", ".scp")


class SplitLists:
    """The lists of splits in a source that hold names of recordings and nothing else."""

    def __init__(self, contents: Contents) -> None:
        self.files: list[str] = []
        """The lists."""
        self.names = 0
        """Number of names in them that are names of recordings."""
        self._splits: dict[str, Split] = {}
        self._twice: list[str] = []
        names = Names(contents)
        for path in contents.unclaimed(*_ENDINGS):
            split = split_of_name(posixpath.basename(path).rpartition(".")[0])
            if split and any(line.strip() in names for line in contents.head(path)):
                self._add(path, split, names, contents)

    def _add(self, path: str, split: Split, names: Names, contents: Contents) -> None:
        try:
            lines = [line.strip() for _, line in contents.lines(path)]
        except IngestError:
            return  # the layout that needs it says so
        found = [name for name in names.find(lines, path) if isinstance(name, str)]
        if 2 * len(found) <= len(lines):
            return
        self.files.append(path)
        for audio in found:
            if self._splits.setdefault(audio, split) != split:
                self._twice.append(audio)
        self.names += len(found)

    def claim(self, builder: Builder) -> None:
        """Record the lists as read."""
        builder.layout.metadata_files += self.files
        builder.claim(self.files)
        if self._twice:
            builder.layout.warnings.append(
                f"{len(self._twice)} recordings are in the lists of two splits; the first was kept: {named(self._twice)}"
            )

    def divide(self, layout: Layout) -> None:
        """Assign the splits of the lists to items without a split."""
        layout.items = [replace(item, split=item.split or self.split(item.entry.path)) for item in layout.items]
        layout.textless = {
            path: replace(item, split=item.split or self.split(item.entry.path))
            for path, item in layout.textless.items()
        }

    def split(self, audio: str) -> Split | None:
        """The split of a recording; one in no list is for training, unless a list names training recordings."""
        rest: Split | None = "train" if self._splits and "train" not in self._splits.values() else None
        return self._splits.get(audio, rest)
