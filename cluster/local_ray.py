"""A Ray cluster of one node on this machine, started by `ray start`; it ends with the process that started it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from cluster import ingress, keeping, ports
from cluster.errors import RuntimeUnavailableError

OBJECT_STORE_BYTES: Final = 200 * 2**20
"""Size of a local cluster's object store; small, because training data does not pass through it."""
AUTHENTICATION: Final = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_TOKEN")
"""Variables that a process needs to reach a cluster with token authentication."""
LOOPBACK: Final = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Makes Ray treat this machine as unreachable for others and listen on loopback only."""
SERVE: Final = {
    # Serve's proxies call this for their middleware, which answers if a replica was lost.
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "cluster.serve_proxy.layers",
    # Serve kills a proxy that is not ready in time, which aborts the API's start; 5 s are too few on a busy machine.
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "30",
    # Serve restarts a proxy after three failed checks; with its default of 10 s, a dead HAProxy is missed for 25 s.
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "1",
}
"""Settings of Ray Serve for the processes of the cluster."""
_SPARE: Final = ("--spare", "monitor", "--spare", "ray.util.client.server")
"""Dispensable daemons of `ray start`: the autoscaler, and the server for clients outside the cluster."""
_HOST: Final = "127.0.0.1"
_START_S: Final = 120.0
_STOP_S: Final = 30.0


class LocalRay:
    """A running node. A keeper owns its processes; when this process ends, it ends them and removes their files."""

    def __init__(self, keeper: subprocess.Popen[bytes], folder: keeping.RuntimeFolder, address: str, url: str | None):
        self.address = address
        """Address of the cluster, for `RAY_ADDRESS`."""
        self.dashboard_url = url
        """URL of the dashboard and the Jobs API; None without a dashboard."""
        self._keeper = keeper
        self._folder = folder
        self._daemons: list[psutil.Process] = []
        self._fault: str | None = None
        self._stopped = False

    @classmethod
    def start(cls, home: Path, *, cpus: int | None, labels: Mapping[str, str], dashboard: bool) -> LocalRay:
        """Start a node, and wait until it runs.

        Raises:
            RuntimeUnavailableError: the node does not start; holds the end of `ray start`'s output.
            HomeError: `LIM_HOME` cannot be used.
        """
        folder = keeping.runtime_folder(home)
        port, dashboard_port, agent_port, client_port = ports.free_ports(4)
        command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--disable-usage-stats"]
        command += [f"--node-ip-address={_HOST}", f"--port={port}", f"--temp-dir={folder.path / 'r'}"]
        command += [f"--dashboard-host={_HOST}", f"--dashboard-port={dashboard_port}"]
        command += [f"--dashboard-agent-listen-port={agent_port}", f"--ray-client-server-port={client_port}"]
        command += [f"--object-store-memory={OBJECT_STORE_BYTES}", f"--include-dashboard={dashboard}"]
        command += ["--include-log-monitor=false"]  # it sends the workers' output to drivers, which do not want it
        if cpus is not None:
            command.append(f"--num-cpus={cpus}")
        if labels:
            command.append("--labels=" + ",".join(f"{name}={value}" for name, value in labels.items()))
        temporary = folder.path / "tmp"
        temporary.mkdir(mode=0o700)
        variables = {**os.environ, **LOOPBACK, "TMPDIR": str(temporary), "RAY_USAGE_STATS_ENABLED": "0"}
        for name, value in SERVE.items():
            variables.setdefault(name, value)
        variables |= ingress.environment(folder.path, variables, free_ports=True)
        log = folder.path / "ray-start.log"
        keeper = keeping.keep(
            command,
            users=folder.users,
            log=log,
            environment=variables,
            options=["--daemons", *_SPARE, "--remove", str(folder.path), "--remove", str(folder.users)],
        )
        started = cls(keeper, folder, f"{_HOST}:{port}", f"http://{_HOST}:{dashboard_port}" if dashboard else None)
        try:
            told = started._hear(_START_S)
            if told is None:
                said = log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else ""
                raise RuntimeUnavailableError(
                    f"a local Ray cluster does not start; set RAY_ADDRESS to use another. `ray start` said:\n{said}"
                )
            for pid in told["ready"]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    started._daemons.append(psutil.Process(int(pid)))
        except BaseException:
            started.stop()
            raise
        return started

    @property
    def folder(self) -> Path:
        """Folder of its sockets and logs."""
        return self._folder.path / "r"

    def fault(self) -> str | None:
        """Why the node has ended, as a message; None while all of it runs."""
        if self._fault is None:
            told = self._hear(0.0)
            if told is not None and "died" in told:
                self._fault = f"Ray's {told['died']} (process {told['pid']}) has died{_how(told['code'])}"
            elif self._keeper.poll() is not None:
                self._fault = f"the keeper of the Ray cluster (process {self._keeper.pid}) has died"
        return self._fault

    def stop(self) -> None:
        """End the node. Idempotent."""
        if self._stopped:
            return
        self._stopped = True
        os.close(self._folder.share)
        try:
            self._keeper.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        if self._keeper.stdout is not None:
            self._keeper.stdout.close()
        self._end_what_is_left()

    def _end_what_is_left(self) -> None:
        """Do the keeper's work, in case the keeper was killed."""
        left = {daemon for daemon in self._daemons if daemon.is_running()}
        for daemon in list(left):
            with contextlib.suppress(psutil.NoSuchProcess):
                left.update(daemon.children(recursive=True))
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=_STOP_S)
        shutil.rmtree(self._folder.path, ignore_errors=True)
        self._folder.users.unlink(missing_ok=True)

    def _hear(self, wait_s: float) -> dict[str, Any] | None:
        """The keeper's next message; None if none came in time, or the keeper has ended."""
        stream = self._keeper.stdout
        deadline = time.monotonic() + wait_s
        while stream is not None:
            heard, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
            if heard:
                line = stream.readline()
                told: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
                return told
            if time.monotonic() >= deadline:
                break
        return None


