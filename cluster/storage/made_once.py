"""Folders that the processes of a node share, made by the first one that needs them."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


def made_once(target: Path, sign: str, make: Callable[[Path], None]) -> Path:
    """`target`, made atomically by the first process that needs it, while the others wait.

    Args:
        target: the folder.
        sign: a file in it that marks a finished folder.
        make: fills the given folder.
    """
    if (target / sign).is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_suffix(".lock")):
        if (target / sign).is_file():
            return target
        for left_behind in target.parent.glob(f".{target.name}.*"):
            shutil.rmtree(left_behind, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            make(draft)
            draft.chmod(0o755)
            draft.replace(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return target


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
