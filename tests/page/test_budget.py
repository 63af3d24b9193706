"""How much JavaScript a page loads before it works, and how soon it does."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.page.browser import log_in, settled
from tests.page.people import Person

OpenContext = Callable[..., BrowserContext]
KB = 1000
BUDGETS_KB = {"/": 200, "/jobs": 230, "/jobs/new": 230, "/models": 230, "/login": 200}
NO_JOB = "00000000-0000-4000-8000-000000000000"


def script_bytes(page: Page, route: str) -> int:
    """Bytes of JavaScript, compressed as they came, that a browser without a cache loads for a page."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    page.goto(route)
    settled(page)
    page.wait_for_timeout(1000)  # what the page loads by itself a little later counts too
    session.detach()
    return int(
        page.evaluate(
            "() => performance.getEntriesByType('resource').filter((each) => new URL(each.name).pathname.endsWith('.js'))"
            ".reduce((sum, each) => sum + each.encodedBodySize, 0)"
        )
    )


@pytest.mark.parametrize(("route", "budget_kb"), [*BUDGETS_KB.items(), (f"/jobs/{NO_JOB}", 230)])
def test_first_load(open_context: OpenContext, person: Person, route: str, budget_kb: int) -> None:
    page = open_context().new_page()
    if route != "/login":
        log_in(page, person.name, person.password)
    size = script_bytes(page, route)
    assert 50 * KB < size <= budget_kb * KB, f"{route}: {size / KB:.1f} kB"


def test_the_overview_is_interactive_soon(open_context: OpenContext, person: Person) -> None:
    page = open_context().new_page()
    log_in(page, person.name, person.password)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        page.goto("/")
        page.get_by_role("button", name="Notifications").click()
        expect(page.get_by_text("All notifications")).to_be_visible()
        times.append(time.perf_counter() - start)
    assert min(times) < 1.5, times
