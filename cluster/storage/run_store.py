"""A run's files in S3."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

from cluster.errors import ObjectStorageError
from cluster.storage.client import MISSING_CODES, error_code, make_client, parse_s3_uri
from cluster.storage.settings import S3Settings
from engine.errors import ObjectNotFoundError
from engine.run.store import checked_key, checked_prefix

T = TypeVar("T")

PATIENCE_S: Final = 90.0
"""How long a run retries a store that does not answer, in seconds."""
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 8.0
_MULTIPART_BYTES: Final = 32 * 2**20
_BLOCK_BYTES: Final = 2**20
_TRANSIENT_CODES: Final = frozenset(
    {"InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown", "Throttling"}
)


class S3RunStore:
    """A `RunStore` under a prefix of a bucket. Thread-safe."""

    def __init__(self, client: Any, bucket: str, prefix: str, *, patience_s: float = PATIENCE_S) -> None:
        self._client = client
        self._patience_s = patience_s
        self.bucket = bucket
        self.prefix = checked_prefix(prefix)

    @classmethod
    def at(cls, uri: str, settings: S3Settings) -> S3RunStore:
        """The store at `s3://bucket/prefix`.

        Raises:
            StorageSettingsError: not an s3:// address, or no endpoint.
        """
        bucket, prefix = parse_s3_uri(uri)
        return cls(make_client(settings), bucket, prefix)

    def __repr__(self) -> str:
        return f"S3RunStore('s3://{self.bucket}/{self.prefix}')"

    def put(self, key: str, source: Path) -> None:
        """Store the file `source` under `key`; it is streamed, large ones in parts.

        Raises:
            StorageError: the key is not allowed, or the store rejects the request or does not answer.
        """
        full = self._full(key)
        if Path(source).stat().st_size > _MULTIPART_BYTES:
            self._with_retries(f"put {key!r}", lambda: self._client.upload_file(str(source), self.bucket, full))
            return

        def put_once() -> None:
            with Path(source).open("rb") as stream:
                self._client.put_object(Bucket=self.bucket, Key=full, Body=stream)

        self._with_retries(f"put {key!r}", put_once)

    def put_bytes(self, key: str, data: bytes) -> None:
        """Store `data` under `key`.

        Raises:
            StorageError: the key is not allowed, or the store rejects the request or does not answer.
        """
        full = self._full(key)
        self._with_retries(f"put {key!r}", lambda: self._client.put_object(Bucket=self.bucket, Key=full, Body=data))

    def get(self, key: str, target: Path) -> None:
        """Write the object to the file `target`, atomically.

        Raises:
            ObjectNotFoundError: no object under that key.
            ObjectStorageError: the store rejects the request or does not answer.
        """
        full = self._full(key)
        target = Path(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.partial")

        def get_once() -> None:
            answer = self._client.get_object(Bucket=self.bucket, Key=full)
            with contextlib.closing(answer["Body"]) as body, partial.open("wb") as stream:
                for block in body.iter_chunks(_BLOCK_BYTES):
                    stream.write(block)

        try:
            self._with_retries(f"get {key!r}", get_once)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def get_bytes(self, key: str) -> bytes:
        """The object's bytes.

        Raises:
            ObjectNotFoundError: no object under that key.
            ObjectStorageError: the store rejects the request or does not answer.
        """
        full = self._full(key)

        def get_once() -> bytes:
            with contextlib.closing(self._client.get_object(Bucket=self.bucket, Key=full)["Body"]) as body:
                return bytes(body.read())

        return self._with_retries(f"get {key!r}", get_once)

    def list(self, prefix: str) -> list[str]:
        """Every key below `prefix`, sorted.

        Raises:
            ObjectStorageError: the store rejects the request or does not answer.
        """
        return sorted(self.entity_tags(prefix))

    def size(self, prefix: str) -> int:
        """Total size of all objects that `prefix` covers, in bytes.

        Raises:
            ObjectStorageError: the store rejects the request or does not answer.
        """
        return sum(int(item["Size"]) for item in self._listed(prefix).values())

    def entity_tags(self, prefix: str) -> dict[str, str]:
        """As `list`, with the tag of each object's content, which changes when the object is rewritten.

        Raises:
            ObjectStorageError: the store rejects the request or does not answer.
        """
        return {key: str(item.get("ETag", "")) for key, item in self._listed(prefix).items()}

    def _listed(self, prefix: str) -> dict[str, Any]:
        """The store's listing entry of each object that `prefix` covers, by key."""
        prefix = checked_prefix(prefix)
        top = f"{self.prefix}/" if self.prefix else ""

        def list_once() -> dict[str, Any]:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=top + prefix)
            items = (item for page in pages for item in page.get("Contents", ()))
            return {str(item["Key"])[len(top) :]: item for item in items}

        found = self._with_retries(f"list {prefix!r}", list_once)
        return {key: item for key, item in found.items() if not prefix or key == prefix or key.startswith(f"{prefix}/")}

    def delete(self, prefix: str) -> None:
        """Remove every key below `prefix`; idempotent.

        Raises:
            ObjectStorageError: the store rejects the request or does not answer.
        """
        # One at a time: servers differ in the checksum that they require for a list of keys.
        for key in self.list(prefix):
            self._delete(key)

    def abandon_uploads(self) -> None:
        """Abort every unfinished multipart upload below the prefix and delete its parts.

        Raises:
            ObjectStorageError: the store rejects the request or does not answer.
        """
        below = f"{self.prefix}/" if self.prefix else ""

        def begun() -> list[tuple[str, str]]:
            pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=below)
            return [(each["Key"], each["UploadId"]) for page in pages for each in page.get("Uploads") or ()]

        try:
            uploads = self._with_retries("list uploads", begun)
        except ObjectNotFoundError:
            return  # some servers answer so if the bucket never had one
        for key, upload_id in uploads:
            with contextlib.suppress(ObjectNotFoundError):  # finished or aborted meanwhile
                self._with_retries(
                    f"abandon {key!r}",
                    functools.partial(
                        self._client.abort_multipart_upload, Bucket=self.bucket, Key=key, UploadId=upload_id
                    ),
                )

    def _delete(self, key: str) -> None:
        full = self._full(key)
        self._with_retries(f"delete {key!r}", lambda: self._client.delete_object(Bucket=self.bucket, Key=full))

    def _full(self, key: str) -> str:
        checked_key(key)
        return f"{self.prefix}/{key}" if self.prefix else key

    def _with_retries(self, what: str, call: Callable[[], T]) -> T:
        """The result of `call`; retried with growing pauses while the store does not answer."""
        deadline = time.monotonic() + self._patience_s
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return call()
            except (BotoCoreError, ClientError, ConnectionError, TimeoutError) as error:
                if error_code(error) in MISSING_CODES:
                    raise ObjectNotFoundError(f"{what}: no such object in {self!r}") from None
                if not _is_transient(error) or time.monotonic() + pause_s > deadline:
                    raise ObjectStorageError(
                        f"{what} in {self!r}: {error}. Check that the store runs, the keys and the bucket"
                    ) from error
            time.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _is_transient(error: Exception) -> bool:
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return int(status) >= 500 or int(status) == 429 or error_code(error) in _TRANSIENT_CODES
    return not isinstance(error, NoCredentialsError | ParamValidationError)
