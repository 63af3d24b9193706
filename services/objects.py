"""Object storage for the API: calls run off the event loop, and failures of the store become 503."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from cluster.storage.client import (
    MISSING_CODES,
    error_code,
    make_client,
    presigned_base,
    presigned_get,
    presigned_part,
    presigned_put,
)
from cluster.storage.settings import S3Settings
from services.errors import NotFoundError, UnavailableError

P = ParamSpec("P")
T = TypeVar("T")
# A separate pool: passwords can still be checked while the store hangs.
_THREADS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="objects")
_MISSING = MISSING_CODES | {"NoSuchBucket"}


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A pre-signed URL for one method on one object, valid until `expires_at`."""

    method: str
    url: str
    expires_at: datetime


class Objects:
    """The platform's bucket."""

    def __init__(self, client: Any, bucket: str, patient: Any = None) -> None:
        """Use a bucket of a store.

        Args:
            client: client of the store.
            bucket: name of the bucket.
            patient: client with longer timeouts for slow calls; unset: `client`.
        """
        self._client, self._patient = client, patient or client
        self.bucket = bucket

    @classmethod
    def of(cls, settings: S3Settings) -> Objects:
        """The bucket of the settings. Slow calls time out, so that the API answers 503 and the client retries.

        Raises:
            StorageSettingsError: the settings refer to the embedded server, which was not started.
        """
        client = make_client(settings, connect_s=3.0, read_s=20.0, attempts=2)
        return cls(client, settings.bucket, make_client(settings, connect_s=3.0, read_s=300.0, attempts=1))

    async def sign_put(self, key: str, size: int, life_s: int) -> SignedUrl:
        """URL to upload an object of `size` bytes, valid for `life_s` seconds; the store rejects any other length."""
        url = await _off_loop(presigned_put, self._client, self.bucket, key, size, life_s)
        return SignedUrl("PUT", url, _expiry(life_s))

    async def begin_parts(self, key: str) -> str:
        """Start a multipart upload; return its id."""
        answer = await _off_loop(self._client.create_multipart_upload, Bucket=self.bucket, Key=key)
        return str(answer["UploadId"])

    async def sign_parts(self, key: str, upload_id: str, sizes: Sequence[int], life_s: int) -> list[SignedUrl]:
        """URLs to upload the parts, in order; `sizes` are in bytes."""

        def sign() -> list[str]:
            return [
                presigned_part(self._client, self.bucket, key, upload_id, number, size, life_s)
                for number, size in enumerate(sizes, start=1)
            ]

        return [SignedUrl("PUT", url, _expiry(life_s)) for url in await _off_loop(sign)]

    async def parts_there(self, key: str, upload_id: str) -> dict[int, int]:
        """Sizes in bytes of the parts that have arrived, by number; empty if the upload was completed or removed."""
        try:
            return await _off_loop(self._parts_there, key, upload_id)
        except NotFoundError:
            return {}

    async def join_parts(self, key: str, upload_id: str, sizes: Sequence[int]) -> list[int]:
        """Complete a multipart upload if all parts have arrived; return the numbers of the missing parts.

        A part of the wrong size counts as missing. An upload that was completed before has no missing parts and accepts
        no further ones.
        """
        return await _off_loop(self._join_parts, key, upload_id, sizes)

    async def copy(self, key: str, to: str) -> None:
        """Copy an object of at most 5 GiB within the store.

        Raises:
            NotFoundError: no such object.
        """
        source = {"Bucket": self.bucket, "Key": key}
        await _off_loop(self._patient.copy_object, Bucket=self.bucket, Key=to, CopySource=source)

    async def remove(self, key: str) -> None:
        """Delete an object if it exists."""
        await _off_loop(self._client.delete_object, Bucket=self.bucket, Key=key)

    async def presigned_base(self) -> str:
        """What all pre-signed URLs of the bucket's objects begin with."""
        return await _off_loop(presigned_base, self._client, self.bucket)

    async def sign_get(self, key: str, life_s: int, file_name: str) -> SignedUrl:
        """URL to download an object, valid for `life_s` seconds; browsers save it as `file_name`."""
        url = await _off_loop(presigned_get, self._client, self.bucket, key, life_s, _quotable(file_name))
        return SignedUrl("GET", url, _expiry(life_s))

    async def size(self, key: str) -> int | None:
        """Size of an object in bytes; None if it does not exist."""
        try:
            answer = await _off_loop(self._client.head_object, Bucket=self.bucket, Key=key)
        except NotFoundError:
            return None
        return int(answer["ContentLength"])

    async def read(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Read an object, or `length` bytes of it from `start` on.

        Raises:
            NotFoundError: no such object.
        """
        parameters: dict[str, Any] = {"Bucket": self.bucket, "Key": key}
        if length is not None:
            parameters["Range"] = f"bytes={start}-{start + length - 1}"
        return await _off_loop(self._read, parameters)

    async def download(self, key: str, path: Path) -> None:
        """Write an object to a file.

        Raises:
            NotFoundError: no such object.
        """
        await _off_loop(self._client.download_file, self.bucket, key, str(path))

    async def put(self, key: str, path: Path) -> None:
        """Upload a file."""
        await _off_loop(self._client.upload_file, str(path), self.bucket, key)

    async def find_line(self, key: str, is_it: Callable[[bytes], bool]) -> bytes | None:
        """The first line of an object for which `is_it` is true, or None; the rest is not read.

        Raises:
            NotFoundError: no such object.
        """
        return await _off_loop(self._find_line, key, is_it)

    async def reduce_lines(self, key: str, reduce: Callable[[Iterator[bytes]], T]) -> T:
        """What `reduce` makes of the lines of an object, which are read as it takes them.

        Raises:
            NotFoundError: no such object.
        """
        return await _off_loop(self._reduce_lines, key, reduce)

    async def check(self) -> None:
        """Check that the store answers.

        Raises:
            UnavailableError: the store does not answer, or the bucket does not exist.
        """
        try:
            await _off_loop(self._client.head_bucket, Bucket=self.bucket)
        except NotFoundError:
            raise UnavailableError(f"The bucket {self.bucket} does not exist.", code="storage_unavailable") from None

    def _find_line(self, key: str, is_it: Callable[[bytes], bool]) -> bytes | None:
        body = self._client.get_object(Bucket=self.bucket, Key=key)["Body"]
        try:
            return next((bytes(line) for line in body.iter_lines(chunk_size=2**18) if is_it(line)), None)
        finally:
            body.close()

    def _reduce_lines(self, key: str, reduce: Callable[[Iterator[bytes]], T]) -> T:
        body = self._client.get_object(Bucket=self.bucket, Key=key)["Body"]
        try:
            return reduce(body.iter_lines(chunk_size=2**18))
        finally:
            body.close()

    def _parts_there(self, key: str, upload_id: str) -> dict[int, int]:
        pages = self._client.get_paginator("list_parts").paginate(Bucket=self.bucket, Key=key, UploadId=upload_id)
        return {part["PartNumber"]: part["Size"] for page in pages for part in page.get("Parts") or ()}

    def _join_parts(self, key: str, upload_id: str, sizes: Sequence[int]) -> list[int]:
        same = {"Bucket": self.bucket, "Key": key, "UploadId": upload_id}
        try:
            pages = self._client.get_paginator("list_parts").paginate(**same)
            put = {part["PartNumber"]: part for page in pages for part in page.get("Parts") or ()}
            missing = [n for n, size in enumerate(sizes, start=1) if n not in put or put[n]["Size"] != size]
            if not missing:
                parts = [{"PartNumber": n, "ETag": put[n]["ETag"]} for n in range(1, len(sizes) + 1)]
                self._client.complete_multipart_upload(**same, MultipartUpload={"Parts": parts})
        except ClientError as error:
            if error_code(error) == "NoSuchUpload":
                return []
            raise
        return missing

    def _read(self, parameters: dict[str, Any]) -> bytes:
        body = self._client.get_object(**parameters)["Body"]
        try:
            return bytes(body.read())
        finally:
            body.close()


async def _off_loop(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, lambda: call(*args, **kwargs))
    except ClientError as error:
        if error_code(error) in _MISSING:
            raise NotFoundError("There is no such object.", code="object_not_found") from error
        raise _unavailable() from error
    except (BotoCoreError, Boto3Error, OSError) as error:
        raise _unavailable() from error


def _unavailable() -> UnavailableError:
    return UnavailableError("Object storage cannot be reached now; try again.", code="storage_unavailable")


def _expiry(life_s: int) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=life_s)


def _quotable(name: str) -> str:
    return "".join(character if 32 <= ord(character) < 127 and character not in '"\\' else "_" for character in name)
