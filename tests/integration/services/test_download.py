"""Recordings from an address: what is fetched, and what the platform cannot be made to fetch. A real HTTP server."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cluster.ingestion.download import DownloadError, DownloadInterruptedError, DownloadLimits, download
from cluster.public_network import address_fault, url_fault

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]
LIMITS = DownloadLimits(most_bytes=10_000, most_s=5.0, silence_s=1.0, networks=LOOPBACK)


class Site(BaseHTTPRequestHandler):
    """Answers by path."""

    protocol_version = "HTTP/1.1"
    asked: list[str]

    def do_GET(self) -> None:
        """Every path says in its name what it does."""
        self.asked.append(f"{self.headers['Host']}{self.path}")
        path, _, query = self.path.partition("?")
        match path.split("/")[1]:
            case "to":
                self._answer(302, b"", location=query)
            case "status":
                self._answer(int(query), b"no")
            case "large":
                self._answer(200, b"", **{"content-length": "999999999999"})
            case "endless":
                self.send_response(200)
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for _ in range(100):
                    self.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            case "packed":
                self._answer(200, b"x", **{"content-encoding": "gzip"})
            case "silent":
                time.sleep(2)
            case "dripping":
                self.send_response(200)
                self.send_header("content-length", "1000")
                self.end_headers()
                for _ in range(1000):
                    self.wfile.write(b"x")
                    time.sleep(0.05)
            case "short":
                self._answer(200, b"abc", **{"content-length": "10"})
                self.close_connection = True
            case _:
                kind = query or "application/octet-stream"
                self._answer(200, b"the content", **{"content-type": kind})

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing on the terminal."""


class QuietServer(ThreadingHTTPServer):
    """Clients leave in the middle: that is what is tested."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing on the terminal."""


class Server:
    """A site on a free port."""

    def __init__(self, server: ThreadingHTTPServer, asked: list[str]) -> None:
        self.port = server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.asked = asked


@pytest.fixture
def site() -> Iterator[Server]:
    """The site."""
    asked: list[str] = []
    server = QuietServer(("127.0.0.1", 0), type("Asked", (Site,), {"asked": asked}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield Server(server, asked)
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_comes_under_its_name(site: Server, tmp_path: Path) -> None:
    path = download(f"{site.url}/files/my%20digits.zip?signature=1", tmp_path, LIMITS)
    assert (path.name, path.read_bytes()) == ("my digits.zip", b"the content")
    assert site.asked == [f"127.0.0.1:{site.port}/files/my%20digits.zip?signature=1"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [("application/zip", "dataset.zip"), ("application/gzip;charset=x", "dataset.tar.gz"), ("text/html", None)],
)
def test_an_address_without_a_name_is_named_by_its_type(
    site: Server, tmp_path: Path, kind: str, name: str | None
) -> None:
    if name is None:
        with pytest.raises(DownloadError, match="archive"):
            download(f"{site.url}/files?{kind}", tmp_path, LIMITS)
    else:
        assert download(f"{site.url}/files?{kind}", tmp_path, LIMITS).name == name


@pytest.mark.parametrize("name", ["..%2F..%2Fetc%2Fpasswd.zip", "%2Fetc%2Fa.zip", "..%5C..%5Ca.zip", "a%00b.zip"])
def test_a_name_stays_inside_the_folder(site: Server, tmp_path: Path, name: str) -> None:
    path = download(f"{site.url}/files/{name}", tmp_path / "", LIMITS)
    assert path.parent == tmp_path
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_redirects_are_followed_to_an_end(site: Server, tmp_path: Path) -> None:
    assert download(f"{site.url}/to?/to?/files/a.zip", tmp_path, LIMITS).name == "a.zip"
    with pytest.raises(DownloadError, match="redirects more than 5 times"):
        download(f"{site.url}/to?" + "/to?" * 10 + "/files/a.zip", tmp_path, LIMITS)


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/a.zip",
        "http://10.0.0.1/a.zip",
        "http://[::1]:80/a.zip",
        "http://[::ffff:169.254.169.254]/a.zip",
        "http://[64:ff9b::a9fe:a9fe]/a.zip",
        "http://0.0.0.0/a.zip",
        "file:///etc/passwd",
        "gopher://127.0.0.1/a.zip",
        "http://user:password@127.0.0.1/a.zip",
    ],
)
def test_a_redirect_leads_nowhere_else(site: Server, tmp_path: Path, target: str) -> None:
    with pytest.raises(DownloadError):
        download(f"{site.url}/to?{target}", tmp_path, LIMITS)
    assert list(tmp_path.iterdir()) == []


