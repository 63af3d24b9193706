"""Much at once: ten tabs, ten thousand jobs, a gigabyte that breaks off."""

from __future__ import annotations

import os
import re
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.page.browser import log_in
from tests.page.conftest import watched
from tests.page.furnished import SHORT
from tests.page.large import grown
from tests.page.people import Person

_TABS = 10
_JOBS = 10_000
_MIB = 1024 * 1024
_PART_BYTES = 32 * _MIB
_JOB_MS = 240_000
"""Longest time that a tiny training, or the check of an upload, takes on a busy machine."""


@pytest.fixture
def dataset_id(person: Person, recordings: Path) -> str:
    return str(person.client.upload_dataset("clips", recordings).id)


def launched(person: Person, dataset_id: str, name: str) -> str:
    job = person.client.create_job("whisper-pico", dataset_id, {"max_steps": 5, **SHORT}, name=name)
    return str(job.id)


def test_ten_tabs_stay_live_by_one_stream(page: Page, person: Person, dataset_id: str, faults: list[str]) -> None:
    tabs = [page, *(watched(page.context.new_page(), faults) for _ in range(_TABS - 1))]
    streams: set[Request] = set()

    def note(request: Request) -> None:
        if re.search(r"/events\b", request.url):
            streams.add(request)

    page.context.on("request", note)
    page.context.on("requestfailed", lambda request: streams.discard(request))
    page.context.on("requestfinished", lambda request: streams.discard(request))
    for tab in tabs:
        tab.goto("/jobs")
    first = launched(person, dataset_id, "seen by all")
    for tab in tabs:
        expect(tab.get_by_role("link", name="seen by all")).to_be_visible()
    assert len(streams) == 1, [request.url for request in streams]
    for tab in tabs:
        expect(tab.get_by_role("row", name="seen by all")).to_contain_text("Succeeded", timeout=_JOB_MS)
    assert person.client.read_job(first).status == "succeeded"

    for tab in tabs:
        tab.reload(wait_until="commit")
    for tab in tabs:
        expect(tab.get_by_role("link", name="seen by all")).to_be_visible()
    tabs[0].close()  # whichever tab holds the stream: close some, and another one takes over
    tabs[1].close()
    launched(person, dataset_id, "after some were closed")
    for tab in tabs[2:]:
        expect(tab.get_by_role("link", name="after some were closed")).to_be_visible(timeout=30_000)


def test_ten_thousand_jobs_are_listed_and_found(page: Page, person: Person, dataset_id: str, place: Path) -> None:
    job_id = launched(person, dataset_id, "the newest")
    person.client.wait_for_job(job_id)
    grown(place, job_id, copies=_JOBS)
    start = time.perf_counter()
    page.goto("/jobs")
    everything = f"{_JOBS + 2:,}"  # with the import of the dataset
    expect(page.get_by_text(f"100 of {everything}")).to_be_visible()
    opened_s = time.perf_counter() - start
    assert opened_s < 4, opened_s
    expect(page.get_by_role("link", name="the newest")).to_be_visible()
    for shown in range(200, 501, 100):
        page.get_by_role("button", name="Load more").click()
        expect(page.get_by_text(f"{shown} of {everything}")).to_be_visible()
    page.keyboard.press("End")  # only rows near the screen are drawn
    expect(page.get_by_role("link", name=re.compile("^copy 498 "))).to_be_visible()
    start = time.perf_counter()
    page.get_by_role("searchbox").fill("copy 9876")
    expect(page.get_by_role("link", name=re.compile("^copy 9876 "))).to_be_visible()
    found_s = time.perf_counter() - start
    assert found_s < 4, found_s


def test_a_gigabyte_that_breaks_off_goes_on_where_it_was(
    page: Page,
    person: Person,
    recordings: Path,
    tmp_path: Path,
    open_context: Callable[..., BrowserContext],
    faults: list[str],
) -> None:
    archive, padding = tmp_path / "large.tar", tmp_path / "padding.bin"
    with padding.open("wb") as stream:
        for _ in range(1024):
            stream.write(os.urandom(_MIB))
    with tarfile.open(archive, "w") as packed:
        packed.add(recordings, "speech")
        packed.add(padding, "padding.bin")
    padding.unlink()
    page.goto("/datasets/new")
    page.locator("input[aria-label=Files]").set_input_files(archive)
    page.get_by_label("Name").fill("a gigabyte")
    page.get_by_role("button", name="Upload and check").click()
    bar = page.get_by_role("progressbar", name="Upload of a gigabyte")
    expect(bar).to_have_attribute("aria-valuenow", re.compile("^[3-9][0-9]"), timeout=_JOB_MS)
    address = page.url
    page.context.close()  # the whole browser is gone in the middle

    again = watched(open_context().new_page(), faults)
    sent: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PUT":
            sent.append(int(request.headers.get("content-length", "0")))

    log_in(again, person.name, person.password)
    again.goto(address)
    expect(again.get_by_text("The upload is not finished")).to_be_visible()
    arrived = int(again.get_by_role("progressbar", name="Arrived").get_attribute("aria-valuenow") or 0)
    assert arrived >= 20
    again.on("request", note)
    again.locator("input[aria-label=Files]").set_input_files(archive)
    expect(again.get_by_text("Checking the recordings")).to_be_visible(timeout=_JOB_MS)
    parts = len(sent)
    assert 0 < parts <= (100 - arrived) / 100 * archive.stat().st_size / _PART_BYTES + 4, (parts, arrived)
    expect(again.get_by_role("tab", name="Report")).to_be_visible(timeout=_JOB_MS)
