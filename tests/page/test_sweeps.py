"""A sweep from its form to the training by its best trial."""

from __future__ import annotations

import csv
import re
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from services.client import models
from tests.page.axe import Inspection, every_look, violations
from tests.page.browser import log_in, settled
from tests.page.choosing import choose, tab_to
from tests.page.furnished import HOSTILE
from tests.page.people import Person

pytestmark = pytest.mark.timeout(420)

OpenContext = Callable[..., BrowserContext]
ENDS_MS = 240_000
SPLIT = {"test_groups": ["amara"], "validation_groups": ["bruno"]}
BATCH = {"cost": 12, "micro_batch_cost": 12, "max_examples": 8}
CONFIG = {"max_steps": 4, "evaluation": {"every_steps": 2}, "split": SPLIT, "batch": BATCH}
YAML = """\
max_steps: 4
evaluation: {every_steps: 2}
split: {test_groups: [amara], validation_groups: [bruno]}
batch: {cost: 12, micro_batch_cost: 12, max_examples: 8}
"""


@pytest.fixture
def dataset(person: Person, recordings: Path) -> models.DatasetOut:
    """Recordings of this person that are ready."""
    return person.client.upload_dataset(f"voices {secrets.token_hex(3)}", recordings)


def paste_settings(page: Page, text: str) -> None:
    page.get_by_role("button", name="Edit as YAML").click()
    page.get_by_label("Training settings").fill(text)
    page.get_by_role("button", name="Take over").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def search_two_rates(page: Page) -> None:
    """A grid of two trials."""
    page.get_by_role("radio", name="Small grid").click()
    page.get_by_role("button", name=re.compile("^Remove .*Rank$")).click()
    page.get_by_label("List").fill("0.001, 0.01")
    expect(page.get_by_label("Trials", exact=True)).to_have_value("2")


def test_a_sweep_is_launched_followed_and_its_best_trained(
    page: Page, person: Person, dataset: models.DatasetOut, tmp_path: Path
) -> None:
    page.goto("/sweeps")
    expect(page.get_by_text("No sweeps yet")).to_be_visible()
    page.get_by_role("link", name="New sweep").first.click()
    expect(page.get_by_role("heading", name="New sweep", level=1)).to_be_visible()

    # What is missing is marked, and the focus goes there.
    page.get_by_role("button", name="Start sweep").click()
    expect(page.get_by_text("Choose the dataset to learn from.")).to_be_visible()
    expect(page.get_by_label("Dataset", exact=True)).to_be_focused()
    choose(page, "Dataset", dataset.name)
    choose(page, "Model", "Whisper pico")
    expect(page.get_by_text("Choose the model to start from.")).to_have_count(0)

    search_two_rates(page)
    page.get_by_label("List").fill("0.001, fast")
    expect(page.get_by_text('"fast": Found "fast"; enter a number.')).to_be_visible()
    page.get_by_label("List").fill("0.001, 0.01")
    page.get_by_role("switch", name="Stop weak trials early").click()

    page.get_by_role("button", name="Edit as YAML").click()
    text = page.get_by_label("Training settings")
    expect(text).to_have_value(re.compile("every_steps: 20"))
    text.fill("max_steps: 4\nmethod: {type: qlora, rank: 0}\n")
    page.get_by_role("button", name="Take over").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("Line 2")
    text.fill(YAML)
    page.get_by_role("button", name="Take over").click()
    expect(page.get_by_label("Steps", exact=True)).to_have_value("4")
    expect(page.get_by_role("status").filter(has_text="2 trials of 4 steps, compared every 2")).to_be_visible()

    name = f"rates {secrets.token_hex(3)}"
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Start sweep").dblclick()
    page.wait_for_url(re.compile(r"/sweeps/[0-9a-f-]{36}$"))
    sweep_id = page.url.rsplit("/", 1)[1]
    assert [sweep.id for sweep in person.client.list_sweeps()] == [sweep_id]

    # Trials arrive while the page is open.
    trials = page.get_by_role("region", name="Trials", exact=True)
    for number in (0, 1):
        expect(trials.get_by_role("button", name=f"Trial {number}", exact=True)).to_be_visible(timeout=ENDS_MS)
    expect(page.get_by_role("main").get_by_text("Succeeded", exact=True)).to_be_visible(timeout=ENDS_MS)
    sweep = person.client.read_sweep(sweep_id)
    assert sweep.best is not None
    expect(page.get_by_role("heading", name=f"Best: trial {sweep.best.number}")).to_be_visible()
    best = trials.get_by_role("row").filter(has_text="Best")
    expect(best).to_have_count(1)
    expect(best).to_contain_text(f"Trial {sweep.best.number}")
    expect(trials.get_by_text(re.compile("front", re.IGNORECASE)).first).to_be_visible()

    expect(page.get_by_role("img", name=re.compile("against peak memory of 2 trials"))).to_be_visible()
    page.get_by_label("Plot against").select_option(label="learning_rate")
    expect(page.get_by_role("img", name=re.compile("against learning_rate of 2 trials"))).to_be_visible()
    trials.get_by_role("button", name="Trial 1", exact=True).click()
    expect(page.get_by_text(re.compile(r"^WER .* · 0\.01$"))).to_be_visible()

    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download CSV").click()
    waiting.value.save_as(tmp_path / "trials.csv")
    with (tmp_path / "trials.csv").open(newline="") as stream:
        rows = {int(row["trial"]): row for row in csv.DictReader(stream)}
    assert {number: float(row["optimizer.learning_rate"]) for number, row in rows.items()} == {0: 0.001, 1: 0.01}
    assert int(rows[0]["peak_bytes"]) == next(trial.peak_bytes for trial in sweep.trials if trial.number == 0)

    page.get_by_role("button", name="Train the best on everything").click()
    dialog = page.get_by_role("dialog", name=f"Train by trial {sweep.best.number} on everything?")
    expect(dialog.get_by_label("Name of the training")).to_have_value(f"best of {name}")
    dialog.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}$"))
    expect(page.get_by_role("heading", name=f"best of {name}", level=1)).to_be_visible()
    job = person.client.read_job(page.url.rsplit("/", 1)[1])
    assert job.spec["config"]["optimizer"]["learning_rate"] == sweep.best.values["optimizer.learning_rate"]
    person.client.stop_job(job.id)