def test_without_the_operators_leave_this_machine_is_not_asked(site: Server, tmp_path: Path) -> None:
    limits = DownloadLimits(most_bytes=10_000)
    names = ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "[::ffff:127.0.0.1]")
    for host in names:
        with pytest.raises((DownloadError, DownloadInterruptedError)):
            download(f"http://{host}:{site.port}/files/a.zip", tmp_path, limits)
    assert site.asked == []


def test_a_name_with_one_private_address_is_refused(
    site: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", site.port)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.168.1.1", site.port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(DownloadError, match=r"files\.example is not a public address, or has one that is not"):
        download("http://files.example/a.zip", tmp_path, DownloadLimits(most_bytes=10_000))


def test_a_name_is_resolved_once_and_its_address_used(
    site: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second answer, which would lead elsewhere, is never asked for."""
    answers = [("127.0.0.1", site.port), ("127.0.0.2", 9)]
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *rest: Any, **more: Any) -> Any:
        if host != "files.example":
            return real(host, port, *rest, **more)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", answers[len(asked) - 1])]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    download(f"http://files.example:{site.port}/files/a.zip", tmp_path, LIMITS)
    assert asked == ["files.example"]
    assert site.asked == [f"files.example:{site.port}/files/a.zip"]


@pytest.mark.parametrize("path", ["large/a.zip", "endless/a.zip"])
def test_what_is_too_large_is_left_before_it_is_here(site: Server, tmp_path: Path, path: str) -> None:
    with pytest.raises(DownloadError, match="at most 10000 are allowed"):
        download(f"{site.url}/{path}", tmp_path, LIMITS)
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) <= LIMITS.most_bytes


def test_a_server_that_drips_is_left_in_time(site: Server, tmp_path: Path) -> None:
    started_s = time.monotonic()
    limits = DownloadLimits(most_bytes=10_000, most_s=1.0, silence_s=1.0, networks=LOOPBACK)
    with pytest.raises(DownloadError, match="takes more than 1 s"):
        download(f"{site.url}/dripping/a.zip", tmp_path, limits)
    assert time.monotonic() - started_s < 30.0  # all of it takes 50 s


def test_a_server_below_the_lowest_rate_is_left(site: Server, tmp_path: Path) -> None:
    """It sends some 20 bytes a second, and never is silent."""
    limits = replace(LIMITS, least_bytes_per_s=1_000, rate_window_s=0.5)
    with pytest.raises(DownloadError, match="too slow: .*at least 1000 bytes a second are needed"):
        download(f"{site.url}/dripping/a.zip", tmp_path, limits)
    started_s = time.monotonic()
    allowed = replace(LIMITS, least_bytes_per_s=1, rate_window_s=0.5, most_s=2.0)
    with pytest.raises(DownloadError, match="takes more than 2 s"):
        download(f"{site.url}/dripping/a.zip", tmp_path, allowed)
    assert time.monotonic() - started_s > 1.5, "a server above the lowest rate has all the time that there is"


@pytest.mark.parametrize("path", ["status?503", "status?429", "silent/a.zip", "short/a.zip"])
def test_what_may_go_better_is_tried_again(site: Server, tmp_path: Path, path: str) -> None:
    with pytest.raises(DownloadInterruptedError):
        download(f"{site.url}/{path}", tmp_path, LIMITS)


def test_what_will_not_go_better_is_told_without_the_signature(site: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="answers 404") as caught:
        download(f"{site.url}/status?404", tmp_path, LIMITS)
    assert "?" not in str(caught.value)
    with pytest.raises(DownloadError, match="Content-Encoding gzip, which was not requested"):
        download(f"{site.url}/packed/a.zip", tmp_path, LIMITS)


def test_a_port_that_nobody_listens_on(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(DownloadInterruptedError):
            download(f"http://127.0.0.1:{port}/a.zip", tmp_path, LIMITS)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.zip",
        "ftp://a.example/a.zip",
        "http://",
        "https://u:p@a.example/a.zip",
        "http://a.example:99999/a.zip",
        "http://a.example/a b.zip",
        "http://a.example/\r\nHost: b",
        "http://ä.example/a.zip",
        f"http://a/{'x' * 3000}",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    assert url_fault(url) is not None


@pytest.mark.parametrize(
    "url", ["https://a.example/a.zip", "http://a.example:8080/x/y.tar.gz?sig=%20", "http://1.1.1.1/a"]
)
def test_addresses_as_people_write_them(url: str) -> None:
    assert url_fault(url) is None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2001:db8::1",
    ],
)
def test_addresses_inside(address: str) -> None:
    assert address_fault(address) is not None


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111"])
def test_addresses_outside(address: str) -> None:
    assert address_fault(address) is None
