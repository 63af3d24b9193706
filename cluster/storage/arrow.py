"""S3 through pyarrow, as Ray Data and Ray Train use it."""

from __future__ import annotations

import os
from typing import Any

import pyarrow.fs

from cluster.errors import StorageSettingsError
from cluster.storage.settings import S3Settings


class ArrowS3(pyarrow.fs.S3FileSystem):  # type: ignore[misc]
    """pyarrow's S3 file system, rebuilt from its settings in each process that unpickles it.

    The underlying library reads some of its settings only from the process's environment.
    """

    def __init__(self, settings: S3Settings) -> None:
        """A file system on the store that `settings` describe.

        Raises:
            StorageSettingsError: the settings name the embedded server, which was not started.
        """
        if settings.endpoint_url is None:
            raise StorageSettingsError("no S3 endpoint: set S3_ENDPOINT_URL, or start the embedded server first")
        # Servers without support for checksums in trailers answer 411 to every write without it.
        os.environ.setdefault("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        if settings.access_key_id is not None:
            os.environ.setdefault(
                "AWS_EC2_METADATA_DISABLED", "true"
            )  # otherwise it waits for a server that does not exist
        scheme, _, host = settings.endpoint_url.partition("://")
        super().__init__(
            access_key=settings.access_key_id,
            secret_key=settings.secret_access_key,
            region=settings.region,
            scheme=scheme,
            endpoint_override=host,
            connect_timeout=5,
            request_timeout=60,
        )
        self.settings = settings

    def create_dir(self, path: str, *, recursive: bool = True) -> None:
        """Do nothing: S3 has no folders, and rclone would store a marker `folder/` as a file that blocks the folder."""

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrowS3, (self.settings,)
