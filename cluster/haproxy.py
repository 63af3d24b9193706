"""Launch HAProxy on behalf of Ray Serve, with a front listener, the door, that limits what one client can use.

Serve writes a configuration and runs `haproxy -db -f CONFIG ...` (`RAY_SERVE_HAPROXY_BINARY_PATH`). This script runs in
place of that binary: it takes Serve's listeners off the network, adds the configuration of the door, which clients
connect to, and execs the binary. It imports only the standard library, because it starts without a virtual environment.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import sys
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

PEER_HEADER: Final = "X-LIM-Peer"
"""Header with the address of HAProxy's peer, for the API; a value sent by the client is discarded."""
KEY_HEADER: Final = "X-LIM-Door"
"""Header that proves to the API that a request came through the door; only HAProxy and the API know the key."""
DOOR: Final = "LIM_DOOR"
"""Variable with the door's settings, as `Door.told` writes them."""
KEY_FILE: Final = "LIM_DOOR_KEY_FILE"
"""Variable with the path of the key file."""
MOST_CONNECTIONS: Final = "RAY_SERVE_HAPROXY_MAXCONN"
"""Serve's own variable: HAProxy's maximum number of connections; a request takes one at the door and one behind it."""

HEADERS_S: Final = 10
"""Time limit for receiving a request's headers, in seconds."""
BODY_START_S: Final = 20
"""Time limit for receiving a request's body, or as much of it as HAProxy's buffer holds, in seconds."""
CLIENT_S: Final = 60
"""A client that neither reads nor sends for this many seconds is disconnected; streams send something every 10 s."""
_SERVER_S: Final = 600
_KEEP_ALIVE_S: Final = 65
_OBJECTS_PATH: Final = "/objects/"  # cluster.object_route.PREFIX; this script imports only the standard library
_ADDRESSES: Final = 100_000
_FEW: Final = 32
"""Connections allowed per address while three quarters of all are taken."""
_LARGE_BYTES: Final = 65_536
"""Larger bodies, and those of unknown length, have limits of their own: they take the API up to 0.1 s each."""
_LARGE: Final = 2
"""Large bodies in progress allowed per address."""
_CROWD_OF_LARGE: Final = 8
"""Large bodies in progress from which each address may have only one."""
_FORWARDING: Final = (
    "^(x[-_](forwarded|real[-_]ip|client|cluster[-_]client|original|originating|remote|host|proxyuser)|forwarded|via"
    "|true[-_]client|cf[-_]|fastly[-_]client|proxy$)"
)
"""Headers in which proxies describe the original client and request; anyone can forge them."""
_SERVES_OWN: Final = ("X-Request-Disconnect-Disabled", "X-Request-Timeout-Seconds")
"""Headers that control how Serve treats a request; clients must not set them."""
_BIND: Final = re.compile(r"^(?P<start>\s*bind\s+)(?P<host>\S*):(?P<port>\d+)(?P<rest>.*)$")
_OPEN_SOCKET: Final = re.compile(r"^(\s*stats socket \S+ .*)\bmode \d+")
_PR_SET_PDEATHSIG: Final = 1
_TELLS: Final = {
    400: (400, "bad_request", "The HTTP request is malformed."),
    408: (
        408,
        "request_timeout",
        f"The request did not arrive in {HEADERS_S} to {BODY_START_S} seconds; send it again.",
    ),
    429: (429, "too_many_connections", "There are too many connections from this address; close some, and try again."),
    501: (400, "bad_request", "The request is encoded in a way that is not supported."),
    502: (503, "unavailable", "The API closed the connection; retry."),
    503: (503, "unavailable", "The API cannot be reached now; try again."),
    504: (503, "unavailable", "The API did not answer in time; try again."),
}
"""Answers that HAProxy gives in the API's place, by the status that HAProxy would send by default."""
_AGAIN: Final = {408: 1, 429: 5, 503: 1}
"""`Retry-After` of these answers, in seconds."""
_REFUSALS: Final = {
    "too_many_requests": (
        1,
        "Too many requests of this address or login, or too many large ones, are in progress; wait for their answers.",
    ),
    "too_many_streams": (
        10,
        "Too many event streams of this address or login are open, or have just been opened; close some.",
    ),
}
"""`Retry-After`, in seconds, and detail of HAProxy's refusals that keep the connection open, by code."""


