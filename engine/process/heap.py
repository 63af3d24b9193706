"""Keep the memory of a long-running process from growing."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable

_KERNELS = 32


def keep_few_kernels() -> None:
    """Limit oneDNN's cache of compiled kernels, 1,024 by default; call it before the first kernel is compiled.

    If every batch has a different shape, as in speech detection and in training on texts of all lengths, few kernels
    are reused. A thousand of them take 250 MB in speech detection; after eight steps of Whisper tiny they take 600 MB
    (docs/LOG.md).
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(_KERNELS))


def release_free_memory() -> None:
    """Return free parts of the C heap to the operating system, if the C library can; takes some milliseconds.

    Allocating and freeing arrays of many sizes for an hour fragments the heap: an idle process keeps hundreds of
    megabytes more than after its first minute.
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
