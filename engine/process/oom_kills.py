"""The kernel's count of processes that its out-of-memory killer has killed. Does not import torch.

A process that SIGKILL ends cannot say why. The kernel counts such kills by control group: a worker that was killed while
the count of its group rose was very probably killed for memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class OomKills(BaseModel):
    """A count at some moment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """File of the kernel that holds the count."""
    count: int


def oom_kills(process: str = "self", root: Path = Path("/")) -> OomKills | None:
    """The count of a process's control group; of the whole machine if it has none; None if the kernel does not say."""
    for path in _files(process, root):
        count = count_in(path)
        if count is not None:
            return OomKills(path=str(path), count=count)
    return None


def count_in(path: Path) -> int | None:
    """The count in a file of the kernel; None if there is none."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else None


def _files(process: str, root: Path) -> Iterator[Path]:
    """Files that may hold the count, the most specific first."""
    groups = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc" / process / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        # In a container the path may be the host's, while the mounted hierarchy begins at the container's own group.
        if not controllers:
            yield groups / group.lstrip("/") / "memory.events"
            yield groups / "memory.events"
        elif "memory" in controllers.split(","):
            yield groups / "memory" / group.lstrip("/") / "memory.oom_control"
            yield groups / "memory" / "memory.oom_control"
    yield root / "proc/vmstat"
