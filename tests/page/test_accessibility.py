"""axe-core finds nothing on any page, light and dark, wide and narrow, and nothing is wider than the screen.

The pages show an account in which everything has the worst name that one can give; another one is empty.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from services.client import Client
from tests.page.axe import violations
from tests.page.browser import log_in, settled, signed_up
from tests.page.furnished import HOSTILE, furnish
from tests.page.people import Person
from tests.page.routes import ADMIN, PUBLIC, ROUTES

OpenContext = Callable[..., BrowserContext]
LIM = Path(sys.executable).with_name("lim")
TABS = ("curves", "logs", "predictions", "artifacts", "config", "lineage")


@pytest.fixture(scope="module")
def crowded(url: str, place: Path) -> tuple[Person, list[str]]:
    """An admin who has one of everything, each with a hostile name, and the addresses of all of it."""
    name, password = f"crowded-{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    signed_up(url, name, password)
    with Client(url) as client:
        client.login(name, password)
        folder = place / "crowded"
        folder.mkdir()
        own = furnish(client, folder, HOSTILE)
        routes = [*ROUTES, *own.values(), f"{own['dataset']}?tab=items", f"{own['dataset']}?tab=versions"]
        routes += [f"{own['job']}?tab={tab}" for tab in TABS]
        if "LIM_PAGE_URL" not in os.environ:  # the role is given on the platform's own machine
            command = [LIM, "users", "set-role", name, "admin"]
            subprocess.run(command, env={**os.environ, "LIM_HOME": str(place / "home")}, check=True)
            routes += [*ADMIN, f"/admin/users/{client.read_me().id}"]
        return Person(name, password, client), routes


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_everything_is_readable(
    open_context: OpenContext, crowded: tuple[Person, list[str]], theme: str, width: int
) -> None:
    person, routes = crowded
    page = open_context(
        color_scheme=theme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
    ).new_page()
    page.on("dialog", lambda dialog: found.setdefault("script", []).append(dialog.message))
    found: dict[str, list[str]] = {}
    log_in(page, person.name, person.password)
    for route in routes:
        page.goto(route)
        settled(page)
        found[route] = violations(page)
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            found[route].append(f"{wide} px wider than the screen")
        if page.title() == "taken":
            found[route].append("markup in a name was run")
    assert {route: faults for route, faults in found.items() if faults} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_nothing_where_nothing_is_yet(
    open_context: OpenContext, person: Person, theme: str, width: int
) -> None:
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
