"""A run's data on this node: downloaded or ingested once, then shared by every worker here."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from cluster.errors import DatasetUnavailableError
from cluster.storage.client import parse_s3_uri
from cluster.storage.made_once import made_once
from cluster.storage.run_store import S3RunStore
from cluster.storage.settings import S3Settings
from engine.config.tasks.registry import TASKS, TaskName
from engine.data.endings import ARCHIVE_ENDINGS, TABLE_ENDINGS, is_source
from engine.data.subtitles.languages import language_of
from engine.data.version_files import MANIFEST_NAME, REPORT_NAME
from engine.errors import ObjectNotFoundError
from engine.media.registry import MEDIA, medium_named
from engine.run.code_version import code_version
from engine.run.provenance.digests import file_sha256

SELECTION_FILES: Final = ("segments.parquet", "selection.json")
ON_PLATFORM: Final = "the report of the dataset, on the platform"
"""Where users find the report of a job's data."""
_DOWNLOADS_AT_ONCE: Final = 8


def local_dataset(
    data: str,
    settings: S3Settings,
    *,
    beside: Sequence[Path] = (),
    cache: Path | None = None,
    language: str | None = None,
    task: TaskName = "speech_to_text",
) -> Path:
    """The folder of a dataset version on this node.

    Args:
        data: a dataset version or an archive or Parquet file of recordings at `s3://bucket/...`; or a local dataset
            version, which is used where it is, or a local folder, archive or Parquet file, which is ingested.
        settings: the object store.
        beside: further folders that relative paths are looked up in, besides the current one.
        cache: folder for downloaded and ingested datasets; by default under `LIM_HOME`.
        language: spoken language, for ingestion: a run's `training.task.text_language`.
        task: what is learnt from it, for ingestion: a run's `training.task.type`.

    Raises:
        DatasetUnavailableError: nothing found, or not a dataset.
        IngestError: the recordings do not yield a dataset.
        ObjectStorageError: the store rejects the request or does not answer.
    """
    cache = cache or settings.home / "cache" / "datasets"
    if data.startswith("s3://"):
        return _from_s3(data, settings, cache, language, task)
    path = _existing(data, beside)
    if (path / MANIFEST_NAME).is_file():
        return path
    return _ingested(path, _tree_digest(path), cache, language, task)


def report_address(data: str, folder: Path) -> str:
    """Where users find the report of the dataset that `local_dataset` returned for `data`."""
    if data.startswith("s3://") and not is_source(data):
        return f"{data.rstrip('/')}/{REPORT_NAME}"
    return f"{folder / REPORT_NAME} on {os.uname().nodename}"


def local_selection(selection: str, settings: S3Settings, folder: Path, *, beside: Sequence[Path] = ()) -> Path:
    """The folder of a selection on this node.

    Args:
        selection: output of `lim data select`: a prefix `s3://bucket/...`, or a local folder, used in place.
        settings: the object store.
        folder: target of a downloaded selection.
        beside: further folders that relative paths are looked up in, besides the current one.

    Raises:
        DatasetUnavailableError: nothing found, or not a selection.
        ObjectStorageError: the store rejects the request or does not answer.
    """
    if not selection.startswith("s3://"):
        return _existing(selection, beside)
    store = S3RunStore.at(selection, settings)
    for name in SELECTION_FILES:
        try:
            store.get(name, folder / name)
        except ObjectNotFoundError:
            raise DatasetUnavailableError(
                f"{selection} has no {name}; give the prefix of a selection that `lim data select` made"
            ) from None
    return folder


def _from_s3(uri: str, settings: S3Settings, cache: Path, language: str | None, task: TaskName) -> Path:
    store = S3RunStore.at(uri, settings)
    if is_source(store.prefix):
        return _archive_from_s3(uri, settings, cache, language, task)
    try:
        manifest = store.get_bytes(MANIFEST_NAME)
    except ObjectNotFoundError:
        found = store.list("")
        raise DatasetUnavailableError(
            f"{uri} has no {MANIFEST_NAME} (found {len(found)} objects there); give the prefix of a dataset version, "
            f"or a file whose name ends with one of {', '.join((*ARCHIVE_ENDINGS, *TABLE_ENDINGS))}"
        ) from None
    folders = tuple(f"{pattern.partition('/')[0]}/" for name in MEDIA for pattern in medium_named(name).stored)
    keys = {key: tag for key, tag in store.entity_tags("").items() if key == REPORT_NAME or key.startswith(folders)}
    # Different files under the same address and manifest is another dataset.
    told = "\n".join([uri, *(f"{key}\0{keys[key]}" for key in sorted(keys))])
    digest = hashlib.sha256(told.encode() + b"\n" + manifest).hexdigest()

    def download(folder: Path) -> None:
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            for done in [pool.submit(store.get, key, folder / key) for key in keys]:
                done.result()
        (folder / MANIFEST_NAME).write_bytes(manifest)

    return made_once(cache / digest[:32], MANIFEST_NAME, download)


def _archive_from_s3(uri: str, settings: S3Settings, cache: Path, language: str | None, task: TaskName) -> Path:
    bucket, key = parse_s3_uri(uri)
    prefix, _, name = key.rpartition("/")
    store = S3RunStore.at(f"s3://{bucket}/{prefix}", settings)
    with tempfile.TemporaryDirectory(prefix="lim-archive-") as folder:
        archive = Path(folder) / name
        try:
            store.get(name, archive)
        except ObjectNotFoundError:
            raise DatasetUnavailableError(f"no object at {uri}; upload the archive, or correct the address") from None
        return _ingested(archive, file_sha256(archive), cache, language, task)


def _ingested(source: Path, digest: str, cache: Path, asked: str | None, task: TaskName) -> Path:
    # A model may detect the language, or use another name for it; neither matters to ingestion.
    language = language_of(asked) if asked else None
    types = TASKS[task].targets
    medium = TASKS[task].medium

    def run_ingestion(folder: Path) -> None:
        from engine.stages.ingest import ingest

        ingest(source, folder, language=language, target_types=types, medium=medium)

    # Another version of the software may read the same recordings differently.
    told = "\0".join([digest, code_version(), language or "", medium, *types])
    name = hashlib.sha256(told.encode()).hexdigest()
    return made_once(cache / f"ingested-{name[:32]}", MANIFEST_NAME, run_ingestion)


def _existing(data: str, beside: Sequence[Path]) -> Path:
    path = Path(data).expanduser()
    places = [path] if path.is_absolute() else [path.absolute(), *(folder / path for folder in beside)]
    for place in places:
        if place.exists():
            return place
    tried = ", ".join(dict.fromkeys(str(place) for place in places))
    raise DatasetUnavailableError(
        f"no data at {tried} on {os.uname().nodename}; give a path that exists on every node, or put the dataset into "
        "object storage and give s3://bucket/prefix"
    )


def _tree_digest(path: Path) -> str:
    """A fingerprint that changes when a file below `path` is added, removed or rewritten, even with its old mtime."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    digest = hashlib.sha256(str(path.resolve()).encode())
    for file in files:
        if file.is_file():
            status = file.stat()
            digest.update(
                f"\n{file}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ctime_ns}".encode(
                    "utf-8", "surrogatepass"
                )
            )
    return digest.hexdigest()
