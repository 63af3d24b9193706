"""What a training worker imports, all at once and before it is needed."""

from __future__ import annotations

import functools
import gc
import importlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from engine.threads import processors, wait_passively

MODULES: Final = ("ray.train", "engine.finetune")
_log = logging.getLogger(__name__)


def import_early() -> None:
    """Runs in a worker process before it takes work."""
    os.environ.setdefault("OMP_NUM_THREADS", str(processors()))  # torch reads it when it is imported
    wait_passively()
    gc.disable()  # there is nothing to collect, and looking for it takes a second
    try:
        with compiling_later():
            importlib.import_module("bitsandbytes")
        for name in MODULES:
            importlib.import_module(name)
    except (ImportError, AttributeError, OSError, RuntimeError, ValueError):
        # It would end the process; the worker meets it again, where it can be told.
        _log.exception("an early import failed")
    finally:
        gc.freeze()  # what has been imported stays; later collections need not look at it
        gc.enable()


@contextmanager
def compiling_later() -> Iterator[None]:
    """Functions that are given to `torch.compile` meanwhile are compiled when they are first called.

    bitsandbytes gives it four when it is imported, which brings torch's compiler into the process (1.4 s, 80 MB),
    and most runs never call one of them.
    """
    import torch

    compile_now = torch.compile

    def compile_later(function: Callable[..., Any] | None = None, **options: Any) -> Any:
        if function is None:
            return functools.partial(compile_later, **options)

        @functools.cache
        def compiled() -> Any:
            return compile_now(function, **options)

        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            return compiled()(*arguments, **named)

        return call

    vars(torch)["compile"] = compile_later
    try:
        yield
    finally:
        vars(torch)["compile"] = compile_now