class UnknownConfigError(Exception):
    """Serve's configuration has no listener for the API."""


@dataclass(frozen=True)
class Door:
    """Settings of the door; `cluster.ingress` passes them to HAProxy in the environment."""

    host: str
    """Address that clients connect to."""
    port: int
    connections_per_address: int
    """Limit for an IPv4 address or an IPv6 /64 prefix; at most a quarter of the door's connections."""
    requests_per_address: int
    """Limit of an address, in requests in progress, event streams aside."""
    requests_per_login: int
    """Limit of an access token or API key, in requests in progress from whatever addresses, event streams aside."""
    streams_per_address: int
    """Limit of an address, in open event streams and in those opened in ten seconds."""
    streams_per_login: int
    """Limit of an access token or API key, in open event streams and in those opened in ten seconds."""
    proxies: tuple[str, ...] = ()
    """Networks of the operator's proxies: their forwarding headers are kept, and their connections are not limited."""
    client_s: int = CLIENT_S
    objects: str = ""
    """Backend for pre-signed requests to the object store (`cluster.object_route`); empty: the API forwards them."""

    def told(self) -> str:
        """The settings as text, for the environment."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Door:
        """Parse the output of `told`."""
        values = json.loads(text)
        return cls(**{**values, "proxies": tuple(values["proxies"])})

    def config(self, folder: Path, key: str, most_connections: int) -> str:
        """The door's part of HAProxy's configuration.

        Args:
            folder: holds the API's socket and the answers from `write_answers`.
            key: proves to the API that a request came through the door.
            most_connections: HAProxy's maximum number of connections.
        """
        most = max(1, most_connections // 2)
        each = max(1, min(self.connections_per_address, most // 4))
        return _CONFIG.format(
            answers="\n".join(f"    errorfile {status} {folder / f'{status}.http'}" for status in _TELLS),
            binds="\n".join(f"    bind {address}" for address in _addresses(self.host, self.port)),
            most=most,
            crowd=most * 3 // 4,
            few=min(_FEW, each),
            each=each,
            requests=self.requests_per_address,
            few_requests=max(1, self.requests_per_address // 8),
            crowd_of_requests=2 * self.requests_per_address,
            requests_of_login=self.requests_per_login,
            streams=self.streams_per_address,
            streams_of_login=self.streams_per_login,
            busy=_refusal(folder, "too_many_requests"),
            many_streams=_refusal(folder, "too_many_streams"),
            beyond=each + each // 4,
            proxies=" ".join(self.proxies) or "255.255.255.255",
            is_serves_own="\n".join(f"    http-request del-header {name}" for name in _SERVES_OWN),
            inner=_inner(folder),
            key=key,
            client_s=self.client_s,
            objects=self.objects,
            uses_objects="    use_backend objects if is_object" if self.objects else "",
            **_NAMES,
        )


_NAMES: Final = {
    "addresses": _ADDRESSES,
    "forwarding": _FORWARDING,
    "peer": PEER_HEADER,
    "told_key": KEY_HEADER,
    "headers_s": HEADERS_S,
    "body_s": BODY_START_S,
    "large_bytes": _LARGE_BYTES,
    "large": _LARGE,
    "crowd_of_large": _CROWD_OF_LARGE,
    "server_s": _SERVER_S,
    "keep_alive_s": _KEEP_ALIVE_S,
    "objects_path": _OBJECTS_PATH,
}
_CONFIG: Final = """\
global
    tune.stick-counters 6
defaults door
    mode http
    timeout connect 5s
    timeout client {client_s}s
    timeout server {server_s}s
    timeout http-request {headers_s}s
    timeout http-keep-alive {keep_alive_s}s
    # HAProxy gives no answer on a connection that has had one before when the server breaks off. Here every request comes
    # to the replicas on a connection of its own, so that it is answered in any case.
    option http-server-close
    option http-ignore-probes
    # Serve replaces HAProxy when replicas come or go. The old one closes an idle connection only after one more answer: the
    # client may be sending a request on it at this moment.
    option idle-close-on-response
    # A connection is one request at a time: in HTTP/2 it would be a hundred.
    option disable-h2-upgrade
{answers}
# Requests in progress are limited here, because HAProxy refuses thousands a second and a replica only hundreds. Their rate
# is not: a client that waits for each answer before it sends the next request delays nobody.
backend requests_of_login from door
    stick-table type binary len 20 size {addresses} expire 1h store conn_cur
