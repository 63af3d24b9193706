"""Lists of recordings with their texts, under any name: a recording and its text on each line.

OpenSLR (`line_index.tsv`, `utt_spk_text.tsv`), MLS (`transcripts.txt`), AISHELL, CMU Arctic (`txt.done.data`), VITS
(`train.txt` with bars), Sphinx (`.transcription`) and many home-made datasets have this structure. A file is a list if
its lines name recordings of the source. Its columns are identified by their names in the first line, else by their
content: the text is the only column of words. If two columns could be the text, the list is rejected.

Recordings with a text from an earlier layout keep it; if a list gives another text, a warning shows it.
"""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from engine.data.columns import Role
from engine.data.label_values import read_labels
from engine.data.layouts.building import Builder
from engine.data.layouts.contents import Contents
from engine.data.layouts.list_columns import FORMS, Listed, ListRow, form_of, read_list
from engine.data.layouts.naming import Names, split_of_path
from engine.data.layouts.split_lists import SplitLists
from engine.data.layouts.text_like import may_hold_texts, sample
from engine.data.rows import Row, row_of
from engine.data.split_names import split_of_name
from engine.errors import IngestError, ItemError

_SAMPLED_LINES = 1000


def find(contents: Contents) -> list[str]:
    """Text files whose lines name recordings, those of a split first: `train.txt` comes before `all.txt`."""
    candidates = [path for path in contents.unclaimed("") if may_hold_texts(path)]
    names = Names(contents) if candidates else None
    found = [
        path for path in candidates if names and _is_list(path, sample(path, contents), names, contents.target.role)
    ]
    return sorted(found, key=lambda path: (split_of_name(_stem(path)) is None, path))


def _is_list(path: str, lines: Sequence[str], names: Names, target: Role) -> bool:
    """Whether lines name recordings and hold their texts; which column is the text may be unclear."""
    form = form_of(lines, names)
    if form is None or 2 * form.hits < min(len(lines), len(names)):
        return False
    try:
        return read_list(path, "\n".join(lines), form, names, target) is not None
    except IngestError:
        return True


def read(metadata: list[str], contents: Contents, builder: Builder) -> None:
    """Make an item from each line."""
    reading = _Reading(contents, builder)
    for path in metadata:
        try:
            reading.read(path)
        except IngestError as error:
            if reading.repeats(path):
                builder.set_aside(
                    path, ItemError("not_audio", "the texts of its recordings were read from other files")
                )
            else:
                builder.refuse(path, error)


class _Reading:
    """Reads the lists of a source."""

    def __init__(self, contents: Contents, builder: Builder) -> None:
        self.contents = contents
        self.builder = builder
        self.names = Names(contents)
        self.splits = SplitLists(contents)
        self.splits.claim(builder)

    def read(self, path: str) -> None:
        text = self.contents.text(path)
        form = form_of([line for line in text.split("\n", _SAMPLED_LINES)[:_SAMPLED_LINES] if line.strip()], self.names)
        listed = read_list(path, text, form, self.names, self.contents.target.role) if form else None
        if listed is None:
            self.builder.set_aside(
                path,
                ItemError("not_audio", f"it names recordings, and holds no {self.contents.target.noun}s of theirs"),
            )
            return
        where = posixpath.basename(path)
        self.builder.layout.note_columns(
            {f"{name} of {where}": role for name, role in listed.columns_read.items()},
            [f"{name} of {where}" for name in listed.columns_ignored],
        )
        rows = [_row(row, listed) for row in listed.rows]
        if self.contents.target.role == "label":
            rows = self._with_labels(path, rows, listed.text_column)
        self._take(path, rows, f"{listed.text_column} of {where}")

    def _with_labels(self, path: str, rows: Sequence[Row], column: str) -> list[Row]:
        """The rows with their labels, which may be several in one text."""
        found = read_labels(column, [row.text for row in rows], self.contents.types)
        layout = self.builder.layout
        layout.several_labels |= found.several
        layout.warnings += [f"{path}: {warning}" for warning in found.warnings]
        return [
            replace(row, text=text, fault=row.fault or fault)
            for row, (text, fault) in zip(rows, found.labels, strict=True)
        ]

    def repeats(self, path: str) -> bool:
        """Whether all recordings that a list names already have a text."""
        lines = sample(path, self.contents)
        form = form_of(lines, self.names)
        if form is None:
            return False
        fields = [FORMS[form.name](line) for line in lines]
        found = self.names.find([row[form.at].strip() for row in fields if len(row) > form.at], path)
        audios = [audio for audio in found if isinstance(audio, str)]
        return bool(audios) and all(audio in self.contents.named for audio in audios)

    def _take(self, path: str, rows: Sequence[Row], text_source: str) -> None:
        builder, named = self.builder, self.contents.named
        builder.layout.metadata_files.append(path)
        builder.text_source = text_source
        own, known, differing = set[str](), 0, list[str]()
        for row, audio in zip(rows, self.names.find([row.file_name for row in rows], path), strict=True):
            place = f"{path}:{row.line}"
            if not row.file_name:
                builder.set_aside(place, row.fault or ItemError("missing_audio", "the row names no recording"))
            elif isinstance(audio, ItemError):
                builder.set_aside(place, audio)
            elif audio in named and audio not in own:
                known += 1
                taken = builder.texts.get(audio)
                if taken is not None and plain_words(row.text) != plain_words(taken):
                    differing.append(f"{place} says {row.text[:60]!r}, and it was taken as {taken[:60]!r}")
            else:
                own.add(audio)
                split = (
                    split_of_name(_stem(path))
                    or split_of_path(path)
                    or self.splits.split(audio)
                    or split_of_path(audio)
                )
                builder.take(row, place, audio, split)
        if differing:
            builder.layout.warnings.append(
                f"{path} has another text for {len(differing)} of {known} recordings that have one already: {differing[0]}"
            )


def plain_words(text: str) -> str:
    """Normalised form for comparing texts: letters and digits only, in one case."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _stem(path: str) -> str:
    return posixpath.basename(path).rpartition(".")[0] or posixpath.basename(path)


def _row(row: ListRow, listed: Listed) -> Row:
    fault = None
    if row.fields > listed.width:
        fault = ItemError("missing_text", f"its row has {row.fields} fields, the others have {listed.width}")
    return row_of(row.line, row.name, row.text, row.speaker, row.split, fault)
