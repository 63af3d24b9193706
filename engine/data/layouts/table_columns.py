"""Identify the columns of a table by their declared features, names and types."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from engine.data.caption_values import caption_columns
from engine.data.columns import FILE_COLUMNS, TEXT_COLUMNS, Role, bare, columns_of
from engine.data.label_values import OF_SPEAKERS
from engine.data.tables.samples import number_type
from engine.data.tables.source import AudioColumns
from engine.data.targets import TEXT, TargetKind
from engine.errors import IngestError

_AUDIO_WORDS = frozenset(
    [
        "array",
        "audio",
        "bytes",
        "clip",
        "flac",
        "mp3",
        "pcm",
        "recording",
        "samples",
        "signal",
        "sound",
        "speech",
        "voice",
        "wav",
        "wave",
        "waveform",
    ]
)
_SAMPLES_FIELDS = ("array", "samples", "waveform", "wave", "data", "values", "signal", "audio")
_RATE = re.compile(r"(.*_)?(sampl\w{0,20}_?rate|rate_?hz|rate|sr|fs)(_hz)?")
_NAME_FIELDS = ("path", "file_name", "filename", "file", "name")
_SHOWN_TYPE = 80  # characters


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table, by role."""

    audio: AudioColumns | None
    """Columns of the recordings, if the table contains them."""
    name: str | None
    """Path of the column of file names, if there is one."""
    texts: Sequence[str]
    """Columns of the targets: one, or several of captions."""
    speaker: str | None
    split: str | None
    labels: Mapping[str, Sequence[str]]
    """Class names of columns that hold class numbers, or lists of them."""
    read: Mapping[str, str] = field(default_factory=dict)
    """Top-level columns that are read, with the role of each."""
    ignored: Sequence[str] = ()
    """Top-level columns that are not read."""


def columns_in(path: str, schema: pa.Schema, target: TargetKind = TEXT) -> Columns:
    """Identify the columns of a table.

    Args:
        path: of the table, for messages.
        schema: of the table.
        target: what is looked for.

    Raises:
        IngestError: no audio or file names, or no targets; names the problem of each column that has a suitable name.
    """
    features = _features(schema)
    labels = _labels(features)
    fields = {field.name.strip().lower(): field for field in schema if _is_plain(field.name, schema)}
    twice = dict.fromkeys(name for name in schema.names if schema.names.count(name) > 1)
    problems = [f"several columns are called {name}; give each a name of its own" for name in twice]
    audio = next(_audio(schema, features, fields, problems), None)
    taken = {audio.data.partition(".")[0], (audio.rate or "").partition(".")[0]} if audio else set()
    name = _name(audio, fields, taken)
    texts = _TARGETS[target.role](fields, labels, taken, problems)
    if (audio is None and name is None) or not texts:
        raise IngestError(
            _refusal(path, schema, audio is None and name is None, target if not texts else None, problems)
        )
    groups = [*_called(fields, "speaker"), *([] if target.is_speech else _called(fields, "group"))]
    others = [name for name in (*groups, *_called(fields, "split")) if name not in {*taken, *texts}]
    speaker = next((name for name in others if name in groups), None)
    split = next((name for name in others if name in _called(fields, "split") and name != speaker), None)
    group = "speaker" if target.is_speech else "group"
    roles = [("file", name), *((target.role, text) for text in texts), (group, speaker), ("split", split)]
    read = {column.partition(".")[0]: role for role, column in roles if column}
    if audio:
        read |= {audio.data.partition(".")[0]: "audio"}
        if audio.rate and "." not in audio.rate:
            read[audio.rate] = "sample rate"
    ignored = [column for column in schema.names if column not in read]
    return Columns(audio, name, texts, speaker, split, labels, read, ignored)


def _is_plain(name: str, schema: pa.Schema) -> bool:
    """Whether a name belongs to exactly one column and contains no dot."""
    return "." not in name and schema.names.count(name) == 1


# ---- audio --------------------------------------------------------------------------------------------------


