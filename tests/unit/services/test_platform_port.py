"""The port of the API is not drawn for another server of the same platform."""

from __future__ import annotations

import pytest

from cluster import ports
from services.platform import checked_port


def test_the_port_that_was_asked_for_is_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    """What starts before the API draws its ports while the API's is still free."""
    asked, other = sorted(ports.free_ports(2))
    step = other - asked
    monkeypatch.setattr(ports, "_reserved", set())
    monkeypatch.setattr(ports, "_TRIES", 2)
    monkeypatch.setattr(ports, "_PORTS", range(asked, other + 1, step))
    assert checked_port("127.0.0.1", asked) == asked
    with pytest.raises(OSError, match="fewer than 2 were free"):
        ports.free_ports(2)
    assert ports.free_port() == other
