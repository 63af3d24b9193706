"""How the CLI says what went wrong: the message and no traceback, and an exit code that scripts can use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from cluster.errors import (
    ClusterError,
    DatasetUnavailableError,
    InfeasibleError,
    ModelUnavailableError,
    RefusedError,
    StorageSettingsError,
)
from engine.errors import AudioError, ConfigError, EngineError, IngestError, ManifestError, ModelError, SelectionError
from services.demo_data import DemoDataError
from services.errors import AccountError, ServiceError, SettingsError

BAD_INPUT = 2
FAILED = 1
INTERRUPTED = 130

_INPUT_FAULTS = (
    AccountError,
    AudioError,
    ConfigError,
    DatasetUnavailableError,
    DemoDataError,
    InfeasibleError,
    IngestError,
    ManifestError,
    ModelError,
    ModelUnavailableError,
    RefusedError,
    SelectionError,
    SettingsError,
    StorageSettingsError,
)


def say(message: str = "") -> None:
    """A line for people, on standard error: standard output is for results."""
    typer.echo(message, err=True)


@contextmanager
def reported(subject: str = "") -> Iterator[None]:
    """Turn errors that are raised on purpose into a message and an exit code: 2 for bad input, 1 for the rest."""
    try:
        yield
    except ConfigError as error:
        count = len(error.faults)
        say(f"{subject or 'The configuration'} has {count} fault{'s' if count != 1 else ''}:")
        for fault in error.faults:
            say(f"  {fault}")
        raise typer.Exit(BAD_INPUT) from None
    except (EngineError, ClusterError, ServiceError) as error:
        say(f"Error: {error}")
        raise typer.Exit(BAD_INPUT if isinstance(error, _INPUT_FAULTS) else FAILED) from None
    except KeyboardInterrupt:
        say("Interrupted.")
        raise typer.Exit(INTERRUPTED) from None
