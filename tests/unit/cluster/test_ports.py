"""Ports are free, different, and none that the system would give to a connection."""

from __future__ import annotations

import socket

import pytest

from cluster import ports


@pytest.fixture(autouse=True)
def none_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_reserved", set())


def test_ports_are_free_and_different() -> None:
    found = ports.free_ports(5)
    assert len(set(found)) == 5
    for port in found:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_no_outgoing_connection_takes_them() -> None:
    linux_draws_from = 32_768  # unless its owner has set net.ipv4.ip_local_port_range otherwise
    assert all(port < linux_draws_from for port in ports.free_ports(100))


def test_a_taken_port_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        port, other = ports.free_ports(2)
        taken.bind(("127.0.0.1", port))
        monkeypatch.setattr(ports, "_reserved", set())
        monkeypatch.setattr(ports, "_TRIES", 2)
        monkeypatch.setattr(ports, "_PORTS", range(min(port, other), max(port, other) + 1, abs(port - other)))
        assert ports.free_port() == other
        with pytest.raises(OSError, match="fewer than 2 were free"):
            ports.free_ports(2)


def test_what_is_reserved_or_was_given_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server listens only some time after its port was drawn, and the API last of all."""
    first = ports.free_port()
    monkeypatch.setattr(ports, "_TRIES", 8)
    monkeypatch.setattr(ports, "_PORTS", range(first, first + 8))
    ports.reserve(first + 1)
    given = {first, first + 1}
    while len(given) < 4:
        (port,) = ports.free_ports(1)
        assert port not in given
        given.add(port)


def test_a_process_does_not_run_out_of_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_TRIES", 8)
    monkeypatch.setattr(ports, "_PORTS", range(first := ports.free_port(), first + 8))
    for _ in range(50):
        ports.free_port()
