"""A local cluster: on loopback, in private folders, and gone with the process that asked for it, whatever dies first."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[3]
ENDS_S = 40.0
NOTICED_S = 20.0
pytestmark = pytest.mark.faults

_STARTER = """
import json, sys, time
from cluster.runtime import start_local
with start_local(cpus=1) as runtime:
    told = {"folder": str(runtime.local.folder.parent), "environment": runtime.environment()}
    runtime.disconnect()  # or Ray would end this process with its raylet
    print(json.dumps(told), flush=True)
    while runtime.fault() is None:
        time.sleep(0.05)
    print(json.dumps({"fault": runtime.fault()}), flush=True)
"""


@dataclass
class Started:
    """A process with a local cluster."""

    process: subprocess.Popen[str]
    folder: Path
    environment: dict[str, str]
    family: list[psutil.Process]

    def child(self, name: str) -> psutil.Process:
        """One of the cluster's processes, by what is in its command line."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        return next(each for each in family if name in " ".join(each.cmdline()))

    def says(self) -> str:
        """Why it says that the cluster has ended."""
        assert self.process.stdout is not None
        return str(json.loads(self.process.stdout.readline())["fault"])

    def is_gone(self) -> None:
        """Fail unless all its processes and its folder go."""
        _until(lambda: not self.left() and not self.folder.exists(), ENDS_S, lambda: (self.left(), self.folder))

    def left(self) -> list[psutil.Process]:
        return [each for each in self.family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def started() -> Iterator[Started]:
    home = Path(tempfile.mkdtemp(prefix="lim-ct-"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LIM_HOME": str(home)}
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        environment.pop(name, None)
    process = subprocess.Popen([sys.executable, "-c", _STARTER], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the cluster does not start"
        told = json.loads(line)
        family = psutil.Process(process.pid).children(recursive=True)
        yield Started(process, Path(told["folder"]), told["environment"], family)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        shutil.rmtree(home, ignore_errors=True)


def test_it_ends_with_a_process_that_is_killed(started: Started) -> None:
    assert len(started.family) >= 6
    started.process.kill()
    started.is_gone()


def test_a_killed_keeper_is_noticed_and_nothing_is_left(started: Started) -> None:
    started.child("keeper.py").kill()
    assert "keeper of the Ray cluster" in started.says()
    assert started.process.wait(ENDS_S) == 0
    started.is_gone()


@pytest.mark.parametrize(
    ("victim", "number", "told"),
    [
        ("dashboard/dashboard.py", signal.SIGKILL, "Ray's dashboard"),
        ("dashboard/dashboard.py", signal.SIGTERM, "Ray's dashboard"),
        ("gcs_server", signal.SIGKILL, "Ray's gcs_server"),
        ("DashboardAgent", signal.SIGKILL, "Ray's raylet"),  # which ends with its agent
    ],
)
def test_a_part_that_dies_is_named_and_nothing_is_left(
    started: Started, victim: str, number: signal.Signals, told: str
) -> None:
    started.child(victim).send_signal(number)
    began = time.monotonic()
    assert told in started.says()
    assert time.monotonic() - began < NOTICED_S
    assert started.process.wait(ENDS_S) == 0
    started.is_gone()


def test_others_on_the_machine_or_the_network_find_no_way_in(started: Started) -> None:
    addresses = {
        (each.name(), listening.laddr.ip)
        for each in started.left()
        for listening in each.net_connections("inet")
        if listening.status == psutil.CONN_LISTEN
    }
    assert len(addresses) > 3
    assert {ip for _, ip in addresses} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}, addresses
    assert stat.S_IMODE(started.folder.stat().st_mode) == 0o700
    without = {"PATH": os.environ["PATH"], **started.environment, "RAY_AUTH_TOKEN_PATH": "/nowhere"}
    ask = [sys.executable, "-c", "import ray; ray.init(log_to_driver=False); print(ray.cluster_resources())"]
    refused = subprocess.run(ask, env=without, capture_output=True, text=True, timeout=120, check=False)
    assert refused.returncode != 0
    assert "CPU" not in refused.stdout
    given = {"PATH": os.environ["PATH"], **started.environment}
    let_in = subprocess.run(ask, env=given, capture_output=True, text=True, timeout=120, check=False)
    assert "'CPU': 1.0" in let_in.stdout, let_in.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which takes root")
def test_another_user_reads_nothing_in_its_folder_or_home(started: Started) -> None:
    nobody = pwd.getpwnam("nobody")
    home = Path(started.environment["RAY_AUTH_TOKEN_PATH"]).parent
    for path in (started.folder, started.folder / "r" / "ray_current_cluster", home, home / "ray_token"):
        tried = subprocess.run(
            ["/bin/sh", "-c", 'ls "$0"/ || cat "$0"', str(path)],
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
        assert tried.returncode != 0, (path, tried.stdout)
        assert not tried.stdout


def _until(check: Callable[[], bool], limit_s: float, told: Callable[[], object]) -> None:
    deadline = time.monotonic() + limit_s
    while not check():
        assert time.monotonic() < deadline, told()
        time.sleep(0.1)
