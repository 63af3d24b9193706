"""Attacks on the sockets of the API, through the real HAProxy, while somebody else goes on working."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.objects import Objects
from services.settings import Settings
from tests.integration.services.doors import Address, door, echoing_door
from tests.integration.services.visitors import PASSWORD

pytestmark = pytest.mark.faults
SOMEBODY_ELSE = "127.0.0.2"
NOT_SHUT_OUT_S = 15.0
"""A log-in takes seconds on a busy machine; one that is shut out waits for minutes, or until its client gives up."""
LOGIN = "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HALF_HEAD = b"GET /api/v1/users/me HTTP/1.1\r\nHost: x\r\nX-Sl"
HALF_BODY = f"{LOGIN}Content-Length: 1000\r\n\r\n".encode() + b'{"username_or'
LARGE_HALF_BODY = f"{LOGIN}Content-Length: 900000\r\n\r\n".encode() + b"[" + b" " * 200_000
CHUNKED_HALF_BODY = f"{LOGIN}Transfer-Encoding: chunked\r\n\r\n".encode() + b"3\r\n[  \r\n"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder with a short path."""
    with tempfile.TemporaryDirectory(prefix="lim-door-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def address(settings: Settings, objects: Objects, folder: Path) -> Iterator[Address]:
    """The API behind its door, with accounts of two people."""
    limits = {"login_attempts": 5, "login_attempts_per_address": 1000, "login_attempts_per_account": 8}
    with door(settings.model_copy(update=limits), objects, folder) as address:
        with address.client() as http:
            for name in ("victim", "attacker"):
                body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
                assert http.post("/auth/signup", json=body).status_code in {201, 409}
        yield address


def log_in(address: Address, name: str = "victim", source: str = SOMEBODY_ELSE) -> tuple[str, float]:
    """An access token, and how long it took to get it, in seconds."""
    began = time.monotonic()
    with address.client(source) as http:
        answer = http.post("/auth/login", json={"username_or_email": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token, time.monotonic() - began


def answer_on(connection: socket.socket, within_s: float) -> bytes:
    """All that comes until the other side closes; an error where it does not."""
    connection.settimeout(within_s)
    found = b""
    with connection, contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            found += part
    return found


def close(connections: list[socket.socket]) -> None:
    for connection in connections:
        connection.close()


# ---- many connections ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "refused_as"),
    [
        (b"", "too_many_connections"),
        (HALF_HEAD, "too_many_connections"),
        (HALF_BODY, "too_many_requests"),
        (CHUNKED_HALF_BODY, "unauthenticated"),  # all but two were refused, and are gone
    ],
    ids=["idle", "half-heads", "half-bodies", "half-chunks"],
)
def test_thousands_of_connections_that_want_nothing_keep_nobody_out(
    address: Address, first: bytes, refused_as: str
) -> None:
    held = address.connections(5000, first=first)
    _, wall_s = log_in(address)
    with address.client() as http, contextlib.suppress(httpx.TransportError):  # from the attacker's address
        refused = http.get("/users/me")
        assert refused.json()["code"] == refused_as
        assert ("retry-after" in refused.headers) is (refused.status_code == 429)
    close(held)
    assert wall_s < NOT_SHUT_OUT_S


def test_connections_from_many_addresses_leave_room(address: Address) -> None:
    held = []
    for n in range(100, 120):
        held += address.connections(250, source=f"127.0.0.{n}")
    _, wall_s = log_in(address)
    close(held)
    assert wall_s < NOT_SHUT_OUT_S


def test_large_bodies_that_stop_half_way_leave_room(address: Address) -> None:
    held = address.connections(480, first=LARGE_HALF_BODY)
    _, wall_s = log_in(address)
    answers = [each for each in (answer_head(connection) for connection in held) if each]
    assert answers, "those beyond the limit of an address are told at once"
    assert all(answer.startswith(b"HTTP/1.1 429") for answer in answers)
    close(held)
    assert wall_s < NOT_SHUT_OUT_S


def answer_head(connection: socket.socket) -> bytes:
    """What has come already."""
    connection.setblocking(False)
    try:
        return connection.recv(65536)
    except (BlockingIOError, ConnectionResetError):
        return b""


# ---- many requests ---------------------------------------------------------------------------------------------


def half_body(token: str | None = None) -> bytes:
    """A request that stays in progress until its body arrives."""
    told = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"{LOGIN}{told}Content-Length: 1000\r\n\r\n".encode() + b"{"


def refusals(connections: list[socket.socket], expected: int) -> list[dict[str, Any]]:
    """The refusals that have arrived; all other requests are still in progress."""
    deadline = time.monotonic() + 10
    found: list[bytes] = []
    while len(found) < expected and time.monotonic() < deadline:
        found += [answer for connection in connections if (answer := answer_head(connection))]
        time.sleep(0.05)
    for answer in found:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 429 "), answer
        assert b"retry-after: 1" in head.lower()
        assert json.loads(body)["code"] == "too_many_requests"
    return [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in found]


def test_an_address_has_so_many_requests_in_progress(address: Address) -> None:
    held = address.connections(80, "127.0.0.91", half_body())
    assert len(refusals(held, 16)) == 16
    log_in(address)
    close(held)


def test_a_login_has_so_many_requests_in_progress_from_whatever_addresses(address: Address) -> None:
    held = [address.connection(f"127.0.0.{80 + n % 4}", half_body("mine")) for n in range(24)]
    assert len(refusals(held, 8)) == 8
    other = address.connections(4, "127.0.0.80", half_body("another's"))
    time.sleep(0.5)
    assert not any(map(answer_head, other))
    close(held + other)


def test_an_address_has_two_large_bodies_in_progress(address: Address) -> None:
    for source, first in (("127.0.0.92", LARGE_HALF_BODY), ("127.0.0.93", CHUNKED_HALF_BODY)):
        held = address.connections(5, source, first)
        assert len(refusals(held, 3)) == 3
        close(held)


def test_in_a_crowd_everybody_has_some_requests_in_progress(address: Address) -> None:
    held = []
    for n in range(100, 116):
        held += address.connections(30, f"127.0.0.{n}", half_body())
    kept = len(held) - len(refusals(held, 250))
    assert 128 <= kept <= 128 + 16 * 8  # twice what one may have, and then a few for each
    mine = address.connections(12, SOMEBODY_ELSE, half_body())
    assert len(refusals(mine, 4)) == 4
    close(mine)
    _, wall_s = log_in(address)
    close(held)
    assert wall_s < NOT_SHUT_OUT_S


def test_one_login_that_asks_without_end_keeps_nobody_waiting(address: Address) -> None:
    token, _ = log_in(address, "attacker", "127.0.0.90")
    asked = f"GET /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    stop = threading.Event()
    statuses: Counter[bytes] = Counter()

    def ask() -> None:
        connections = address.connections(40, "127.0.0.90", asked)
        while not stop.is_set():
            for connection in connections:
                if answer := answer_head(connection):
                    statuses[answer[9:12]] += 1
                    with contextlib.suppress(OSError):
                        connection.sendall(asked)
        close(connections)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        victim, _ = log_in(address)
        with address.client(SOMEBODY_ELSE) as http:
            for _ in range(20):
                answer = http.get("/jobs", headers={"Authorization": f"Bearer {victim}"})
                assert answer.status_code == 200, answer.text
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert statuses[b"429"] > statuses[b"200"] > 0, statuses


# ---- time ------------------------------------------------------------------------------------------------------


def test_what_does_not_arrive_in_time_is_given_up(address: Address) -> None:
    own = "127.0.0.94"
    idle, head, body, chunks = (
        address.connection(own, first) for first in (b"", HALF_HEAD, HALF_BODY, CHUNKED_HALF_BODY)
    )
    dripping = address.connection(own, f"{LOGIN}Content-Length: 1000\r\n\r\n".encode())
    slow_head = address.connection(own, b"GET / HTTP/1.1\r\n")
    began = time.monotonic()
    stop = threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            while not stop.wait(0.5):
                dripping.sendall(b" ")
                slow_head.sendall(b"X: y\r\n")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        for connection in (idle, head, slow_head):
            assert answer_on(connection, 15)[:13] in (b"", b"HTTP/1.1 408 ")
        for connection in (body, chunks, dripping):
            answer = answer_on(connection, 25)
            assert answer.startswith(b"HTTP/1.1 408 "), answer
            problem = json.loads(answer.partition(b"\r\n\r\n")[2])
            assert (problem["status"], problem["code"]) == (408, "request_timeout")
        assert time.monotonic() - began < 30
    finally:
        stop.set()
        thread.join()


def test_a_slow_line_is_slow_and_no_more(address: Address) -> None:
    """A body of 40 kB at some 8 kB/s, as on a bad mobile line."""
    body = json.dumps({"username_or_email": "victim", "password": PASSWORD}).encode() + b" " * 40_000
    connection = address.connection(
        SOMEBODY_ELSE, f"{LOGIN}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    )
    for start in range(0, len(body), 2048):
        connection.sendall(body[start : start + 2048])
        time.sleep(0.25)
    assert answer_on(connection, 20).startswith(b"HTTP/1.1 200 ")


def test_whoever_does_not_read_keeps_nobody_waiting(address: Address) -> None:
    requests = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    held = []
    for _ in range(200):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect(("127.0.0.1", address.port))
        connection.sendall(requests)
        held.append(connection)
    time.sleep(5)
    _, wall_s = log_in(address)
    close(held)
    assert wall_s < NOT_SHUT_OUT_S


# ---- streams ---------------------------------------------------------------------------------------------------


def stream(address: Address, token: str, source: str) -> socket.socket:
    """A connection that has asked for the notifications of whose token it is."""
    asked = f"GET /api/v1/notifications/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    return address.connection(source, asked.encode())


def begun(connection: socket.socket) -> int:
    """The status that is answered."""
    connection.settimeout(30)
    found = b""
    while b"\r\n\r\n" not in found:
        found += connection.recv(65536)
    if not found.startswith(b"HTTP/1.1 200 "):
        assert b"retry-after: " in found.lower()
        while b"too_many_streams" not in found:
            found += connection.recv(65536)
    return int(found[9:12])


def test_streams_of_one_user_leave_room_for_others(address: Address) -> None:
    attacker, _ = log_in(address, "attacker", "127.0.0.70")
    held = [stream(address, attacker, f"127.0.0.{70 + n % 8}") for n in range(400)]
    statuses = [begun(connection) for connection in held]
    assert (statuses.count(200), statuses.count(429)) == (64, 336)
    victim, wall_s = log_in(address)
    other = stream(address, victim, SOMEBODY_ELSE)
    assert begun(other) == 200
    close(held)
    deadline = time.monotonic() + 30
    while begun(again := stream(address, attacker, "127.0.0.71")) != 200:  # when the API has noticed that they are gone
        again.close()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    close([again, other])
    assert wall_s < NOT_SHUT_OUT_S


def test_in_ten_seconds_as_many_streams_open_as_may_be_open(folder: Path) -> None:
    with echoing_door(folder / "o") as address, address.client() as http:
        told = {"Authorization": "Bearer mine"}
        answers = [http.get("/jobs/1/events", headers=told) for _ in range(70)]
        assert [answer.status_code for answer in answers] == [200] * 64 + [429] * 6
        assert answers[-1].json()["code"] == "too_many_streams"
        assert http.get("/jobs/1/events", headers={"Authorization": "Bearer another's"}).status_code == 200
        assert http.get("/jobs", headers=told).status_code == 200


@pytest.mark.usefixtures("address")  # the accounts
def test_a_stream_is_not_cut_while_its_reader_is_there(settings: Settings, objects: Objects, folder: Path) -> None:
    """Longer than a client may be silent: what the stream says now and then keeps it open."""
    client_s = 15
    with door(settings, objects, folder / "s", client_s=client_s) as address:
        token, _ = log_in(address)
        with stream(address, token, SOMEBODY_ELSE) as connection:
            assert begun(connection) == 200
            ends = time.monotonic() + client_s + 10
            while time.monotonic() < ends:
                assert b":" in connection.recv(65536)


# ---- who the client is -----------------------------------------------------------------------------------------

FORGED = (
    "X-Forwarded-For",
    "x-forwarded-for",
    "X_Forwarded_For",
    "Forwarded",
    "X-Real-IP",
    "X-Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Cluster-Client-IP",
    "X-LIM-Peer",
)


def test_guesses_are_counted_whatever_a_client_says_of_itself(address: Address) -> None:
    statuses = []
    with address.client("127.0.0.50") as http:
        for n in range(40):
            told = f"198.51.100.{n}"
            headers = dict.fromkeys(FORGED, told) | {"Forwarded": f"for={told}", "X-LIM-Door": "0" * 64}
            body = {"username_or_email": "attacker", "password": "not the password"}
            statuses.append(http.post("/auth/login", json=body, headers=headers).status_code)
    assert statuses == [401] * 5 + [429] * 35


def test_the_trail_has_the_real_address(address: Address) -> None:
    with address.client("127.0.0.51") as http:
        headers = dict.fromkeys(FORGED, "198.51.100.77")
        body = {"username_or_email": "victim", "password": PASSWORD}
        tokens = http.post("/auth/login", json=body, headers=headers).json()
        trail = http.get("/users/me/audit", headers={"Authorization": f"Bearer {tokens['access_token']}"}).json()
    assert trail["items"][0]["address"] == "127.0.0.51"
    assert "198.51.100.77" not in json.dumps(trail)


def test_a_replicas_own_port_is_no_way_in(address: Address) -> None:
    for headers in ({}, {"X-LIM-Peer": "198.51.100.1"}, {"X-LIM-Peer": "198.51.100.1", "X-LIM-Door": "guess"}):
        answer = httpx.get(f"http://127.0.0.1:{address.replica_port}/api/v1/users/me", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_the_door")


@pytest.mark.usefixtures("address")  # the accounts
def test_behind_an_operators_proxy_its_word_counts_and_nobody_elses(
    settings: Settings, objects: Objects, folder: Path
) -> None:
    proxy, other = "127.0.0.60", "127.0.0.61"
    with door(settings, objects, folder / "p", proxies=[f"{proxy}/32"], connections=8) as address:

        def told(source: str, forwarded: str) -> str:
            with address.client(source) as http:
                body = {"username_or_email": "victim", "password": PASSWORD}
                tokens = http.post("/auth/login", json=body, headers={"X-Forwarded-For": forwarded}).json()
                trail = http.get("/users/me/audit", headers={"Authorization": f"Bearer {tokens['access_token']}"})
                found: str = trail.json()["items"][0]["address"]
                return found

        assert told(proxy, "203.0.113.9") == "203.0.113.9"
        assert told(proxy, "198.51.100.1, 203.0.113.9") == "203.0.113.9"  # what the client wrote stands before
        assert told(proxy, "<script>") == proxy
        assert told(other, "203.0.113.9") == other
        held = address.connections(100, source=proxy)
        time.sleep(0.5)
        assert all(is_open(connection) for connection in held)
        limited = address.connections(100, source=other)
        time.sleep(0.5)
        assert sum(map(is_open, limited)) <= 10
        close(held + limited)


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


# ---- answers in the API's form -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50,
        b"GET / HTTP/1.1\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",  # a connection would be a hundred requests at once
    ],
    ids=["no HTTP", "TLS", "a huge header", "HTTP/2"],
)
def test_what_is_no_request_is_refused(address: Address, request_: bytes) -> None:
    answer = answer_on(address.connection(first=request_), 15)
    assert answer.startswith(b"HTTP/1.1 400 "), answer  # HAProxy's own words, before any rule


def test_where_serve_has_no_replica_the_client_is_told_to_come_again(address: Address) -> None:
    answer = httpx.get(f"http://127.0.0.1:{address.port}/nothing-deployed")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert httpx.get(f"http://127.0.0.1:{address.port}/api/v1/nowhere").status_code == 404


def headers_of(address: Address, path: str, told: dict[str, str], source: str = "127.0.0.1") -> dict[str, str]:
    """The headers that reach a replica, by name."""
    with address.client(source) as http:
        found = http.get(f"http://127.0.0.1:{address.port}{path}", headers=told).json()
    return dict(found)


def test_what_clients_say_of_themselves_goes_no_further(folder: Path) -> None:
    told = dict.fromkeys((*FORGED, "X-LIM-Door", "X-Forwarded-Proto", "X-Forwarded-Host", "Via"), "198.51.100.77")
    told |= {"X-Request-Timeout-Seconds": "1", "X-Request-Disconnect-Disabled": "?1", "X-Request-ID": "mine"}
    del told["x-forwarded-for"]  # the same name twice
    with echoing_door(folder / "e", proxies=["127.0.0.60/32"]) as address:
        for path, is_watched in (("/api/v1/jobs", False), ("/api/v1/jobs/1/events", True)):
            found = headers_of(address, path, told)
            assert "198.51.100.77" not in json.dumps(found)
            assert (found["x-lim-peer"], found["x-request-id"]) == ("127.0.0.1", "mine")
            assert "x-request-timeout-seconds" not in found
            assert ("x-request-disconnect-disabled" in found) is not is_watched
        # The operator's proxy may tell of others, but not who itself is.
        found = headers_of(address, "/", told, "127.0.0.60")
        assert found["x-real-ip"] == "198.51.100.77"
        assert found["x-lim-peer"] == "127.0.0.60"
        assert found["x-lim-door"] != "198.51.100.77"


def test_ipv6_and_ipv4_are_counted_each_by_itself(settings: Settings, objects: Objects, folder: Path) -> None:
    with door(settings, objects, folder / "6", host="::", connections=8) as address:
        held = []
        for host in ("127.0.0.1", "::1"):
            for _ in range(30):
                with contextlib.suppress(OSError):
                    held.append(socket.create_connection((host, address.port), timeout=30))
        time.sleep(0.5)
        families = [connection.family for connection in held if is_open(connection)]
        close(held)
        assert 8 <= families.count(socket.AF_INET) <= 10
        assert 8 <= families.count(socket.AF_INET6) <= 10
        assert httpx.get(f"http://[::1]:{address.port}/healthz").status_code == 200


def test_a_request_that_comes_while_haproxy_is_replaced_is_answered(
    settings: Settings, objects: Objects, folder: Path
) -> None:
    """What Serve does when replicas come or go: the old process takes no new connections, and ends."""
    asked = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with door(settings, objects, folder / "r") as address, address.connection(first=asked) as connection:
        connection.settimeout(15)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        with address.replaced():
            connection.sendall(asked)
            answer = answer_on(connection, 15)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer.lower()


# ---- files -------------------------------------------------------------------------------------------------------


def test_files_and_sockets_are_this_users_alone(address: Address) -> None:
    place = address.folder / "ha"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    for path in place.rglob("*"):
        if path.name in {"500.http", "node"}:
            continue  # made by this test in Serve's place
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert os.access(place / "node" / "admin.sock", os.W_OK)
