"""Allowed sources of catalogue models."""

from __future__ import annotations

import re
from typing import Final

from cluster.errors import ClusterError
from cluster.storage.client import parse_s3_uri
from engine.errors import Fault
from engine.models.reference import BUNDLED, is_hub_id
from services.errors import InvalidRequestError

_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_ALLOWED: Final = "`bundled:NAME`, `s3://bucket/prefix`, or a hub id such as openai/whisper-tiny"


def check_source(source: str, revision: str | None) -> None:
    """Reject a source that no run could load, and a hub model whose weights may change between jobs.

    Folders are not allowed: runs may load the model on other machines.

    Raises:
        InvalidRequestError: the source is not allowed, or is a hub id without a revision.
    """
    reason = _fault(source)
    if reason is not None:
        raise InvalidRequestError.of([Fault("source", reason)], code="invalid_source")
    if is_hub_id(source) and revision is None:
        message = "is missing; a model of the hub is pinned to a commit (40 hexadecimal digits), which its page shows"
        raise InvalidRequestError.of([Fault("revision", message)], code="revision_missing")
    if revision is not None and not is_hub_id(source):
        message = f"found {revision!r}; only a model of the hub has one: leave it out for {source}"
        raise InvalidRequestError.of([Fault("revision", message)], code="invalid_source")


def _fault(source: str) -> str | None:
    if source.startswith("bundled:"):
        names = sorted(path.name for path in BUNDLED.iterdir() if (path / "config.json").is_file())
        if source.removeprefix("bundled:") not in names:
            return f"found {source!r}; bundled are {', '.join(names)}"
        return None
    if source.startswith("s3://"):
        try:
            _, prefix = parse_s3_uri(source)
        except (ClusterError, ValueError) as error:
            return str(error)
        return None if prefix.strip("/") else f"found {source!r}, a whole bucket; give the prefix of the model's files"
    if not _HUB_ID.fullmatch(source) or ".." in source:
        return f"found {source!r}; allowed: {_ALLOWED}"
    return None
