"""Datasets in the page: add by files, report, listen, correct, versions, resume, delete; another person sees none."""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.page.axe import Inspection
from tests.page.browser import log_in, settled, signed_up
from tests.page.people import Person

OpenContext = Callable[..., BrowserContext]
_PROCESSED_MS = 180_000
"""Longest time until recordings are checked, on a busy machine."""
_ID = re.compile(r"/datasets/([0-9a-f-]{36})")


@pytest.fixture
def made(page: Page, recordings: Path) -> str:
    """A dataset that was added through the page; its id. The page shows its report."""
    add(page, recordings, "speech of three")
    expect(page.get_by_role("tab", name="Report")).to_be_visible(timeout=_PROCESSED_MS)
    found = _ID.search(page.url)
    assert found is not None
    return found[1]


def add(page: Page, recordings: Path, name: str) -> None:
    page.goto("/datasets")
    page.get_by_role("link", name="Add dataset").first.click()
    page.locator("input[aria-label=Folder]").set_input_files(recordings)
    expect(page.get_by_text("24 recordings, 1 text file")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("recordings")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def test_the_list_explains_what_to_bring(page: Page) -> None:
    page.goto("/datasets")
    expect(page.get_by_text("Bring your first recordings")).to_be_visible()
    page.goto("/datasets/new")
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_text("Choose the files of the dataset.")).to_be_visible()
    expect(page.get_by_text("Give it a name.")).to_be_visible()


def test_a_folder_becomes_a_dataset_that_is_heard_and_corrected(page: Page, person: Person, made: str) -> None:
    expect(page.get_by_text("What the checks found")).to_be_visible()
    report = person.client.dataset_report(made)
    assert report.items_good == 24
    page.get_by_role("tab", name="Items").click()
    items = page.get_by_role("list", name="Items").get_by_role("listitem")
    expect(items.first).to_be_visible()
    first = items.first
    with page.expect_response(lambda answer: "/audio?" in answer.url) as heard:
        first.get_by_role("button", name="Play").click()
    assert heard.value.status in (200, 206)

    page.get_by_role("searchbox", name="Search items").fill("amara")
    expect(page.get_by_text("8 items", exact=True)).to_be_visible()
    page.get_by_role("searchbox", name="Search items").fill("")
    expect(page.get_by_text("24 items", exact=True)).to_be_visible()

    items.first.get_by_role("button").nth(1).click()
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_role("button", name="Play")).to_be_enabled()
    page.keyboard.press("x")
    expect(drawer.get_by_text("Not applied yet")).to_be_visible()
    page.keyboard.press("j")
    expect(drawer.get_by_text("2 of 24")).to_be_visible()
    page.keyboard.press("e")
    page.keyboard.press("Control+a")
    page.keyboard.type("zero <b>zero</b>")
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    page.reload()
    expect(page.get_by_text("2 changes")).to_be_visible()
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Make new version").click()
    page.get_by_role("tab", name="Versions").click()
    versions = page.get_by_role("list", name="Versions").get_by_role("listitem")
    expect(versions.first).to_contain_text("Version 2")
    expect(versions.first).to_contain_text("Newest", timeout=_PROCESSED_MS)
    expect(versions.first).to_contain_text("From version 1: 2 corrections")
    listed = list(person.client.list_dataset_items(made, 2, limit=100))
    assert sum(item.status == "good" for item in listed) == 23
    assert "zero <b>zero</b>" in {item.text for item in listed}


def test_an_upload_that_broke_off_goes_on_after_a_reload(page: Page, recordings: Path, tmp_path: Path) -> None:
    archive = tmp_path / "large.tar"
    padding = tmp_path / "padding.bin"
    padding.write_bytes(os.urandom(100 * 1024 * 1024))
    with tarfile.open(archive, "w") as packed:
        packed.add(recordings, "speech")
        packed.add(padding, "padding.bin")
    page.goto("/datasets/new")
    page.locator("input[aria-label=Files]").set_input_files(archive)
    page.get_by_label("Name").fill("broken off")
    slow = page.context.new_cdp_session(page)
    slow.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 20 * 1024 * 1024}
    slow.send("Network.emulateNetworkConditions", limits)
    page.get_by_role("button", name="Upload and check").click()
    bar = page.get_by_role("progressbar", name="Upload of broken off")
    expect(bar).to_have_attribute("aria-valuenow", re.compile("[6-9][0-9]"))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", name="Upload paused")).to_be_visible()
    page.reload()
    expect(page.get_by_text("The upload is not finished")).to_be_visible()
    arrived = page.get_by_role("progressbar", name="Arrived")
    assert int(arrived.get_attribute("aria-valuenow") or 0) >= 25
    page.locator("input[aria-label=Files]").set_input_files(padding)
    expect(page.get_by_text("These are not the files of this upload")).to_be_visible()
    page.locator("input[aria-label=Files]").set_input_files(archive)
    expect(page.get_by_text("Checking the recordings")).to_be_visible(timeout=_PROCESSED_MS)


def test_edit_and_delete_ask_and_say_what_they_do(page: Page, person: Person, made: str) -> None:
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Edit").click()
    name = "\u200fתיקייה <img src=x onerror=alert(1)> " + "x" * 150
    page.get_by_role("dialog").get_by_label("Name").fill(name)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name.strip())
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Delete").click()
    delete = page.get_by_role("button", name="Delete dataset")
    expect(delete).to_be_disabled()
    page.get_by_role("dialog").get_by_role("textbox").fill(name)
    delete.click()
    expect(page.get_by_text("Bring your first recordings")).to_be_visible()
    assert person.client.list_datasets().total == 0


def test_axe_finds_nothing_in_a_dataset(page: Page, made: str) -> None:
    inspection = Inspection()
    for tab in ("report", "items", "versions"):
        page.goto(f"/datasets/{made}?tab={tab}")
        settled(page)
        inspection.look_at(page, tab)
    page.goto(f"/datasets/{made}?tab=items")
    page.get_by_role("list", name="Items").get_by_role("listitem").first.get_by_role("button").nth(1).click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Play")).to_be_enabled()
    inspection.look_at(page, "drawer")
    inspection.found_nothing()


def test_nobody_else_sees_it(page: Page, made: str, open_context: OpenContext, url: str, person: Person) -> None:
    other = f"{person.name}-other"
    signed_up(url, other, "correct horse battery 8")
    theirs = open_context().new_page()
    log_in(theirs, other, "correct horse battery 8")
    theirs.goto(f"/datasets/{made}")
    expect(theirs.get_by_role("alert").filter(has_text="belongs to someone else")).to_be_visible()
    expect(theirs.get_by_text("speech of three")).to_have_count(0)
    theirs.goto("/datasets")
    expect(theirs.get_by_text("Bring your first recordings")).to_be_visible()
