"""Addresses that nothing is fetched from: every special range of the IANA registries, however it is written."""

from __future__ import annotations

import ipaddress
import socket
import time

import httpcore
import pytest

from cluster.public_network import AddressRefusedError, CheckedBackend, address_fault

SPECIAL = [
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.9",
    "192.0.0.10",
    "192.0.0.170",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.255.255",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:10.0.0.1",
    "::ffff:100.64.0.1",
    "::ffff:7f00:1",
    "::ffff:0:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "100:0:0:1::1",
    "1::1",
    "2001::1",
    "2001:1::1",
    "2001:2::1",
    "2001:3::1",
    "2001:4:112::1",
    "2001:10::1",
    "2001:20::1",
    "2001:30::1",
    "2001:db8::1",
    "2002:a00:1::1",
    "2002:808:808::1",
    "2620:4f:8000::1",
    "3ffe::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.1",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "2001:4860:4860::8888",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize("address", SPECIAL)
def test_special_addresses_are_refused(address: str) -> None:
    assert address_fault(address) is not None


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_not(address: str) -> None:
    assert address_fault(address) is None


def test_an_operator_may_allow_a_network_and_no_more() -> None:
    networks = [ipaddress.ip_network("10.1.0.0/16")]
    assert address_fault("10.1.2.3", networks) is None
    assert address_fault("::ffff:10.1.2.3", networks) is None
    assert address_fault("10.2.0.1", networks) is not None
    assert address_fault("64:ff9b::10.1.2.3", networks) is not None


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "localhost", "[::1]", "::ffff:7f00:1"]
)
def test_other_ways_to_write_this_machine_are_refused(host: str) -> None:
    backend = CheckedBackend((), time.monotonic() + 5.0)
    with pytest.raises((AddressRefusedError, httpcore.ConnectError)) as raised:
        backend.connect_tcp(host, 9)
    assert "127.0.0.1" not in str(raised.value)  # what a name means in here is nobody's business


def test_a_name_with_one_private_address_is_refused_and_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def resolve(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        found = ["8.8.8.8", "10.0.0.7"] if len(asked) == 1 else ["8.8.8.8"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(AddressRefusedError) as raised:
        CheckedBackend((), time.monotonic() + 5.0).connect_tcp("rebinding.example", 80)
    assert asked == ["rebinding.example"]
    assert "10.0.0.7" not in str(raised.value)
