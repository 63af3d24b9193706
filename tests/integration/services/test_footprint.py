from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.footprint import Family, resident_bytes

HOLD = "import os\ndata = bytearray(40_000_000)\nprint(os.getpid(), flush=True)\ninput()\n"
# In a process of its own: the family of a test's process has servers whose memory grows and shrinks meanwhile.
SAMPLE = """
import subprocess, sys, time
from pathlib import Path
from services.footprint import FootprintSampler

def until(reached):
    deadline = time.monotonic() + 30
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.02)

with FootprintSampler(Path(sys.argv[1]), every_s=0.02) as sampler:
    until(lambda: sampler.peak_bytes)
    alone = sampler.peak_bytes
    hold = "data = bytearray(200_000_000); input()"
    child = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE)
    until(lambda: sampler.peak_bytes > alone + 200_000_000)
    child.communicate(b"\\n")
    time.sleep(0.2)
print(alone, sampler.peak_bytes)
"""
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


def test_children_belong_until_they_end(tmp_path: Path) -> None:
    family = Family(tmp_path)
    with running() as pid:
        members = family.members()
        assert pid in members
        assert os.getpid() in members
    assert pid not in family.members()


def test_memory_of_processes_is_added() -> None:
    with running() as one, running() as other:
        assert 40_000_000 < resident_bytes([one]) < 80_000_000
        assert 80_000_000 < resident_bytes([one, other]) < 160_000_000


def test_a_process_that_left_the_tree_is_known_by_its_environment(tmp_path: Path) -> None:
    with running(marked=tmp_path, detached=True) as pid:
        assert pid in Family(tmp_path).members()
        assert pid not in [member for member in Family(tmp_path / "other").members() if member != os.getpid()]


def test_the_sampler_keeps_the_peak(tmp_path: Path) -> None:
    told = subprocess.check_output([sys.executable, "-c", SAMPLE, str(tmp_path)], text=True)
    alone, peak = (int(word) for word in told.split())
    assert peak - alone > 200_000_000
