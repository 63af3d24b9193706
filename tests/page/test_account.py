"""Signing up, logging in and out, and what becomes of a login in several tabs."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

import httpx
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.page.browser import log_in
from tests.page.conftest import watched
from tests.page.people import Person

OpenContext = Callable[..., BrowserContext]


def fill_sign_up(page: Page, name: str, email: str, password: str, again: str | None = None) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_label("Repeat the password").fill(password if again is None else again)
    page.get_by_role("button", name="Create account").click()


def test_signing_up_logs_in(open_context: OpenContext, faults: list[str]) -> None:
    page = watched(open_context().new_page(), faults)
    name = f"new-{secrets.token_hex(4)}"
    page.goto("/signup")
    page.get_by_label("Password", exact=True).fill("correct horse battery staple")
    expect(page.get_by_label("Password strength: Strong")).to_be_visible()
    fill_sign_up(page, name, f"{name}@example.org", "correct horse battery staple")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    expect(page.get_by_role("button", name=f"Account of {name}")).to_be_visible()


def test_faults_are_shown_at_their_fields(open_context: OpenContext, person: Person) -> None:
    page = open_context().new_page()
    page.goto("/signup")
    fill_sign_up(page, "ab", "nobody", "short", "other")
    for said in ("Use at least 3 characters.", "Enter an e-mail address", "Use at least 10 characters."):
        expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_label("User name")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("User name")).to_be_focused()

    # What only the platform knows: the name is taken, and so is the address; both are said together.
    fill_sign_up(page, person.name, f"{person.name}@example.org", "long enough words")
    name, email = page.get_by_label("User name"), page.get_by_label("E-mail")
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(email).to_have_attribute("aria-invalid", "true")
    for field in (name, email):
        described = " ".join(
            page.locator(f"[id='{each}']").inner_text()
            for each in (field.get_attribute("aria-describedby") or "").split()
        )
        assert re.search("taken|already|in use", described, re.IGNORECASE), described


def test_logging_in_by_address_leads_back_to_where_one_was_headed(open_context: OpenContext, person: Person) -> None:
    page = open_context().new_page()
    page.goto("/jobs?status=running")
    expect(page).to_have_url(re.compile(r"/login\?next="))
    page.get_by_label("User name or e-mail").fill(person.name)
    page.get_by_label("Password", exact=True).fill("wrong wrong wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert").filter(has_text=re.compile("password", re.IGNORECASE))).to_be_visible()
    expect(page.get_by_label("Password", exact=True)).to_be_focused()

    page.get_by_label("User name or e-mail").fill(f"{person.name}@example.org")
    page.get_by_label("Password", exact=True).fill(person.password)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/jobs\?status=running$"))
    expect(page.get_by_role("heading", name="Training jobs", level=1)).to_be_visible()


def test_a_reload_stays_logged_in_and_scripts_cannot_read_the_refresh_token(page: Page, person: Person) -> None:
    page.reload()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    kept = page.evaluate("() => JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}])")
    assert "eyJ" not in kept, kept  # an access token is a JWT
    [cookie] = [cookie for cookie in page.context.cookies(f"{page.url}api/v1/auth") if "refresh" in cookie["name"]]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert cookie["value"] not in kept


def test_tabs_live_together(page: Page, person: Person, faults: list[str]) -> None:
    other = watched(page.context.new_page(), faults)
    other.goto("/models")
    expect(other.get_by_role("heading", name="Models", level=1)).to_be_visible()
    page.reload()
    other.reload()  # both exchange the same cookie at nearly the same time
    for tab in (page, other):
        expect(tab.get_by_role("button", name=f"Account of {person.name}")).to_be_visible()
    page.get_by_role("button", name=f"Account of {person.name}").click()
    page.get_by_role("menuitem", name="Log out").click()
    expect(page).to_have_url(re.compile("/login"))
    expect(other).to_have_url(re.compile("/login"))
    log_in(page, person.name, person.password)
    expect(other.get_by_role("heading", name="Models", level=1)).to_be_visible()


def test_an_access_token_that_ends_is_renewed_silently(page: Page, faults: list[str]) -> None:
    """The first answer to a request is the platform's own 401, as for a token that has just ended."""
    refused = 0

    def refuse_once(route: Route) -> None:
        nonlocal refused
        if refused:
            route.continue_()
            return
        refused += 1
        route.continue_(headers={**route.request.headers, "authorization": "Bearer ended"})

    page.route(re.compile(r"/api/v1/notifications(\?|$)"), refuse_once)
    with page.expect_response(lambda answer: answer.url.endswith("/auth/refresh")) as renewed:
        page.get_by_role("link", name="Cluster").click()
        expect(page.get_by_role("heading", name="Cluster", level=1)).to_be_visible()
        page.get_by_role("button", name="Notifications").click()
        page.get_by_role("link", name="All notifications").click()
    assert renewed.value.status == 200
    expect(page.get_by_role("heading", name="Notifications", level=1)).to_be_visible()
    assert refused == 1
    faults[:] = [fault for fault in faults if "401" not in fault]


def test_a_login_that_was_ended_elsewhere_leads_to_log_in_and_back(
    open_context: OpenContext, person: Person, url: str
) -> None:
    page = open_context().new_page()
    log_in(page, person.name, person.password)
    page.goto("/pipelines")
    expect(page.get_by_role("heading", name="Pipelines", level=1)).to_be_visible()
    # Changing the password ends every other login.
    with httpx.Client(base_url=f"{url}/api/v1") as http:
        given = {"username_or_email": person.name, "password": person.password}
        token = http.post("/auth/login", json=given).json()["access_token"]
        body = {"current_password": person.password, "new_password": "another correct horse"}
        headers = {"Authorization": f"Bearer {token}"}
        assert http.post("/users/me/password", json=body, headers=headers).status_code == 204
    page.get_by_role("link", name="Datasets").click()
    expect(page).to_have_url(re.compile("/datasets|/login"))
    page.reload()
    expect(page).to_have_url(re.compile(r"/login\?next=%2Fdatasets"))
    page.get_by_label("User name or e-mail").fill(person.name)
    page.get_by_label("Password", exact=True).fill("another correct horse")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Datasets", level=1)).to_be_visible()
