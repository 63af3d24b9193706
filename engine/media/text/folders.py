"""Text files in folders of their classes: `spam/1.txt`; a file above them, such as a README, is no text of the dataset."""

from __future__ import annotations

from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.label_folders import below_classes, split_of_folder
from engine.data.layouts.naming import recordings
from engine.data.layouts.split_lists import SplitLists
from engine.data.rows import row_of


def find(contents: Contents) -> list[str]:
    """The text files, if every one that lies in a folder lies in that of a class, and no table gives texts."""
    return [] if contents.claimed else list(_classes(contents))


def read(found: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item from each file."""
    classes = _classes(contents)
    lists = SplitLists(contents)
    lists.claim(builder)
    builder.text_source = "names of the folders"
    for path in found:
        row = row_of(0, path, classes[path], "", "")
        builder.take(row, path, path, lists.split(path) or split_of_folder(path))


def _classes(contents: Contents) -> dict[str, str]:
    paths = [path for path in recordings(contents) if path in contents.by_path]
    deepest = max((path.count("/") for path in paths), default=0)
    return below_classes([path for path in paths if path.count("/") == deepest]) if deepest else {}
