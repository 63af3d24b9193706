"""HTTP client of the platform: what the command line, the demo and scripts use to talk to a server.

    with Client("http://127.0.0.1:8000", api_key="lim_...") as client:
        dataset = client.upload_dataset("digits", Path("digits.zip"))
        job = client.create_job("whisper-pico", dataset.id, {"max_steps": 200})
        for event in client.watch_job(job.id):
            print(event.kind, event.data)
        client.download_adapter(job.id, Path("adapter"))

Each operation of the API is a method, named as in the OpenAPI document.
"""

from __future__ import annotations

from .client import Client
from .connection import LOCAL
from .content import Content
from .errors import (
    ChecksumError,
    ClientError,
    ConflictError,
    DatasetFailedError,
    DownloadError,
    Fault,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    NotLoggedInError,
    RequestRefusedError,
    ServerUnreachableError,
    SourceError,
    ThrottledError,
    UnauthenticatedError,
    UnavailableError,
)
from .events import Event
from .generated import models
from .pages import Pages
from .unset import UNSET
from .watching import FINAL_STATUSES

__all__ = [
    "FINAL_STATUSES",
    "LOCAL",
    "UNSET",
    "ChecksumError",
    "Client",
    "ClientError",
    "ConflictError",
    "Content",
    "DatasetFailedError",
    "DownloadError",
    "Event",
    "Fault",
    "ForbiddenError",
    "InvalidRequestError",
    "NotFoundError",
    "NotLoggedInError",
    "Pages",
    "RequestRefusedError",
    "ServerUnreachableError",
    "SourceError",
    "ThrottledError",
    "UnauthenticatedError",
    "UnavailableError",
    "models",
]
