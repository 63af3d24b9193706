"""The whole platform on one machine: PostgreSQL, object storage, Ray, the hub and the API.

The parts start in this order and stop in reverse. Each part is started here unless the environment names an external
one (`DATABASE_URL`, `S3_ENDPOINT_URL`, `RAY_ADDRESS`), which keeps running at the end. If they die, the embedded
PostgreSQL and object storage are restarted by `services.supervision`, and hub, API and HAProxy by Ray.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from types import TracebackType
from typing import Final

from filelock import FileLock, Timeout
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from cluster.keeping import prepare_home
from cluster.ports import free_port, reserve
from cluster.runtime import Runtime, start_or_connect
from cluster.storage.embedded import EmbeddedS3, connected
from cluster.storage.settings import lim_home
from services.client import Client, ClientError
from services.database.embedded import EmbeddedPostgres
from services.database.migrate import upgrade
from services.errors import ServiceError
from services.settings import Settings, load_settings
from services.supervision import Server, Supervisor

PARTS: Final = ("database", "storage", "ray", "api")
_READY_S: Final = 60.0
_UNDEPLOY_S: Final = 60.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_log = logging.getLogger(__name__)

Report = Callable[[str, str], None]
"""Called with the name and the address of each part that is ready."""


class PlatformError(ServiceError):
    """The platform does not start."""


def silent(part: str, where: str) -> None:
    """Ignore a report."""


class Platform:
    """A running platform; use as a context manager or call `stop`."""

    def __init__(self, settings: Settings, url: str, runtime: Runtime, stack: ExitStack) -> None:
        self.settings = settings
        self.url = url
        """Address of the API, including `/docs` and `/readyz`."""
        self.runtime = runtime
        """The Ray cluster."""
        self._stack = stack

    @classmethod
    def start(
        cls,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        report: Report = silent,
    ) -> Platform:
        """Start every part, or connect to an external one that the environment names.

        Args:
            host: address that the API listens on.
            port: port of the API; 0 takes a free one.
            report: called for each part that is ready.

        Raises:
            ServiceError, ClusterError: a part does not start; the parts before it are stopped.
        """
        with ExitStack() as stack:
            servers: dict[str, Server] = {}
            # Checked first: a port in use is the likeliest fault and the quickest to detect.
            port = checked_port(host, port)
            stack.enter_context(_only_platform(prepare_home(lim_home())))
            database_url = os.environ.get("DATABASE_URL")
            if database_url:
                where = make_url(database_url).render_as_string(hide_password=True)
            else:
                postgres = stack.enter_context(EmbeddedPostgres.start(lim_home()))
                database_url, where = postgres.url, str(lim_home() / "postgres")
                servers["postgresql"] = postgres
            settings = load_settings(database_url=database_url)
            _migrate(settings.database_url, where)
            report("database", where)
            if settings.s3.endpoint_url is None:
                store = stack.enter_context(EmbeddedS3.start(settings.s3.home, settings.s3.bucket))
                s3, servers["object_storage"] = store.settings, store
            else:
                s3 = stack.enter_context(connected(settings.s3))
            settings = settings.model_copy(update={"s3": s3})
            report("storage", f"{s3.endpoint_url}, bucket {s3.bucket}")
            stack.enter_context(Supervisor(servers, settings.home))  # ends before the servers are stopped
            runtime = _start_ray(stack)
            report("ray", runtime.dashboard_url or runtime.address)
            api = _start_api(stack, settings, host, port, runtime)
            report("api", api)
            return cls(settings, api, runtime, stack.pop_all())
        raise AssertionError("unreachable")

    def fault(self) -> str | None:
        """Why the platform has ended, as a message; None while it runs.

        Only the death of one of Ray's own processes ends the platform: they cannot be restarted individually. Every
        other process restarts automatically.
        """
        return self.runtime.fault()

    def stop(self) -> None:
        """Stop everything that `start` started, in reverse order. Idempotent."""
        # Each step takes only seconds, and a second signal in the middle would skip the remaining ones.
        # Ray reports on standard output that Serve's controller is gone, which is expected here.
        with _signals_ignored(), redirect_stdout(io.StringIO()):
            self._stack.close()

    def __enter__(self) -> Platform:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


# ---- parts ------------------------------------------------------------------------------------------------


@contextmanager
def _only_platform(home: Path) -> Iterator[None]:
    """Lock the home: a second platform would consider the drivers of the first dead.

    Raises:
        PlatformError: another platform has locked it.
    """
    holder = home / "platform.pid"
    try:
        with FileLock(home / "platform.lock", timeout=0, mode=0o600):
            holder.write_text(str(os.getpid()), encoding="ascii")
            try:
                yield
            finally:
                holder.unlink(missing_ok=True)
    except Timeout:
        who = holder.read_text(encoding="ascii") if holder.exists() else "unknown"
        raise PlatformError(
            f"a platform of LIM_HOME={home} runs already (process {who}); stop it, or set LIM_HOME to another folder"
        ) from None


def _migrate(url: str, where: str) -> None:
    try:
        upgrade(url)
    except (OSError, SQLAlchemyError) as error:
        raise PlatformError(f"PostgreSQL at {where} cannot be used: {error}; check DATABASE_URL") from error


def _start_ray(stack: ExitStack) -> Runtime:
    # Ray reads this on import. Without it, a late call on a cluster that has ended would start another cluster.
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    with _kept_handlers():
        return stack.enter_context(start_or_connect())


@contextmanager
def _signals_ignored() -> Iterator[None]:
    with _kept_handlers():
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_IGN)
        yield


@contextmanager
def _kept_handlers() -> Iterator[None]:
    """Restore the caller's signal handlers: Ray replaces them with one that exits immediately."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


