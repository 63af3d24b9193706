"""Mozilla Common Voice: `clips/` and `train.tsv`, `dev.tsv`, `test.tsv`, `validated.tsv`.

`validated.tsv` repeats the clips of the three splits and has more, which are in no split. `other.tsv` and
`invalidated.tsv` hold clips whose text listeners have not confirmed, or have rejected; they are not used.

Source: Common Voice, "Corpus Format"; CorporaCreator writes the files without quoting.
"""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Iterator, Sequence

from engine.data.example import Split
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.locating import Located
from engine.data.metadata import column, records
from engine.data.rows import Row, row_of
from engine.data.texts import clean_text, plain_path
from engine.errors import IngestError, ItemError

_SPLITS: dict[str, Split | None] = {
    "train.tsv": "train",
    "dev.tsv": "validation",
    "test.tsv": "test",
    "validated.tsv": None,  # last, because it repeats the clips of the others
}
_NOT_GOOD = {"other.tsv": "not confirmed", "invalidated.tsv": "refused"}
_COLUMNS = ("client_id", "path", "sentence")


def find(contents: Contents) -> list[str]:
    """Files with the name and the columns of a file of a release."""
    known = (*_SPLITS, *_NOT_GOOD)
    return [
        path
        for path in contents.unclaimed(*known)
        if posixpath.basename(path).lower() in known
        and set(_COLUMNS) <= set(contents.head(path)[0].strip().lower().split("\t"))
    ]


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item from each clip in the splits, and from the further clips in `validated.tsv`."""
    for folder in dict.fromkeys(posixpath.dirname(path) for path in metadata):
        files = {posixpath.basename(path).lower(): path for path in metadata if posixpath.dirname(path) == folder}
        taken: set[str] = set()
        held_out: set[str] = set()
        beyond: list[str | None] = []
        for name, split in _SPLITS.items():
            rows = list(_rows(files.get(name), contents, builder))
            located = _located(rows, files.get(name), contents)
            for row, place in rows:
                audio = _clip(row, folder, contents, located)
                if name == "validated.tsv" and audio in taken:
                    continue
                if not row.file_name:
                    builder.set_aside(place, row.fault or ItemError("missing_audio", "the row names no clip"))
                    continue
                taken.add(audio)
                builder.take(row, place, audio, split)
                if split in ("validation", "test") and row.speaker:
                    held_out.add(row.speaker)
                elif split is None:
                    beyond.append(row.speaker)
        for name, verdict in _NOT_GOOD.items():
            _set_aside(files.get(name), name, verdict, folder, taken, contents, builder)
        _warn(files.get("validated.tsv"), beyond, held_out, builder)


def _rows(path: str | None, contents: Contents, builder: Builder) -> Iterator[tuple[Row, str]]:
    if path is None:
        return
    try:
        text = contents.text(path)
        (_, header), *rows = records(text, "\t", csv.QUOTE_NONE)
    except (IngestError, csv.Error) as error:
        builder.refuse(path, f"{path} cannot be read: {error}" if isinstance(error, csv.Error) else str(error))
        return
    builder.layout.metadata_files.append(path)
    at = [column(header, (name,)) for name in _COLUMNS]
    builder.layout.note_columns(
        dict(zip(_COLUMNS, ("speaker", "file", "text"), strict=True)),
        [name.strip() for name in header if name.strip().lower() not in _COLUMNS],
    )
    builder.text_source = f"column 'sentence' of {posixpath.basename(path)}"
    for line, fields in rows:
        speaker, name, sentence = (fields[place] if place is not None and place < len(fields) else "" for place in at)
        fault = None
        if len(fields) > len(header):
            fault = ItemError("missing_text", f"its row has {len(fields)} fields, the first line has {len(header)}")
        yield row_of(line, name, sentence, speaker, "", fault), f"{path}:{line}"


def _located(rows: Sequence[tuple[Row, str]], path: str | None, contents: Contents) -> Located | None:
    """Locates the clips of a file that are not in `clips/`."""
    return contents.locate([row.file_name for row, _ in rows if row.file_name], path) if path else None


def _clip(row: Row, folder: str, contents: Contents, located: Located | None) -> str:
    """Path of a clip: in `clips/` (old releases name it without its ending), else where its name points."""
    in_clips = posixpath.normpath(posixpath.join(folder, "clips", plain_path(row.file_name)))
    beside = posixpath.normpath(posixpath.join(folder, plain_path(row.file_name)))
    there = contents.recording(in_clips) or contents.recording(beside)
    return there or (located.find(row.file_name) if located and row.file_name else None) or in_clips


def _set_aside(
    path: str | None, name: str, verdict: str, folder: str, taken: set[str], contents: Contents, builder: Builder
) -> None:
    """Reject clips without a confirmed text; most releases do not contain their audio."""
    for row, place in _rows(path, contents, builder):
        audio = _clip(row, folder, contents, None)
        if audio in contents.by_path and audio not in taken:
            taken.add(audio)
            contents.named.add(audio)
            reason = f"it is only in {name} ({place}): listeners have {verdict} its text {clean_text(row.text)!r}"
            builder.set_aside(audio, ItemError("not_validated", reason))


def _warn(path: str | None, beyond: list[str | None], held_out: set[str], builder: Builder) -> None:
    leaking = sum(speaker in held_out for speaker in beyond)
    if leaking:
        builder.layout.warnings.append(
            f"{leaking} of {len(beyond)} clips that only {path} names are by speakers of the validation and test splits, "
            "and are in no split themselves: to train on them is to know those voices; remove validated.tsv, or name "
            "the test speakers"
        )
