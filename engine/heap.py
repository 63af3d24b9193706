"""Giving memory that is free back to the system."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable


def release_free_memory() -> None:
    """Give the free parts of C's heap back, where the C library can; takes some milliseconds.

    Arrays of many sizes, taken and freed for an hour, leave a heap in pieces: a process that holds nothing keeps
    hundreds of megabytes more than it did after its first minute.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim  # glibc
    except (AttributeError, OSError):
        return None
