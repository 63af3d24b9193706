"""The API behind the real door: HAProxy as Ray starts it, with a configuration in Serve's form before one replica."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from cluster import ingress
from cluster.haproxy import CLIENT_S, Door
from cluster.ports import free_port, free_ports
from services.api.app import create_app_on
from services.api.context import Services
from services.api.peer import PeerMiddleware
from services.objects import Objects
from services.settings import Settings

_STARTS_S = 30.0
# What of Serve's own configuration the launcher and the door work with; tests/integration/services/test_platform.py has
# the whole of it, as Serve writes it.
_SERVES = """\
global
    stats socket {folder}/admin.sock mode 666 level admin expose-fd listeners
    maxconn {most}
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 3600s
    errorfile 502 {folder}/500.http
    errorfile 503 {folder}/500.http
    errorfile 504 {folder}/500.http
frontend prometheus
    bind :{metrics}
frontend http_frontend
    bind 127.0.0.1:{port}
    http-request return status 404 content-type text/plain string "no such route" if {{ path_beg /nothing-deployed }}
    default_backend replicas
backend replicas
    http-reuse always
    server replica 127.0.0.1:{replica}
listen stats
  bind *:{stats}
  stats enable
"""

_DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}
_LIMITS = {
    "connections_per_address": _DEFAULTS["connections_per_address"],
    "requests_per_address": _DEFAULTS["requests_per_address"],
    "requests_per_login": _DEFAULTS["requests_per_login"],
    "streams_per_address": _DEFAULTS["streams_per_address"],
    "streams_per_login": _DEFAULTS["streams_per_user"],
}


@dataclass(frozen=True)
class Address:
    """Where the API is reached."""

    port: int
    replica_port: int
    folder: Path
    haproxy: subprocess.Popen[bytes]
    environment: Mapping[str, str]
    """That it was started with."""

    def client(self, source: str = "127.0.0.1") -> httpx.Client:
        """A client whose connections come from an address of this machine."""
        transport = httpx.HTTPTransport(local_address=source, limits=httpx.Limits(max_connections=None))
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api/v1", transport=transport, timeout=60)

    def connections(self, count: int, source: str = "127.0.0.1", first: bytes = b"") -> list[socket.socket]:
        """Open connections that say this and no more; who is not let in is left out."""
        found = []
        for _ in range(count):
            with contextlib.suppress(OSError):
                found.append(self.connection(source, first))
        return found

    @contextmanager
    def replaced(self) -> Iterator[None]:
        """Another HAProxy takes over, as when Serve has a new configuration, and the first one ends."""
        command = [*map(str, self.haproxy.args), "-sf", str(self.haproxy.pid)]  # type: ignore[arg-type]
        with subprocess.Popen(command, env=self.environment) as process:
            try:
                time.sleep(1)
                yield
            finally:
                process.terminate()

    def connection(self, source: str = "127.0.0.1", first: bytes = b"") -> socket.socket:
        """One connection that has said this."""
        opened = socket.create_connection(("127.0.0.1", self.port), timeout=30, source_address=(source, 0))
        try:
            opened.sendall(first)
        except OSError:
            opened.close()
            raise
        return opened


@contextmanager
def door(
    settings: Settings,
    objects: Objects,
    folder: Path,
    *,
    proxies: Sequence[str] = (),
    connections: int = 512,
    client_s: int = CLIENT_S,
    host: str = "127.0.0.1",
    route: str = "",
) -> Iterator[Address]:
    """The API of these settings behind HAProxy, with this backend for pre-signed requests."""
    settings = settings.model_copy(update={"trust_forwarded_for": tuple(proxies)})
    told = _LIMITS | {
        "host": host,
        "connections_per_address": connections,
        "proxies": tuple(proxies),
        "client_s": client_s,
        "objects": route,
    }
    with _haproxy(folder, lambda key: _replica(settings, objects, key), told) as address:
        yield address


@contextmanager
def echoing_door(folder: Path, *, proxies: Sequence[str] = ()) -> Iterator[Address]:
    """HAProxy before a replica that answers with the headers of the request."""
    told = _LIMITS | {"host": "127.0.0.1", "proxies": tuple(proxies)}
    with _haproxy(folder, _echo, told) as address:
        yield address


@contextmanager
def _haproxy(
    folder: Path, start: Callable[[str], AbstractContextManager[int]], settings_of_door: Mapping[str, Any]
) -> Iterator[Address]:
    variables = ingress.environment(folder, {})
    assert variables[ingress.SWITCH] == "1"
    at, metrics, stats = free_ports(3)
    told = ingress.variables(Door(port=at, **settings_of_door))
    place = folder / "ha" / "node"
    place.mkdir(exist_ok=True)
    with start(ingress.door_key(variables)) as replica:
        values = {"folder": place, "most": variables["RAY_SERVE_HAPROXY_MAXCONN"], "port": at, "replica": replica}
        (place / "500.http").write_text("HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno")
        (place / "haproxy.cfg").write_text(_SERVES.format(metrics=metrics, stats=stats, **values))
        command = [variables["RAY_SERVE_HAPROXY_BINARY_PATH"], "-db", "-f", str(place / "haproxy.cfg")]
        told_all = {**os.environ, **variables, **told}
        with subprocess.Popen(command, env=told_all) as process:
            try:
                address = Address(at, replica, folder, process, told_all)
                _until_it_answers(address)
                yield address
            finally:
                process.terminate()


@contextmanager
def _replica(settings: Settings, objects: Objects, key: str) -> Iterator[int]:
    """The application as `services.serve_app` makes it, on a port of its own."""
    port = free_port()
    began = threading.Event()
    servers: list[uvicorn.Server] = []

    async def serve() -> None:
        app = create_app_on(Services.of(settings, objects=objects))
        app.add_middleware(PeerMiddleware, key=key)
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=port,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        servers.append(uvicorn.Server(config))
        began.set()
        await servers[0].serve()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert began.wait(_STARTS_S)
    try:
        yield port
    finally:
        servers[0].should_exit = True
        thread.join(_STARTS_S)


class _Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps([[name.lower(), value] for name, value in self.headers.items()]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def _echo(_: str) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", free_port()), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(_STARTS_S)


def _until_it_answers(address: Address) -> None:
    deadline = time.monotonic() + _STARTS_S
    while True:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{address.port}/healthz").status_code == 200:
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)
