"""Fetch recordings from an address that a user gives, without lending them the platform's own place in the network.

A name is resolved here, every address that it has must be public, and the connection goes to that very address: a name
that means another one a moment later changes nothing. Redirects are followed one by one through the same door.
"""

from __future__ import annotations

import ipaddress
import posixpath
import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urljoin, urlsplit

import httpcore

from engine.data.endings import AUDIO_ENDINGS, ending, is_source

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_MAY_PASS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_URL: Final = 2000
_CHUNK_BYTES: Final = 2**16
# Prefixes whose addresses carry an IPv4 address that may be private: NAT64 (RFC 6052), 6to4, Teredo.
_CARRIERS: Final = tuple(
    ipaddress.ip_network(prefix) for prefix in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


class DownloadError(Exception):
    """The address gives no dataset, and would not the next time: refused, not there, too large."""


class DownloadInterruptedError(Exception):
    """It may go better the next time: no answer, a connection that broke, a server in trouble."""


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """How much, how long, and where to."""

    most_bytes: int
    """Largest file."""
    most_s: float = 3600.0
    """Longest time for all of it, in seconds."""
    silence_s: float = 30.0
    """Longest time without a byte, in seconds."""
    networks: Sequence[IpNetwork] = field(default=())
    """Networks that are allowed though they are not public; of the operator."""


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
        return f"begins with {parts.scheme or 'no scheme'!r}; http and https are read"
    if not parts.hostname:
        return "names no host"
    if parts.username is not None or parts.password is not None:
        return "holds a name or a password; those would be kept with the dataset: use an address that is signed"
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
        if any(found in carrier for carrier in _CARRIERS):
            return f"{found} stands for another address"
    if not found.is_global or found.is_multicast or found.is_reserved or found.is_unspecified:
        return f"{found} is not a public address"
    return None


def download(url: str, folder: Path, limits: DownloadLimits) -> Path:
    """Fetch a file into a folder; it goes to disk as it comes.

    Args:
        url: http or https.
        folder: gets the file, under the name that the address ends with.
        limits: how much, how long, and where to.

    Returns:
        The file.

    Raises:
        DownloadError: refused, not there, too large, too slow, or a name that no dataset has.
        DownloadInterruptedError: may go better the next time.
    """
    until_s = time.monotonic() + limits.most_s
    timeouts = {"connect": limits.silence_s, "read": limits.silence_s, "write": limits.silence_s, "pool": 1.0}
    backend = _CheckedBackend(limits.networks, until_s)
    with httpcore.ConnectionPool(network_backend=backend, max_connections=1, retries=0) as pool:
        for _ in range(_MOST_REDIRECTS + 1):
            fault = url_fault(url)
            if fault is not None:
                raise DownloadError(f"{_shown(url)} {fault}")
            try:
                with pool.stream("GET", url, headers=_headers(url), extensions={"timeout": timeouts}) as answer:
                    target = _redirect(answer, url)
                    if target is None:
                        return _keep(answer, url, folder, limits, until_s)
            except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
                told = str(error) or type(error).__name__
                raise DownloadInterruptedError(f"{_shown(url)} does not answer: {told}") from error
            url = target
    raise DownloadError(f"{_shown(url)} is the end of more than {_MOST_REDIRECTS} redirects")


class _CheckedBackend(httpcore.NetworkBackend):
    """Connects to public addresses only, and to the very one that was looked at."""

    def __init__(self, networks: Sequence[IpNetwork], until_s: float) -> None:
        self._networks, self._until_s = networks, until_s
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
            raise httpcore.ConnectError(f"{host} is not known: {error}") from error
        addresses = list(dict.fromkeys(str(info[4][0]) for info in infos))
        for address in addresses:
            fault = address_fault(address, self._networks)
            if fault is not None:
                raise DownloadError(f"{host} is not fetched from: {fault}")
        stream = self._plain.connect_tcp(addresses[0], port, timeout, local_address, socket_options)
        return _Stream(stream, self._until_s)

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        """Never."""
        raise DownloadError("only http and https are read")


class _Stream(httpcore.NetworkStream):
    """A connection that ends at a given time, however slowly its bytes drip."""

    def __init__(self, stream: httpcore.NetworkStream, until_s: float) -> None:
        self._stream, self._until_s = stream, until_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Some bytes."""
        return self._stream.read(max_bytes, self._left(timeout))

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
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, self._left(timeout)), self._until_s)

    def get_extra_info(self, info: str) -> Any:
        """About the socket."""
        return self._stream.get_extra_info(info)

    def _left(self, timeout: float | None) -> float:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise httpcore.ReadTimeout("the time allowed for all of it is over")
        return left_s if timeout is None else min(timeout, left_s)


def _headers(url: str) -> list[tuple[str, str]]:
    # As it is: what a server packs for the way would pass the limit on bytes unseen.
    return [("Host", urlsplit(url).netloc), ("User-Agent", "less-is-more"), ("Accept-Encoding", "identity")]


def _redirect(answer: httpcore.Response, url: str) -> str | None:
    """Where an answer sends to; None: it is the file."""
    if answer.status in _REDIRECTS:
        target = _header(answer, b"location")
        if not target:
            raise DownloadError(f"{_shown(url)} answers {answer.status} and not where to go")
        return urljoin(url, target)
    if answer.status in _MAY_PASS:
        raise DownloadInterruptedError(f"{_shown(url)} answers {answer.status}")
    if answer.status != 200:
        raise DownloadError(f"{_shown(url)} answers {answer.status}; give the address of a file that anybody can get")
    return None


def _keep(answer: httpcore.Response, url: str, folder: Path, limits: DownloadLimits, until_s: float) -> Path:
    path = folder / _name(answer, url)
    declared = _header(answer, b"content-length")
    if declared.isdigit() and int(declared) > limits.most_bytes:
        raise _too_large(url, int(declared), limits)
    if _header(answer, b"content-encoding") not in {"", "identity"}:
        raise DownloadError(f"{_shown(url)} comes packed as {_header(answer, b'content-encoding')}, unasked")
    size = 0
    with path.open("wb") as stream:
        for chunk in answer.iter_stream():
            size += len(chunk)
            if size > limits.most_bytes:
                raise _too_large(url, size, limits)
            if time.monotonic() > until_s:
                raise DownloadError(f"{_shown(url)} takes more than {limits.most_s:.0f} s; {size} bytes have come")
            stream.write(chunk)
    return path


def _too_large(url: str, size: int, limits: DownloadLimits) -> DownloadError:
    return DownloadError(f"{_shown(url)} has {size} bytes or more; at most {limits.most_bytes} are allowed")


def _name(answer: httpcore.Response, url: str) -> str:
    """The file's name: what the address ends with, or for one that says nothing, what the content is called."""
    name = posixpath.basename(unquote(urlsplit(url).path)).replace("\\", "_").strip()
    name = "".join(character for character in name if character.isprintable() and character != "/")[-200:]
    if is_source(name) or ending(name) in AUDIO_ENDINGS:
        return name
    kind = _header(answer, b"content-type").partition(";")[0].strip().lower()
    known = {"application/zip": ".zip", "application/x-tar": ".tar", "application/gzip": ".tar.gz"}
    known |= {"application/x-gzip": ".tar.gz", "application/vnd.apache.parquet": ".parquet"}
    if kind in known:
        return f"dataset{known[kind]}"
    raise DownloadError(
        f"{_shown(url)} is called {name or 'nothing'!r} and has the type {kind or 'nothing'!r}; give the address of an "
        "archive (zip, tar, tar.gz, ...), a Parquet file or a recording"
    )


def _header(answer: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1").strip() for key, value in answer.headers if key.lower() == name), "")


def _shown(url: str) -> str:
    """An address for a message, without what may be a signature."""
    return url.partition("?")[0][:200]
