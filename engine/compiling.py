"""When functions are compiled: bitsandbytes asks for it when it is imported, and most processes never need it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def compiling_later() -> Iterator[None]:
    """Functions that are given to `torch.compile` meanwhile are compiled when they are first called.

    bitsandbytes gives it four when it is imported, which brings torch's compiler into the process (2 to 3 s of a
    processor, 80 MB), and most runs never call one of them.
    """
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
