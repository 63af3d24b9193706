"""The export of the page on the API's own origin."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import uuid
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from services.api import problems
from services.api.security_headers import SecurityHeadersMiddleware
from services.page import serving

JOB = "0b9e7a51-6a54-4d2b-9c8d-2f6f4b2c7a10"
INLINE = "self.__next_f.push([1,'hello'])"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export as Next.js writes it, with compressed copies."""
    files = {
        "index.html": f"<html><script src='/_next/static/a1.js'></script><script>{INLINE}</script></html>",
        "404.html": "<html>nothing here</html>",
        "jobs.html": "<html>jobs</html>",
        "jobs/_.html": "<html>a job</html>",
        "jobs/_.txt": "0:job",
        "jobs/_/__next.!KGFwcCk.jobs.$d$id.__PAGE__.txt": "0:segment",
        "jobs/new.html": "<html>new job</html>",
        "_next/static/a1.js": "let a = 1;" * 100,
        "theme.js": "let theme;",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    script = tmp_path / "_next/static/a1.js"
    script.with_name("a1.js.gz").write_bytes(gzip.compress(script.read_bytes()))
    return tmp_path


@pytest.fixture
def client(folder: Path) -> httpx.AsyncClient:
    app = FastAPI(openapi_url=None)

    @app.get("/api/v1/jobs")
    async def jobs() -> dict[str, int]:
        return {"total": 0}

    problems.install(app)
    serving.install(app, folder)
    app.add_middleware(SecurityHeadersMiddleware)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/", "hello"),
        ("/jobs", "jobs"),
        ("/jobs/new", "new job"),
        (f"/jobs/{JOB}", "a job"),
        (f"/jobs/{JOB.upper()}", "a job"),
        (f"/jobs/{JOB}.txt?_rsc=1", "0:job"),
        (f"/jobs/{JOB}/__next.!KGFwcCk.jobs.$d$id.__PAGE__.txt", "0:segment"),
    ],
)
async def test_every_page_has_an_address_of_its_own(client: httpx.AsyncClient, path: str, content: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert content in answer.text
    assert answer.headers["content-type"].startswith("text/x-component" if ".txt" in path else "text/html")


async def test_head_answers_as_get_without_a_body(client: httpx.AsyncClient) -> None:
    head, get = await client.head(f"/jobs/{JOB}"), await client.get(f"/jobs/{JOB}")
    assert head.status_code == 200
    assert head.content == b""
    assert {k: v for k, v in head.headers.items() if k != "date"} == {
        k: v for k, v in get.headers.items() if k != "date"
    }


async def test_the_api_keeps_its_answers(client: httpx.AsyncClient) -> None:
    html = {"Accept": "text/html"}
    assert (await client.get("/api/v1/jobs")).json() == {"total": 0}
    assert (await client.delete("/api/v1/jobs")).status_code == 405
    for path in ("/api/v1/nothing", f"/api/v1/jobs/{uuid.uuid4()}", "/docs/nothing"):
        answer = await client.get(path, headers=html)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    refused = await client.post("/jobs", json={})
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET, HEAD"


async def test_people_get_a_page_for_what_there_is_not_and_programs_a_problem(client: httpx.AsyncClient) -> None:
    person = await client.get("/nothing", headers={"Accept": "text/html,*/*"})
    assert (person.status_code, person.text) == (404, "<html>nothing here</html>")
    program = await client.get("/nothing")
    assert program.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/../jobs.html", "/..%2f..%2fetc/passwd", "/.sources", "/_next/static/a1.js.gz"])
async def test_nothing_else_is_served(client: httpx.AsyncClient, folder: Path, path: str) -> None:
    (folder / ".sources").write_text("digest")
    answer = await client.get(path)
    assert answer.status_code in {308, 404} or answer.text == "<html>jobs</html>"
    if answer.status_code == 308:
        assert not answer.headers["location"].startswith("//")


async def test_a_slash_at_the_end_leads_to_the_page_on_this_site(client: httpx.AsyncClient) -> None:
    answer = await client.get("/jobs/?status=running")
    assert (answer.status_code, answer.headers["location"]) == (308, "/jobs?status=running")
    away = await client.get("http://test//jobs/")
    assert away.status_code == 404 or away.headers["location"] == "/jobs"


async def test_a_page_may_run_its_own_scripts_and_no_other(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/")).headers
    policy = headers["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(INLINE.encode()).digest()).decode()
    [scripts] = re.findall("script-src ([^;]*)", policy)
    assert scripts == f"'self' 'sha256-{digest}'"
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["permissions-policy"] == "camera=(), geolocation=(), microphone=(self)"
    other = (await client.get("/api/v1/jobs")).headers
    assert other["permissions-policy"].endswith("microphone=()")
    assert "script-src" not in other["content-security-policy"]


async def test_what_cannot_change_is_kept_and_what_can_is_asked_for(client: httpx.AsyncClient) -> None:
    script = await client.get("/_next/static/a1.js", headers={"Accept-Encoding": "gzip"})
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["content-encoding"] == "gzip"
    assert script.text.startswith("let a = 1;")
    plain = await client.get("/_next/static/a1.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"
    page = await client.get("/jobs")
    assert page.headers["cache-control"] == "no-cache"
    again = await client.get("/jobs", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == page.headers["etag"]


async def test_without_an_export_there_is_no_page(tmp_path: Path) -> None:
    app = FastAPI(openapi_url=None)
    problems.install(app)
    serving.install(app, tmp_path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/")).headers["content-type"] == "application/problem+json"
