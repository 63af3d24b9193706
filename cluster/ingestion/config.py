"""Config of `python -m cluster.ingest`: where the recordings come from, how they are read, where the version goes."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cluster.config import Address, RunName, StorageAddress
from engine.config.base import Config
from engine.data.revision import VersionRecord

Bytes = Annotated[int, Field(ge=1, lt=2**63)]


def _network(prefix: str) -> str:
    ip_network(prefix)
    return prefix


Network = Annotated[str, Field(max_length=50), AfterValidator(_network)]


class FolderSource(Config):
    """A folder or a file of this machine."""

    type: Literal["folder"] = "folder"
    path: Address
    """A folder of recordings, an archive, a Parquet file, or a recording."""


class UrlSource(Config):
    """A public file: an archive, a Parquet file or a recording."""

    type: Literal["url"] = "url"
    url: Annotated[str, Field(min_length=1, max_length=2000)]
    """http or https."""


class BucketSource(Config):
    """An object, or all objects below a prefix, of the object store."""

    type: Literal["s3"] = "s3"
    uri: StorageAddress
    """`s3://bucket/key`."""


class UploadedFile(Config):
    """A file as its owner named it, and its key below `kept`."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    key: Annotated[str, Field(min_length=1, max_length=1024)]


class UploadSource(Config):
    """Files that are below `kept` already, under keys that are not their names."""

    type: Literal["upload"] = "upload"
    files: Annotated[list[UploadedFile], Field(max_length=1000)]


Source = Annotated[FolderSource | UrlSource | BucketSource | UploadSource, Field(discriminator="type")]
"""Where recordings come from. To add one, add it to `cluster/ingestion/sources.py` too."""


class FetchConfig(Config):
    """Limits of fetching recordings from a URL or a bucket."""

    most_bytes: Bytes = 20 * 2**30
    """Largest file, and largest total of a bucket's objects."""
    most_s: Annotated[float, Field(gt=0.0, le=30 * 86400.0)] = 3600.0
    """Longest download, in seconds."""
    least_bytes_per_s: Annotated[int, Field(ge=0, lt=2**63)] = 10_000
    """Minimum rate of a server, averaged over a minute; 0: no minimum."""
    networks: Annotated[list[Network], Field(max_length=1000)] = []
    """Networks that may be reached although they are not public, such as `10.1.0.0/16`."""


class IngestionRunConfig(Config):
    """One dataset version to make."""

    name: RunName
    """Name of the run, and of the dataset unless `version` says where it goes."""
    source: Source
    """The recordings: `{type: folder, path: ...}`, `{type: url, url: ...}`, `{type: s3, uri: ...}`."""
    kept: StorageAddress | None = None
    """Folder in which fetched recordings are kept, so that all versions are made of the same ones. Unset: `source` in
    the run's folder."""
    version: StorageAddress | None = None
    """Folder of the version; must be empty, or hold a part of the same version. Unset:
    `s3://$LIM_BUCKET/datasets/<name>/v<number>`."""
    record: VersionRecord = VersionRecord()
    """How it is made: `task`, `options`, and the decisions of a version that revises another one."""
    fetch: FetchConfig = FetchConfig()
    """Limits of fetching."""
    until: Literal["fetched", "ready"] = "ready"
    """`fetched`: only fetch and keep the recordings; `ready`: make the version."""
    storage: StorageAddress | None = None
    """Folder of the run's files; unset: `s3://$LIM_BUCKET/ingestions/<name>`."""
