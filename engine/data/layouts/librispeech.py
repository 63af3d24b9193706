"""LibriSpeech and similar corpora: `SPEAKER/CHAPTER/SPEAKER-CHAPTER.trans.txt` with `ID TEXT` lines, and FLAC files.

The split comes from a word of a folder's name (`train-clean-100`, `dev-other`), the innermost first.

Source: Panayotov et al., LibriSpeech, ICASSP 2015; its README.
"""

from __future__ import annotations

import posixpath
import re

from engine.data.example import Split
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.rows import row_of
from engine.data.split_names import split_of_name
from engine.errors import IngestError

_TRANSCRIPTS = re.compile(r"(?P<speaker>[^-/]+)-(?P<chapter>[^/]+)\.trans\.txt", re.IGNORECASE)


def find(contents: Contents) -> list[str]:
    """Transcript files."""
    return [path for path in contents.unclaimed(".trans.txt") if _TRANSCRIPTS.fullmatch(posixpath.basename(path))]


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item from each line."""
    for path in metadata:
        match = _TRANSCRIPTS.fullmatch(posixpath.basename(path))
        assert match  # `find` gave it
        folder = posixpath.dirname(path)
        try:
            lines = list(contents.lines(path))
        except IngestError as error:
            builder.refuse(path, error)
            continue
        builder.layout.metadata_files.append(path)
        builder.text_source = "the .trans.txt file of each chapter"
        for number, line in lines:
            name, text = [*line.split(maxsplit=1), ""][:2]
            wanted = posixpath.join(folder, name.replace("/", "_"))
            audio = contents.recording(wanted) or f"{wanted}.flac"
            builder.take(row_of(number, name, text, match["speaker"], ""), f"{path}:{number}", audio, _split(folder))


def _split(folder: str) -> Split | None:
    return next((split for part in reversed(folder.split("/")) if (split := split_of_name(part))), None)
