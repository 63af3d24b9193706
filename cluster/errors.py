"""Everything that the cluster floor raises on purpose.

    ClusterError
    ├── HomeError                   `LIM_HOME` cannot be used
    ├── StorageSettingsError        the environment does not describe an object store that can be used
    ├── EmbeddedS3Error             a server of our own that does not start
    ├── ObjectStorageError          (also engine.errors.StorageError) the object store refuses or does not answer
    ├── DatasetUnavailableError     a run's data that cannot be had on a node
    ├── ModelUnavailableError       a run's base model that cannot be had on a node
    ├── RuntimeUnavailableError     no Ray cluster: not there, does not start, or cannot see our storage
    ├── InfeasibleError             no nodes could ever hold the workers; names each node and why
    └── RunFailedError              workers failed for good; holds the last reason
        └── RefusedError            ... and would fail the same way again

A message says what was found, what is allowed, and what to do. All of them can be pickled.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.errors import Fault, StorageError


class ClusterError(Exception):
    """Base of everything that the cluster floor raises on purpose."""


class HomeError(ClusterError):
    """`LIM_HOME` cannot be used."""


class StorageSettingsError(ClusterError):
    """The environment does not describe an object store that can be used."""


class EmbeddedS3Error(ClusterError):
    """A server of our own that does not start."""


class ObjectStorageError(ClusterError, StorageError):
    """The object store refuses, or does not answer, after all retries."""


class DatasetUnavailableError(ClusterError):
    """A run's data that cannot be had on a node."""


class ModelUnavailableError(ClusterError):
    """A run's base model that cannot be had on a node."""


class RuntimeUnavailableError(ClusterError):
    """No Ray cluster: not there, does not start, or cannot see our storage."""


class InfeasibleError(ClusterError):
    """No nodes could ever hold the workers; `str()` puts each reason on its own line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


class RunFailedError(ClusterError):
    """Workers failed for good; holds the last reason."""


class RefusedError(RunFailedError):
    """Workers failed in a way that would happen again: data, model and config do not go together."""


def last_line(error: BaseException) -> str:
    """What an error of Ray says at its end, below the traces of the processes that it came through."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
