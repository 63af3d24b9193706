"""Settings of the object store, from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cluster.errors import StorageSettingsError

DEFAULT_BUCKET: Final = "less-is-more"
DEFAULT_REGION: Final = "us-east-1"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def lim_home(environ: Mapping[str, str] | None = None) -> Path:
    """`LIM_HOME`, by default `~/.less-is-more`: state of the embedded services, and this node's caches."""
    environ = os.environ if environ is None else environ
    return Path(environ.get("LIM_HOME") or "~/.less-is-more").expanduser().absolute()


def usable_home(home: Path) -> Path:
    """The driver's `LIM_HOME` if this node can use it too, else this node's own."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        return home if os.access(home, os.W_OK) else lim_home()
    except OSError:
        return lim_home()


@dataclass(frozen=True, slots=True)
class S3Settings:
    """An object store and the platform's bucket in it. Its representation hides secrets."""

    home: Path
    """`LIM_HOME`."""
    endpoint_url: str | None = None
    """`S3_ENDPOINT_URL`; None means the embedded server, which must be started first."""
    access_key_id: str | None = None
    """`AWS_ACCESS_KEY_ID`; unset: boto3 looks in its usual places (instance role, profile)."""
    secret_access_key: str | None = field(default=None, repr=False)
    """`AWS_SECRET_ACCESS_KEY`."""
    region: str = DEFAULT_REGION
    """`AWS_REGION`."""
    bucket: str = DEFAULT_BUCKET
    """`LIM_BUCKET`."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> S3Settings:
        """Read the settings from the environment.

        Raises:
            StorageSettingsError: half a key pair, an invalid endpoint, or an invalid bucket name.
        """
        environ = os.environ if environ is None else environ
        endpoint = environ.get("S3_ENDPOINT_URL") or None
        key, secret = environ.get("AWS_ACCESS_KEY_ID") or None, environ.get("AWS_SECRET_ACCESS_KEY") or None
        bucket = environ.get("LIM_BUCKET") or DEFAULT_BUCKET
        if endpoint is not None and not endpoint.startswith(("http://", "https://")):
            raise StorageSettingsError(
                f"S3_ENDPOINT_URL is {endpoint!r}; give an address such as https://s3.eu-west-1.amazonaws.com, "
                "or unset it to use the embedded server"
            )
        if endpoint is not None and (key is None) != (secret is None):
            missing = "AWS_SECRET_ACCESS_KEY" if secret is None else "AWS_ACCESS_KEY_ID"
            raise StorageSettingsError(f"{missing} is not set, but the other half of the key pair is; set both")
        if not _BUCKET.fullmatch(bucket):
            raise StorageSettingsError(
                f"LIM_BUCKET is {bucket!r}; a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens"
            )
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
        return cls(lim_home(environ), endpoint, key, secret, region, bucket)

    def environment(self) -> dict[str, str]:
        """The variables from which another process reads the same settings, except its own `LIM_HOME`."""
        values = {
            "S3_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": self.region,
            "LIM_BUCKET": self.bucket,
        }
        return {name: value for name, value in values.items() if value is not None}
