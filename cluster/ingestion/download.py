"""Download recordings from a URL without reaching any internal network.

Every connection, including those of redirects, goes through `cluster.public_network`.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

import httpcore

from cluster.errors import ClusterError, RefusedError
from cluster.public_network import (
    AddressRefusedError,
    CheckedBackend,
    IpNetwork,
    TimeOverError,
    TooSlowError,
    url_fault,
)
from engine.data.endings import AUDIO_ENDINGS, ending, is_source

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_MAY_PASS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_CHUNK_BYTES: Final = 2**16


class DownloadError(RefusedError):
    """Permanent: the address is rejected, does not exist, or gives no dataset or one that is too large."""


class DownloadInterruptedError(ClusterError):
    """Temporary, worth a retry: no answer, a broken connection, a server error."""


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """Limits on the size, duration and destination of a download."""

    most_bytes: int
    """Largest file."""
    most_s: float = 3600.0
    """Longest time in total, in seconds."""
    least_bytes_per_s: int = 10_000
    """Minimum rate, on average over `rate_window_s`; a slower download is aborted. 0: no minimum."""
    rate_window_s: float = 60.0
    """Window of the average rate, in seconds."""
    silence_s: float = 30.0
    """Longest time without a byte, in seconds."""
    networks: Sequence[IpNetwork] = field(default=())
    """Networks that the operator allows although they are not public."""


def download(url: str, folder: Path, limits: DownloadLimits) -> Path:
    """Download a file into a folder, streaming it to disk.

    Args:
        url: http or https.
        folder: gets the file, under the name that the URL ends with.
        limits: limits on size, duration and destination.

    Returns:
        The file.

    Raises:
        DownloadError: rejected, not found, too large, too slow, or a name that no dataset has.
        DownloadInterruptedError: a retry may succeed.
    """
    until_s = time.monotonic() + limits.most_s
    timeouts = {"connect": limits.silence_s, "read": limits.silence_s, "write": limits.silence_s, "pool": 1.0}
    backend = CheckedBackend(limits.networks, until_s, limits.least_bytes_per_s, limits.rate_window_s)
    with httpcore.ConnectionPool(network_backend=backend, max_connections=1, retries=0) as pool:
        for _ in range(_MOST_REDIRECTS + 1):
            fault = url_fault(url)
            if fault is not None:
                raise DownloadError(f"{_shown(url)} {fault}")
            try:
                with pool.stream("GET", url, headers=_headers(url), extensions={"timeout": timeouts}) as answer:
                    target = _redirect(answer, url)
                    if target is None:
                        return _keep(answer, url, folder, limits)
            except AddressRefusedError as error:
                raise DownloadError(str(error)) from None
            except TooSlowError as error:
                least = (
                    f"at least {limits.least_bytes_per_s} bytes a second are needed: put the file on a faster server"
                )
                raise DownloadError(f"{_shown(url)} is too slow: {error}; {least}") from None
            except TimeOverError:
                raise DownloadError(f"{_shown(url)} takes more than {limits.most_s:.0f} s") from None
            except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
                told = str(error) or type(error).__name__
                raise DownloadInterruptedError(f"{_shown(url)} does not answer: {told}") from error
            url = target
    raise DownloadError(f"{_shown(url)} redirects more than {_MOST_REDIRECTS} times")


def _headers(url: str) -> list[tuple[str, str]]:
    # No compression: the size limit would not see the decompressed size.
    return [("Host", urlsplit(url).netloc), ("User-Agent", "less-is-more"), ("Accept-Encoding", "identity")]


def _redirect(answer: httpcore.Response, url: str) -> str | None:
    """The URL that a response redirects to; None: it is the file."""
    if answer.status in _REDIRECTS:
        target = _header(answer, b"location")
        if not target:
            raise DownloadError(f"{_shown(url)} answers {answer.status} without a Location header")
        return urljoin(url, target)
    if answer.status in _MAY_PASS:
        raise DownloadInterruptedError(f"{_shown(url)} answers {answer.status}")
    if answer.status != 200:
        raise DownloadError(f"{_shown(url)} answers {answer.status}; give the address of a file that anybody can get")
    return None


def _keep(answer: httpcore.Response, url: str, folder: Path, limits: DownloadLimits) -> Path:
    path = folder / _name(answer, url)
    declared = _header(answer, b"content-length")
    if declared.isdigit() and int(declared) > limits.most_bytes:
        raise _too_large(url, int(declared), limits)
    if _header(answer, b"content-encoding") not in {"", "identity"}:
        raise DownloadError(
            f"{_shown(url)} has Content-Encoding {_header(answer, b'content-encoding')}, which was not requested"
        )
    size = 0
    with path.open("wb") as stream:
        for chunk in answer.iter_stream():
            size += len(chunk)
            if size > limits.most_bytes:
                raise _too_large(url, size, limits)
            stream.write(chunk)
    return path


def _too_large(url: str, size: int, limits: DownloadLimits) -> DownloadError:
    return DownloadError(f"{_shown(url)} has {size} bytes or more; at most {limits.most_bytes} are allowed")


def _name(answer: httpcore.Response, url: str) -> str:
    """The file's name: what the URL ends with, else one that fits the content type."""
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
        "archive (zip, tar, tar.gz, ...), a Parquet or Arrow file, or a recording"
    )


def _header(answer: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1").strip() for key, value in answer.headers if key.lower() == name), "")


def _shown(url: str) -> str:
    """A URL for messages, without its query, which may contain a signature."""
    return url.partition("?")[0][:200]
