"""What is read most goes past FastAPI's dependencies: both ways say the same, and what is not plain takes FastAPI's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from services.api.context import Services
from services.api.read_route import ReadRoute
from services.database.engine import open_session
from services.database.models import LoginSession
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor, with_key

_UNKNOWN = "00000000-0000-4000-8000-000000000000"
_LISTS = (
    "",
    "?limit=1",
    "?limit=1&limit=2",
    "?q=DIG&nobody_asks=for&reading=1&job_id=2",
    "?q=%25",
    "?q=",
    f"?project_id={_UNKNOWN}",
    "?cursor=none",
)
_FAULTS = (
    "?limit=0",
    "?limit=101",
    "?limit=x",
    "?limit=",
    "?status=lost",
    "?project_id=1",
    "?q=a%00b",
    "?x=%00",
    "?q=%ff%00",
)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each request to these routes was plain."""
    plain, seen = ReadRoute._plain, []

    def watched(route: ReadRoute, scope: Any) -> Any:
        found = plain(route, scope)
        seen.append(found is not None)
        return found

    monkeypatch.setattr(ReadRoute, "_plain", watched)
    return seen


def said(answer: httpx.Response) -> tuple[int, Any]:
    body = answer.json()
    body.pop("correlation_id", None)
    for job in [body, *body.get("items", [])]:
        job.pop("usage", None)  # of a job that runs it grows
    return answer.status_code, body


async def test_both_ways_say_the_same(
    services: Services, ada: Visitor, bob: Visitor, taken: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [await rows.job(services, ada) for _ in range(3)]
    of_bob = await rows.job(services, bob)
    dataset_id = (await ada.get(f"/jobs/{jobs[0]}")).json()["dataset_id"]
    cursor = (await ada.get("/jobs?limit=1")).json()["next_cursor"]
    plain = [f"/{kind}{query}" for kind in ("jobs", "datasets") for query in _LISTS]
    plain += [f"/jobs?cursor={cursor}&limit=1", "/jobs?status=queued&type=training", "/datasets?status=ready"]
    plain += [f"/jobs/{jobs[1]}", f"/jobs/{of_bob}", f"/datasets/{dataset_id}", f"/datasets/{_UNKNOWN}"]
    odd = [f"/{kind}{query}" for kind in ("jobs", "datasets") for query in _FAULTS] + ["/jobs/1", "/datasets/x"]
    taken.clear()
    directly = [said(await ada.get(path)) for path in (*plain, *odd)]
    assert taken == [True] * len(plain) + [False] * len(odd)
    monkeypatch.setattr(ReadRoute, "_plain", lambda *_: None)
    through_fastapi = [said(await ada.get(path)) for path in (*plain, *odd)]
    for path, ours, theirs in zip((*plain, *odd), directly, through_fastapi, strict=True):
        assert ours == theirs, path
    assert [status for status, _ in directly[: len(_LISTS)]] == [200] * (len(_LISTS) - 1) + [422]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Authorization": ""}, "unauthenticated"),
        ({"Authorization": "Bearer "}, "unauthenticated"),
        ({"Authorization": "Basic YTpi"}, "unauthenticated"),
        ({"Authorization": "Bearer x"}, "token_invalid"),
        ({"Authorization": "Bearer é"}, "token_invalid"),
        ({"Authorization": "Bearer lim_x"}, "api_key_invalid"),
    ],
)
async def test_nobody_reads_without_the_right_to(
    http: httpx.AsyncClient, services: Services, ada: Visitor, headers: dict[str, str], code: str
) -> None:
    job_id = await rows.job(services, ada)
    for path in ("/jobs", f"/jobs/{job_id}", "/datasets"):
        answer = await http.get(path, headers=httpx.Headers(headers, encoding="latin-1"))
        assert (answer.status_code, answer.json()["code"]) == (401, code), answer.text


async def test_a_login_that_has_ended_reads_no_more(services: Services, ada: Visitor, taken: list[bool]) -> None:
    job_id = await rows.job(services, ada)
    assert (await ada.get(f"/jobs/{job_id}")).status_code == 200
    async with open_session(services.sessions) as session:
        await session.execute(update(LoginSession).values(revoked_at=LoginSession.created_at))
        await session.commit()
    for path in ("/jobs", f"/jobs/{job_id}", "/datasets"):
        answer = await ada.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "login_ended")
    assert all(taken)


async def test_an_api_key_reads_too(
    services: Services, ada: Visitor, http: httpx.AsyncClient, taken: list[bool]
) -> None:
    job_id = await rows.job(services, ada)
    script = await with_key(services, ada, "read")
    taken.clear()
    answer = await http.get(f"/jobs/{job_id}", headers=script.headers)
    assert (answer.status_code, answer.json()["id"]) == (200, str(job_id))
    assert taken == [False]


async def test_a_body_takes_fastapis_way(ada: Visitor, taken: list[bool]) -> None:
    assert (await ada.call("GET", "/jobs", content=b"{}")).status_code == 415
    assert (await ada.call("GET", "/jobs", json={})).status_code == 200
    assert taken == [False, False]


async def test_other_routes_of_the_router_are_as_ever(ada: Visitor, taken: list[bool]) -> None:
    asked: list[Callable[[], Any]] = [
        lambda: ada.get(f"/jobs/{_UNKNOWN}/artifacts"),
        lambda: ada.post("/jobs", json={}),
    ]
    assert [(await one()).status_code for one in asked] == [404, 422]
    assert taken == [False, False]
