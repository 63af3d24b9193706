"""Pipelines from their form to a version of an adapter, and what becomes of those that fail."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from services.client import models
from tests.page.axe import Inspection, every_look, violations
from tests.page.browser import log_in, settled
from tests.page.choosing import choose, tab_to
from tests.page.furnished import HOSTILE
from tests.page.people import Person

pytestmark = pytest.mark.timeout(420)

OpenContext = Callable[..., BrowserContext]
ENDS_MS = 300_000
BATCH = {"cost": 12, "micro_batch_cost": 12, "max_examples": 8}
YAML = """\
max_steps: 4
split: {test_groups: [amara], validation_fraction: 0.0}
batch: {cost: 12, micro_batch_cost: 12, max_examples: 8}
"""


@pytest.fixture
def dataset(person: Person, recordings: Path) -> models.DatasetOut:
    """Recordings of this person that are ready."""
    return person.client.upload_dataset(f"voices {secrets.token_hex(3)}", recordings)


def stage(page: Page, name: str) -> Locator:
    """The row of a stage in the list."""
    return (
        page.get_by_role("list", name="Stages")
        .get_by_role("listitem")
        .filter(has=page.get_by_role("heading", name=name, exact=True))
    )


def status_of(page: Page) -> Locator:
    """The pipeline's own status."""
    return page.get_by_role("heading", level=1).locator("..").locator("[data-status]")


def start(page: Page) -> str:
    page.get_by_role("button", name="Start pipeline").click()
    page.wait_for_url(re.compile(r"/pipelines/[0-9a-f-]{36}$"))
    return page.url.rsplit("/", 1)[1]


