"""Sampling of the memory of all processes of a platform."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Final

_PROC: Final = Path("/proc")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_GROWN: Final = 1.01


class Family:
    """This process, every process that names `home` in its command line or environment, and their descendants.

    PostgreSQL and Ray's daemons detach from the process tree that started them, but keep its environment.
    """

    def __init__(self, home: Path) -> None:
        self._mark = os.fsencode(home)
        self._known: dict[int, bool] = {os.getpid(): True}

    def members(self) -> list[int]:
        """Current process ids of the family. Inspects only processes that are new since the last call."""
        alive = sorted(int(entry) for entry in os.listdir(_PROC) if entry.isdigit())  # noqa: PTH208 (twice as quick)
        known = {pid: self._known[pid] for pid in alive if pid in self._known}
        for pid in alive:  # parents have smaller ids than their children, until the ids wrap around
            if pid not in known:
                known[pid] = self._belongs(pid, known)
        self._known = known
        return [pid for pid in alive if known[pid]]

    def _belongs(self, pid: int, known: dict[int, bool]) -> bool:
        try:
            told = (_PROC / str(pid) / "stat").read_bytes()
            parent = int(told.rpartition(b")")[2].split()[1])
            if known.get(parent, False):
                return True
            return any(self._mark in (_PROC / str(pid) / name).read_bytes() for name in ("cmdline", "environ"))
        except (OSError, ValueError, IndexError):
            return False  # the process has ended, or belongs to another user


def resident_bytes(pids: list[int]) -> int:
    """Memory of the processes, each shared page counted once (proportional set size)."""
    total = 0
    for pid in pids:
        try:
            told = (_PROC / str(pid) / "smaps_rollup").read_bytes()
            total += int(told.partition(b"\nPss:")[2].split(maxsplit=1)[0]) * 1024
        except (OSError, ValueError, IndexError):
            continue  # it ended, or is a zombie
    return total


def private_bytes(pids: list[int]) -> int:
    """Resident memory of the processes without shared pages; a hundred times cheaper to read than `resident_bytes`."""
    total = 0
    for pid in pids:
        try:
            _, resident, shared, *_ = (_PROC / str(pid) / "statm").read_bytes().split()
            total += (int(resident) - int(shared)) * _PAGE_BYTES
        except (OSError, ValueError):
            continue
    return total


class FootprintSampler:
    """Samples the memory of a platform every `every_s` seconds in a thread; use as a context manager.

    The kernel walks every page for the exact figure, so it is read only when the cheap one has grown by 1 %.
    """

    def __init__(self, home: Path, *, every_s: float = 1.0) -> None:
        self._family = Family(home)
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="footprint", daemon=True)
        self.peak_bytes = 0
        """Largest sum seen so far, in bytes."""

    def __enter__(self) -> FootprintSampler:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        seen = 0
        while not self._stop.wait(self._every_s):
            members = self._family.members()
            private = private_bytes(members)
            if private > seen * _GROWN:
                seen = private
                self.peak_bytes = max(self.peak_bytes, resident_bytes(members))
