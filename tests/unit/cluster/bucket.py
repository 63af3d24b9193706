"""A bucket in memory that answers as boto3's client does, and fails on demand."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.response import StreamingBody


def refusal(code: str, status: int) -> ClientError:
    """An error answer of a server."""
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Operation")


def silence() -> EndpointConnectionError:
    """A server that does not answer."""
    return EndpointConnectionError(endpoint_url="http://127.0.0.1:9")


class MemoryBucket:
    """`failures` are raised one after the other, before anything else is done."""

    def __init__(self, *failures: Exception) -> None:
        self.objects: dict[str, bytes] = {}
        self.failures = list(failures)
        self.calls = 0

    def put_object(self, *, Bucket: str, Key: str, Body: Any) -> None:
        self._call()
        self.objects[Key] = Body if isinstance(Body, bytes) else Body.read()

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        self._call()
        if Key not in self.objects:
            raise refusal("NoSuchKey", 404)
        data = self.objects[Key]
        return {"Body": StreamingBody(io.BytesIO(data), len(data))}

    def delete_object(self, *, Bucket: str, Key: str) -> None:
        self._call()
        self.objects.pop(Key, None)

    def get_paginator(self, operation: str) -> MemoryBucket:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        self._call()
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        for start in range(0, len(keys), 2):
            yield {"Contents": [{"Key": key} for key in keys[start : start + 2]]}

    def _call(self) -> None:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
