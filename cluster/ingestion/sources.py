"""Sources of a dataset's recordings: uploaded files, a URL, a bucket, a folder. To add one, add it here and in `config.py`."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from cluster.errors import RefusedError
from cluster.ingestion.config import BucketSource, FetchConfig, FolderSource, Source, UploadSource, UrlSource
from cluster.ingestion.download import DownloadError, DownloadInterruptedError, DownloadLimits, download
from cluster.storage.client import error_code, make_client, parse_s3_uri
from cluster.storage.settings import S3Settings
from engine.data.endings import AUDIO_ENDINGS, ending
from engine.data.manifest import is_inside
from engine.errors import ObjectNotFoundError
from engine.run.store import RunStore

_MOST_OBJECTS: Final = 100_000
_FETCHED: Final = "fetched"
_GONE: Final = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchBucket", "AccessDenied", "403"})


@dataclass(frozen=True, slots=True)
class Imports:
    """Access and limits for fetching recordings that are not uploaded."""

    s3: S3Settings
    """The object store."""
    limits: DownloadLimits

    @classmethod
    def of(cls, s3: S3Settings, fetch: FetchConfig) -> Imports:
        """Access with the limits of a config."""
        networks = tuple(ip_network(network) for network in fetch.networks)
        return cls(s3, DownloadLimits(fetch.most_bytes, fetch.most_s, fetch.least_bytes_per_s, networks=networks))


def fetch(source: Source, kept: RunStore, imports: Imports, folder: Path) -> Path:
    """Bring a dataset's recordings to this machine, streaming them to disk rather than through memory.

    Args:
        source: where they are.
        kept: store of the uploaded files; files fetched from elsewhere are kept there too, so that every version is
            made from the same recordings.
        imports: access and limits for recordings from elsewhere.
        folder: created and filled, unless the recordings are on this machine.

    Returns:
        The only file, if it can be a dataset by itself; else the folder, which may contain archives and tables too.

    Raises:
        DownloadError: the URL or the bucket gives no recordings, and a retry would not help.
        RefusedError: no such folder.
        DownloadInterruptedError, ObjectStorageError: a retry may succeed.
    """
    if isinstance(source, FolderSource):
        found = Path(source.path).expanduser()
        if not found.exists():
            raise RefusedError(f"found nothing at {found}; give a folder of recordings or an archive")
        return found
    folder.mkdir()
    if not _get_kept(kept, folder):
        _bring(source, kept, imports, folder)
        if is_fetched(source.type):
            _keep(kept, folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    only = files[0] if len(files) == 1 else None
    return only if only is not None and ending(only.name) not in AUDIO_ENDINGS else folder


def is_fetched(type: str) -> bool:
    """Whether the recordings of a type of source have to be fetched from elsewhere, which may take long."""
    return type in ("url", "s3")


def keep_fetched(source: Source, kept: RunStore, imports: Imports, folder: Path) -> None:
    """Fetch recordings from elsewhere, and keep them; kept ones are not fetched again.

    Raises:
        DownloadError, DownloadInterruptedError, ObjectStorageError: as `fetch`.
    """
    if not is_fetched(source.type) or kept.list(f"{_FETCHED}.json"):
        return
    folder.mkdir()
    _bring(source, kept, imports, folder)
    _keep(kept, folder)


def _bring(source: Source, kept: RunStore, imports: Imports, folder: Path) -> None:
    match source:
        case UploadSource():
            _uploaded(source, kept, folder)
        case UrlSource():
            download(source.url, folder, imports.limits)
        case BucketSource():
            _from_bucket(source.uri, imports, folder)


def _keep(kept: RunStore, folder: Path) -> None:
    """Store what was fetched; the list of names is written last and marks it as complete."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    for number, name in enumerate(names):
        kept.put(f"{_FETCHED}/{number}", folder / name)
    kept.put_bytes(f"{_FETCHED}.json", json.dumps(names).encode())


def _get_kept(kept: RunStore, folder: Path) -> bool:
    """Copy what was fetched before into the folder; return whether there was anything."""
    try:
        names = json.loads(kept.get_bytes(f"{_FETCHED}.json"))
    except ObjectNotFoundError:
        return False
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        kept.get(f"{_FETCHED}/{number}", folder / name)
    return True


def _uploaded(source: UploadSource, kept: RunStore, folder: Path) -> None:
    for file in source.files:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        kept.get(file.key, path)


def _from_bucket(uri: str, imports: Imports, folder: Path) -> None:
    """Download one object, or all objects below a prefix; their total size has the limit of one file."""
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
