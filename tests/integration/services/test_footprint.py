from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.footprint import Family, FootprintSampler, resident_bytes

HOLD = "import os\ndata = bytearray(40_000_000)\nprint(os.getpid(), flush=True)\ninput()\n"
LEAVE = "import os\nif os.fork():\n    os._exit(0)\nos.setsid()\n"


@contextmanager
def running(*, marked: Path | None = None, detached: bool = False) -> Iterator[int]:
    """A process that holds 40 MB; `detached` leaves our tree."""
    environment = {**os.environ, **({"LIM_HOME": str(marked)} if marked else {})}
    process = subprocess.Popen(
        [sys.executable, "-c", (LEAVE if detached else "") + HOLD],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    pid = int(process.stdout.readline())
    if detached:
        process.wait()
    try:
        yield pid
    finally:
        process.stdin.close()
        process.stdout.read()  # until it has ended, whoever its parent is
        process.wait()
        process.stdout.close()


def test_children_belong_and_their_memory_is_counted(tmp_path: Path) -> None:
    family = Family(tmp_path)
    before = resident_bytes(family.members())
    with running() as pid:
        members = family.members()
        assert pid in members
        assert os.getpid() in members
        assert resident_bytes(members) - before > 40_000_000
    assert pid not in family.members()


def test_a_process_that_left_the_tree_is_known_by_its_environment(tmp_path: Path) -> None:
    with running(marked=tmp_path, detached=True) as pid:
        assert pid in Family(tmp_path).members()
        assert pid not in [member for member in Family(tmp_path / "other").members() if member != os.getpid()]


def test_the_sampler_keeps_the_peak(tmp_path: Path) -> None:
    deadline = time.monotonic() + 30
    with FootprintSampler(tmp_path, every_s=0.02) as sampler, running():
        while sampler.peak_bytes < 40_000_000 and time.monotonic() < deadline:
            time.sleep(0.02)
        seen = sampler.peak_bytes
    assert 40_000_000 < seen <= sampler.peak_bytes
