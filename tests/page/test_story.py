"""The story of a user, from signing up to logging out, with the same platform that the API's stories use.

Where a page of it is checked by tests of its own feature, the story only passes through.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, expect

from services.client import Client
from tests.page.browser import log_in, signed_up
from tests.page.conftest import watched

OpenContext = Callable[..., BrowserContext]
PASSWORD = "correct horse battery staple"


def test_from_signing_up_to_logging_out(
    open_context: OpenContext, url: str, recordings: Path, faults: list[str]
) -> None:
    page = watched(open_context().new_page(), faults)
    name = f"story-{secrets.token_hex(4)}"
    page.goto("/signup")
    page.get_by_label("User name").fill(name)
    page.get_by_label("E-mail").fill(f"{name}@example.org")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Repeat the password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_focused()

    with Client(url) as client:
        client.login(name, PASSWORD)
        dataset = client.upload_dataset("my speech", recordings)
        config = {"max_steps": 20, "log_every_steps": 5, "evaluation": {"base": False}}
        job = client.create_job("whisper-pico", dataset.id, config, name="my first training")
        # The bell counts without a reload: the dataset is ready, then the job has ended.
        unread = page.get_by_role("button", name=re.compile(r"^Notifications, \d+ unread$"))
        expect(unread).to_be_visible(timeout=60_000)
        ended = client.wait_for_job(job.id)
        assert ended.status == "succeeded"
    expect(page.get_by_role("button", name="Notifications, 2 unread")).to_be_visible()

    # It is found by its name, and its page has an address that a reload keeps.
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search or jump to").fill("first train")
    page.get_by_role("option", name=re.compile("my first training")).click()
    expect(page).to_have_url(f"{url}/jobs/{job.id}")
    page.reload()
    expect(page).to_have_url(f"{url}/jobs/{job.id}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()

    # Somebody else finds nothing of it.
    other_name, other_password = f"other-{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    signed_up(url, other_name, other_password)
    other = open_context().new_page()
    log_in(other, other_name, other_password)
    other.keyboard.press("Control+k")
    with other.expect_response(re.compile("/api/v1/jobs\\?")):
        other.get_by_role("combobox", name="Search or jump to").fill("my first training")
    expect(other.get_by_text("Nothing found for “my first training”.")).to_be_visible()
    expect(other.get_by_role("option", name=re.compile("my first training"))).to_have_count(0)
    with Client(url) as client:
        client.login(other_name, other_password)
        assert client.list_jobs().page.total == 0

    page.get_by_role("button", name=f"Account of {name}").click()
    page.get_by_role("menuitem", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in", level=1)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Log in", level=1)).to_be_visible()