def _audio(
    schema: pa.Schema, features: Mapping[str, Any], fields: Mapping[str, pa.Field], problems: list[str]
) -> Iterator[AudioColumns]:
    """Columns with recordings: first those declared as audio, then those named so, then structs with bytes."""
    declared = [field.name for field in fields.values() if _feature(features, field.name) == "Audio"]
    words = [field.name for name, field in fields.items() if _is_audio_word(name)]
    called = [name for name in ("audio", *words, *_called(fields, "file")) if name in schema.names]
    texts = _called(fields, "text")
    texts = [] if any(is_text(schema.field(name).type) for name in texts) else texts  # texts may be stored as bytes
    binary = [field.name for field in fields.values() if is_bytes(field.type) and field.name not in texts]
    structs = [
        field.name for field in fields.values() if pa.types.is_struct(field.type) and _inner(field.type, ("bytes",))
    ]
    for column in dict.fromkeys(declared + called + structs + (binary if len(binary) == 1 else [])):
        kind = schema.field(column).type
        if is_bytes(kind):
            yield AudioColumns(column, is_file=True)
        elif pa.types.is_struct(kind):
            yield from _struct(column, kind, features, problems)
        elif (numbers := number_type(kind)) is not None:
            rate = next((field.name for name, field in fields.items() if _RATE.fullmatch(name)), None)
            yield from _samples(column, numbers, rate, features, column, problems)
        elif not is_text(kind) and not pa.types.is_null(kind) and column.strip().lower() in FILE_COLUMNS:
            problems.append(f"the column {column} holds {_shown(kind)}, which is neither audio nor names of files")


def _is_audio_word(name: str) -> bool:
    """Whether a column's name has a word for recordings, perhaps among others (`audio_bytes`), and is not a rate's."""
    words = re.split(r"[\W_]+", name)
    return bool(_AUDIO_WORDS & set(words)) and not _RATE.fullmatch(name)


def _struct(
    column: str, kind: pa.StructType, features: Mapping[str, Any], problems: list[str]
) -> Iterator[AudioColumns]:
    inner = {field.name.lower(): field for field in (kind.field(at) for at in range(kind.num_fields))}
    if "bytes" in inner and is_bytes(inner["bytes"].type):
        yield AudioColumns(f"{column}.{inner['bytes'].name}", is_file=True)
        return
    found = _samples_field(kind)
    if found is not None and (numbers := number_type(found.type)) is not None:
        rate = next((f"{column}.{field.name}" for name, field in inner.items() if _RATE.fullmatch(name)), None)
        yield from _samples(f"{column}.{found.name}", numbers, rate, features, column, problems)
    elif not _inner(kind, _NAME_FIELDS):
        problems.append(
            f"the column {column} holds {_shown(kind)}; allowed: a struct with bytes, with path, or with array and "
            "sampling_rate"
        )


def _samples_field(kind: pa.StructType) -> pa.Field | None:
    inner = {each.name.lower(): each for each in (kind.field(at) for at in range(kind.num_fields))}
    return next((inner[name] for name in _SAMPLES_FIELDS if name in inner and number_type(inner[name].type)), None)


def _samples(
    data: str, numbers: pa.DataType, rate: str | None, features: Mapping[str, Any], column: str, problems: list[str]
) -> Iterator[AudioColumns]:
    declared = features.get(column)
    rate_hz = declared.get("sampling_rate") if isinstance(declared, dict) else None
    rate_hz = rate_hz if isinstance(rate_hz, int) else None
    if rate or rate_hz or pa.types.is_uint8(numbers):
        yield AudioColumns(data, is_file=False, rate=rate, rate_hz=rate_hz)
    else:
        problems.append(
            f"the column {data} holds samples, and nothing says their rate; add it as a column sampling_rate, in hertz"
        )


def _name(audio: AudioColumns | None, fields: Mapping[str, pa.Field], taken: set[str]) -> str | None:
    """The column of file names, which serve as ids if there is audio: a field of a struct, or a column of texts."""
    structs = [each for each in fields.values() if audio is None or each.name in taken]
    for each in structs:
        has_samples = audio is None and pa.types.is_struct(each.type) and _samples_field(each.type) is not None
        if pa.types.is_struct(each.type) and not has_samples and (found := _inner(each.type, _NAME_FIELDS)):
            return f"{each.name}.{found}"
    kinds = {each.name: each.type for each in fields.values()}
    return next((name for name in _called(fields, "file") if is_text(kinds[name])), None)


# ---- texts --------------------------------------------------------------------------------------------------


def _text(
    fields: Mapping[str, pa.Field], labels: Mapping[str, Sequence[str]], taken: set[str], problems: list[str]
) -> list[str]:
    """The first column of transcripts."""
    kinds = {each.name: each for each in fields.values()}
    for name in _called(fields, "text"):
        each = kinds[name]
        if name in taken or pa.types.is_null(each.type):
            continue
        if is_text(each.type) or is_bytes(each.type) or (each.name in labels and not pa.types.is_nested(each.type)):
            return [str(each.name)]
        what = "numbers of classes without their names" if pa.types.is_integer(each.type) else _shown(each.type)
        problems.append(f"the column {each.name} holds {what}; needed: text")
    return []


