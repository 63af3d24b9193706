"""Deduplication of concurrent calls: callers with the same key share the call in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

ResultT = TypeVar("ResultT")


class SharedCalls(Generic[ResultT]):
    """Runs one call per key at a time and shares its result with concurrent callers; caches nothing afterwards."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[ResultT]] = {}

    async def of(self, key: Hashable, call: Callable[[], Coroutine[Any, Any, ResultT]]) -> ResultT:
        """Result of the call in flight under this key, started if there is none. It survives cancelled callers."""
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.get_running_loop().create_task(call())
            task.add_done_callback(partial(self._ended, key))
        return await asyncio.shield(task)

    def _ended(self, key: Hashable, _: asyncio.Task[ResultT]) -> None:
        del self._under_way[key]
