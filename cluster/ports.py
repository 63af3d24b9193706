"""Free TCP ports on loopback, from where no connection takes its own."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import Final

_HOST: Final = "127.0.0.1"
_PORTS: Final = range(20_000, 30_000)
"""Below 32768, where Linux begins to draw the ports of outgoing connections, and above 19999, where Ray's workers end. A
port that the system draws (`bind` to 0) is from where those are, and Ray opens hundreds before it comes to listen."""
_TRIES: Final = 1000


def free_ports(count: int) -> list[int]:
    """As many different ports, each free when it was looked at.

    Raises:
        OSError: none of many drawn at random was free.
    """
    found: list[int] = []
    with contextlib.ExitStack() as kept:
        for port in random.SystemRandom().sample(_PORTS, _TRIES):
            if len(found) == count:
                break
            probe = kept.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind((_HOST, port))
                found.append(port)
    if len(found) < count:
        raise OSError(f"of {_TRIES} ports between {_PORTS.start} and {_PORTS.stop - 1}, fewer than {count} were free")
    return found


def free_port() -> int:
    """One port; see `free_ports`."""
    return free_ports(1)[0]
