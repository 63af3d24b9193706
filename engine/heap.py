"""Keeping a process that works for hours as small as it was in its first minute."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable

_KERNELS = 32


def keep_few_kernels() -> None:
    """Let oneDNN keep the compiled kernels of so few shapes, instead of 1,024; before the first one is made.

    Where every batch has another shape, as in finding speech and in training on texts of all lengths, few are met again.
    A thousand of them take 250 MB in finding speech; after eight steps of a Whisper tiny they take 600 MB (docs/LOG.md).
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(_KERNELS))


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
