"""The registry of dataset structures, and the function that reads any of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.data.columns import Role
from engine.data.layout import Layout
from engine.data.layouts import (
    audiofolder,
    common_voice,
    file_names,
    json_files,
    kaldi,
    label_folders,
    librispeech,
    lists,
    ljspeech,
    nemo,
    speech_commands,
    subtitles,
    tables,
    text_files,
)
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.split_lists import SplitLists
from engine.data.limits import IngestLimits
from engine.data.report import LayoutKind
from engine.data.source import DataSource
from engine.data.targets import TEXTS, TargetTypes
from engine.errors import IngestError
from engine.media.contract import Medium


@dataclass(frozen=True, slots=True)
class LayoutReader:
    """One structure."""

    kind: LayoutKind
    find: Callable[[Contents], list[str]]
    """The metadata files of this structure, of those that no earlier one claimed."""
    read: Callable[[list[str], Contents, Builder], None]
    """Turns their rows into items; an unusable metadata file is rejected by name, and the others are read."""
    targets: tuple[Role, ...] = ("text",)
    """What it can give: transcripts, labels, captions."""


_ANY: tuple[Role, ...] = ("text", "label", "caption")
LAYOUTS: Final[Sequence[LayoutReader]] = (
    LayoutReader("parquet", tables.find_parquet, tables.read, _ANY),
    LayoutReader("arrow", tables.find_arrow, tables.read, _ANY),
    LayoutReader("kaldi", kaldi.find, kaldi.read),
    LayoutReader("common_voice", common_voice.find, common_voice.read),
    LayoutReader("librispeech", librispeech.find, librispeech.read),
    LayoutReader("ljspeech", ljspeech.find, ljspeech.read),
    LayoutReader("nemo", nemo.find, nemo.read),
    LayoutReader("subtitles", subtitles.find, subtitles.read),
    LayoutReader("audiofolder", audiofolder.find, audiofolder.read, _ANY),
    LayoutReader("json", json_files.find, json_files.read, _ANY),
    LayoutReader("speech_commands", speech_commands.find, speech_commands.read, ("text", "label")),
    LayoutReader("text_files", text_files.find, text_files.read, ("text", "caption")),
    LayoutReader("lists", lists.find, lists.read, _ANY),
    LayoutReader("label_folders", label_folders.find, label_folders.read, ("text", "label")),
    LayoutReader("file_names", file_names.find, file_names.read, ("text", "label")),
)
"""Structures of recordings, the most specific first: each sees only what earlier ones left. Another medium has its own."""


def read_layout(
    source: DataSource,
    limits: IngestLimits,
    language: str | None = None,
    types: TargetTypes = TEXTS,
    medium: Medium[Any] | None = None,
) -> Layout:
    """Find the inputs of a source; none of them is read.

    Args:
        source: to read.
        limits: on resources.
        language: spoken, if the user gives it.
        types: allowed types of targets.
        medium: kind of the inputs; audio by default.

    Raises:
        IngestError: no metadata file can be used, with the faults of each; or a bomb.
    """
    layout = Layout(warnings=list(source.warnings))
    contents = Contents(source, limits, layout, language, types, medium)
    builder = Builder(layout, contents)
    for reader in contents.medium.layouts():
        found = reader.find(contents) if contents.target.role in reader.targets else []
        if found:
            contents.claimed.update(found)
            builder.begin(reader.kind, found)
            reader.read(found, contents, builder)
    lists = SplitLists(contents)  # those that no layout has read
    if lists.files:
        lists.claim(builder)
        lists.divide(layout)
    builder.finish()
    if builder.faults and not layout.items:
        raise IngestError("\n".join(builder.faults))
    return layout
