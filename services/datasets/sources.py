"""Sources of a dataset's recordings: uploaded files, a URL, a bucket. To add one, add an entry to `SOURCES`."""

from __future__ import annotations

import json
import posixpath
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from cluster.storage.client import error_code, make_client, parse_s3_uri
from cluster.storage.settings import S3Settings
from engine.data.endings import AUDIO_ENDINGS, ending
from engine.data.manifest import is_inside
from engine.errors import ObjectNotFoundError
from engine.run.store import RunStore
from services.datasets.download import DownloadError, DownloadInterruptedError, DownloadLimits, download

if TYPE_CHECKING:
    from services.settings import Settings  # imports SQLAlchemy, which file-only processes avoid

_MOST_OBJECTS: Final = 100_000
_FETCHED: Final = "fetched"
_GONE: Final = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchBucket", "AccessDenied", "403"})


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file as the client named it, and its key below the dataset's uploads."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Imports:
    """Access and limits for fetching recordings that are not uploaded."""

    s3: S3Settings
    """The object store; only buckets that a dataset was allowed to name are read."""
    limits: DownloadLimits

    @classmethod
    def of(cls, settings: Settings) -> Imports:
        """Access and limits from the settings."""
        limits = DownloadLimits(
            most_bytes=settings.max_upload_bytes,
            most_s=settings.import_s,
            least_bytes_per_s=settings.import_least_bytes_per_s,
            networks=tuple(ip_network(network) for network in settings.import_networks),
        )
        return cls(settings.s3, limits)


@dataclass(frozen=True, slots=True)
class Order:
    """A dataset version to make."""

    dataset_id: uuid.UUID
    source: Mapping[str, Any]
    """As stored in the dataset's row: `type` and the fields of that type."""
    files: tuple[UploadedFile, ...] = ()
    """The uploaded files, if the source is an upload."""
    number: int = 1
    """Number of the version."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """Options and decisions, as in `engine.data.revision.VersionRecord`."""


def fetch(order: Order, uploads: RunStore, imports: Imports, folder: Path) -> Path:
    """Copy a dataset's recordings into a folder, streaming them to disk rather than through memory.

    Args:
        order: what to make.
        uploads: store of its uploaded files; files fetched from elsewhere are kept there too, so that every version is
            made from the same recordings.
        imports: access and limits for recordings from elsewhere.
        folder: created and filled.

    Returns:
        The only file, if it can be a dataset by itself; else the folder, which may contain archives and tables too.

    Raises:
        DownloadError: the URL or the bucket gives no recordings, and a retry would not help.
        DownloadInterruptedError, ObjectStorageError: a retry may succeed.
    """
    folder.mkdir()
    if not _get_kept(uploads, folder):
        SOURCES[order.source["type"]](order, uploads, imports, folder)
        if is_fetched(order.source):
            _keep(uploads, folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    only = files[0] if len(files) == 1 else None
    return only if only is not None and ending(only.name) not in AUDIO_ENDINGS else folder


def is_fetched(source: Mapping[str, Any]) -> bool:
    """Whether the recordings of a source have to be fetched from elsewhere, which may take long."""
    return bool(source["type"] != "upload")


def keep_fetched(order: Order, uploads: RunStore, imports: Imports, folder: Path) -> None:
    """Fetch recordings that are not uploaded, and store them with the uploads; stored ones are not fetched again.

    Raises:
        DownloadError, DownloadInterruptedError, ObjectStorageError: as `fetch`.
    """
    if uploads.list(f"{_FETCHED}.json"):
        return
    folder.mkdir()
    SOURCES[order.source["type"]](order, uploads, imports, folder)
    _keep(uploads, folder)


def _keep(uploads: RunStore, folder: Path) -> None:
    """Store what was fetched; the list of names is written last and marks it as complete."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    for number, name in enumerate(names):
        uploads.put(f"{_FETCHED}/{number}", folder / name)
    uploads.put_bytes(f"{_FETCHED}.json", json.dumps(names).encode())


def _get_kept(uploads: RunStore, folder: Path) -> bool:
    """Copy what was fetched before into the folder; return whether there was anything."""
    try:
        names = json.loads(uploads.get_bytes(f"{_FETCHED}.json"))
    except ObjectNotFoundError:
        return False
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        uploads.get(f"{_FETCHED}/{number}", folder / name)
    return True


def _uploaded(order: Order, uploads: RunStore, _: Imports, folder: Path) -> None:
    for file in order.files:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        uploads.get(file.key, path)


def _downloaded(order: Order, _: RunStore, imports: Imports, folder: Path) -> None:
    download(order.source["url"], folder, imports.limits)


def _from_bucket(order: Order, _: RunStore, imports: Imports, folder: Path) -> None:
    """Download one object, or all objects below a prefix; their total size has the limit of one file."""
    uri = order.source["uri"]
    bucket, key = parse_s3_uri(uri)
    client = make_client(imports.s3)
    try:
        found = _objects(client, bucket, key)
        size = sum(found.values())
        if not found:
            raise DownloadError(f"{uri} holds nothing; give an object, or a prefix with objects below it")
        if len(found) > _MOST_OBJECTS or size > imports.limits.most_bytes:
            raise DownloadError(
                f"{uri} holds {len(found)} objects of {size} bytes; at most {_MOST_OBJECTS} and "
                f"{imports.limits.most_bytes} bytes are allowed: make several datasets of it"
            )
        for each in found:
            name = posixpath.basename(each) if each == key else each.removeprefix(f"{key.rstrip('/')}/".lstrip("/"))
            if not is_inside(name) or not name.isprintable():
                raise DownloadError(f"{uri} contains an object whose key is not a valid file name: {each!r}")
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(bucket, each, str(path))
    except ClientError as error:
        if error_code(error) in _GONE:
            raise DownloadError(f"{uri} cannot be read: {error_code(error)}") from error
        raise DownloadInterruptedError(f"{uri} cannot be read now: {error_code(error)}") from error
    except (BotoCoreError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        if isinstance(error, BotoCoreError):
            raise DownloadInterruptedError(f"{uri} cannot be read now: the object store does not answer") from error
        raise DownloadError(f"{uri} contains an object with the name of another object's folder") from error


def _objects(client: Any, bucket: str, key: str) -> dict[str, int]:
    """Sizes by key: of the object itself, else of all objects below it as a prefix, without folder markers."""
    if key and not key.endswith("/"):
        try:
            return {key: int(client.head_object(Bucket=bucket, Key=key)["ContentLength"])}
        except ClientError as error:
            if error_code(error) not in {"404", "NoSuchKey", "NotFound"}:
                raise
    prefix = f"{key.rstrip('/')}/" if key else ""
    found: dict[str, int] = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        found |= {each["Key"]: int(each["Size"]) for each in page.get("Contents", ()) if not each["Key"].endswith("/")}
        if len(found) > _MOST_OBJECTS:
            break
    return found


SOURCES: Final[Mapping[str, Callable[[Order, RunStore, Imports, Path], None]]] = {
    "upload": _uploaded,
    "url": _downloaded,
    "s3": _from_bucket,
}
