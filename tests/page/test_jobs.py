"""Jobs: followed live, reloaded in the middle, stopped and resumed, looked at, compared; and a very long one."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import BrowserContext, Page, expect

from tests.page.axe import violations
from tests.page.browser import log_in, settled, signed_up
from tests.page.large import grown
from tests.page.people import Person

OpenContext = Callable[..., BrowserContext]
ROOT = Path(__file__).parents[2]
DEMO = yaml.safe_load((ROOT / "configs" / "training" / "demo.yaml").read_text())
_JOB_MS = 240_000
"""Longest time that a tiny training takes on a busy machine."""


def launched(person: Person, dataset_id: str, name: str, **changes: Any) -> str:
    """Launch a tiny training and return its id."""
    config = {**DEMO, "log_every_steps": 1, "checkpoint": {"every_steps": 5}, **changes}
    config["evaluation"] = {**DEMO.get("evaluation", {}), "every_steps": 5}
    job = person.client.create_job("whisper-pico", dataset_id, config, name=name)
    return str(job.id)


@pytest.fixture
def dataset_id(person: Person, recordings: Path) -> str:
    return str(person.client.upload_dataset("clips", recordings).id)


def status(page: Page) -> Any:
    return page.locator("header [data-status]")


def steps_of(page: Page) -> list[int]:
    """The steps in the loss chart's table, newest included."""
    page.get_by_role("button", name="Loss by step: show as table").click()
    dialog = page.get_by_role("dialog")
    steps = [int(text.replace(",", "")) for text in dialog.locator("tbody th").all_inner_texts()]
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    return steps


def grows(page: Page, before: int) -> None:
    """Wait until the loss curve has more points than before, without a reload."""
    deadline = time.monotonic() + _JOB_MS / 1000
    while len(steps_of(page)) <= before:
        assert time.monotonic() < deadline, "no point came live"
        page.wait_for_timeout(500)


