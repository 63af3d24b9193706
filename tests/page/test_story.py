"""The story of a user through the page alone, from signing up to logging out; and what a second user sees of it: nothing.

What the story passes through is checked closer by the tests of each feature.
"""

from __future__ import annotations

import re
import secrets
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.page.browser import log_in
from tests.page.conftest import watched
from tests.page.test_jobs import grows, status, steps_of

OpenContext = Callable[..., BrowserContext]
PASSWORD = "correct horse battery staple"
_WORK_MS = 300_000
"""Longest time that a dataset or a tiny training takes on a busy machine."""
_ID = re.compile(r"[0-9a-f-]{36}")


def sign_up(page: Page, name: str) -> None:
    page.goto("/signup")
    page.get_by_label("User name").fill(name)
    page.get_by_label("E-mail").fill(f"{name}@example.org")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Repeat the password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_focused()


def upload(page: Page, folder: Path, name: str) -> str:
    """Add a dataset by its folder, over a line slow enough to see the bar; returns its id once it is ready."""
    page.get_by_role("link", name="Add dataset").first.click()
    page.locator("input[aria-label=Folder]").set_input_files(folder)
    page.get_by_label("Name").fill(name)
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 64 * 1024}
    network.send("Network.emulateNetworkConditions", limits)
    page.get_by_role("button", name="Upload and check").click()
    bar = page.get_by_role("progressbar", name=f"Upload of {name}")
    expect(bar).to_be_visible()
    expect(bar).to_have_attribute("aria-valuenow", re.compile("^[1-9]"))
    network.send("Network.emulateNetworkConditions", {**limits, "uploadThroughput": -1})
    network.detach()
    expect(page.get_by_role("tab", name="Report")).to_be_visible(timeout=_WORK_MS)
    found = _ID.search(page.url)
    assert found is not None
    return found[0]


def go_on(page: Page, heading: str) -> None:
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name=heading)).to_be_focused()


def launch(page: Page, dataset: str, name: str, settings: dict[str, str]) -> str:
    """Launch a training in the wizard, step by step; returns the job's id."""
    page.get_by_role("banner").get_by_role("link", name="New training").click()
    page.get_by_role("radio", name=dataset).click()
    go_on(page, "Which model should learn it?")
    page.get_by_role("radio", name="Whisper pico").click()
    go_on(page, "How should it learn?")
    page.get_by_label("Output name").fill(name)
    for label, value in settings.items():
        page.get_by_label("Search settings").fill(label)
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label("Search settings").fill("")
    expect(page.get_by_role("complementary", name="Estimate").get_by_text("Peak memory of a worker")).to_be_visible()
    go_on(page, "Is this what you want?")
    page.get_by_role("button", name="Launch training").click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    found = _ID.search(page.url)
    assert found is not None
    return found[0]


@pytest.mark.timeout(600)
def test_from_signing_up_to_logging_out(
    open_context: OpenContext, url: str, recordings: Path, faults: list[str]
) -> None:
    page = watched(open_context().new_page(), faults)
    name = f"story-{secrets.token_hex(4)}"
    sign_up(page, name)

    dataset_id = upload(page, recordings, "my speech")
    expect(page.get_by_text("What the checks found")).to_be_visible()
    page.get_by_role("tab", name="Items").click()
    item = page.get_by_role("list", name="Items").get_by_role("listitem").first
    with page.expect_response(lambda answer: "/audio?" in answer.url) as heard:
        item.get_by_role("button", name="Play").click()
    assert heard.value.status in (200, 206)

    # The curve moves, also after a reload in the middle.
    often = {"Steps between points of the curves": "1", "Steps between checkpoints": "10"}
    first = launch(page, "my speech", "slow and small", {"Rank": "4", "Steps": "120", **often})
    page.get_by_role("tab", name="Curves").click()
    loss = page.get_by_role("figure", name="Loss by step")
    expect(loss).to_be_visible(timeout=_WORK_MS)
    before = len(steps_of(page))
    page.reload()
    expect(loss).to_be_visible(timeout=_WORK_MS)
    grows(page, before)

    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Stop with checkpoint").click()
    expect(status(page)).to_have_text("Stopped", timeout=_WORK_MS)
    page.get_by_role("button", name="Resume").first.click()
    expect(status(page)).to_have_text(re.compile("Queued|Starting|Running"))

    # Another one beside it; both end, and the bell counts without a reload.
    second = launch(page, "my speech", "short", {"Rank": "8", "Steps": "10", **often})
    expect(status(page)).to_have_text("Succeeded", timeout=_WORK_MS)
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search or jump to").fill("slow and")
    page.get_by_role("option", name=re.compile("slow and small")).click()
    expect(page).to_have_url(f"{url}/jobs/{first}")
    expect(status(page)).to_have_text("Succeeded", timeout=_WORK_MS)
    page.get_by_role("tab", name="Curves").click()
    assert steps_of(page) == list(range(1, 121)), "no step is lost or drawn twice"
    expect(page.get_by_role("button", name=re.compile(r"^Notifications, \d+ unread$"))).to_be_visible()

    page.get_by_role("tab", name="Predictions").click()
    expect(page.get_by_role("listitem").filter(has=page.get_by_text("Reference")).first).to_contain_text("Prediction")

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Training jobs").click()
    for each in ("slow and small", "short"):
        page.get_by_role("row", name=re.compile(each)).get_by_role("checkbox").click()
    page.get_by_role("button", name="Compare").click()
    table = page.get_by_role("region", name="Comparison")
    ranks = table.get_by_role("row", name=re.compile(r"method\.rank"))
    expect(ranks).to_contain_text("4")
    expect(ranks).to_contain_text("8")

    page.goto(f"/jobs/{first}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    with zipfile.ZipFile(download.value.path()) as bundle:
        assert any(each.endswith("adapter_model.safetensors") for each in bundle.namelist()), bundle.namelist()

    sees_nothing(watched(open_context().new_page(), []), ["my speech", "slow and small", "short"], dataset_id, second)

    page.get_by_role("button", name=f"Account of {name}").click()
    page.get_by_role("menuitem", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in", level=1)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Log in", level=1)).to_be_visible()
    log_in(page, name, PASSWORD)


def sees_nothing(page: Page, names: list[str], dataset_id: str, job_id: str) -> None:
    """A second user, on every page that could show what the first one has."""
    sign_up(page, f"other-{secrets.token_hex(4)}")
    for route in ("/", "/datasets", "/jobs", "/sweeps", "/pipelines", "/projects", "/notifications"):
        page.goto(route)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.locator("[aria-busy=true]").first.wait_for(state="detached")
        for name in names:
            expect(page.get_by_text(name, exact=True)).to_have_count(0)
    for route in (f"/datasets/{dataset_id}", f"/jobs/{job_id}"):
        page.goto(route)
        expect(page.get_by_role("alert").filter(has_text="belongs to someone else")).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search or jump to").fill(names[1])
    expect(page.get_by_text(f"Nothing found for “{names[1]}”.")).to_be_visible()
