"""The frame of the page: navigation, keyboard, focus, search, theme, the connection."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.page.browser import log_in
from tests.page.people import Person

OpenContext = Callable[..., BrowserContext]
SECTIONS = {
    "Datasets": "Datasets",
    "Models": "Models",
    "Training jobs": "Training jobs",
    "Sweeps": "Sweeps",
    "Pipelines": "Pipelines",
    "Projects & adapters": "Projects & adapters",
    "Cluster": "Cluster",
    "Overview": "Overview",
}


def test_every_section_is_reached_and_takes_the_focus(page: Page) -> None:
    for link, title in SECTIONS.items():
        page.get_by_role("navigation", name="Main").get_by_role("link", name=link, exact=True).click()
        heading = page.get_by_role("heading", name=title, level=1, exact=True)
        expect(heading).to_be_focused()
        expect(page).to_have_title(f"{title} · Less Is More")
        current = page.get_by_role("navigation", name="Main").locator("[aria-current=page]")
        expect(current).to_have_text(link)


def test_everything_is_reached_by_keyboard(page: Page) -> None:
    page.reload()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    assert skip.bounding_box()["y"] >= 0, "the link comes into view with the focus"  # type: ignore[index]
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"

    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Search or jump to")
    expect(box).to_be_focused()
    box.fill("appear")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Appearance", level=1)).to_be_focused()


def test_focus_is_visible_and_returns_to_what_opened_a_menu(page: Page) -> None:
    bell = page.get_by_role("button", name=re.compile("^Notifications"))
    bell.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    outline = bell.evaluate("(node) => getComputedStyle(node).outlineWidth")
    assert outline == "2px"
    page.keyboard.press("Enter")
    expect(page.get_by_text("All notifications")).to_be_visible()
    page.keyboard.press("Escape")
    expect(bell).to_be_focused()


def test_the_theme_is_chosen_kept_and_there_before_the_first_paint(page: Page, person: Person) -> None:
    page.get_by_role("button", name=f"Account of {person.name}").click()
    page.get_by_role("menuitemradio", name="Dark").click()
    page.keyboard.press("Escape")
    background = "() => getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.reload(wait_until="commit")
    page.wait_for_selector("body")
    assert page.evaluate("() => document.documentElement.classList.contains('dark')")
    assert page.evaluate(background) == dark


def test_system_follows_the_system(open_context: OpenContext, person: Person) -> None:
    page = open_context(color_scheme="dark").new_page()
    log_in(page, person.name, person.password)
    assert page.evaluate("() => document.documentElement.classList.contains('dark')")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html.dark")).to_have_count(0)


@pytest.mark.parametrize("width", [360, 768])
def test_narrow_screens_have_navigation_and_no_sideways_scrolling(
    open_context: OpenContext, person: Person, width: int
) -> None:
    page = open_context(viewport={"width": width, "height": 740}, has_touch=True).new_page()
    log_in(page, person.name, person.password)
    page.get_by_role("button", name="Open navigation").click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Sweeps").click()
    expect(page.get_by_role("heading", name="Sweeps", level=1)).to_be_focused()
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")


def test_a_lost_connection_is_said_and_heals(page: Page, faults: list[str]) -> None:
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    banner = page.get_by_text("The connection is lost")
    page.context.set_offline(True)
    expect(banner).to_be_visible(timeout=7_000)  # after 4 s, whatever the tries to reconnect do meanwhile
    page.context.set_offline(False)
    expect(banner).to_be_hidden(timeout=40_000)
    faults[:] = [fault for fault in faults if "ERR_INTERNET_DISCONNECTED" not in fault]


def test_a_notification_arrives_without_a_reload_in_every_tab(
    page: Page, person: Person, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = page.context.new_page()
    other.goto("/cluster")
    expect(other.get_by_role("heading", name="Cluster", level=1)).to_be_visible()
    nothing = tmp_path_factory.mktemp("nothing") / "empty.zip"
    nothing.write_bytes(b"PK\x05\x06" + bytes(18))  # an archive without a file: its dataset ends in an error
    client = person.client
    new = client.create_dataset(
        "empty", {"type": "upload", "files": [{"name": "empty.zip", "size": nothing.stat().st_size}]}
    )
    for upload in new.uploads:
        client.upload_file(upload, nothing)
    client.complete_dataset(new.dataset.id)
    for tab in (page, other):
        expect(tab.get_by_role("button", name="Notifications, 1 unread")).to_be_visible(timeout=60_000)


def test_the_page_asks_nobody_else(page: Page, url: str) -> None:
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(str(httpx.URL(request.url).copy_with(path="/", query=None))))
    for route in ("/login", "/", "/jobs", "/models"):
        page.goto(route)
        page.get_by_role("heading", level=1).first.wait_for()
    assert asked <= {f"{url}/"}, asked


def test_an_address_that_there_is_not_says_so(page: Page, faults: list[str]) -> None:
    answer = page.goto("/no/such/page")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="There is no page at this address")).to_be_visible()
    assert faults
    faults[:] = [fault for fault in faults if "404" not in fault]
