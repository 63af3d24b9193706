"""The page at /docs works without any other host."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from services.api.app import create_app
from services.settings import load_settings


@pytest.fixture
def http(tmp_path: Path) -> httpx.AsyncClient:
    environ = {
        "LIM_HOME": str(tmp_path),
        "DATABASE_URL": "postgresql://localhost/none",
        "S3_ENDPOINT_URL": "http://localhost",
    }
    app = create_app(load_settings(environ))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_everything_that_the_page_loads_comes_from_the_platform(http: httpx.AsyncClient) -> None:
    page = await http.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert not re.findall(r"(?:https?:)?//", page.text)
    assert not re.findall(r"<script>|<style|\son\w+=|style=", page.text)  # the policy would not run it
    assets = [path for path in re.findall(r'(?:src|href)="([^"]+)"', page.text) if not path.startswith("data:")]
    assert len(assets) == 3
    for path in assets:
        answer = await http.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert re.match(r"text/(css|javascript)", answer.headers["content-type"]), answer.headers["content-type"]
    styles = (await http.get("/docs/assets/swagger-ui.css")).text
    assert not re.findall(r"url\((?!\"?data:)[^)]*", styles)
    assert "@import" not in styles


async def test_the_page_is_set_up_to_ask_the_platform_alone(http: httpx.AsyncClient) -> None:
    start = (await http.get("/docs/assets/start.js")).text
    assert 'url: "/openapi.json"' in start
    assert "validatorUrl: null" in start  # its default is a host of Swagger's
    assert "//" not in re.sub(r"// .*", "", start)
    assert (await http.get("/openapi.json")).status_code == 200


@pytest.mark.parametrize(
    "path", ["/docs/assets/../../settings.py", "/docs/assets/%2e%2e/%2e%2e/settings.py", "/docs/assets/none"]
)
async def test_nothing_else_is_served_there(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
