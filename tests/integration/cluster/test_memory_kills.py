"""A worker killed for memory, by Ray or by the kernel, restarts with smaller micro-batches; the run ends as if it had enough.

A control group holds a cluster of its own. While a run trains, another process takes more and more of the group's memory,
until the worker's next micro-batch does not fit. Nothing is injected: the kills are real.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster.storage.embedded import EmbeddedS3
from tests.integration.cluster.conftest import Standing, stand
from tests.integration.cluster.runs import Run, is_step, worker_process

pytestmark = [pytest.mark.timeout(900), pytest.mark.faults]
STEPS = 24
WHOLE_COST = 960.0
TOLERANCE = 1e-4
_GROUPS = Path("/sys/fs/cgroup/memory")
_LIMIT_BYTES = 5 * 2**30
_STEP_BYTES = 32 * 2**20
_STEP_S = 4.0
"""A worker's memory rises and falls with each optimizer step, which takes about two seconds: what is taken while it is low
must not be more than what is missing at the peak."""
_MEASURED_STEPS = 4
"""Steps over which the peak is measured, however long they take on a busy machine."""
_RAYS_SHARE = 0.95
"""Of the limit: Ray's memory monitor kills a worker above that."""
_TAKER = """
import sys
from pathlib import Path
Path(sys.argv[1]).write_text("0")
taken = []
for line in sys.stdin:
    taken.append(bytearray(b"x") * int(line))
    print(len(taken), flush=True)
"""


@dataclass(frozen=True)
class Group:
    """A control group with a limit on its memory."""

    folder: Path

    def peak_bytes(self, killer: str, until: Callable[[], object]) -> int:
        """Most memory that its processes have until a call is done, without the cached files that the killer would drop."""
        peak = 0
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(until)
            while not done.done():
                peak = max(peak, self._bytes(killer))
                time.sleep(0.02)
            done.result()
        return peak

    def _bytes(self, killer: str) -> int:
        stat = dict(line.split() for line in (self.folder / "memory.stat").read_text().splitlines())
        if killer == "ray":
            return int(stat["total_rss"]) + int(stat["total_active_file"])
        # Shared memory and the kernel's own count too.
        files = int(stat["total_active_file"]) + int(stat["total_inactive_file"])
        return int((self.folder / "memory.usage_in_bytes").read_text()) - files

    @contextlib.contextmanager
    def taker(self) -> Iterator[subprocess.Popen[str]]:
        """A process in the group that takes as many bytes as each line of its input says.

        It is not killed: Ray offers its workers to the kernel first.
        """
        process = subprocess.Popen(
            [sys.executable, "-c", _TAKER, str(self.folder / "cgroup.procs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.fixture(params=["kernel", "ray"])
def killer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def group() -> Iterator[Group]:
    folder = _GROUPS / f"lim-test-{os.getpid()}-{time.time_ns():x}"
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(_LIMIT_BYTES))
    except OSError as error:
        pytest.skip(f"no control group of cgroup v1 can be made here: {error}")
    yield Group(folder)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            folder.rmdir()
            return
        except OSError:  # processes are still ending
            time.sleep(0.2)


@pytest.fixture
def small(group: Group, killer: str) -> Iterator[Standing]:
    """A cluster in the group. Ray sees the group's limit only if the group stands where it looks for its own."""
    enter = f"echo $$ > {group.folder}/cgroup.procs && "
    if killer == "ray":
        enter += f"mount --bind {group.folder} {_GROUPS} && "
    shell = ["unshare", "--mount", "sh", "-c", f'{enter} exec "$@"', "sh"]
    home = Path(tempfile.mkdtemp(prefix="lim-mk-", dir="/tmp"))
    try:
        with EmbeddedS3.start(home), stand(home, shell) as standing:
            yield standing
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _config(model: Path, data: Path, max_failures: int) -> dict[str, Any]:
    """A small model on whole windows: thirty-two of them take about a gigabyte, sixteen half of it."""
    training = {
        "max_steps": STEPS,
        "log_every_steps": 1,
        "method": {"type": "lora", "rank": 4},
        "context": {"type": "full"},
        "precision": "float32",
        "batch": {"cost": WHOLE_COST, "micro_batch_cost": WHOLE_COST},
        "checkpoint": {"every_steps": 2},
        "split": {"test_groups": ["s2"]},
        "task": {"max_new_tokens": 4},
        "evaluation": {"base": False},
    }
    # The kernel kills the largest process; Ray may go on with a worker that is starting, which is a failure of another kind.
    return {
        "model": str(model),
        "data": str(data),
        "training": training,
        "resources": {"threads_per_worker": 1, "max_failures": max_failures},
    }


def _losses(run: Run) -> list[float]:
    """Of each step, as it was first reported."""
    found: dict[int, float] = {}
    for event in run.events():
        if event["key"].startswith("train/"):
            found.setdefault(event["data"]["step"], event["data"]["step_losses"][0])
    assert sorted(found) == list(range(1, STEPS + 1))
    return [found[step] for step in sorted(found)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_worker_killed_for_memory(
    small: Standing, group: Group, killer: str, tmp_path: Path, tiny_whisper: Path, tones: Path
) -> None:
    config = _config(tiny_whisper, tones, max_failures={"kernel": 0, "ray": 3}[killer])
    whole = Run(small, tmp_path, "whole", config)
    assert whole.finish()["step_downs"] == []

    run = Run(small, tmp_path, "starved", config)
    with run.started() as driver, group.taker() as taker:
        assert taker.stdin is not None
        run.wait_for(is_step(3), driver)
        worker = psutil.Process(worker_process(run))
        bound = _LIMIT_BYTES * {"kernel": 1.0, "ray": _RAYS_SHARE}[killer]
        take = int(bound) - group.peak_bytes(killer, lambda: run.wait_for(is_step(3 + _MEASURED_STEPS), driver))
        while _is_alive(worker):
            taker.stdin.write(f"{take}\n")
            taker.stdin.flush()
            take, until = _STEP_BYTES, time.monotonic() + _STEP_S
            while _is_alive(worker) and time.monotonic() < until:
                time.sleep(0.1)
        assert driver.poll() is None, f"the run ended before memory did:\n{run.log.read_text()}"
        assert driver.wait(400) == 0, run.log.read_text()
    result = run.result()
    assert result["status"] == "succeeded"
    first = result["step_downs"][0]
    assert (first["when"], first["micro_batch_cost_before"], first["micro_batch_cost"]) == (
        "killed",
        WHOLE_COST,
        WHOLE_COST / 2,
    )
    said = {"kernel": "the kernel's out-of-memory killer", "ray": "Ray's memory monitor"}
    assert first["found"].startswith(said[killer])
    assert first["step"] >= 3
    assert _losses(run) == pytest.approx(_losses(whole), rel=TOLERANCE)
    [event, *_] = [event for event in run.events() if "memory_stepped_down" in event["data"]]
    assert event["data"]["level"] == "warning"
    assert "a worker was killed for memory" in run.log.read_text()
    kept = json.loads(run.store.get_bytes("memory_kills.json"))
    assert len(kept) == sum(each["when"] == "killed" for each in result["step_downs"])
    assert not run.store.list("in-training")
