"""Texts and classes from folder names: `train/yes/1.wav` says "yes". Used only if nothing better is in the source.

As in Hugging Face's AudioFolder, every recording lies in one such folder, below a folder of its split if there are any.
The folders may also be speakers, so the report says that the texts are a guess.

Source: Hugging Face datasets, "AudioFolder".
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from engine.data.example import Split
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.naming import recordings
from engine.data.layouts.split_lists import SplitLists
from engine.data.layouts.unread import unread
from engine.data.report import named
from engine.data.rows import row_of
from engine.data.split_names import SPLIT_NAMES
from engine.data.texts import clean_text

_NO_LABELS = frozenset(
    [
        "audio",
        "augmented",
        "book",
        "chapter",
        "chunks",
        "clean",
        "clips",
        "data",
        "disc",
        "dataset",
        "female",
        "files",
        "male",
        "mp3",
        "music",
        "noise",
        "noisy",
        "original",
        "other",
        "part",
        "processed",
        "raw",
        "recording",
        "recordings",
        "samples",
        "session",
        "speaker",
        "speakers",
        "speech",
        "spk",
        "voice",
        "voices",
        "wav",
        "wavs",
    ]
)
_NAME_OF_THREE = re.compile(r".+_[^_]+_\d+")
_FEWEST_OF_A_LABEL = 2.0  # recordings per label, on average
_SHOWN = 3


def find(contents: Contents) -> list[str]:
    """All recordings, if the source has label folders, no metadata, and no file names of text, speaker and take."""
    if contents.claimed:
        return []
    if contents.target.role == "label":
        return list(class_folders(contents))
    found = [path for path in recordings(contents) if path in contents.by_path]
    if any(_NAME_OF_THREE.fullmatch(posixpath.basename(path).rpartition(".")[0]) for path in found):
        return []
    return found if labels(found) and not unread(contents) else []


def read(found: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item from each recording."""
    is_label = contents.target.role == "label"
    known = class_folders(contents) if is_label else labels(found)
    lists = SplitLists(contents)
    lists.claim(builder)
    builder.text_source = "names of the folders"
    for path in found:
        builder.take(row_of(0, path, known[path], "", ""), path, path, lists.split(path) or split_of_folder(path))
    if is_label:
        return
    shown = named([f"{path} -> {known[path]!r}" for path in found], most=_SHOWN)
    builder.layout.warnings.append(
        f"texts were guessed from the names of folders, because no file of the source gives any: {shown}; if these are no "
        "texts (but speakers, say), write them into a metadata.csv (columns file_name, text, speaker)"
    )


def class_folders(contents: Contents) -> dict[str, str]:
    """The class of each recording in a source of class folders; empty if it is not one.

    Folders are classes if every recording lies in one folder below the root that all share, apart from folders of
    splits; a single folder is that root, and no class. Unlike transcripts, their names are kept as written.
    """
    return below_classes([path for path in recordings(contents) if path in contents.by_path])


def below_classes(paths: Sequence[str]) -> dict[str, str]:
    """The class of each file, if every one lies in the folder of one; else empty."""
    below = _below_root(paths)
    found = {path: clean_text(parts[0]) for path, parts in below.items() if len(parts) == 1}
    return found if len(found) == len(below) else {}


def labels(paths: Sequence[str]) -> dict[str, str]:
    """The label of each recording's folder; empty if the folders do not look like labels."""
    below = _below_root(paths)
    if any(len(parts) != 1 for parts in below.values()):
        return {}
    found = {path: clean_text(re.sub("[-_]", " ", parts[0])) for path, parts in below.items()}
    different = set(found.values())
    if len(different) < 2 or len(found) < _FEWEST_OF_A_LABEL * len(different):
        return {}
    if any(_is_no_label(label) for label in different):
        return {}
    return found


def _below_root(paths: Sequence[str]) -> dict[str, list[str]]:
    """The folders of each recording below the one that all of them share."""
    folders = {path: _folders(path) for path in paths}
    shared = posixpath.commonpath(["/".join(parts) or "." for parts in folders.values()]) if folders else ""
    skipped = len([part for part in shared.split("/") if part not in ("", ".")])
    return {path: parts[skipped:] for path, parts in folders.items()}


def _folders(path: str) -> list[str]:
    """The folders of a recording, without those of splits."""
    return [part for part in posixpath.dirname(path).split("/") if part and part.lower() not in SPLIT_NAMES]


def split_of_folder(path: str) -> Split | None:
    """The split that the outermost such folder is named after."""
    return next((SPLIT_NAMES[part.lower()] for part in path.split("/")[:-1] if part.lower() in SPLIT_NAMES), None)


def _is_no_label(label: str) -> bool:
    return any(c.isdigit() for c in label) or any(word in _NO_LABELS for word in label.casefold().split())