def _start_api(stack: ExitStack, settings: Settings, host: str, port: int, runtime: Runtime) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing Ray Serve emits warnings
        from services.serve_app import deploy, undeploy

    logging.getLogger("ray.serve").setLevel(logging.WARNING)

    def take_down() -> None:
        runtime.reconnect()
        undeploy()

    stack.callback(_run_while, lambda: runtime.fault() is None, take_down)
    address = deploy(settings, host=host, port=port)
    # Hub and API run without this connection. Ray kills connected processes when their node dies, but this one must
    # survive to report the fault and clean up.
    runtime.disconnect()
    with Client(address) as client:
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                readiness = client.readyz()
                if readiness.status == "ready":
                    return address
                told = readiness.model_dump_json()
            except ClientError as error:
                told = str(error)
            if fault := runtime.fault():
                raise PlatformError(f"the API does not start: {fault}")
            if time.monotonic() > deadline:
                raise PlatformError(f"the API at {address} does not become ready: {told}")
            time.sleep(0.1)


def _run_while(is_alive: Callable[[], bool], action: Callable[[], None]) -> None:
    """Run an action on the cluster; stop waiting after 60 s or when the cluster dies (a signal to the whole group)."""
    if not is_alive():
        return
    faults: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001  logged below if the cluster is still alive
            faults.append(error)

    thread = threading.Thread(target=run, name="undeploy", daemon=True)
    deadline = time.monotonic() + _UNDEPLOY_S
    thread.start()
    while thread.is_alive() and is_alive() and time.monotonic() < deadline:
        thread.join(0.1)
    if faults and is_alive():
        _log.warning("the API was not taken down in order: %s", faults[0])


def checked_port(host: str, port: int) -> int:
    """The port; for 0, a free one outside the ephemeral range, so that no outgoing connection takes it meanwhile.

    Raises:
        PlatformError: the port is in use, or the host is not a local address.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port or free_port()))
        except OSError as error:
            raise PlatformError(
                f"the API cannot listen on {host}:{port}: {error.strerror}; give another port"
            ) from None
        found = int(probe.getsockname()[1])
    reserve(found)  # Ray and the object store start before the API, on ports that are drawn
    return found
