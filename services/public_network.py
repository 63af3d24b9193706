"""Connections to addresses that users give, without lending them the platform's own place in the network.

A name is resolved here, every address that it has must be public, and the connection goes to that very address: a name
that means another one a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_LONGEST_URL: Final = 2000


def _networks(prefixes: str) -> tuple[IpNetwork, ...]:
    return tuple(ipaddress.ip_network(prefix) for prefix in prefixes.split())


# Everything in the IANA registries of special-purpose addresses, their exceptions included, and what was once in them.
# Written out, because `is_global` of Python's ipaddress differs between versions and has exceptions that nobody needs here.
_SPECIAL_V4: Final = _networks(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 "
    "203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
)
# Of IPv6 only 2000::/3 is given out; in it are Teredo and its neighbours, documentation, 6to4, AS112 and the old 6bone.
_UNICAST_V6: Final = ipaddress.ip_network("2000::/3")
_SPECIAL_V6: Final = _networks("2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3ffe::/16 3fff::/20")


class AddressRefusedError(Exception):
    """An address that is not asked: it is not public, or not of the web."""


def url_fault(url: str) -> str | None:
    """What is wrong with an address as it is written; nothing is resolved."""
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
        return "holds a name or a password; those would be kept: use an address that is signed"
    if port == 0:
        return "names port 0"
    return None


def address_fault(address: str, networks: Sequence[IpNetwork] = ()) -> str | None:
    """Why nothing is fetched from an IP address; None: it is public, or in one of the networks."""
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


class TimeOverError(Exception):
    """The time allowed for all of it is over."""


class TooSlowError(Exception):
    """A server sent less than it has to, for longer than it may."""


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to public addresses only, and to the very one that was looked at."""

    def __init__(
        self, networks: Sequence[IpNetwork], until_s: float, least_bytes_per_s: int = 0, window_s: float = 60.0
    ) -> None:
        """A backend for one errand.

        Args:
            networks: that are allowed though they are not public.
            until_s: by `time.monotonic()`, when every connection ends.
            least_bytes_per_s: that a server has to send, on average over a window.
            window_s: length of that, in seconds.
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
        """A connection to the host's first address, if all that it has are allowed."""
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved") from error
        addresses = list(dict.fromkeys(str(info[4][0]) for info in infos))
        for address in addresses:
            if address_fault(address, self._networks) is not None:
                # Without the address: what a name means in here is not for everybody.
                raise AddressRefusedError(f"{host} is not a public address, or has one that is not")
        stream = self._plain.connect_tcp(addresses[0], port, timeout, local_address, socket_options)
        return _Stream(stream, self._until_s, self._least_bytes, self._window_s)

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        """Never."""
        raise AddressRefusedError("only http and https are allowed")


class _Stream(httpcore.NetworkStream):
    """A connection that ends at a given time, and when its bytes drip."""

    def __init__(self, stream: httpcore.NetworkStream, until_s: float, least_bytes: float, window_s: float) -> None:
        self._stream, self._until_s = stream, until_s
        self._least_bytes, self._window_s = least_bytes, window_s
        self._window_end_s, self._bytes = time.monotonic() + window_s, 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Some bytes.

        Raises:
            TooSlowError: a window has ended, and too few bytes have come in it.
        """
        found = self._stream.read(max_bytes, self._left(timeout))
        self._bytes += len(found)
        if found and (now_s := time.monotonic()) >= self._window_end_s:
            if self._bytes < self._least_bytes:
                raise TooSlowError(f"{self._bytes} bytes came in {self._window_s:.0f} s")
            self._window_end_s, self._bytes = now_s + self._window_s, 0
        return found

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        """End it."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same, encrypted; the name in the certificate is that of the address, not the IP."""
        stream = self._stream.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _Stream(stream, self._until_s, self._least_bytes, self._window_s)

    def get_extra_info(self, info: str) -> Any:
        """About the socket."""
        return self._stream.get_extra_info(info)

    def _left(self, timeout: float | None) -> float:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeOverError("the time allowed for all of it is over")
        return left_s if timeout is None else min(timeout, left_s)
