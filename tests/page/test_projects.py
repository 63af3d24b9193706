"""Projects and adapters, and the forms of sweeps and pipelines, whose faults stand where they belong."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from services.client import models
from tests.page.axe import violations
from tests.page.browser import settled
from tests.page.people import Person

HOSTILE = f'<b>{"w" * 60}</b> "أحمد" {secrets.token_hex(3)}'


@pytest.fixture
def dataset(person: Person, recordings: Path) -> models.DatasetOut:
    """Recordings of this person that are ready."""
    return person.client.upload_dataset(f"voices {secrets.token_hex(3)}", recordings)


def choose(page: Page, label: str, name: str) -> None:
    """One of many, found by typing."""
    page.get_by_label(label, exact=True).click()
    page.get_by_role("combobox").fill(name)
    page.get_by_role("option", name=name).click()


def test_a_project_is_made_renamed_and_deleted_and_what_was_in_it_stays(page: Page, person: Person) -> None:
    page.goto("/projects")
    expect(page.get_by_text("No projects yet")).to_be_visible()
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name", exact=True).fill(HOSTILE)
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name=HOSTILE, level=1)).to_be_visible()

    page.get_by_role("tab", name="Adapters").click()
    page.get_by_role("button", name="New adapter").click()
    page.get_by_label("Name", exact=True).fill("digits")
    page.get_by_role("button", name="Create adapter").click()
    page.get_by_role("link", name="digits").click()
    expect(page.get_by_text("No versions yet")).to_be_visible()
    expect(page.get_by_role("link", name=HOSTILE)).to_be_visible()
    settled(page)
    assert violations(page) == []
    page.get_by_role("link", name=HOSTILE).click()

    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Clinic")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("heading", name="Clinic", level=1)).to_be_visible()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete project").click()
    page.wait_for_url("**/projects")
    assert list(person.client.list_projects()) == []
    assert [adapter.name for adapter in person.client.list_adapters()] == ["digits"]


def test_an_adapter_with_a_name_that_is_taken_is_refused_at_its_field(
    page: Page, person: Person, faults: list[str]
) -> None:
    person.client.create_adapter("digits")
    page.goto("/projects?tab=adapters")
    page.get_by_role("button", name="New adapter").click()
    name = page.get_by_label("Name", exact=True)
    name.fill("digits")
    page.get_by_role("button", name="Create adapter").click()
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("dialog")).to_contain_text("is taken")
    faults[:] = [fault for fault in faults if "409" not in fault]  # the refusal


def test_a_sweep_is_started_after_its_faults_are_corrected(
    page: Page, person: Person, dataset: models.DatasetOut
) -> None:
    page.goto("/sweeps/new")
    page.get_by_role("button", name="Start sweep").click()
    expect(page.get_by_text("Choose the dataset to learn from.")).to_be_visible()
    choose(page, "Dataset", dataset.name)
    choose(page, "Model", "Whisper pico")
    page.get_by_label("From", exact=True).fill("0")
    page.get_by_role("button", name="Add setting").click()
    second = page.get_by_role("group", name="Setting 2")
    second.get_by_label("Setting", exact=True).fill("method.rank")
    rank = page.get_by_role("group", name="method.rank")
    rank.get_by_label("List", exact=True).fill("4, many")
    settings = page.get_by_label("Training settings, as YAML")
    settings.fill("max_steps: 4\nsteps: 4\n")
    page.get_by_role("button", name="Start sweep").click()
    expect(page.get_by_label("From", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("button", name="Line 2")).to_be_visible()
    settled(page)
    assert violations(page) == []

    page.get_by_label("From", exact=True).fill("1e-4")
    rank.get_by_label("List", exact=True).fill("4, 8")
    settings.fill("max_steps: 4\nevaluation: {every_steps: 2}\nsplit: {validation_fraction: 0.2}\n")
    page.get_by_label("Trials", exact=True).fill("2")
    page.get_by_role("button", name="Start sweep").click()
    page.wait_for_url(re.compile(r"/sweeps/[0-9a-f-]{36}$"))
    sweep = person.client.read_sweep(page.url.rsplit("/", 1)[1])
    assert sweep.spec["search"]["dimensions"]["method.rank"]["values"] == [4, 8]
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Stop with checkpoint").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=90_000)


def test_faults_of_a_pipeline_lead_to_their_lines(page: Page, person: Person, dataset: models.DatasetOut) -> None:
    page.goto("/pipelines/new")
    page.get_by_label("Name", exact=True).fill("digits")
    choose(page, "Dataset", dataset.name)
    choose(page, "Model", "Whisper pico")
    text = page.get_by_label("Training and stages, as YAML")
    text.fill("stages:\n  - type: ingest\n  - type: validate\n    least: 3\n")
    page.get_by_role("button", name="Start pipeline").click()
    page.get_by_role("button", name="Line 4").click()
    expect(text).to_be_focused()

    text.fill("stages:\n  - type: ingest\n  - type: validate\n")
    page.get_by_role("button", name="Start pipeline").click()
    page.wait_for_url(re.compile(r"/pipelines/[0-9a-f-]{36}$"))
    expect(page.get_by_text("2 of 2 stages done")).to_be_visible(timeout=60_000)
    assert person.client.read_pipeline(page.url.rsplit("/", 1)[1]).status == "succeeded"
    settled(page)
    assert violations(page) == []