def test_a_job_is_followed_stopped_and_resumed(page: Page, person: Person, dataset_id: str) -> None:
    job_id = launched(person, dataset_id, "followed", max_steps=60)
    page.goto("/jobs")
    row = page.get_by_role("row", name=re.compile("followed"))
    expect(row.get_by_text(job_id[:8])).to_be_visible()
    row.get_by_role("link", name=re.compile("followed")).click()
    expect(page.get_by_role("heading", name="followed", level=1)).to_be_visible()
    expect(status(page)).to_have_text("Running", timeout=_JOB_MS)

    page.get_by_role("tab", name="Curves").click()
    loss = page.get_by_role("figure", name="Loss by step")
    expect(loss).to_be_visible(timeout=_JOB_MS)
    before = len(steps_of(page))
    page.reload()
    expect(loss).to_be_visible(timeout=_JOB_MS)
    grows(page, before)

    page.get_by_role("button", name="Stop", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("saves a checkpoint first")
    dialog.get_by_role("button", name="Stop with checkpoint").click()
    expect(status(page)).to_have_text("Stopped", timeout=_JOB_MS)
    stopped_at = max(steps_of(page))
    assert stopped_at < 60

    page.get_by_role("button", name="Resume").first.click()
    expect(status(page)).to_have_text("Succeeded", timeout=_JOB_MS)
    assert steps_of(page) == list(range(1, 61)), "no step is lost or drawn twice"

    page.get_by_role("tab", name="Logs").click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("checkpoint at step")
    page.get_by_label("Search the log").fill("CHECKPOINT")
    expect(log.locator("mark").first).to_have_text("checkpoint")
    expect(log).not_to_contain_text("items are good")


def test_a_result_is_looked_at_and_compared(page: Page, person: Person, dataset_id: str) -> None:
    ids = [
        launched(person, dataset_id, f"run {rate:g}", max_steps=10, optimizer={"type": "adamw", "learning_rate": rate})
        for rate in (1e-3, 2e-3)
    ]
    for job_id in ids:
        person.client.wait_for_job(job_id)
    page.goto(f"/jobs/{ids[0]}")
    expect(page.get_by_role("heading", name="Base against result")).to_be_visible()

    page.get_by_role("tab", name="Predictions").click()
    first = page.get_by_role("listitem").filter(has=page.get_by_text("Reference")).first
    expect(first).to_contain_text("Prediction")
    first.get_by_role("button", name=re.compile("^Play")).click()
    expect(first.get_by_role("button", name=re.compile("^Pause"))).to_be_visible()

    page.get_by_role("tab", name="Files").click()
    expect(page.get_by_role("heading", name="Adapter for whisper-pico")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download adapter/adapter_config.json").click()
    assert Path(download.value.path()).stat().st_size > 100

    page.get_by_role("tab", name="Config").click()
    expect(page.get_by_role("row", name=re.compile(r"optimizer\.learning_rate"))).to_contain_text("0.001")

    page.get_by_role("button", name="Make adapter version").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name of the adapter").fill("digits")
    dialog.get_by_role("button", name="Make version").click()
    expect(page.get_by_text("Version 1 is kept")).to_be_visible()
    page.get_by_role("tab", name="Lineage").click()
    expect(page.get_by_role("link", name="digits, version 1")).to_be_visible()

    page.goto("/jobs?type=training")
    boxes = page.get_by_role("checkbox", name="Select row")
    boxes.first.click()
    boxes.last.click(modifiers=["Shift"])
    page.get_by_role("button", name="Compare").click()
    table = page.get_by_role("region", name="Comparison")
    expect(table.get_by_role("row", name=re.compile(r"optimizer\.learning_rate"))).to_contain_text("0.002")
    expect(table.get_by_role("row", name=re.compile(r"^seed"))).to_have_count(0)
    page.get_by_role("button", name=re.compile(r"^Pin run")).first.click()
    expect(table.get_by_role("button", name=re.compile(r"^Unpin run"))).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert "optimizer.learning_rate" in Path(download.value.path()).read_text()


def test_a_queued_job_says_its_place_and_why_it_waits(page: Page, person: Person, dataset_id: str) -> None:
    # More CPUs than are free beside the first job, and no more than the cluster has: it waits.
    cpus = sum(node.resources.get("CPU", 0.0) for node in person.client.list_nodes())
    first = launched(person, dataset_id, "goes first", max_steps=300)
    config = {**DEMO, "max_steps": 5}
    resources = {"cpus_per_worker": cpus, "memory_bytes_per_worker": 2**29}
    waiting = person.client.create_job("whisper-pico", dataset_id, config, name="waits", resources=resources)
    behind = person.client.create_job("whisper-pico", dataset_id, config, name="behind it", resources=resources)
    page.goto("/jobs")
    row = page.get_by_role("row", name=re.compile("behind it"))
    expect(row.get_by_text(re.compile(r"\d(st|nd|rd|th) in the queue"))).to_be_visible(timeout=_JOB_MS)
    expect(row).to_contain_text("An earlier job of")
    page.goto(f"/jobs/{waiting.id}")
    expect(page.get_by_text(re.compile(r"It needs .* CPUs? and 0.5 GiB of memory; free now: "))).to_be_visible(
        timeout=_JOB_MS
    )
    for job_id in (waiting.id, behind.id, first):  # it is told live that it does not wait any more
        person.client.stop_job(job_id)
    expect(status(page)).to_have_text("Stopped")
    expect(page.get_by_text("in the queue", exact=True)).to_have_count(0)


def test_the_use_of_resources_grows_by_the_stream(page: Page, person: Person, dataset_id: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/resources" in request.url else None)
    job_id = launched(person, dataset_id, "measured", max_steps=400)
    page.goto(f"/jobs/{job_id}?tab=curves")
    chart = page.get_by_role("figure", name="Processor over time")
    expect(chart).to_be_visible(timeout=_JOB_MS)
    page.wait_for_timeout(1000)
    reads = len(asked)

    def samples() -> int:
        page.get_by_role("button", name="Processor over time: show as table").click()
        dialog = page.get_by_role("dialog")
        count = dialog.locator("tbody tr").count()
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        return count

    before, deadline = samples(), time.monotonic() + 60
    while samples() < before + 3:
        assert time.monotonic() < deadline, "no sample came live"
        page.wait_for_timeout(1000)
    assert len(asked) == reads, "it is not read again and again"
    person.client.stop_job(job_id)


def test_two_presses_start_one_evaluation(page: Page, person: Person, dataset_id: str) -> None:
    job_id = launched(person, dataset_id, "measured twice", max_steps=5)
    person.client.wait_for_job(job_id)
    page.goto(f"/jobs/{job_id}")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Evaluate on another dataset").click()
    start = page.get_by_role("button", name="Start evaluation")
    expect(start).to_be_visible()
    start.evaluate("(button) => { button.click(); button.click(); }")  # before anything is drawn again
    page.wait_for_url(lambda address: job_id not in address)
    assert len(list(person.client.list_jobs(type="evaluation"))) == 1


def test_another_user_sees_nothing_of_it(
    page: Page, person: Person, dataset_id: str, open_context: OpenContext, url: str
) -> None:
    job_id = launched(person, dataset_id, "private", max_steps=5)
    name = f"other-{job_id[:6]}"
    signed_up(url, name, "correct horse battery staple")
    other = open_context().new_page()
    log_in(other, name, "correct horse battery staple")
    other.goto(f"/jobs/{job_id}")
    expect(other.get_by_role("alert").filter(has_text="deleted, or it belongs to someone else")).to_be_visible()
    other.goto("/jobs")
    expect(other.get_by_text("No jobs yet")).to_be_visible()


@pytest.fixture
def long_job(person: Person, dataset_id: str, place: Path) -> str:
    """A job that has ended, with 100,000 points per curve and 50,000 lines."""
    job_id = launched(person, dataset_id, "long", max_steps=5)
    person.client.wait_for_job(job_id)
    grown(place, job_id, points=100_000, lines=50_000)
    return job_id


def test_a_very_long_job_opens_soon_and_scrolls(page: Page, long_job: str) -> None:
    start = time.perf_counter()
    page.goto(f"/jobs/{long_job}?tab=curves")
    expect(page.get_by_role("figure", name="Loss by step").locator("canvas")).to_be_visible()
    expect(page.get_by_text(re.compile("of 100,0.. points")).first).to_be_visible()
    curves_s = time.perf_counter() - start
    start = time.perf_counter()
    page.goto(f"/jobs/{long_job}?tab=logs")
    log = page.get_by_role("log")
    expect(log).to_contain_text("line 50000 of a long run")
    logs_s = time.perf_counter() - start
    assert max(curves_s, logs_s) < 4, (curves_s, logs_s)

    log.evaluate("(box) => box.scrollTo(0, box.scrollHeight / 2)")
    expect(log).to_contain_text(re.compile(r"line 2[45]\d{3} of"))
    frames = log.evaluate(
        """async (box) => {
            const times = [];
            let last = performance.now();
            for (let frame = 0; frame < 120; frame += 1) {
                box.scrollTop -= 400;
                await new Promise(requestAnimationFrame);
                times.push(performance.now() - last);
                last = performance.now();
            }
            return times.sort((a, b) => a - b);
        }"""
    )
    assert frames[int(len(frames) * 0.95)] < 100, frames[-10:]
    page.get_by_label("Search the log").fill("line 777 of")
    expect(page.get_by_text("1 matching lines")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_a_job_are_accessible(page: Page, person: Person, dataset_id: str, scheme: Any) -> None:
    job_id = launched(person, dataset_id, "accessible", max_steps=5)
    person.client.wait_for_job(job_id)
    page.emulate_media(color_scheme=scheme)
    for tab in ("overview", "curves", "logs", "predictions", "artifacts", "config", "lineage"):
        page.goto(f"/jobs/{job_id}?tab={tab}")
        settled(page)
        assert violations(page) == [], tab
    page.goto(f"/jobs/compare?ids={job_id}")
    settled(page)
    assert violations(page) == []