def _label(
    fields: Mapping[str, pa.Field], labels: Mapping[str, Sequence[str]], taken: set[str], problems: list[str]
) -> list[str]:
    """The best column of labels: one of names or of numbers with names; else one of numbers."""
    kinds = {each.name: each.type for each in fields.values()}
    called = [name for name in _called(fields, "label") if name not in taken and not pa.types.is_null(kinds[name])]
    named = [name for name in called if name in labels or _is_text_or_list(kinds[name])]
    others = [name for name in called if name not in named]
    numbers = [name for name in others if pa.types.is_integer(kinds[name]) or pa.types.is_boolean(kinds[name])]
    problems += [
        f"the column {name} holds {_shown(kinds[name])}; needed: names of classes, or lists of them"
        for name in others
        if name not in numbers
    ]
    # A column of names that is the last choice (language, gender) stands behind one of numbers that is called label.
    ranked = sorted(
        [*named, *numbers], key=lambda name: (name in numbers and bool(_first_names(named)), called.index(name))
    )
    return ranked[:1]


def _captions(
    fields: Mapping[str, pa.Field], labels: Mapping[str, Sequence[str]], taken: set[str], problems: list[str]
) -> list[str]:
    """The best column of captions, or several with numbers."""
    names = [each.name for each in fields.values() if each.name not in taken and _is_text_or_list(each.type)]
    groups = caption_columns(names)
    return [names[column.at] for column in groups[0]] if groups else []


_TARGETS: Mapping[Role, Callable[[Mapping[str, pa.Field], Mapping[str, Sequence[str]], set[str], list[str]], list[str]]]
_TARGETS = {"text": _text, "label": _label, "caption": _captions}


def _first_names(named: Sequence[str]) -> list[str]:
    return [name for name in named if bare(name) not in OF_SPEAKERS]


def _is_text_or_list(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return is_text(kind.value_type) or pa.types.is_integer(kind.value_type)
    return is_text(kind) or is_bytes(kind)


def _refusal(path: str, schema: pa.Schema, no_audio: bool, missing: TargetKind | None, problems: list[str]) -> str:
    found = ", ".join(f"{field.name} ({_shown(field.type)})" for field in schema)
    need = [f"one of {', '.join(FILE_COLUMNS)} with audio or names of files"] if no_audio else []
    if missing is not None:
        usual = ", ".join(TEXT_COLUMNS) if missing.is_speech else missing.usual_columns
        need.append(f"one of {usual} with {missing.noun if missing.is_speech else f'{missing.noun}s'}")
    advice = f": {'; '.join(problems)}" if problems else ": rename a column"
    return f"{path} has the columns {found}; needed: {' and '.join(need)}{advice}"


def _called(fields: Mapping[str, pa.Field], role: Role) -> list[str]:
    """The columns whose names fit a role, the best first."""
    return [column.name for column in columns_of([field.name for field in fields.values()], role)]


# ---- types and features -------------------------------------------------------------------------------------


def class_names(schema: pa.Schema) -> Mapping[str, Sequence[str]]:
    """Class names of the columns that hold class numbers, or lists of them."""
    return _labels(_features(schema))


def _features(schema: pa.Schema) -> Mapping[str, Any]:
    try:
        found = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = found["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _feature(features: Mapping[str, Any], column: str) -> object:
    feature = features.get(column)
    return feature.get("_type") if isinstance(feature, dict) else None


def _labels(features: Mapping[str, Any]) -> Mapping[str, list[str]]:
    return {column: names for column, feature in features.items() if (names := _names(feature)) is not None}


def _names(feature: object) -> list[str] | None:
    """The class names of a feature, or of the elements of a list of it."""
    if isinstance(feature, list) and len(feature) == 1:
        return _names_of_class(feature[0])
    inner = feature.get("feature") if isinstance(feature, dict) else None
    return _names_of_class(inner if inner is not None else feature)


def _names_of_class(feature: object) -> list[str] | None:
    if not isinstance(feature, dict) or feature.get("_type") != "ClassLabel":
        return None
    names = feature.get("names")
    return [str(label) for label in names] if isinstance(names, list) else None


def _inner(kind: pa.StructType, names: Sequence[str]) -> str | None:
    """The first field of a struct with one of these names."""
    there = {kind.field(at).name.lower(): kind.field(at).name for at in range(kind.num_fields)}
    return next((str(there[name]) for name in names if name in there), None)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds texts."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_bytes(kind: pa.DataType) -> bool:
    """Whether a column holds bytes."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _shown(kind: pa.DataType) -> str:
    shown = str(kind)
    return shown if len(shown) <= _SHOWN_TYPE else f"{shown[:_SHOWN_TYPE]}..."