def test_faults_of_a_sweep_stand_at_their_fields(page: Page, person: Person, dataset: models.DatasetOut) -> None:
    page.goto("/sweeps/new")
    page.get_by_role("button", name="Start sweep").click()
    expect(page.get_by_text("Choose the dataset to learn from.")).to_be_visible()
    choose(page, "Dataset", dataset.name)
    choose(page, "Model", "Whisper pico")
    page.get_by_role("radio", name="Learning rate and rank").click()
    page.get_by_label("From", exact=True).fill("0")
    values = page.get_by_label("List", exact=True)
    values.fill("4, many")
    page.get_by_role("button", name="Start sweep").click()
    for field in (page.get_by_label("From", exact=True), values):
        expect(field).to_have_attribute("aria-invalid", "true")
    settled(page)
    assert violations(page) == []
    assert list(person.client.list_sweeps()) == []


def test_a_lost_answer_creates_one_sweep(
    page: Page, person: Person, dataset: models.DatasetOut, faults: list[str]
) -> None:
    page.goto(f"/sweeps/new?dataset={dataset.id}&model=whisper-pico")
    search_two_rates(page)
    page.get_by_role("radio", name="The most useful part").click()
    page.get_by_role("textbox", name="Share").fill("150")
    page.get_by_role("button", name="Start sweep").click()
    expect(page.get_by_text("Enter a share above 0, up to 100 %.")).to_be_visible()
    page.get_by_role("textbox", name="Share").fill("50")
    page.get_by_label("Chosen by").click()
    page.get_by_role("option", name="Random", exact=True).click()
    page.get_by_label("First decision after").fill("0")
    paste_settings(page, YAML)

    # What only the platform knows stands at its field.
    page.get_by_role("button", name="Start sweep").click()
    expect(page.get_by_label("First decision after")).to_be_focused()
    expect(page.get_by_label("First decision after")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("First decision after").fill("1")
    assert list(person.client.list_sweeps()) == []

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/v1/sweeps", lose, times=1)
    page.get_by_role("button", name="Start sweep").click()
    expect(page.get_by_role("alert").filter(has_text="The sweep could not be started")).to_be_visible()
    page.get_by_role("button", name="Start sweep").click()
    page.wait_for_url(re.compile(r"/sweeps/[0-9a-f-]{36}$"))
    (sweep,) = person.client.list_sweeps()
    assert page.url.endswith(sweep.id)
    assert sweep.spec["selection"]["budget"] == {"type": "share", "fraction": 0.5}
    assert sweep.spec["selection"]["method"]["type"] == "random"

    page.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Stop")).click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=ENDS_MS)
    expect(page.get_by_role("main").get_by_text("Stopped", exact=True)).to_be_visible()
    faults[:] = [fault for fault in faults if "422" not in fault and "ERR_FAILED" not in fault]


def test_a_sweep_is_launched_by_keyboard(page: Page, person: Person, dataset: models.DatasetOut) -> None:
    page.goto("/sweeps/new")
    expect(page.get_by_label("Steps", exact=True)).to_be_visible()
    for label, text in (("Dataset", dataset.name), ("Model", "Whisper pico")):
        tab_to(page, page.get_by_label(label, exact=True))
        page.keyboard.press("Enter")
        expect(page.get_by_role("combobox", name=f"Search {label.lower()}s …")).to_be_focused()
        page.keyboard.type(text)
        expect(page.get_by_role("option", name=text)).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.get_by_label(label, exact=True)).to_be_focused()
    tab_to(page, page.get_by_role("radio", name="Learning rate", exact=False).first)
    for title in ("Learning rate and rank", "Small grid"):
        page.keyboard.press("ArrowRight", delay=100)  # as long as a finger takes
        expect(page.get_by_role("radio", name=title)).to_be_focused()
        expect(page.get_by_role("radio", name=title)).to_be_checked()
    tab_to(page, page.get_by_label("Steps", exact=True))
    page.keyboard.press("Control+A")
    page.keyboard.type("40")
    tab_to(page, page.get_by_role("button", name="Start sweep"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/sweeps/[0-9a-f-]{36}$"))
    (sweep,) = person.client.list_sweeps()
    assert sweep.spec["config"]["max_steps"] == 40
    person.client.stop_sweep(sweep.id)


def test_axe_finds_nothing_on_sweeps(open_context: OpenContext, person: Person, dataset: models.DatasetOut) -> None:
    sweep = person.client.create_sweep(
        "whisper-pico",
        dataset.id,
        CONFIG,
        {
            "dimensions": {"optimizer.learning_rate": {"type": "choice", "values": [0.001, 0.01]}},
            "algorithm": {"type": "grid"},
            "scheduler": {"type": "none"},
        },
        name=HOSTILE,
    )
    person.client.wait_for_job(sweep.id)
    inspection = Inspection()
    for page, look in every_look(open_context):
        log_in(page, person.name, person.password)
        page.goto("/sweeps")
        expect(page.get_by_role("link", name=HOSTILE[:40])).to_be_visible()
        settled(page)
        inspection.look_at(page, f"list, {look}")
        page.goto("/sweeps/new")
        settled(page)
        page.get_by_role("radio", name="The most useful part").click()
        page.get_by_role("button", name="Start sweep").click()
        inspection.look_at(page, f"new, with faults, {look}")
        page.get_by_role("button", name="Edit as YAML").click()
        expect(page.get_by_label("Training settings")).to_be_visible()
        inspection.look_at(page, f"yaml, {look}")
        page.goto(f"/sweeps/{sweep.id}")
        settled(page)
        expect(page.get_by_role("button", name="Trial 0", exact=True)).to_be_visible()
        inspection.look_at(page, f"details, {look}")
        page.get_by_role("button", name="Train the best on everything").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.wait_for_timeout(250)
        inspection.look_at(page, f"train the best, {look}")
        assert page.title().endswith("Less Is More")
    inspection.found_nothing()