backend requests_of_address from door
    stick-table type ipv6 size {addresses} expire 1h store conn_cur
# A stream costs most when it opens: in ten seconds, as many may open as may be open.
backend streams_of_login from door
    stick-table type binary len 20 size {addresses} expire 1h store conn_cur,gpc0_rate(10s)
backend streams_of_address from door
    stick-table type ipv6 size {addresses} expire 1h store conn_cur,gpc0_rate(10s)
backend objects_of_address from door
    stick-table type ipv6 size {addresses} expire 1h store conn_cur
backend large_of_address from door
    stick-table type ipv6 size {addresses} expire 1h store conn_cur
backend totals from door
    stick-table type integer size 2 store conn_cur
{objects}listen door from door
{binds}
    maxconn {most}
    # One sender is an IPv4 address or 64 bits of an IPv6 address.
    stick-table type ipv6 size {addresses} expire 1h store conn_cur
    acl is_operators_proxy src {proxies}
    tcp-request connection track-sc0 src,ipmask(32,64) unless is_operators_proxy
    tcp-request connection reject if {{ sc0_conn_cur gt {beyond} }}
    tcp-request connection reject if {{ fe_conn gt {crowd} }} {{ sc0_conn_cur gt {few} }}
    http-request deny deny_status 429 if {{ sc0_conn_cur gt {each} }}
    # What is sent to the object store and back passes through in pieces, and takes no work of the API.
    acl is_object path_beg {objects_path}
    acl is_stream path_end /events
    acl is_large req.hdr_val(Content-Length) gt {large_bytes}
    acl is_large req.fhdr(Transfer-Encoding) -m found
    http-request set-var(txn.sender) src,ipmask(32,64) unless is_operators_proxy
    http-request set-var(txn.sender) req.hdr_ip(X-Forwarded-For,-1),ipmask(32,64) if is_operators_proxy
    http-request track-sc1 req.fhdr(Authorization),sha1 table requests_of_login if !is_stream !is_object
    http-request track-sc2 var(txn.sender) table requests_of_address if !is_stream !is_object
    http-request track-sc3 int(1) table totals if !is_stream !is_object
    http-request track-sc2 var(txn.sender) table objects_of_address if is_object
    http-request track-sc1 req.fhdr(Authorization),sha1 table streams_of_login if is_stream
    http-request track-sc2 var(txn.sender) table streams_of_address if is_stream
    http-request return {busy} if !is_stream {{ sc_conn_cur(1) gt {requests_of_login} }}
    http-request return {busy} if !is_stream {{ sc_conn_cur(2) gt {requests} }}
    http-request return {many_streams} if is_stream {{ sc_conn_cur(1) gt {streams_of_login} }}
    http-request return {many_streams} if is_stream {{ sc_conn_cur(2) gt {streams} }}
    http-request return {many_streams} if is_stream {{ sc_gpc0_rate(1) ge {streams_of_login} }}
    http-request return {many_streams} if is_stream {{ sc_gpc0_rate(2) ge {streams} }}
    http-request sc-inc-gpc0(1) if is_stream
    http-request sc-inc-gpc0(2) if is_stream
    http-request return {busy} if {{ sc_conn_cur(3) gt {crowd_of_requests} }} {{ sc_conn_cur(2) gt {few_requests} }}
    http-request track-sc4 var(txn.sender) table large_of_address if is_large !is_object
    http-request track-sc5 int(2) table totals if is_large !is_object
    http-request return {busy} if {{ sc_conn_cur(4) gt {large} }}
    http-request return {busy} if {{ sc_conn_cur(5) gt {crowd_of_large} }} {{ sc_conn_cur(4) gt 1 }}
    # A replica sees a small body when it is whole.
    http-request wait-for-body time {body_s}s unless is_object
    http-request del-header {forwarding} -m reg unless is_operators_proxy
    http-request set-header {peer} %[src]
    http-request set-header {told_key} {key}
{is_serves_own}
    # Only a stream or a transfer needs to know that its client has gone: Serve would watch every request for it, in a task
    # of its own.
    http-request set-header X-Request-Disconnect-Disabled ?1 unless is_stream or is_object
    http-request set-var(txn.path) path
    # What Serve says where it has no replica, in its own words: the API's answers are never plain text.
    acl is_serves_page var(txn.path) -m beg /-/
    acl is_plain res.hdr(Content-Type) -m beg text/plain
    http-response deny deny_status 503 if {{ status 404 500 502 503 504 }} is_plain !is_serves_page
    # Serve tells the id that the client has sent beside the one that the API has made of it.
    http-response set-header X-Request-ID %[res.fhdr(X-Request-ID,1)] if {{ res.fhdr_cnt(X-Request-ID) gt 1 }}
{uses_objects}
    server web {inner}
