"""A run's base model on this node; a model in object storage is downloaded once."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from cluster.errors import ModelUnavailableError, ObjectStorageError
from cluster.storage.client import MISSING_CODES, error_code, make_client, parse_s3_uri
from cluster.storage.made_once import made_once
from cluster.storage.run_store import S3RunStore
from cluster.storage.settings import S3Settings
from engine.models.catalogue import reference_to
from engine.models.reference import ModelReference, use_local_copy

_CONFIG: Final = "config.json"
# Weights as safetensors, and the files that describe them. No pickles, no code.
_WEIGHTS: Final = ".safetensors"
_ENDINGS: Final = (_WEIGHTS, ".json", ".txt", ".model")
_DOWNLOADS_AT_ONCE: Final = 4
_LARGEST_DESCRIPTION_BYTES: Final = 64 * 2**20
"""Largest file that is fetched to describe a model; tokenizers have some megabytes."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file of a model in object storage."""

    tag: str
    """Its entity tag."""
    size: int
    """Its size in bytes."""


def fetch_model(model: str | ModelReference, settings: S3Settings, *, cache: Path | None = None) -> ModelReference:
    """The reference to a run's model; the files of one in object storage are fetched to this node.

    Args:
        model: of a run's config.
        settings: the object store.
        cache: folder of downloaded models; by default under `LIM_HOME`.

    Raises:
        ModelError: a name that stands for no model.
        ModelUnavailableError: no such bucket, or no model in safetensors there.
        ObjectStorageError: the store rejects the request or does not answer.
    """
    source = model if isinstance(model, str) else model.source
    if source.startswith("s3://"):
        kept = _files(source, settings)
        use_local_copy(source, _kept(source, kept, settings, cache or settings.home / "cache" / "models"))
    return reference_to(model)


def describe_model(uri: str, settings: S3Settings, *, cache: Path | None = None) -> None:
    """Fetch what describes a model in object storage, without its weights: enough for estimates in this process.

    Args:
        uri: of the model.
        settings: the object store.
        cache: folder of descriptions; by default under `LIM_HOME`.

    Raises:
        ModelUnavailableError: no such bucket, or no model in safetensors there.
        ObjectStorageError: the store rejects the request or does not answer.
    """
    kept = {
        name: file
        for name, file in _files(uri, settings).items()
        if not name.endswith(_WEIGHTS) and file.size <= _LARGEST_DESCRIPTION_BYTES
    }
    use_local_copy(uri, _kept(uri, kept, settings, cache or settings.home / "cache" / "descriptions"))


def _kept(uri: str, kept: Mapping[str, _File], settings: S3Settings, cache: Path) -> Path:
    """A folder with these files of a model; different files under the same address are another model."""
    digest = hashlib.sha256("\n".join([uri, *(f"{name}\0{kept[name].tag}" for name in sorted(kept))]).encode())
    store = S3RunStore.at(uri, settings)

    def download(folder: Path) -> None:
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            for done in [pool.submit(store.get, name, folder / name) for name in kept]:
                done.result()

    return made_once(cache / digest.hexdigest()[:32], _CONFIG, download)


def _files(uri: str, settings: S3Settings) -> dict[str, _File]:
    """The files of a model, directly below a prefix, by name."""
    bucket, prefix = parse_s3_uri(uri)
    found: dict[str, _File] = {}
    try:
        pages = make_client(settings).get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=f"{prefix}/", Delimiter="/"):
            found |= {
                posixpath.basename(each["Key"]): _File(str(each["ETag"]), int(each["Size"]))
                for each in page.get("Contents", ())
            }
    except ClientError as error:
        if error_code(error) in MISSING_CODES | {"NoSuchBucket"}:
            raise ModelUnavailableError(f"there is no bucket {bucket!r} for the model at {uri}") from error
        raise ObjectStorageError(f"the model at {uri} cannot be listed: {error}") from error
    except BotoCoreError as error:
        raise ObjectStorageError(f"the model at {uri} cannot be listed: {error}") from error
    found.pop("", None)
    if _CONFIG not in found or not any(name.endswith(_WEIGHTS) for name in found):
        raise ModelUnavailableError(
            f"{uri} holds {', '.join(sorted(found)[:10]) or 'nothing'}; a model is a {_CONFIG} with weights as "
            f"{_WEIGHTS} beside it, as `save_pretrained` writes them"
        )
    return {name: file for name, file in found.items() if name.endswith(_ENDINGS)}
