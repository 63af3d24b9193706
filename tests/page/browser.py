"""Debian's Chromium, driven by playwright, and what every test of the page does with it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from playwright.sync_api import Browser, Page, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_CURE = "install Chromium (Debian and Ubuntu: apt-get install --no-install-recommends chromium)"


def chromium() -> str:
    """The program; installs Debian's package when it is missing and this is root.

    Raises:
        RuntimeError: there is none; says how to get it.
    """
    for attempt in range(2):
        found = next(filter(None, map(shutil.which, _NAMES)), None)
        if found:
            return found
        if attempt or os.geteuid() != 0 or not shutil.which("apt-get"):
            break
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", "chromium"], check=False)
    raise RuntimeError(f"no browser was found: {_CURE}")


@contextmanager
def launched(driver: Playwright, *arguments: str) -> Iterator[Browser]:
    """A browser without a window."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    browser = driver.chromium.launch(executable_path=chromium(), args=[*sandbox, *arguments])
    try:
        yield browser
    finally:
        browser.close()


def signed_up(url: str, user: str, password: str) -> None:
    """Make an account through the API."""
    body = {"username": user, "email": f"{user}@example.org", "password": password}
    answer = httpx.post(f"{url}/api/v1/auth/signup", json=body, timeout=30)
    assert answer.status_code == 201, answer.text


def log_in(page: Page, user: str, password: str) -> None:
    """Log in by the form, and wait for the overview."""
    page.goto("/login")
    page.get_by_label("User name or e-mail").fill(user)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("navigation", name="Main").or_(page.get_by_role("button", name="Open navigation")).first.wait_for()


def settled(page: Page) -> None:
    """Wait until nothing on the page loads any more, and its fonts are there."""
    page.wait_for_load_state("load")
    # By locators and the debugger: `wait_for_function` evaluates a string, which the page's policy forbids.
    page.locator("[aria-busy=true], [aria-hidden].animate-shimmer").first.wait_for(state="detached")
    page.evaluate("() => document.fonts.ready.then(() => true)")
    page.wait_for_timeout(150)
