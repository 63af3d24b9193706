"""JSON files with an object for each recording: `[{"audio": "a.wav", "text": "..."}, ...]` and the like.

See `engine.data.json_objects` for the forms. The split is that of the object, else of the key of its array, else of the
file's name.
"""

from __future__ import annotations

import posixpath

from engine.data.json_objects import JsonObject, json_objects, names_any
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.text_like import beginning
from engine.data.limits import MIB
from engine.data.metadata import read_objects
from engine.data.split_names import split_of_name
from engine.errors import IngestError, ItemError

_ENDINGS = (".json", ".jsonl", ".ndjson", ".manifest")
_MOST_CHARACTERS = 64 * MIB  # of a file; parsing may take twenty times as much memory
_SAMPLED = 50


def find(contents: Contents) -> list[str]:
    """JSON files whose objects name recordings."""
    return [path for path in contents.unclaimed(*_ENDINGS) if _names_recordings(path, contents)]


def _names_recordings(path: str, contents: Contents) -> bool:
    text = beginning(path, contents)
    if not text.lstrip().startswith(("[", "{")):
        return False
    found = [each for each, _ in zip(json_objects(text, contents.names_recording), range(_SAMPLED), strict=False)]
    hits = sum(_is_hit(each, contents) for each in found)
    return 2 * hits >= max(1, sum(isinstance(each.values, dict) for each in found)) and hits > 0


def _is_hit(found: JsonObject, contents: Contents) -> bool:
    return isinstance(found.values, dict) and names_any(found.values, contents.names_recording)


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item from each object."""
    for path in metadata:
        try:
            _read(path, contents, builder)
        except IngestError as error:
            builder.refuse(path, error)


def _read(path: str, contents: Contents, builder: Builder) -> None:
    text = contents.text(path)
    if len(text) > _MOST_CHARACTERS:
        raise IngestError(
            f"{path} has {len(text):,} characters; allowed: at most {_MOST_CHARACTERS:,}: save it as JSON lines, "
            "in several files"
        )
    objects = list(json_objects(text, contents.names_recording))
    if len(objects) > contents.limits.max_members:
        raise IngestError(
            f"{path} has {len(objects):,} objects; allowed: at most {contents.limits.max_members:,}: split the dataset"
        )
    found = read_objects(
        path, [(each.number, each.values) for each in objects], contents.names_recording, contents.types
    )
    builder.layout.metadata_files.append(path)
    builder.layout.warnings += found.warnings
    builder.layout.note_columns(found.columns_read, found.columns_ignored)
    builder.layout.several_labels |= found.several_labels
    builder.text_source = found.text_source
    located = contents.locate([row.file_name for row in found.rows if row.file_name], path)
    splits = {each.number: each.split for each in objects}
    of_file = split_of_name(posixpath.basename(path).rpartition(".")[0])
    for row in found.rows:
        place = f"{path}:{row.line}"
        if row.file_name:
            builder.take_named(row, place, located, splits[row.line] or of_file)
        else:
            builder.set_aside(place, row.fault or ItemError("missing_audio", "the object names no file"))
