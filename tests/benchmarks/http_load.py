"""Load over HTTP/1.1 that costs the machine little, because generator and server share its processors.

Open loop: every request has its time before the first is sent, and its latency counts from that time, whether or not
the generator or a free connection was late. Closed loop: each connection sends its next request when it has its answer.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import uvloop

_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, ready for the wire."""

    kind: str
    """For the report: requests of a kind are counted together."""
    data: bytes

    @classmethod
    def of(cls, kind: str, method: str, path: str, host: str, token: str) -> Request:
        """A request without a body."""
        head = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {token}", "Accept: */*"]
        return cls(
            kind, "\r\n".join([*head, "Content-Length: 0", "", ""] if method != "GET" else [*head, "", ""]).encode()
        )


@dataclass(frozen=True, slots=True)
class Answered:
    """How a request went."""

    kind: str
    latency_s: float
    status: int
    """0: the connection broke off, or nothing came in time."""


class _Connection(asyncio.Protocol):
    """One request at a time; kept open between them."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._buffer = bytearray()
        self._wanted = -1
        self.is_open = False
        self.bytes_in = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.is_open = cast(asyncio.Transport, transport), True

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self.bytes_in += len(data)
        if self._wanted < 0:
            end = self._buffer.find(_HEAD_END)
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            _, _, length = head.partition(b"\r\ncontent-length:")
            if not length:
                self._finish(0)  # every answer of the API but a stream tells its length
                return
            self._wanted = end + len(_HEAD_END) + int(length.partition(b"\r\n")[0])
        if len(self._buffer) >= self._wanted:
            self._finish(int(self._buffer[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self._finish(0)

    def _finish(self, status: int) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)

    async def send(self, data: bytes, timeout_s: float) -> int:
        """The status of the answer; 0: none came."""
        assert self._transport is not None
        self._buffer.clear()
        self._wanted = -1
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        timer = asyncio.get_running_loop().call_later(timeout_s, self._finish, 0)
        try:
            status = await self._answer
        finally:
            timer.cancel()
        if status == 0:
            self.close()
        return status

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self.is_open = False


async def _connect(host: str, port: int) -> _Connection:
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, host, port)
    assert isinstance(connection, _Connection)
    return connection


def poisson_times(rate_per_s: float, seconds: float, seed: int) -> list[float]:
    """Times of independent arrivals, as of many people: some come together."""
    draws = random.Random(seed)
    times, now_s = [], 0.0
    while (now_s := now_s + draws.expovariate(rate_per_s)) < seconds:
        times.append(now_s)
    return times


async def open_loop(
    host: str, port: int, plan: Sequence[tuple[float, Request]], *, connections: int = 64, timeout_s: float = 30.0
) -> list[Answered]:
    """Send each request at its time (seconds from now); requests wait for a free connection, on the clock."""
    free = [await _connect(host, port) for _ in range(connections)]
    waiting: asyncio.Semaphore = asyncio.Semaphore(connections)
    answers: list[Answered] = []
    start_s = time.perf_counter() + 0.1

    async def one(at_s: float, request: Request) -> None:
        async with waiting:
            connection = free.pop()
            try:
                if not connection.is_open:
                    connection = await _connect(host, port)
                status = await connection.send(request.data, timeout_s)
            except OSError:
                status = 0
            finally:
                free.append(connection)
        answers.append(Answered(request.kind, time.perf_counter() - start_s - at_s, status))

    tasks = []
    for at_s, request in plan:
        late_s = time.perf_counter() - start_s - at_s
        if late_s < 0:
            await asyncio.sleep(-late_s)
        tasks.append(asyncio.create_task(one(at_s, request)))
    await asyncio.gather(*tasks)
    for connection in free:
        connection.close()
    return answers


async def closed_loop(host: str, port: int, request: Request, *, connections: int, seconds: float) -> tuple[float, int]:
    """Answers per second with as many connections always at work, and how many answers were not 200."""
    opened = [await _connect(host, port) for _ in range(connections)]
    end_s = time.perf_counter() + seconds
    counts = {"answers": 0, "errors": 0}

    async def keep_busy(connection: _Connection) -> None:
        while time.perf_counter() < end_s:
            if not connection.is_open:
                connection = await _connect(host, port)
            status = await connection.send(request.data, 30.0)
            counts["answers" if status == 200 else "errors"] += 1
        connection.close()

    began_s = time.perf_counter()
    await asyncio.gather(*map(keep_busy, opened))
    return counts["answers"] / (time.perf_counter() - began_s), counts["errors"]


def run(coroutine: Any) -> Any:
    """Run to its end in the quicker event loop."""
    return uvloop.run(coroutine)


def percentile(values: Sequence[float], fraction: float) -> float:
    """The smallest value that at least this share of them does not exceed; infinite without values."""
    if not values:
        return float("inf")
    place = max(1, -(-len(values) * round(fraction * 1000) // 1000))
    return heapq.nsmallest(place, values)[-1]
