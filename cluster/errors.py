"""Exceptions of the cluster floor.

    ClusterError
    ├── HomeError                   `LIM_HOME` cannot be used
    ├── StorageSettingsError        the environment does not describe an object store that can be used
    ├── EmbeddedS3Error             the embedded object store does not start or cannot be used
    ├── ObjectStorageError          (also engine.errors.StorageError) the object store rejects a request or is silent
    ├── DatasetUnavailableError     a run's data is not available on a node
    ├── ModelUnavailableError       a run's base model is not available on a node
    ├── RuntimeUnavailableError     no usable Ray cluster: unreachable, not starting, or without access to our storage
    ├── InfeasibleError             the nodes could never hold the workers; names each node and why
    └── RunFailedError              workers failed permanently; holds the last reason
        ├── KilledForMemoryError    Ray killed the controller of the workers, or its actors, for memory
        └── RefusedError            ... and would fail the same way again

A message says what was found, what is allowed, and what to do. All of them can be pickled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from engine.errors import Fault, StorageError

_LONGEST_MESSAGE: Final = 4000


class ClusterError(Exception):
    """Base class of the cluster floor's exceptions."""


class HomeError(ClusterError):
    """`LIM_HOME` cannot be used."""


class StorageSettingsError(ClusterError):
    """The environment does not describe an object store that can be used."""


class EmbeddedS3Error(ClusterError):
    """The embedded object store does not start or cannot be used."""


class ObjectStorageError(ClusterError, StorageError):
    """The object store rejects a request, or does not answer after all retries."""


class DatasetUnavailableError(ClusterError):
    """A run's data is not available on a node."""


class ModelUnavailableError(ClusterError):
    """A run's base model is not available on a node."""


class RuntimeUnavailableError(ClusterError):
    """No usable Ray cluster: unreachable, not starting, or without access to our storage."""


class InfeasibleError(ClusterError):
    """The nodes could never hold the workers; `str()` puts each reason on its own line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


class RunFailedError(ClusterError):
    """Workers failed permanently; holds the last reason."""


class KilledForMemoryError(RunFailedError):
    """Ray's memory monitor killed the controller of the workers, or an actor that it needs."""


class RefusedError(RunFailedError):
    """Workers failed in a way that a retry would repeat: data, model and config do not fit together."""


def failed_permanently(failures: Mapping[int, BaseException]) -> str:
    """Message for workers that are not restarted any more, without stack traces.

    Args:
        failures: the last error of each worker, by rank.
    """
    reasons = [f"worker {rank}: {last_line(failure)}" for rank, failure in failures.items()]
    return f"the workers failed permanently: {'; '.join(dict.fromkeys(reasons))}"[:_LONGEST_MESSAGE]


def last_line(error: BaseException) -> str:
    """The last line of a Ray error: its message, below the stack traces of the processes that it passed through."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
