"""Examples: an input of a medium, and the target that a model learns to give for it. Does not import torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, get_args

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


# ---- inputs ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a source. Inputs with overlapping spans share data, and are never on both sides of a split."""

    source: str
    start: float
    end: float


class Input(Protocol):
    """What a model is given, as data; `engine.media.registry` has the media."""

    medium: ClassVar[str]
    """Its kind, as in the registry."""

    def spans(self) -> tuple[Span, ...]:
        """What it consists of."""
        ...

    def files(self) -> tuple[str, ...]:
        """Files that it is read from, relative to the manifest's folder."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an audio file."""

    audio: str
    """Path of the file, relative to the manifest's folder, with `/`."""
    start_s: float
    """Start in the file, in seconds."""
    duration_s: float
    """Length in seconds."""


@dataclass(frozen=True, slots=True)
class AudioInput:
    """A stretch of an audio file, or several that are joined."""

    medium: ClassVar[str] = "audio"

    audio: str
    """Path of the file, relative to the manifest's folder, with `/`."""
    start_s: float
    """Start in the file, in seconds."""
    duration_s: float
    """Length in seconds."""
    pieces: tuple[Piece, ...] = ()
    """All stretches of an input that joins several. `audio` and `start_s` are then those of the first, and `duration_s` is
    their total. They come from a selection, never from a manifest."""

    def stretches(self) -> tuple[Piece, ...]:
        """Its stretches of audio, in order."""
        return self.pieces or (Piece(self.audio, self.start_s, self.duration_s),)

    def spans(self) -> tuple[Span, ...]:
        """What it consists of."""
        return tuple(Span(p.audio, p.start_s, p.start_s + p.duration_s) for p in self.stretches())

    def files(self) -> tuple[str, ...]:
        """Files that it is read from, relative to the manifest's folder."""
        return tuple(piece.audio for piece in self.stretches())


@dataclass(frozen=True, slots=True)
class TextInput:
    """A text."""

    medium: ClassVar[str] = "text"

    text: str

    def spans(self) -> tuple[Span, ...]:
        """The text itself: inputs with the same text are the same."""
        return (Span(self.text, 0.0, math.inf),)

    def files(self) -> tuple[str, ...]:
        """None: it stands in the manifest."""
        return ()


@dataclass(frozen=True, slots=True)
class ImageInput:
    """An image file."""

    medium: ClassVar[str] = "image"

    image: str
    """Path of the file, relative to the manifest's folder, with `/`."""

    def spans(self) -> tuple[Span, ...]:
        """The file."""
        return (Span(self.image, 0.0, math.inf),)

    def files(self) -> tuple[str, ...]:
        """The file that it is read from, relative to the manifest's folder."""
        return (self.image,)


# ---- targets -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimedText:
    """A part of a text with its time in the audio."""

    start_s: float
    """Start, from the beginning of the input, in seconds."""
    end_s: float
    """End, in seconds."""
    text: str
    """Its text: a word, a phrase, a subtitle."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text, such as a transcript or an answer."""

    type: ClassVar[str] = "text"

    text: str
    times: tuple[TimedText, ...] = ()
    """Times of parts of the text, in order, if known; long recordings can then be cut."""

    def key(self) -> str:
        """What it asks for, for dividing a dataset evenly."""
        return self.text


@dataclass(frozen=True, slots=True)
class Label:
    """One class."""

    type: ClassVar[str] = "label"

    label: str

    def key(self) -> str:
        """The label."""
        return self.label


@dataclass(frozen=True, slots=True)
class Labels:
    """Any number of classes, in order and each once; none is an answer too."""

    type: ClassVar[str] = "labels"

    labels: tuple[str, ...]

    def key(self) -> str:
        """All labels."""
        return "\n".join(self.labels)


@dataclass(frozen=True, slots=True)
class Captions:
    """One or several texts that describe the input, each of which is right: for captioning and for retrieval."""

    type: ClassVar[str] = "captions"

    captions: tuple[str, ...]

    def key(self) -> str:
        """The first caption."""
        return self.captions[0] if self.captions else ""


TargetType = Literal["text", "label", "labels", "captions"]

Target = Text | Label | Labels | Captions
InputT = TypeVar("InputT", bound=Input, covariant=True)
TargetT = TypeVar("TargetT", bound=Target, covariant=True)


@dataclass(frozen=True, slots=True)
class Example(Generic[InputT, TargetT]):
    """An input and its target."""

    id: str
    """Unique within the manifest."""
    input: InputT
    target: TargetT
    group: str | None = None
    """What must not be on both sides of a split: the speaker, the recording, the site; if known."""
    split: Split | None = None
    """Its split, if the dataset has one."""
    weight: float = 1.0
    """Factor on its loss in training. It comes from a selection, never from a manifest."""


AnyExample = Example[Any, Any]
Utterance = Example[AudioInput, Text]
"""A recording of speech and its transcript."""


def make_utterance(
    id: str,
    audio: str,
    start_s: float,
    duration_s: float,
    text: str,
    speaker: str | None = None,
    split: Split | None = None,
    times: tuple[TimedText, ...] = (),
    pieces: tuple[Piece, ...] = (),
    weight: float = 1.0,
) -> Utterance:
    """A recording of speech and its transcript, grouped by the speaker."""
    return Example(id, AudioInput(audio, start_s, duration_s, pieces), Text(text, times), speaker, split, weight)
