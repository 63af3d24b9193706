"""S3 through boto3, with timeouts and retries that fit servers near and far."""

from __future__ import annotations

from typing import Any, Final

from cluster.errors import ObjectStorageError, StorageSettingsError
from cluster.storage.settings import S3Settings

MISSING_CODES: Final = frozenset({"404", "NoSuchKey", "NoSuchUpload", "NotFound"})
"""Error codes of S3 servers for a missing object or upload."""
_ANY_KEY: Final = "any-key"
_EXISTS_CODES: Final = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})


def parse_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix, without slashes at its ends) of an `s3://bucket/key`.

    Raises:
        StorageSettingsError: not an s3:// address.
    """
    scheme, separator, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not separator or not bucket:
        raise StorageSettingsError(f"found {uri!r}; an object's address is written s3://bucket/key")
    return bucket, key.strip("/")


def make_client(settings: S3Settings, *, connect_s: float = 5.0, read_s: float = 60.0, attempts: int = 5) -> Any:
    """A boto3 client; thread-safe.

    Raises:
        StorageSettingsError: the settings name the embedded server, which was not started.
    """
    import boto3
    from botocore.config import Config

    if settings.endpoint_url is None:
        raise StorageSettingsError(
            "no S3 endpoint: set S3_ENDPOINT_URL, or start the embedded server first (cluster.storage.embedded)"
        )
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint_url,
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key,
        region_name=settings.region,
        config=Config(
            signature_version="s3v4",
            connect_timeout=connect_s,
            read_timeout=read_s,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=32,
            # Not every server understands checksums in trailers; TLS and SigV4 already protect the content.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "auto" if settings.endpoint_url.startswith("https://") else "path"},
        ),
    )


def ensure_bucket(client: Any, bucket: str, region: str = "us-east-1") -> None:
    """Create the bucket if it does not exist.

    Raises:
        ObjectStorageError: the bucket is missing and cannot be created, or the server does not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        try:
            client.head_bucket(Bucket=bucket)
            return
        except ClientError as error:
            if error_code(error) not in MISSING_CODES | {"NoSuchBucket"}:
                raise
        # us-east-1 is the only region that must not be named.
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            client.create_bucket(Bucket=bucket, **place)
        except ClientError as error:
            if error_code(error) not in _EXISTS_CODES:
                raise
    except (BotoCoreError, ClientError) as error:
        raise ObjectStorageError(
            f"bucket {bucket!r} cannot be used: {error}. Check S3_ENDPOINT_URL, the keys and LIM_BUCKET"
        ) from error


def presigned_put(client: Any, bucket: str, key: str, size: int, life_s: int) -> str:
    """An address to PUT this object of exactly `size` bytes without credentials, for `life_s` seconds."""
    parameters = {"Bucket": bucket, "Key": key, "ContentLength": size}
    return str(client.generate_presigned_url("put_object", Params=parameters, ExpiresIn=life_s, HttpMethod="PUT"))


def presigned_part(client: Any, bucket: str, key: str, upload_id: str, number: int, size: int, life_s: int) -> str:
    """An address to PUT a part of exactly `size` bytes of a multipart upload without credentials."""
    parameters = {"Bucket": bucket, "Key": key, "UploadId": upload_id, "PartNumber": number, "ContentLength": size}
    return str(client.generate_presigned_url("upload_part", Params=parameters, ExpiresIn=life_s, HttpMethod="PUT"))


def presigned_get(client: Any, bucket: str, key: str, life_s: int, file_name: str | None = None) -> str:
    """An address to GET this object without credentials, for `life_s` seconds.

    Browsers save it under `file_name` (ASCII, without quotes).
    """
    parameters = {"Bucket": bucket, "Key": key}
    if file_name is not None:
        parameters["ResponseContentDisposition"] = f'attachment; filename="{file_name}"'
    return str(client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=life_s, HttpMethod="GET"))


def presigned_base(client: Any, bucket: str) -> str:
    """What all pre-signed addresses of the bucket's objects begin with: scheme, host, and the path before the key."""
    return presigned_get(client, bucket, _ANY_KEY, 60).partition(f"/{_ANY_KEY}?")[0] + "/"


def error_code(error: Exception) -> str:
    """The server's error code; empty if the error did not come from the server."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
