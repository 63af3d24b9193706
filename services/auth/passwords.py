"""Password hashing with argon2id, off the event loop."""

from __future__ import annotations

import asyncio
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's password storage cheat sheet: argon2id with 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
# Bounds memory during a burst of logins: each hash takes 19 MiB while it runs.
_AT_ONCE = 4


@cache
def _slots(loop: asyncio.AbstractEventLoop) -> asyncio.Semaphore:
    return asyncio.Semaphore(_AT_ONCE)


async def hash_password(password: str) -> str:
    """The password's argon2id hash, with its salt and cost."""
    async with _slots(asyncio.get_running_loop()):
        return await asyncio.to_thread(_HASHER.hash, password)


async def verify_password(password: str, password_hash: str | None) -> bool:
    """Whether the password matches the hash; without a hash, does the same work and returns False."""
    async with _slots(asyncio.get_running_loop()):
        return await asyncio.to_thread(_verify, password, password_hash)


def needs_rehash(password_hash: str) -> bool:
    """Whether a hash was made with other cost parameters than the current ones."""
    return _HASHER.check_needs_rehash(password_hash)


def _verify(password: str, password_hash: str | None) -> bool:
    try:
        return _HASHER.verify(password_hash or _nobodys_hash(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash("the password of nobody")