def test_a_pipeline_is_launched_by_the_form_and_makes_an_adapter(
    page: Page, person: Person, dataset: models.DatasetOut
) -> None:
    page.goto("/pipelines")
    expect(page.get_by_text("No pipelines yet")).to_be_visible()
    page.get_by_role("link", name="New pipeline").first.click()
    expect(page.get_by_role("heading", name="New pipeline", level=1)).to_be_visible()
    page.get_by_role("button", name="Start pipeline").click()
    expect(page.get_by_text("Give the pipeline a name.")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()

    name = f"weekly {secrets.token_hex(3)}"
    page.get_by_label("Name", exact=True).fill(name)
    choose(page, "Dataset", dataset.name)
    choose(page, "Model", "Whisper pico")
    page.get_by_role("switch", name="Pass only what is good enough").click()
    page.get_by_role("textbox", name=re.compile("^Adapter")).fill(f"{name} adapter")
    page.get_by_role("button", name="Edit as YAML").click()
    page.get_by_label("Training settings").fill(YAML)
    page.get_by_role("button", name="Take over").click()
    expect(page.get_by_label("Steps", exact=True)).to_have_value("4")

    # The same as a file, of what the form holds.
    page.get_by_role("radio", name="YAML").click()
    text = page.get_by_label("Training and stages, as YAML")
    expect(text).to_have_value(re.compile(rf"adapter: {name} adapter"))
    expect(text).to_have_value(re.compile(r"max_steps: 4"))
    page.get_by_role("radio", name="Form").click()

    pipeline_id = start(page)
    # Stages move while the page is open.
    expect(stage(page, "ingest").locator("[data-status=succeeded]")).to_be_visible(timeout=ENDS_MS)
    expect(stage(page, "train").locator("[data-status=running]")).to_be_visible(timeout=ENDS_MS)
    expect(stage(page, "train")).to_contain_text(re.compile("runs for"))
    expect(stage(page, "train").locator("[data-status=succeeded]")).to_be_visible(timeout=ENDS_MS)
    expect(status_of(page)).to_have_attribute("data-status", "succeeded", timeout=ENDS_MS)
    graph = page.get_by_role("region", name="Stages and what they wait for")
    expect(graph.locator("[data-status=succeeded]")).to_have_count(5)
    done = person.client.read_pipeline(pipeline_id)
    assert [each.status for each in done.stages] == ["succeeded"] * 5

    job_id = next(each.job_id for each in done.stages if each.name == "train")
    expect(stage(page, "train").get_by_role("link", name="Open job")).to_have_attribute("href", f"/jobs/{job_id}")
    stage(page, "export").get_by_role("link", name="Open adapter").click()
    expect(page.get_by_role("heading", name=f"{name} adapter", level=1)).to_be_visible()


def test_faults_of_a_pipeline_lead_to_their_lines(
    page: Page, person: Person, dataset: models.DatasetOut, faults: list[str]
) -> None:
    page.goto("/pipelines/new")
    page.get_by_label("Name", exact=True).fill("digits")
    choose(page, "Dataset", dataset.name)
    choose(page, "Model", "Whisper pico")
    page.get_by_role("radio", name="YAML").click()
    text = page.get_by_label("Training and stages, as YAML")
    text.fill("stages:\n  - type: ingest\n  - type: validate\n    least: 3\n")
    page.get_by_role("button", name="Start pipeline").click()
    page.get_by_role("button", name="Line 4").click()
    expect(text).to_be_focused()
    faults[:] = [fault for fault in faults if "422" not in fault]  # the refusal

    text.fill("stages:\n  - type: ingest\n  - type: validate\n")
    page.get_by_role("button", name="Start pipeline").click()
    page.wait_for_url(re.compile(r"/pipelines/[0-9a-f-]{36}$"))
    expect(page.get_by_text("2 of 2 stages done")).to_be_visible(timeout=60_000)
    assert person.client.read_pipeline(page.url.rsplit("/", 1)[1]).status == "succeeded"
    settled(page)
    assert violations(page) == []


def test_gates_say_why_nothing_passes(
    page: Page, person: Person, dataset: models.DatasetOut, faults: list[str]
) -> None:
    training = {"max_steps": 4, "batch": BATCH, "split": {"test_groups": ["amara"], "validation_fraction": 0.0}}
    page.goto(f"/pipelines/new?dataset={dataset.id}&model=whisper-pico")
    page.get_by_label("Name", exact=True).fill("hard to please")
    page.get_by_role("textbox", name="Recordings", exact=True).fill("5000")
    page.get_by_label("Attempts").fill("0")
    page.get_by_role("button", name="Start pipeline").click()
    expect(page.get_by_label("Attempts")).to_be_focused()
    page.get_by_label("Attempts").fill("2")
    faults[:] = [fault for fault in faults if "422" not in fault]
    start(page)
    expect(status_of(page)).to_have_attribute("data-status", "failed", timeout=ENDS_MS)
    expect(page.get_by_text("It failed at validate")).to_be_visible()
    failed = stage(page, "validate")
    expect(failed).to_contain_text("It has 24 good items; at least 5000 are asked for.")
    expect(failed).to_contain_text("at least 5,000 recordings, at most 20 % rejected, no leakage")
    expect(failed).not_to_contain_text("GET /")
    expect(failed.get_by_role("link", name="Open report")).to_have_attribute(
        "href", f"/datasets/{dataset.id}?tab=report"
    )
    # Resumed, it is checked again.
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Resumed", exact=True)).to_be_visible()
    expect(status_of(page)).to_have_attribute("data-status", "failed", timeout=ENDS_MS)
    page.goto("/pipelines?status=failed")
    expect(page.get_by_text("validate: The dataset is not good enough")).to_be_visible()

    # A gate of the comparison: four steps do not beat a base that makes no error on its own recordings.
    judged = person.client.create_pipeline(
        "better than perfect",
        "whisper-pico",
        dataset.id,
        config=training,
        stages=[{"type": "train"}, {"type": "evaluate"}, {"type": "compare"}, {"type": "export"}],
    )
    page.goto(f"/pipelines/{judged.id}")
    expect(status_of(page)).to_have_attribute("data-status", "failed", timeout=ENDS_MS)
    compare = stage(page, "compare")
    expect(compare).to_contain_text("Evaluate is best, but not good enough")
    expect(compare).to_contain_text(re.compile(r"Its WER of [\d.]+% is not lower than the [\d.]+% of its base\."))
    expect(stage(page, "export").locator("[data-status=waiting]")).to_be_visible()


def test_a_pipeline_is_stopped_and_resumed(
    page: Page, person: Person, dataset: models.DatasetOut, faults: list[str]
) -> None:
    page.goto(f"/pipelines/new?dataset={dataset.id}&model=whisper-pico")
    page.get_by_label("Name", exact=True).fill("long")
    page.get_by_label("Steps", exact=True).fill("2000")

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    # The answer gets lost; pressed again, there is still one.
    page.route("**/api/v1/pipelines", lose, times=1)
    page.get_by_role("button", name="Start pipeline").click()
    expect(page.get_by_role("alert").filter(has_text="The pipeline could not be started")).to_be_visible()
    pipeline_id = start(page)
    assert [each.id for each in person.client.list_pipelines()] == [pipeline_id]

    expect(stage(page, "train").locator("[data-status=running]")).to_be_visible(timeout=ENDS_MS)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop pipeline").click()
    expect(status_of(page)).to_have_attribute("data-status", "stopped", timeout=ENDS_MS)
    expect(stage(page, "train").locator("[data-status=stopped]")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(status_of(page)).to_have_attribute("data-status", "running", timeout=ENDS_MS)
    expect(stage(page, "train").locator("[data-status=running]")).to_be_visible(timeout=ENDS_MS)
    person.client.stop_pipeline(pipeline_id)
    expect(status_of(page)).to_have_attribute("data-status", "stopped", timeout=ENDS_MS)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete pipeline").click()
    expect(page.get_by_text("No pipelines yet")).to_be_visible()
    faults[:] = [fault for fault in faults if "ERR_FAILED" not in fault]


def test_a_pipeline_is_launched_by_keyboard(page: Page, person: Person, dataset: models.DatasetOut) -> None:
    page.goto("/pipelines/new")
    expect(page.get_by_label("Steps", exact=True)).to_be_visible()
    tab_to(page, page.get_by_label("Name", exact=True))
    page.keyboard.type("typed")
    for label, text in (("Dataset", dataset.name), ("Model", "Whisper pico")):
        tab_to(page, page.get_by_label(label, exact=True))
        page.keyboard.press("Enter")
        expect(page.get_by_role("combobox", name=f"Search {label.lower()}s …")).to_be_focused()
        page.keyboard.type(text)
        expect(page.get_by_role("option", name=text)).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.get_by_label(label, exact=True)).to_be_focused()
    tab_to(page, page.get_by_role("textbox", name="Recordings", exact=True))
    page.keyboard.press("Control+A")
    page.keyboard.type("3000")
    tab_to(page, page.get_by_role("switch", name="Make a version of an adapter"))
    page.keyboard.press("Space")
    expect(page.get_by_role("textbox", name=re.compile("^Adapter"))).to_have_count(0)
    tab_to(page, page.get_by_role("button", name="Start pipeline"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/pipelines/[0-9a-f-]{36}$"))
    (pipeline,) = person.client.list_pipelines()
    assert [each.name for each in pipeline.stages] == ["ingest", "validate", "train", "evaluate", "compare"]
    assert pipeline.stages[1].settings["least_utterances"] == 3000


def test_axe_finds_nothing_on_pipelines(open_context: OpenContext, person: Person, dataset: models.DatasetOut) -> None:
    stages: list[dict[str, object]] = [
        {"type": "ingest"},
        {"type": "validate", "least_utterances": 4000},
        {"type": "train", "name": "slow-and-careful", "needs": ["validate"]},
        {"type": "train", "name": "fast", "needs": ["validate"]},
        {"type": "compare", "needs": ["slow-and-careful", "fast"], "gates": [{"at_most": 0.1}]},
    ]
    pipeline = person.client.create_pipeline(
        HOSTILE, "whisper-pico", dataset.id, config={"max_steps": 4}, stages=stages
    )
    inspection = Inspection()
    for page, look in every_look(open_context):
        log_in(page, person.name, person.password)
        page.goto("/pipelines")
        expect(page.get_by_role("link", name=HOSTILE[:40])).to_be_visible()
        settled(page)
        inspection.look_at(page, f"list, {look}")
        page.goto("/pipelines/new")
        settled(page)
        page.get_by_role("switch", name="Search the learning rate").click()
        page.get_by_role("switch", name="Choose the most useful recordings").click()
        page.get_by_role("button", name="Start pipeline").click()
        inspection.look_at(page, f"new, with faults, {look}")
        page.get_by_role("radio", name="YAML").click()
        expect(page.get_by_label("Training and stages, as YAML")).to_have_value(re.compile("type: sweep"))
        inspection.look_at(page, f"new, as YAML, {look}")
        page.goto(f"/pipelines/{pipeline.id}")
        settled(page)
        expect(page.get_by_text("It failed at validate")).to_be_visible(timeout=ENDS_MS)
        graph = page.get_by_role("region", name="Stages and what they wait for")
        for name in ("ingest", "fast", "compare"):
            expect(graph.get_by_text(name, exact=True)).to_be_visible()
        # Nothing of the graph has to be scrolled to.
        assert graph.evaluate("(element) => element.scrollWidth <= element.clientWidth"), f"graph, {look}"
        inspection.look_at(page, f"details, {look}")
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.wait_for_timeout(250)
        inspection.look_at(page, f"delete, {look}")
        assert page.title().endswith("Less Is More")
    inspection.found_nothing()
