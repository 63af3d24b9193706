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
from tests.page.axe import LOOKS, Inspection, opened, violations
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


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_everything_is_readable(
    open_context: OpenContext, crowded: tuple[Person, list[str]], theme: str, width: int
) -> None:
    person, routes = crowded
    page = opened(open_context, theme, width)
    inspection = Inspection()
    page.on("dialog", lambda dialog: inspection.found.setdefault("script", []).append(dialog.message))
    log_in(page, person.name, person.password)
    for route in routes:
        page.goto(route)
        settled(page)
        inspection.look_at(page, route)
        assert page.title() != "taken", f"markup in a name was run on {route}"
    inspection.found_nothing()


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_axe_finds_nothing_where_nothing_is_yet(
    open_context: OpenContext, person: Person, theme: str, width: int
) -> None:
    page = opened(open_context, theme, width)
    inspection = Inspection()
    for route in PUBLIC:
        page.goto(route)
        settled(page)
        inspection.look_at(page, route)
    log_in(page, person.name, person.password)
    for route in ROUTES:
        page.goto(route)
        settled(page)
        inspection.look_at(page, route)
    inspection.found_nothing()


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


def test_the_checks_can_fail(open_context: OpenContext) -> None:
    page = open_context().new_page()
    page.goto("/login")
    settled(page)
    inspection = Inspection()
    inspection.look_at(page, "as it is")
    assert inspection.found == {}
    page.evaluate("() => document.querySelector('label').remove()")
    page.evaluate("() => { document.body.style.width = '5000px' }")
    inspection.look_at(page, "broken")
    wrong = inspection.found["broken"]
    assert any(line.startswith("label:") for line in wrong) and any("wider than the screen" in line for line in wrong)
