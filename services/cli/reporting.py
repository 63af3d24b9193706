"""Error reporting of the CLI: a message without a traceback, and an exit status that scripts can use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

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

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and newline
FAILED = 1
"""The platform could not do it, or a job failed or was stopped."""
BAD_INPUT = 2
"""Invalid options, config or name."""
NOT_ALLOWED = 3
"""Not logged in, or not allowed."""
UNAVAILABLE = 4
"""No platform at the address, or it is temporarily unavailable; a retry may succeed."""
INTERRUPTED = 130
"""Ctrl-C."""

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
    """Print a message for people to standard error; standard output is for results."""
    typer.echo(printable(message), err=True)


def printable(text: str) -> str:
    """Replace control characters: text from users must not move the cursor or change colours."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


@contextmanager
def reported(subject: str = "") -> Iterator[None]:
    """Turn expected errors into a message and an exit status."""
    try:
        yield
    except ConfigError as error:
        count = len(error.faults)
        say(f"{subject or 'The configuration'} has {count} fault{'s' if count != 1 else ''}:")
        for fault in error.faults:
            say(f"  {fault}")
        raise typer.Exit(BAD_INPUT) from None
    except _client_errors() as error:
        say(f"Error: {error}")
        status = _status_of(error)
        if type(error).__name__ == "ServerUnreachableError":
            say("`lim up` starts a platform on this machine; --server or LIM_URL names another.")
        raise typer.Exit(status) from None
    except (EngineError, ClusterError, ServiceError) as error:
        say(f"Error: {error}")
        raise typer.Exit(BAD_INPUT if isinstance(error, _INPUT_FAULTS) else FAILED) from None
    except KeyboardInterrupt:
        say("Interrupted.")
        raise typer.Exit(INTERRUPTED) from None


def _client_errors() -> type[Exception]:
    """Base class of the client's errors; imported on an error only, because not every command needs the client."""
    from services.client.errors import ClientError

    return ClientError


def _status_of(error: Exception) -> int:
    from services.client import errors

    for status, kinds in (
        (NOT_ALLOWED, (errors.NotLoggedInError, errors.UnauthenticatedError, errors.ForbiddenError)),
        (UNAVAILABLE, (errors.ServerUnreachableError, errors.UnavailableError, errors.ThrottledError)),
        (BAD_INPUT, (errors.SourceError, errors.InvalidRequestError, errors.NotFoundError)),
    ):
        if isinstance(error, kinds):
            return status
    return FAILED