"""


def changed(config: str, folder: Path, port: int) -> str:
    """Serve's configuration with the API behind the door, other listeners on loopback, and sockets for this user only.

    Args:
        config: as Serve wrote it, or an earlier result of this function.
        folder: gets the API's socket.
        port: the port that Serve was configured to listen on.

    Raises:
        UnknownConfigError: no listener on that port.
    """
    lines = []
    is_found = False
    for line in config.splitlines():
        if match := _BIND.match(line):
            if int(match["port"]) == port:
                line = f"{match['start']}{_inner(folder)}"
            else:
                line = f"{match['start']}127.0.0.1:{match['port']}{match['rest']}"
        is_found = is_found or line.strip() == f"bind {_inner(folder)}"
        lines.append(_OPEN_SOCKET.sub(r"\g<1>mode 600", line))
    if not is_found:
        raise UnknownConfigError(f"nothing in Serve's HAProxy configuration listens on port {port}")
    return "\n".join(lines) + "\n"


def write_answers(folder: Path) -> None:
    """Write the answers that HAProxy gives in the API's place, in the API's format."""
    for of, (status, code, detail) in _TELLS.items():
        title = HTTPStatus(status).phrase
        body = problem_text(status, code, detail)
        head = [f"HTTP/1.1 {status} {title}", "Content-Type: application/problem+json", "Cache-Control: no-store"]
        head += [f"Retry-After: {_AGAIN[status]}"] if status in _AGAIN else []
        head += [f"Content-Length: {len(body)}", "Connection: close", "", body]
        _write(folder / f"{of}.http", "\r\n".join(head))
    for code, (_, detail) in _REFUSALS.items():
        _write(folder / f"{code}.json", problem_text(429, code, detail))


def _refusal(folder: Path, code: str) -> str:
    """The arguments of `http-request return` for a refusal."""
    again_s, _ = _REFUSALS[code]
    return f"status 429 content-type application/problem+json hdr Retry-After {again_s} file {folder / f'{code}.json'}"


def problem_text(status: int, code: str, detail: str) -> str:
    """A problem in the API's format."""
    about = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    return json.dumps({**about, "errors": [], "correlation_id": "-"})


def _write(path: Path, text: str) -> None:
    """Replace a file atomically: another HAProxy may be reading it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(text.encode())
    draft.replace(path)


def _inner(folder: Path) -> str:
    return f"unix@{folder / 'web.sock'}"


def _addresses(host: str, port: int) -> list[str]:
    """Addresses to listen on; IPv4 clients must not show up as IPv6 addresses, of which only 64 bits are counted."""
    if host == "::":
        return [f"0.0.0.0:{port}", f":::{port} v6only"]
    return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]


def _end_with_parent() -> None:
    """Have the kernel terminate HAProxy when the actor that started it dies; HAProxy would otherwise keep the port."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)


def main(binary: str, arguments: list[str]) -> None:
    """Change the configuration that the arguments name, add the door, and exec HAProxy."""
    os.umask(0o077)
    if "-f" in arguments:
        place = arguments.index("-f") + 1
        path = Path(arguments[place])
        door = Door.read(os.environ[DOOR])
        key = Path(os.environ[KEY_FILE]).read_text(encoding="ascii")
        write_answers(path.parent)
        _write(path, changed(path.read_text(encoding="utf-8"), path.parent, door.port))
        ours = path.with_name("door.cfg")
        _write(ours, door.config(path.parent, key, int(os.environ[MOST_CONNECTIONS])))
        arguments = [*arguments[: place + 1], "-f", str(ours), *arguments[place + 1 :]]
        _end_with_parent()
    os.execv(binary, [binary, *arguments])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
