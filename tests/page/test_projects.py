"""Projects and adapters."""

from __future__ import annotations

import secrets

from playwright.sync_api import Page, expect

from tests.page.axe import violations
from tests.page.browser import settled
from tests.page.people import Person

HOSTILE = f'<b>{"w" * 60}</b> "أحمد" {secrets.token_hex(3)}'


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
