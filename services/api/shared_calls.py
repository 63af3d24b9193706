"""Calls that are under way, joined by whoever asks for the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

ResultT = TypeVar("ResultT")


class SharedCalls(Generic[ResultT]):
    """One call for all that ask for the same while it is under way; nothing is kept when it has ended."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[ResultT]] = {}

    async def of(self, key: Hashable, call: Callable[[], Coroutine[Any, Any, ResultT]]) -> ResultT:
        """What the call under this key gives. Who goes away meanwhile does not take it from the others."""
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.get_running_loop().create_task(call())
            task.add_done_callback(partial(self._ended, key))
        return await asyncio.shield(task)

    def _ended(self, key: Hashable, _: asyncio.Task[ResultT]) -> None:
        del self._under_way[key]
