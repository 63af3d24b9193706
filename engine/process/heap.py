"""Keep the memory of a long-running process from growing."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable

_KERNELS = 32
_M_MMAP_THRESHOLD = -3  # malloc.h
_LARGE_BYTES = 256 * 1024


def keep_few_kernels() -> None:
    """Limit oneDNN's cache of compiled kernels, 1,024 by default; call it before the first kernel is compiled.

    If every batch has a different shape, as in speech detection and in training on texts of all lengths, few kernels
    are reused. A thousand of them take 250 MB in speech detection; after eight steps of Whisper tiny they take 600 MB
    (docs/LOG.md).
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(_KERNELS))


def return_large_blocks() -> None:
    """Have the C library return blocks from 256 KiB on to the operating system as soon as they are freed.

    By default glibc keeps freed blocks of up to 32 MiB in the heap, which tensors of many sizes fragment: runs took 1.5 to 2
    times the memory of their tensors (docs/LOG.md). A user's `MALLOC_MMAP_THRESHOLD_` has precedence.
    """
    if "MALLOC_MMAP_THRESHOLD_" not in os.environ and (set_option := _from_c("mallopt")) is not None:
        set_option(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def release_free_memory() -> None:
    """Return free parts of the C heap to the operating system, if the C library can; takes some milliseconds.

    Allocating and freeing arrays of many sizes for an hour fragments the heap: an idle process keeps hundreds of
    megabytes more than after its first minute.
    """
    trim = _from_c("malloc_trim")
    if trim is not None:
        trim(0)


@functools.cache
def _from_c(name: str) -> Callable[..., int] | None:
    """A function of glibc; None with other C libraries."""
    try:
        return getattr(ctypes.CDLL(None), name)  # type: ignore[no-any-return]
    except (AttributeError, OSError):
        return None
