"""The ingestion report: good items, rejected items with reasons, statistics, findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from engine.data.example import Split, TargetType

LayoutKind = Literal[
    "parquet",
    "arrow",
    "kaldi",
    "common_voice",
    "librispeech",
    "ljspeech",
    "nemo",
    "subtitles",
    "audiofolder",
    "json",
    "speech_commands",
    "text_files",
    "lists",
    "label_folders",
    "file_names",
    "rows",
]
"""Structures of datasets, the most specific first."""

Code = Literal[
    "bad_archive",
    "bad_caption",
    "bad_label",
    "bad_metadata",
    "bad_times",
    "command",
    "clipped",
    "corrupt",
    "duplicate_audio",
    "duplicate_input",
    "duplicate_name",
    "empty_file",
    "encrypted",
    "missing_audio",
    "missing_caption",
    "missing_label",
    "mismatched_text",
    "missing_text",
    "mixed_scripts",
    "missing_file",
    "near_duplicate",
    "nested_archive",
    "not_audio",
    "not_validated",
    "other_file",
    "other_microphone",
    "personal_data",
    "rejected",
    "several_texts",
    "silent",
    "symlink",
    "too_large",
    "too_long",
    "too_short",
    "truncated",
    "unreadable_text",
    "unsafe_path",
    "unsupported_format",
]
CODES: tuple[Code, ...] = get_args(Code)
OF_FILES: Mapping[Code, Code] = {"missing_audio": "missing_file", "not_audio": "other_file"}
"""Codes that are named after audio, as other media call them."""

TEXTLESS: tuple[Code, ...] = (
    "bad_caption",
    "bad_label",
    "duplicate_name",
    "missing_caption",
    "missing_label",
    "missing_text",
    "several_texts",
    "unreadable_text",
)
"""Faults of a recording that lacks only a readable, credible text, label or caption."""

WarningCode = Literal[
    "cancelling_channels",
    "clipped_a_little",
    "damaged_audio",
    "dropped_caption",
    "foreign_stem",
    "html",
    "invisible_characters",
    "joined_audio",
    "near_copy",
    "noise_channel",
    "noisy",
    "open_length",
    "other_rate",
    "possible_personal_data",
    "question_mark_in_word",
    "quiet",
    "repeated_caption",
    "repeated_text",
    "scaled",
    "several_tracks",
    "unusual_rate",
    "wrong_rate",
]
"""Doubts about an item that is kept."""
WARNING_CODES: tuple[WarningCode, ...] = get_args(WarningCode)

DatasetCode = Literal[
    "leakage",
    "imbalance",
    "mixed_rates",
    "few_speakers",
    "no_speakers",
    "no_groups",
    "many_set_aside",
    "long_texts",
    "few_classes",
    "few_examples",
    "label_in_one_split",
    "similar_labels",
    "contradicting_labels",
    "similar_captions",
]
"""Kinds of findings about the dataset as a whole."""

Severity = Literal["set_aside", "warning", "overruled", "dataset"]
"""Effect of a finding: the item is rejected; it is doubtful; it would be rejected, but a decision overruled the finding; or
the finding concerns the dataset as a whole."""

ACTIONS: dict[Code, str] = {
    "bad_archive": "make the archive again, or put the files themselves into the dataset",
    "bad_caption": "write one or a few sentences that describe the recording",
    "bad_label": "write the name of its class, as in the other rows",
    "bad_metadata": "correct the metadata file as the reason says",
    "bad_times": "correct the times of its row",
    "command": "run the command yourself, save what it gives as a file, and name that file",
    "clipped": "record it again with less gain, or remove it",
    "corrupt": "export or copy the file again, e.g. as WAV or FLAC",
    "duplicate_audio": "nothing, unless it should have been another recording: then add that one",
    "duplicate_input": "nothing, unless it should have been another one: then add that",
    "duplicate_name": "give each recording a name of its own, and one row",
    "empty_file": "copy or record it again",
    "encrypted": "make the archive without a password",
    "missing_audio": "add the file, or remove its row",
    "missing_caption": "give its captions in metadata.csv (columns file_name, caption), or remove the file",
    "missing_file": "add the file, or remove its row",
    "missing_label": "give its class in metadata.csv (columns file_name, label), or remove the file",
    "mismatched_text": "give the text of this recording, or cut the recording where its text ends",
    "missing_text": "give its text in metadata.csv (columns file_name, transcription), or remove the file",
    "mixed_scripts": "write the word in one alphabet",
    "near_duplicate": "nothing, unless it should have been another recording: then add that one",
    "nested_archive": "unpack it, and put the recordings themselves into the dataset",
    "not_audio": "nothing, unless it was meant to be a recording",
    "not_validated": "nothing, unless its text is right: then give it in validated.tsv",
    "other_file": "nothing, unless it was meant to be part of the dataset",
    "other_microphone": "nothing, unless you want this microphone: then leave the other's recordings out",
    "personal_data": "replace it in the text, and where it can be heard, or remove the recording",
    "rejected": "nothing, unless it should be in the dataset: then accept it",
    "several_texts": "say which language is spoken (`lim data import --language de`), or keep only its file",
    "silent": "record it again, or remove it",
    "symlink": "put the file itself into the dataset",
    "too_large": "cut it into shorter recordings",
    "too_long": "cut it into shorter recordings, each with its text",
    "too_short": "record it again, or remove it",
    "truncated": "copy or record it again, or repair its header as the reason says",
    "unreadable_text": "write the text again, and save the file as UTF-8",
    "unsafe_path": "make the archive again from inside its folder, with relative paths",
    "unsupported_format": "convert it to WAV or FLAC",
}

ADVICE: dict[WarningCode, str] = {
    "cancelling_channels": "listen to it; with a reversed cable or effect, export it again with one channel",
    "clipped_a_little": "record with less gain the next time",
    "damaged_audio": "listen to its end; export or copy it again if something is missing",
    "dropped_caption": "correct the caption; the others of the recording are kept",
    "foreign_stem": "nothing, if it is written so: a foreign word with an ending of the language",
    "html": "write the character itself into the text",
    "invisible_characters": "nothing: they were taken out",
    "joined_audio": "check that its text is that of all its parts",
    "near_copy": "nothing: both are of one group, which is never divided between training and test",
    "noise_channel": "nothing, if its other channels have all of the speech",
    "noisy": "listen to it; remove it if you cannot understand it",
    "open_length": "listen to its end; write its header anew if something is missing or too much",
    "other_rate": "check that the file says its true sample rate: it must sound at its natural pitch",
    "possible_personal_data": "read the text; replace what belongs to a person",
    "question_mark_in_word": "nothing, if a blank is missing; if it stands for a letter, save the texts as UTF-8",
    "quiet": "record with more gain the next time",
    "repeated_caption": "write another caption in its place: the same one twice teaches nothing new",
    "repeated_text": "nothing, if it was said twice; else check the text",
    "scaled": "nothing: it was made quieter",
    "several_tracks": "check that its first track is the speech of its text; else export that track alone",
    "unusual_rate": "listen to it: its text is much shorter or longer than others of that length",
    "wrong_rate": "listen to it: if the voice is too high or too low, the file says a wrong sample rate",
}


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SetAside(_Record):
    """A rejected item and the reason."""

    path: str
    """Path in the source; `metadata.csv:12` for a row that names no file."""
    code: Code
    """Kind of fault."""
    reason: str
    """The value found, and the allowed one."""
    action: str
    """What to do about it."""


class Finding(_Record):
    """A defect or doubt."""

    path: str | None
    """Path of the item in the source; None for the dataset as a whole."""
    code: Code | WarningCode | DatasetCode
    """Kind."""
    severity: Severity
    """Effect on the item."""
    reason: str
    """The measured and the allowed value."""
    action: str
    """What to do about it."""


class Histogram(_Record):
    """Distribution of a measure over the items of the dataset."""

    name: str
    """The measure."""
    unit: str
    """Its unit."""
    edges: list[float]
    """Edges of the bins, one more than bins; values beyond count in the outer bins."""
    counts: list[int]
    """Items in each bin."""
    quantiles: dict[str, float]
    """`p1`, `p5`, `p50`, `p95`, `p99` of the measure, accurate to the width of a bin."""


class ValidationReport(_Record):
    """Result of the validation."""

    findings: list[Finding]
    """All findings: on rejected items, on kept items, and on the dataset."""
    findings_by_code: dict[str, int]
    """Number of findings of each kind, without overruled ones."""
    overruled_by_code: dict[str, int] = {}
    """Number of overruled findings of each kind."""
    histograms: list[Histogram]
    """Duration, level, signal to noise and speech rate of the good items."""
    recommendations: list[str]
    """Recommended first steps, in words."""


class TextStatistics(_Record):
    """Statistics of the transcripts or captions."""

    distinct: int = 0
    """Number of different transcripts."""
    words: int = 0
    """Number of words in all transcripts."""
    characters: int = 0
    """Number of characters in all transcripts."""
    longest_characters: int = 0
    """Characters in the longest transcript."""
    alphabet: str = ""
    """Every character that occurs, sorted."""


class Example(_Record):
    """A good item, for a person to check whether the text belongs to the recording."""

    recording: str
    """Path of the recording in the source, with its row if the file may have several items."""
    input: Annotated[str | None, Field(exclude_if=lambda text: text is None)] = None
    """The beginning of its input, if that is a text; else left out."""
    text: str
    """Its target in the written form: the transcript, `dog; rain`, captions on a line each."""
    speaker: str | None
    """Its speaker, if known."""
    split: Split | None
    """Its split, if it has one."""


class IngestReport(_Record):
    """The result of an ingestion. `items_found` is `items_good` plus the rejected items."""

    layout: LayoutKind
    """Structure of the source, or of most of it. `audiofolder` is a `metadata.csv`, `.tsv` or `.jsonl`; `file_names` are
    names such as `7_jackson_32.wav`."""
    layouts: list[LayoutKind]
    """All structures in the source, the one with the most items first."""
    metadata_files: list[str]
    """The metadata files that were read."""
    items_found: int
    """Recordings, rows without a recording, and other files."""
    items_good: int
    """Utterances in the manifest."""
    set_aside_by_code: dict[Code, int]
    """Number of rejected items for each kind of fault."""
    set_aside: list[SetAside]
    """All rejected items, sorted by path."""
    audio_s: float = 0.0
    """Seconds of audio in the dataset."""
    shortest_s: float | None = None
    """The shortest utterance, in seconds."""
    longest_s: float | None = None
    """The longest utterance, in seconds."""
    medium: Annotated[str, Field(exclude_if=lambda medium: medium == "audio")] = "audio"
    """Kind of the inputs; left out if it is audio, as in reports of earlier releases."""
    amount: Annotated[float | None, Field(exclude_if=lambda amount: amount is None)] = None
    """How much data the dataset has, in the unit of its medium; left out for audio, which has seconds."""
    speakers: dict[str, int]
    """Utterances of each speaker."""
    without_speaker: int
    """Utterances of unknown speakers."""
    splits: dict[str, int]
    """Utterances in each split, from the source or drawn at ingestion."""
    rates_hz: dict[int, int] = {}
    """Good recordings by the sample rate of their files."""
    formats: dict[str, int] = {}
    """Good recordings or images by the format of their files."""
    text: TextStatistics
    """Statistics of the transcripts or captions."""
    target: TargetType = "text"
    """Type of the targets."""
    labels: dict[str, int] = {}
    """Items of each class, the most frequent first; empty for other targets."""
    captions: int = 0
    """Number of captions; 0 for other targets."""
    warnings: list[str]
    """Warnings about the dataset as a whole."""
    text_source: str = ""
    """Source of the texts, in words: `column 'transcription' of metadata.csv`, `names of the files`."""
    columns_read: dict[str, str] = {}
    """Columns, keys and fields of the metadata that were read, with the role of each: `{"path": "file"}`."""
    columns_ignored: list[str] = []
    """Columns, keys and fields of the metadata that were not read."""
    examples: list[Example] = []
    """The first good item, one from the middle and the last."""
    validation: ValidationReport | None = None
    """Defects, doubts and statistics; None in the report of an older version."""


def named(paths: Sequence[str], most: int = 10) -> str:
    """The first of many paths, and the number of the others."""
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(paths[:most]) + more
