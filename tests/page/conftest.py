"""A platform with the web page, browsers, people, and what they have: started once for all tests of the page."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from cluster.ports import free_port
from services.client import Client
from tests.page.browser import launched, log_in, signed_up
from tests.page.furnished import speech_of
from tests.page.people import Person

ROOT = Path(__file__).parents[2]
LIM = Path(sys.executable).with_name("lim")
_STARTS_S = 600
"""Longest start of a platform that builds the page first."""


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A short path: a Unix socket's address is one."""
    folder = Path(tempfile.mkdtemp(prefix="lim-page-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def url(place: Path) -> Iterator[str]:
    """Address of the platform; LIM_PAGE_URL names one that runs already."""
    if running := os.environ.get("LIM_PAGE_URL"):
        yield running
        return
    log, temporary = place / "up.log", place / "tmp"
    temporary.mkdir()
    environ = {
        **os.environ,
        "TMPDIR": str(temporary),
        "LIM_HOME": str(place / "home"),
        "LIM_PAGE": "1",
        "LIM_SIGNUPS_PER_ADDRESS": "100000",
        "LIM_LOGIN_ATTEMPTS_PER_ADDRESS": "100000",
        "LIM_REFRESHES_PER_ADDRESS": "100000",
    }
    address = f"http://127.0.0.1:{free_port()}"
    with log.open("w") as stream:
        command = [LIM, "up", "--port", address.rsplit(":", 1)[1]]
        platform = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=stream)
        try:
            deadline = time.monotonic() + _STARTS_S
            while "Ready." not in log.read_text():
                assert platform.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.5)
            assert f"Page       {address}/" in log.read_text(), log.read_text()
            yield address
            platform.send_signal(signal.SIGTERM)
            platform.wait(timeout=60)
        finally:
            platform.kill()
            platform.wait()


@pytest.fixture(scope="session")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        expect.set_options(timeout=20_000)
        yield playwright


@pytest.fixture(scope="session")
def browser(driver: Playwright) -> Iterator[Browser]:
    with launched(driver) as browser:
        yield browser


_OPENED = pytest.StashKey[list[BrowserContext]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure, what its pages showed."""
    report = yield
    if report.when == "call" and report.failed:
        for page in [page for context in item.stash.get(_OPENED, []) for page in context.pages]:
            try:
                shown = page.locator("body").aria_snapshot(timeout=5_000)
            except PlaywrightError as error:
                shown = str(error)
            report.sections.append((f"Page {page.url}", shown))
    return report


@pytest.fixture
def open_context(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., BrowserContext]]:
    """Opens a browser profile of its own: another person, or another device."""
    opened: list[BrowserContext] = []
    request.node.stash[_OPENED] = opened

    def open_one(**options: object) -> BrowserContext:
        context = browser.new_context(**{"base_url": url, "viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(20_000)
        opened.append(context)
        return context

    yield open_one
    for context in opened:
        context.close()


@pytest.fixture
def faults() -> Iterator[list[str]]:
    """Errors that pages write to the console or throw; a test that expects some takes them out."""
    told: list[str] = []
    yield told
    assert told == []


@pytest.fixture
def person(url: str) -> Iterator[Person]:
    """Somebody with an account, and a client of the API in their name."""
    name, password = f"ada-{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    signed_up(url, name, password)
    with Client(url) as client:
        client.login(name, password)
        yield Person(name, password, client)


@pytest.fixture
def page(open_context: Callable[..., BrowserContext], person: Person, faults: list[str]) -> Page:
    """A page of this person, logged in."""
    page = watched(open_context().new_page(), faults)
    log_in(page, person.name, person.password)
    return page


def watched(page: Page, faults: list[str]) -> Page:
    """Note a page's errors."""

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            faults.append(f"{message.text} {message.location['url']}")

    page.on("console", note)
    page.on("pageerror", lambda error: faults.append(str(error)))
    return page


@pytest.fixture(scope="session")
def recordings(place: Path) -> Path:
    """Some of the bundled speech: eight items of each of three speakers."""
    folder = place / "recordings"
    folder.mkdir()
    return speech_of(folder)