def prepare_process(home: Path) -> None:
    """Set up this process's environment for a local cluster: token, loopback, and this Python first on PATH.

    A local cluster requires the token in `home`, unless RAY_AUTH_MODE says otherwise: every user of the machine can
    reach its ports, and an authenticated client can run code as this user.

    Raises:
        RuntimeUnavailableError: Ray was imported before, without these variables, which it reads on import.
    """
    variables = {"RAY_USAGE_STATS_ENABLED": "0", **LOOPBACK}
    if "RAY_AUTH_MODE" not in os.environ:
        variables["RAY_AUTH_MODE"] = "token"
        if not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys():
            variables["RAY_AUTH_TOKEN_PATH"] = str(_token(home))
    missing = {name: value for name, value in variables.items() if name not in os.environ}
    if missing.keys() & {"RAY_AUTH_MODE", *LOOPBACK} and "ray" in sys.modules:
        wanted = " ".join(f"{name}={value}" for name, value in missing.items())
        raise RuntimeUnavailableError(
            f"this process has imported ray before its cluster was set up; import it later, or set {wanted}"
        )
    os.environ.update(missing)
    # `ray job submit -- python ...` runs the first python on the cluster's PATH, which must be this one.
    beside = str(Path(sys.executable).parent)
    paths = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if paths[0] != beside:
        os.environ["PATH"] = os.pathsep.join([beside, *paths])


def _token(home: Path) -> Path:
    """The file with the token: readable by its owner only, generated once."""
    path = keeping.prepare_home(home) / "ray_token"
    with contextlib.suppress(FileExistsError):
        draft = home / f".ray_token.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(32))
        try:
            os.link(draft, path)  # atomic; fails if another process was first
        finally:
            draft.unlink()
    return path


def _how(code: int) -> str:
    return f" of signal {-code}" if code < 0 else f" with exit status {code}"
