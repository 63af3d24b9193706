"""Free TCP ports on loopback, outside the range of ephemeral ports."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import Final

_HOST: Final = "127.0.0.1"
_PORTS: Final = range(20_000, 30_000)
"""Below 32768, where Linux's ephemeral ports begin, and above 19999, where the ports of Ray's workers end. A port that
the system chooses (`bind` to 0) is ephemeral, and Ray opens hundreds of connections before it listens on its ports."""
_TRIES: Final = 1000
_reserved: set[int] = set()


def reserve(port: int) -> None:
    """Never return a port from `free_ports` in this process: something will listen on it later."""
    _reserved.add(port)


def free_ports(count: int) -> list[int]:
    """`count` different ports, each free when it was tried and not reserved; they are reserved from now on.

    Raises:
        OSError: fewer than `count` of 1000 random ports were free.
    """
    found: list[int] = []
    if len(_reserved) > len(_PORTS) // 2:  # in a process that has started thousands of servers
        _reserved.clear()
    with contextlib.ExitStack() as kept:
        for port in random.SystemRandom().sample(_PORTS, _TRIES):
            if port in _reserved:
                continue
            if len(found) == count:
                break
            probe = kept.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind((_HOST, port))
                found.append(port)
    if len(found) < count:
        raise OSError(f"of {_TRIES} ports between {_PORTS.start} and {_PORTS.stop - 1}, fewer than {count} were free")
    _reserved.update(found)
    return found


def free_port() -> int:
    """One port; see `free_ports`."""
    return free_ports(1)[0]
