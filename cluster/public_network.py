"""Connections to user-supplied addresses that cannot reach the internal network (protection against SSRF).

A host name is resolved here, all its addresses must be public, and the connection goes to the address that was checked,
so that DNS rebinding has no effect.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_LONGEST_URL: Final = 2000


def _networks(prefixes: str) -> tuple[IpNetwork, ...]:
    return tuple(ipaddress.ip_network(prefix) for prefix in prefixes.split())


# Current and former entries of the IANA special-purpose address registries, including their exceptions. Written out
# because `ipaddress.is_global` differs between Python versions and has exceptions that are not needed here.
_SPECIAL_V4: Final = _networks(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 "
    "203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
)
# Only 2000::/3 of IPv6 is allocated; excluded from it: Teredo and its neighbours, documentation, 6to4, AS112, 6bone.
_UNICAST_V6: Final = ipaddress.ip_network("2000::/3")
_SPECIAL_V6: Final = _networks("2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3ffe::/16 3fff::/20")


class AddressRefusedError(Exception):
    """The address is rejected: it is not public, or neither http nor https."""


def url_fault(url: str) -> str | None:
    """What is wrong with a URL as written, or None; resolves nothing."""
    if len(url) > _LONGEST_URL:
        return f"has {len(url)} characters; at most {_LONGEST_URL} are allowed"
    if not url.isascii():
        return "holds letters beyond ASCII; write the host as xn--... and the rest with %"
    if any(character <= " " or character == "\x7f" for character in url):
        return "holds blanks or control characters; write them as %20 and the like"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"is no address: {error}"
    if parts.scheme not in {"http", "https"}:
        return f"begins with {parts.scheme or 'no scheme'!r}; http and https are allowed"
    if not parts.hostname:
        return "names no host"
    if parts.username is not None or parts.password is not None:
        return "contains a user name or a password, which would be stored; use a presigned URL"
    if port == 0:
        return "names port 0"
    return None


def address_fault(address: str, networks: Sequence[IpNetwork] = ()) -> str | None:
    """Why an IP address is rejected; None if it is public or in one of the networks."""
    found: IpAddress = ipaddress.ip_address(address.partition("%")[0])
    if any(found in network for network in networks if network.version == found.version):
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return address_fault(str(found.ipv4_mapped), networks)
        public = found in _UNICAST_V6 and not any(found in special for special in _SPECIAL_V6)
    else:
        public = not any(found in special for special in _SPECIAL_V4)
    return None if public else f"{found} is not a public address"


_OVER: Final = "the deadline has passed"


class TimeOverError(Exception):
    """The overall deadline has passed."""


class TooSlowError(Exception):
    """A server sent too few bytes within a window."""


class CheckedBackend(httpcore.NetworkBackend):
    """Network backend that connects only to public addresses, and to exactly the address that it checked."""

    def __init__(
        self, networks: Sequence[IpNetwork], until_s: float, least_bytes_per_s: int = 0, window_s: float = 60.0
    ) -> None:
        """Create a backend for one transfer.

        Args:
            networks: non-public networks that are allowed.
            until_s: deadline of all connections, by `time.monotonic()`.
            least_bytes_per_s: minimum rate of a server, averaged over a window; 0: none.
            window_s: length of the window, in seconds.
        """
        self._networks, self._until_s = networks, until_s
        self._least_bytes, self._window_s = least_bytes_per_s * window_s, window_s
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the host's first address if all its addresses are allowed."""
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved") from error
        addresses = list(dict.fromkeys(str(info[4][0]) for info in infos))
        for address in addresses:
            if address_fault(address, self._networks) is not None:
                # Without the address: users must not learn how names resolve internally.
                raise AddressRefusedError(f"{host} is not a public address, or has one that is not")
        stream = self._plain.connect_tcp(addresses[0], port, timeout, local_address, socket_options)
        return _Stream(stream, self._until_s, self._least_bytes, self._window_s)

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        """Rejected: Unix sockets are never allowed."""
        raise AddressRefusedError("only http and https are allowed")


class _Stream(httpcore.NetworkStream):
    """A connection with a deadline and a minimum rate."""

    def __init__(self, stream: httpcore.NetworkStream, until_s: float, least_bytes: float, window_s: float) -> None:
        self._stream, self._until_s = stream, until_s
        self._least_bytes, self._window_s = least_bytes, window_s
        self._window_end_s, self._bytes = time.monotonic() + window_s, 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read at most `max_bytes`.

        Raises:
            TooSlowError: a window has ended with too few bytes.
            TimeOverError: the deadline has passed.
        """
        with self._in_time(timeout) as left_s:
            found = self._stream.read(max_bytes, left_s)
        self._bytes += len(found)
        if found and (now_s := time.monotonic()) >= self._window_end_s:
            if self._bytes < self._least_bytes:
                raise TooSlowError(f"{self._bytes} bytes came in {self._window_s:.0f} s")
            self._window_end_s, self._bytes = now_s + self._window_s, 0
        return found

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with self._in_time(timeout) as left_s:
            self._stream.write(buffer, left_s)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Upgrade to TLS; the certificate must match the host name, not the IP address."""
        with self._in_time(timeout) as left_s:
            stream = self._stream.start_tls(ssl_context, server_hostname, left_s)
        return _Stream(stream, self._until_s, self._least_bytes, self._window_s)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    @contextmanager
    def _in_time(self, timeout: float | None) -> Iterator[float]:
        """The time that an operation may take; one that the deadline cut short has not merely timed out."""
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeOverError(_OVER)
        try:
            yield left_s if timeout is None else min(timeout, left_s)
        except httpcore.TimeoutException:
            if time.monotonic() >= self._until_s:
                raise TimeOverError(_OVER) from None
            raise
