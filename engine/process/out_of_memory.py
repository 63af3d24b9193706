"""Recognise an allocation that failed, and free what a failed computation leaves behind."""

from __future__ import annotations

import errno
import gc
from typing import Final

import torch

from engine.process.heap import release_free_memory

_MESSAGES: Final = (
    "out of memory",  # CUDA, HIP, MPS, bitsandbytes
    "not enough memory",  # torch on a CPU
    "can't allocate memory",  # torch on a CPU
    "cannot allocate memory",  # the operating system
    "_status_alloc_failed",  # cuBLAS, cuDNN, cuSPARSE
    "bad_alloc",  # C++
)
_LONGEST: Final = 200


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be allocated, on a GPU or on a CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(message in str(error).lower() for message in _MESSAGES)


def in_short(error: BaseException) -> str:
    """The first line of an error's message, without the allocator's statistics."""
    lines = str(error).strip().splitlines()
    told = lines[0] if lines else type(error).__name__
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}..."


def free_caches(device: torch.device) -> None:
    """Free unreachable tensors and what allocators keep, so that the next attempt finds all memory there is."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    release_free_memory()
