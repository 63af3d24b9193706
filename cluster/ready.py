"""Worker processes that have imported what training needs and wait for a run: who is ready, and who takes one.

Each leaves a mark in the folder of its node's Ray session; a driver on the same node takes one by renaming its mark.
The marks decide nothing but who asks for a new process: Ray itself gives out the workers.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import psutil

KEY: Final = "LIM_READY_KEY"
"""Variable of a worker that will wait for a run: names the runs that it fits."""
_FOLDER: Final = "lim-ready"
_TAKEN: Final = "taken."
_USE_S: Final = 120.0
"""How long one that was taken may stay idle: its run has ended before it had workers."""
_IDLE: Final = "ray::IDLE"


def key_of(runtime_env: Mapping[str, Any]) -> str:
    """Names a runtime environment; workers fit a run when theirs are the same."""
    return hashlib.sha256(json.dumps(runtime_env, sort_keys=True).encode()).hexdigest()[:24]


def announce(folder: Path, key: str, pid: int | None = None) -> None:
    """A process is ready: this one, or another."""
    process = psutil.Process(pid)
    with contextlib.suppress(OSError):  # nobody then takes it, and it ends some time
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"draft.{process.pid}"
        draft.write_text(repr(process.create_time()), encoding="ascii")
        draft.rename(folder / f"{key}.{process.pid}")


def count(folder: Path, key: str) -> int:
    """How many processes that fit are ready."""
    return sum(1 for _ in _ready(folder, key))


def take(folder: Path, key: str, wanted: int) -> int:
    """Take up to so many; how many there were. Nobody else is then told of them."""
    taken = 0
    for mark in _ready(folder, key):
        if taken == wanted:
            break
        with contextlib.suppress(OSError):  # somebody else was quicker
            mark.rename(mark.with_name(_TAKEN + mark.name))
            taken += 1
    return taken


def session_folder() -> Path | None:
    """Where the marks of this node are; None in a process without a connection to Ray."""
    from ray._private import worker

    node: Any = vars(worker)["_global_node"]
    return Path(node.get_session_dir_path()) / _FOLDER if node is not None else None


def _ready(folder: Path, key: str) -> Iterator[Path]:
    """The marks of processes that live, and fit; those of the dead are removed, those of the unused put back."""
    try:
        marks = sorted(folder.iterdir())
    except OSError:
        return
    for mark in marks:
        name, _, pid = mark.name.rpartition(".")
        try:
            process = psutil.Process(int(pid))
            began, marked_at = float(mark.read_text(encoding="ascii")), mark.stat().st_ctime
            alive = process.create_time() == began and process.status() != psutil.STATUS_ZOMBIE
            title = process.cmdline()[:1]
        except (OSError, ValueError, psutil.Error):
            alive = False
        if not alive:
            if name != "draft":
                mark.unlink(missing_ok=True)
            continue
        if name == _TAKEN + key and title == [_IDLE] and time.time() - marked_at > _USE_S:
            with contextlib.suppress(OSError):
                yield mark.rename(mark.with_name(f"{key}.{pid}"))
        elif name == key:
            yield mark
