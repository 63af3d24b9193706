"""Everything that the engine raises on purpose.

    EngineError
    ├── ConfigError                 one or more faulty fields, all reported at once
    ├── StorageError                a key or prefix that a store cannot hold
    │   └── ObjectNotFoundError     (also a KeyError) no object under that key
    ├── AudioError                  a file that cannot be read as audio
    │   ├── UnsupportedAudioError   audio, but in a format, rate or channel count that is not read
    │   ├── TruncatedAudioError     the file ends before its own header says
    │   └── EmptyAudioError         no bytes or no samples
    ├── IngestError                 a source that gives no dataset: no archive, hostile, nothing good in it
    ├── ItemError                   one item of a source that has to be set aside, with a code
    ├── ManifestError               one or more faulty lines, all reported at once
    ├── SynthesisError              speech that cannot be made (in engine.synthesis.espeak)
    ├── SelectionError              a selection that cannot be made, read or used with a run
    ├── ModelError                  a model that cannot be found, loaded or adapted
    ├── CheckpointError             a checkpoint that is incomplete or belongs to another run
    └── TrainingError               a run that cannot go on, such as a loss that is not finite

A message says what was found, what is allowed, and what to do. All of them can be pickled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MOST_FAULTS: Final = 100
"""Faults that are told of one input; of more, it is told that there are more."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong in an input that is checked as a whole."""

    path: str
    """Where: a dotted field path, `line 12` of a file; empty for the whole input."""
    message: str
    """What was found, what is allowed, what to do."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class EngineError(Exception):
    """Base of everything that the engine raises on purpose."""


class ConfigError(EngineError):
    """One or more faulty fields of a config; `str()` puts each on its own line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


class StorageError(EngineError):
    """A key or prefix that a store cannot hold."""


class ObjectNotFoundError(StorageError, KeyError):
    """No object under that key."""

    def __str__(self) -> str:  # KeyError would show the message in quotes
        return Exception.__str__(self)


class AudioError(EngineError):
    """A file that cannot be read as audio."""


class UnsupportedAudioError(AudioError):
    """Audio, but in a format, rate or channel count that is not read."""


class TruncatedAudioError(AudioError):
    """The file ends before its own header says."""


class EmptyAudioError(AudioError):
    """No bytes or no samples."""


class IngestError(EngineError):
    """A source that gives no dataset: not an archive, hostile, or nothing good in it."""


class ItemError(EngineError):
    """One item of a source that has to be set aside; ingestion catches it and goes on."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(code, reason)

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


class ManifestError(EngineError):
    """One or more faulty lines of a manifest; `str()` puts each on its own line after the first."""

    def __init__(self, message: str, faults: Iterable[Fault] = ()) -> None:
        self.message = message
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__(self.message, self.faults)

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  {fault}" for fault in self.faults)])


class SelectionError(EngineError):
    """A selection of training audio that cannot be made, read, or used with a run."""


class StoppedError(EngineError):
    """A stage that was asked to stop before its end; called again, it goes on from what it has kept."""


class ModelError(EngineError):
    """A model that cannot be found, loaded or adapted."""


class CheckpointError(EngineError):
    """A checkpoint that is incomplete or belongs to another run."""


class TrainingError(EngineError):
    """A run that cannot go on, such as a loss that is not finite."""
