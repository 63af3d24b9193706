"""Types of targets, and how tables, people and lists write them.

Each target has a written form, a text that a person can edit: the transcript or the class itself, labels as `dog; rain`
(`[]` if none applies), captions one per line. Layouts read it, decisions change it, and the manifest gets the target that
it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from engine.data.columns import Role
from engine.data.example import Captions, Label, Labels, Target, TargetType, Text
from engine.data.report import Code

NO_LABELS: Final = "[]"
"""The written form of an empty set of labels."""
LABEL_MARK: Final = "; "
CAPTION_MARK: Final = "\n"
_MOST_WRITTEN = 100_000  # characters of a text that is an answer, and not heard


@dataclass(frozen=True, slots=True)
class TargetKind:
    """One type of target."""

    type: TargetType
    role: Role
    """Role of the columns that hold it."""
    noun: str
    """What one is called in messages."""
    group: str
    """What must not be on both sides of a split, in messages."""
    is_speech: bool
    """Whether the recordings are speech and the target is what is said, so that one can be checked against the other."""
    missing: Code
    """Code of a recording without a target."""
    too_long: Code
    """Code of a target that is too long to be one."""
    most_characters: int | None
    """Maximum length of a target; None: what can be said in the longest recording."""
    mark: str
    """What stands between its parts in the written form; empty if it has no parts."""
    usual_columns: str
    """Usual names of its columns, for messages."""
    make: Callable[[str], Target]
    """The target with a written form."""


def labels_in(written: str) -> tuple[str, ...]:
    """The labels in a written form, each once."""
    parts = (each.strip() for each in written.split(";"))
    return tuple(dict.fromkeys(part for part in parts if part and part != NO_LABELS))


def written_labels(labels: Sequence[str]) -> str:
    """The written form of some labels, each once."""
    return LABEL_MARK.join(dict.fromkeys(labels)) or NO_LABELS


def captions_in(written: str) -> tuple[str, ...]:
    """The captions in a written form."""
    return tuple(part for each in written.split(CAPTION_MARK) if (part := each.strip()))


def written(target: Target) -> str:
    """The written form of a target."""
    match target:
        case Text(text):
            return text
        case Label(label):
            return label
        case Labels(labels):
            return written_labels(labels)
        case Captions(captions):
            return CAPTION_MARK.join(captions)


TEXT: Final = TargetKind(
    type="text",
    role="text",
    noun="text",
    group="speaker",
    is_speech=True,
    missing="missing_text",
    too_long="mismatched_text",
    most_characters=None,
    mark="",
    usual_columns="transcription, text, sentence",
    make=Text,
)
LABEL: Final = TargetKind(
    type="label",
    role="label",
    noun="label",
    group="group",
    is_speech=False,
    missing="missing_label",
    too_long="bad_label",
    most_characters=200,
    mark="",
    usual_columns="label, class, category",
    make=Label,
)
LABELS: Final = TargetKind(
    type="labels",
    role="label",
    noun="label",
    group="group",
    is_speech=False,
    missing="missing_label",
    too_long="bad_label",
    most_characters=10_000,
    mark=LABEL_MARK,
    usual_columns="labels, tags, classes",
    make=lambda written: Labels(labels_in(written)),
)
CAPTIONS: Final = TargetKind(
    type="captions",
    role="caption",
    noun="caption",
    group="group",
    is_speech=False,
    missing="missing_caption",
    too_long="bad_caption",
    most_characters=20_000,
    mark=CAPTION_MARK,
    usual_columns="caption, caption_1, description",
    make=lambda written: Captions(captions_in(written)),
)

TARGETS: Final[Mapping[TargetType, TargetKind]] = {kind.type: kind for kind in (TEXT, LABEL, LABELS, CAPTIONS)}

TargetTypes = Sequence[TargetType]
"""The types that a dataset may have; of several, its content decides."""
TEXTS: Final[TargetTypes] = ("text",)


def kind_of(types: TargetTypes) -> TargetKind:
    """The kind that a source is read as; whether labels are single is known only after all rows are read."""
    return TARGETS[types[0]]


def not_spoken(kind: TargetKind) -> TargetKind:
    """A type of targets with inputs that are not heard."""
    most = kind.most_characters or _MOST_WRITTEN
    return replace(kind, is_speech=False, group="group", too_long="too_long", most_characters=most)
