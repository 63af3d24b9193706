"""axe-core finds nothing on any page, light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.page.axe import violations
from tests.page.browser import log_in, settled
from tests.page.people import Person
from tests.page.routes import PUBLIC, ROUTES

OpenContext = Callable[..., BrowserContext]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_nothing(open_context: OpenContext, person: Person, theme: str, width: int) -> None:
    page = open_context(
        color_scheme=theme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
    ).new_page()
    found: dict[str, list[str]] = {}
    for route in PUBLIC:
        page.goto(route)
        settled(page)
        found[route] = violations(page)
    log_in(page, person.name, person.password)
    for route in ROUTES:
        page.goto(route)
        settled(page)
        found[route] = violations(page)
    assert {route: faults for route, faults in found.items() if faults} == {}


def test_axe_finds_nothing_in_what_opens(open_context: OpenContext, person: Person) -> None:
    page = open_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce").new_page()
    log_in(page, person.name, person.password)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search or jump to")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Notifications").click()
    expect(page.get_by_text("All notifications")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name=f"Account of {person.name}").click()
    expect(page.get_by_role("menuitem", name="Log out")).to_be_visible()
    assert violations(page) == []


def test_the_check_can_fail(open_context: OpenContext) -> None:
    page = open_context().new_page()
    page.goto("/login")
    settled(page)
    assert violations(page) == []
    page.evaluate("() => document.querySelector('label').remove()")
    assert any(line.startswith("label:") for line in violations(page))
