"""`lim up`: run the platform on this machine until it is stopped."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.markup import escape

from services.cli.reporting import reported
from services.page.build import built_page, is_built
from services.page.node import PageError
from services.platform import PARTS, Platform
from services.settings import serves_page

_NAMES = {"database": "PostgreSQL", "storage": "Object storage", "ray": "Ray", "api": "API"}
_LOOK_S = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_platform(*, host: str, port: int) -> int:
    """Start the platform, print its addresses, and stop it on Ctrl-C, SIGTERM or SIGHUP.

    Returns:
        The exit code: 1 if a part has died that cannot be restarted.
    """
    console = Console(stderr=True, highlight=False)
    os.umask(0o077)  # no other user may read what any part writes
    with reported():
        page_fault = _build_page(console)
        # Ray installs its own handlers while it starts; until then, these make a signal end the platform cleanly.
        with _handled(_interrupt), part_display(console) as display:
            platform = Platform.start(host=host, port=port, report=display.done)
        stop = threading.Event()
        with platform, _handled(lambda signum, frame: stop.set()):
            _tell(console, platform, page_fault)
            fault = None
            while fault is None and not stop.wait(_LOOK_S):
                fault = platform.fault()
            console.print(f"[red]{fault}[/]: shutting down." if fault else "Stopping ...")
            platform.stop()
        console.print("Stopped." + (" Start it again: jobs resume from their newest checkpoints." if fault else ""))
    return 1 if fault else 0


def _build_page(console: Console) -> str | None:
    """Build the web page if its sources have changed; return why the platform starts without it, or None.

    A folder that the operator names is served as it is.
    """
    if not serves_page(os.environ):
        return "LIM_PAGE turns it off"
    if os.environ.get("LIM_PAGE_FOLDER"):
        return None
    try:
        if not is_built():
            with console.status("Building the web page (once after a change; a minute or two) ..."):
                built_page()
    except PageError as error:
        return str(error)
    return None


def _tell(console: Console, platform: Platform, page_fault: str | None) -> None:
    if page_fault is None:
        console.print(f"\n  Page       {platform.url}/")
    else:
        console.print(f"\n  Page       [yellow]none[/]: {escape(page_fault)}", soft_wrap=True)
    console.print(f"  API        {platform.url}/api/v1")
    console.print(f"  Docs       {platform.url}/docs")
    if platform.runtime.dashboard_url:
        console.print(f"  Ray        {platform.runtime.dashboard_url}")
    console.print(f"  State      {platform.settings.home}")
    console.print("\n  For ray job submit and the ray command in another terminal:")
    for name, value in platform.runtime.environment().items():
        console.print(f"    export {name}={value}", soft_wrap=True)
    console.print("\nReady. Ctrl-C stops it.")


class PartDisplay:
    """Shows which part is starting, and the address and startup time of each part that is ready."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._waiting = list(PARTS)
        self._since = time.monotonic()
        self._status = console.status(self._next())

    def __enter__(self) -> PartDisplay:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def done(self, part: str, where: str) -> None:
        """Show that a part is ready."""
        now = time.monotonic()
        self._console.print(f"  [green]ok[/]  {_NAMES.get(part, part):<15} {where}  ({now - self._since:.1f} s)")
        self._since = now
        self._waiting.remove(part)
        self._status.update(self._next())

    def _next(self) -> str:
        return f"Starting {_NAMES[self._waiting[0]]} ..." if self._waiting else "Ready"


def part_display(console: Console) -> PartDisplay:
    """A display of a platform's startup; use as a context manager."""
    return PartDisplay(console)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _handled(handler: object) -> Iterator[None]:
    """Send the signals that end the platform to `handler`; restore the earlier handlers on exit."""
    before = {number: signal.signal(number, handler) for number in _SIGNALS}  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
