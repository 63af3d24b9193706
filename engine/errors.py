"""The engine's exceptions.

    EngineError
    ├── ConfigError                 one or more faulty fields, all reported at once
    ├── StorageError                a key or prefix that a store cannot hold
    │   └── ObjectNotFoundError     (also a KeyError) no object under that key
    ├── AudioError                  a file that cannot be read as audio
    │   ├── UnsupportedAudioError   audio in an unsupported format, rate or channel count
    │   ├── TruncatedAudioError     the file is shorter than its header states
    │   └── EmptyAudioError         no bytes or no samples
    ├── IngestError                 a source that yields no dataset: not an archive, malicious, or no valid item
    ├── ItemError                   one rejected item of a source, with a code
    ├── ManifestError               one or more faulty lines, all reported at once
    ├── SynthesisError              speech synthesis failed (in engine.recipes.whisper_pico.synthesis.espeak)
    ├── SelectionError              a selection that cannot be made, read or used by a run
    ├── ModelError                  a model that cannot be found, loaded or adapted
    ├── CheckpointError             a checkpoint that is incomplete or belongs to another run
    └── TrainingError               a run that cannot continue, such as a loss that is not finite

A message says what was found, what is allowed, and what to do. All exceptions can be pickled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MOST_FAULTS: Final = 100
"""Maximum number of faults listed for one input; a last line says how many more there are."""


@dataclass(frozen=True)
class Fault:
    """One fault in an input that is checked as a whole."""

    path: str
    """Location: a dotted field path, or `line 12` of a file; empty for the whole input."""
    message: str
    """What was found, what is allowed, what to do."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class EngineError(Exception):
    """Base of the engine's exceptions."""


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
    """Audio in an unsupported format, rate or channel count."""


class TruncatedAudioError(AudioError):
    """The file is shorter than its header states."""


class EmptyAudioError(AudioError):
    """No bytes or no samples."""


class IngestError(EngineError):
    """A source that yields no dataset: not an archive, malicious, or without a valid item."""


class ItemError(EngineError):
    """One rejected item of a source; ingestion catches it and continues."""

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
    """A selection of training audio that cannot be made, read, or used by a run."""


class StoppedError(EngineError):
    """A stage stopped on request before its end; the next call resumes from its stored work."""


class ModelError(EngineError):
    """A model that cannot be found, loaded or adapted."""


class CheckpointError(EngineError):
    """A checkpoint that is incomplete or belongs to another run."""


class TrainingError(EngineError):
    """A run that cannot continue, such as a loss that is not finite."""
