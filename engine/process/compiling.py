"""Delay compilation: bitsandbytes compiles functions when it is imported, and most processes never need them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def compiling_later() -> Iterator[None]:
    """Make `torch.compile` delay compilation until a function is first called.

    bitsandbytes compiles four functions when it is imported, which loads torch's compiler (2 to 3 s of processor time,
    80 MB); most runs never call one of them.
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
