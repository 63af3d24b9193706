"""Operators over the API: accounts, what belongs to others, and who did what."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from services.api.context import Services
from services.database.engine import open_session
from services.database.models import User
from tests.integration.services import rows
from tests.integration.services.visitors import PASSWORD, Visitor, known, make_admin, paths_of, sign_up, with_key

NEW_PASSWORD = "another battery entirely"


@pytest.fixture
async def admin(services: Services, http: httpx.AsyncClient) -> Visitor:
    """An operator."""
    return await make_admin(services, await known(services, http))


@pytest.fixture
async def ada(http: httpx.AsyncClient) -> Visitor:
    """A user with a password."""
    return await sign_up(http)


async def log_in(visitor: Visitor, password: str) -> httpx.Response:
    return await visitor.http.post("/auth/login", json={"username_or_email": visitor.username, "password": password})


async def trail(admin: Visitor, user_id: Any, **params: Any) -> list[dict[str, Any]]:
    """What was done to an account, the newest first."""
    answer = await admin.get("/admin/audit", params={"user_id": str(user_id), **params})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def pipeline_of(services: Services, visitor: Visitor) -> str:
    body = {
        "name": "p",
        "dataset_id": str(await rows.ready_dataset(services, visitor)),
        "model_id": "whisper-pico",
        "config": rows.CONFIG,
    }
    answer = await visitor.post("/pipelines", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_accounts_are_found_and_shown(services: Services, admin: Visitor, ada: Visitor) -> None:
    await rows.job(services, ada, "running")
    await with_key(services, ada)
    found = (await admin.get("/admin/users", params={"q": f"{ada.username}@EXAMPLE"})).json()
    assert [each["username"] for each in found["items"]] == [ada.username]
    shown = (await admin.get(f"/admin/users/{found['items'][0]['id']}")).json()
    assert {
        name: shown[name] for name in ("api_keys", "logins", "unfinished_jobs", "jobs", "datasets", "adapters")
    } == {
        "api_keys": 1,
        "logins": 1,
        "unfinished_jobs": 1,
        "jobs": 1,
        "datasets": 1,
        "adapters": 0,
    }
    assert "password" not in str(shown)
    assert admin.username in [each["username"] for each in (await admin.get("/admin/users?role=admin")).json()["items"]]
    assert (await admin.get("/admin/users", params={"q": ada.username, "disabled": True})).json()["total"] == 0
    pages = (await admin.get("/admin/users?limit=1")).json()
    assert pages["next_cursor"] is not None


async def test_a_disabled_account_lets_nobody_in(services: Services, admin: Visitor, ada: Visitor) -> None:
    user_id = await rows.user_id(ada)
    script = await with_key(services, ada, "read")
    job_id, pipeline_id = await rows.job(services, ada, "running"), await pipeline_of(services, ada)
    stream = asyncio.create_task(script.get("/notifications/events"))
    async with asyncio.timeout(30):
        while not len(services.open_streams):
            await asyncio.sleep(0.02)
    answer = await admin.post(f"/admin/users/{user_id}/disable", json={"reason": "spam", "jobs": "keep"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["disabled_at"] is not None
    async with asyncio.timeout(10):
        await stream
    assert (await ada.get("/users/me")).status_code == 401
    assert (await ada.get("/jobs")).status_code == 401
    assert (await script.get("/users/me")).status_code == 401
    refreshed = await ada.http.post("/auth/refresh", json={"refresh_token": ada.tokens["refresh_token"]})
    assert refreshed.status_code == 401
    login = await log_in(ada, PASSWORD)
    assert (login.status_code, login.json()["code"]) == (403, "account_disabled")
    assert (await log_in(ada, "not the password")).json()["code"] == "wrong_credentials"
    of_ada = (await admin.get("/admin/jobs", params={"user_id": str(user_id)})).json()["items"]
    assert [(each["id"], each["status"], each["username"]) for each in of_ada] == [
        (str(job_id), "running", ada.username)
    ]

    await admin.post(f"/admin/users/{user_id}/disable", json={"jobs": "stop"})
    [job] = (await admin.get("/admin/jobs", params={"user_id": str(user_id)})).json()["items"]
    [pipeline] = (await admin.get("/admin/pipelines", params={"user_id": str(user_id)})).json()["items"]
    assert (job["status"], pipeline["id"], pipeline["status"]) == ("stopping", pipeline_id, "stopping")

    assert (await admin.post(f"/admin/users/{user_id}/enable")).json()["disabled_at"] is None
    assert (await ada.get("/users/me")).status_code == 401  # what has ended stays so
    assert (await log_in(ada, PASSWORD)).status_code == 200
    told = [
        (each["action"], each["actor"]) for each in await trail(admin, user_id, actor_id=str(await rows.user_id(admin)))
    ]
    assert told == [("account_enabled", admin.username), *[("account_disabled", admin.username)] * 2]
    first = (await trail(admin, user_id, action="account_disabled"))[-1]
    assert first["data"] == {"reason": "spam", "api_keys": 1, "logins": 1, "stopped_work": False}
    assert first["address"]
    assert first["correlation_id"]


async def test_a_login_at_the_moment_of_disabling_does_not_survive_it(
    services: Services, admin: Visitor, ada: Visitor
) -> None:
    user_id = await rows.user_id(ada)
    for _ in range(3):
        answers = await asyncio.gather(
            log_in(ada, PASSWORD), admin.post(f"/admin/users/{user_id}/disable", json={}), log_in(ada, PASSWORD)
        )
        for answer in (answers[0], answers[2]):
            if answer.status_code == 200:
                who = Visitor(ada.http, ada.username, answer.json())
                assert (await who.get("/users/me")).status_code == 401
                refresh = await ada.http.post("/auth/refresh", json={"refresh_token": who.tokens["refresh_token"]})
                if refresh.status_code == 200:
                    later = Visitor(ada.http, ada.username, refresh.json())
                    assert (await later.get("/users/me")).status_code == 401
        await admin.post(f"/admin/users/{user_id}/enable")


async def test_a_password_is_reset_once(services: Services, admin: Visitor, ada: Visitor) -> None:
    user_id = await rows.user_id(ada)
    answer = await admin.post(f"/admin/users/{user_id}/password-reset")
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    old, token = (
        answer.json()["reset_token"],
        (await admin.post(f"/admin/users/{user_id}/password-reset")).json()["reset_token"],
    )
    assert (await ada.get("/users/me")).status_code == 401
    assert (await log_in(ada, PASSWORD)).status_code == 401

    async def redeem(reset_token: str, password: str) -> httpx.Response:
        return await ada.http.post("/auth/reset-password", json={"reset_token": reset_token, "new_password": password})

    assert (await redeem(old, NEW_PASSWORD)).json()["code"] == "reset_token_invalid"
    weak = await redeem(token, "password1234")
    assert (weak.status_code, paths_of(weak)) == (422, ["new_password"])
    statuses = sorted(
        answer.status_code for answer in await asyncio.gather(*(redeem(token, NEW_PASSWORD) for _ in range(4)))
    )
    assert statuses == [204, 401, 401, 401]
    assert (await log_in(ada, NEW_PASSWORD)).status_code == 200
    told = [each["action"] for each in await trail(admin, user_id)]
    assert told[:2] == ["logged_in", "password_set_anew"]
    assert told.count("password_reset") == 2
    everything = (await admin.get("/admin/audit?limit=100")).text
    assert token not in everything
    assert NEW_PASSWORD not in everything


async def test_a_reset_ends_with_its_time_and_with_the_account(
    services: Services, admin: Visitor, ada: Visitor
) -> None:
    user_id = await rows.user_id(ada)
    token = (await admin.post(f"/admin/users/{user_id}/password-reset")).json()["reset_token"]
    body = {"reset_token": token, "new_password": NEW_PASSWORD}
    async with open_session(services.sessions) as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await session.execute(update(User).where(User.id == user_id).values(reset_expires_at=past))
        await session.commit()
    assert (await ada.http.post("/auth/reset-password", json=body)).status_code == 401
    token = (await admin.post(f"/admin/users/{user_id}/password-reset")).json()["reset_token"]
    await admin.post(f"/admin/users/{user_id}/disable", json={})
    assert (await ada.http.post("/auth/reset-password", json={**body, "reset_token": token})).status_code == 401
    refused = await admin.post(f"/admin/users/{user_id}/password-reset")
    assert (refused.status_code, refused.json()["code"]) == (409, "account_disabled")


async def test_keys_and_logins_are_revoked(services: Services, admin: Visitor, ada: Visitor) -> None:
    user_id = await rows.user_id(ada)
    scripts = [await with_key(services, ada) for _ in range(3)]
    keys = (await admin.get(f"/admin/users/{user_id}/api-keys")).json()["items"]
    assert {key["scope"] for key in keys} == {"write"}
    assert all("key" not in key for key in keys)
    assert (await admin.call("DELETE", f"/admin/users/{user_id}/api-keys/{keys[0]['id']}")).status_code == 204
    assert [(await each.get("/users/me")).status_code for each in scripts] == [200, 200, 401]
    assert (await admin.call("DELETE", f"/admin/users/{user_id}/api-keys")).status_code == 204
    assert [(await each.get("/users/me")).status_code for each in scripts] == [401, 401, 401]
    assert (await ada.get("/users/me")).status_code == 200
    assert (await admin.call("DELETE", f"/admin/users/{user_id}/logins")).status_code == 204
    assert (await ada.get("/users/me")).status_code == 401
    told = [(each["action"], each["actor"]) for each in await trail(admin, user_id)][:3]
    assert told == [(action, admin.username) for action in ("logins_ended", "api_keys_revoked", "api_key_deleted")]


async def test_what_belongs_to_others_is_stopped_and_deleted(services: Services, admin: Visitor, ada: Visitor) -> None:
    user_id = await rows.user_id(ada)
    job_id, dataset_id = (
        await rows.job(services, ada, "queued"),
        await rows.ready_dataset(services, ada, "secret plans"),
    )
    adapter_id = (await ada.post("/adapters", json={"name": "mine"})).json()["id"]
    pipeline_id = await pipeline_of(services, ada)
    found = (await admin.get("/admin/datasets", params={"q": "secret pl", "user_id": str(user_id)})).json()
    assert [(each["id"], each["status"]) for each in found["items"]] == [(str(dataset_id), "ready")]
    assert (await admin.post(f"/admin/jobs/{job_id}/stop")).status_code == 204
    assert (await admin.post(f"/admin/jobs/{job_id}/stop")).status_code == 409
    assert (await admin.post(f"/admin/pipelines/{pipeline_id}/stop")).status_code == 204
    assert (await admin.call("DELETE", f"/admin/datasets/{dataset_id}")).status_code == 204
    assert (await admin.call("DELETE", f"/admin/datasets/{dataset_id}")).status_code == 404
    assert (await admin.call("DELETE", f"/admin/adapters/{adapter_id}")).status_code == 204
    assert (await admin.post(f"/admin/adapters/{adapter_id}/stop")).status_code == 409
    assert (await admin.get("/admin/projects")).status_code == 422
    assert (await ada.get(f"/jobs/{job_id}")).json()["status"] == "stopped"
    assert (await ada.get(f"/datasets/{dataset_id}")).status_code == 404
    assert (await ada.get(f"/adapters/{adapter_id}")).status_code == 404
    assert (await admin.call("DELETE", f"/admin/jobs/{job_id}")).status_code == 204
    assert (await ada.get(f"/jobs/{job_id}")).status_code == 404
    assert str(job_id) not in (await admin.get("/admin/jobs", params={"user_id": str(user_id)})).text
    mine = (await ada.get("/users/me/audit")).json()["items"][:5]
    assert [each["action"] for each in mine] == [
        "job_deleted",
        "adapter_deleted",
        "dataset_deleted",
        "pipeline_stopped",
        "job_stopped",
    ]
    assert {each["actor_id"] for each in mine} == {str(await rows.user_id(admin))}
    assert mine[2]["data"] == {"id": str(dataset_id), "name": "secret plans"}


async def test_a_refused_action_is_not_in_the_trail(services: Services, admin: Visitor, ada: Visitor) -> None:
    job_id = await rows.job(services, ada, "running")
    dataset_id = (await ada.get(f"/jobs/{job_id}")).json()["dataset_id"]
    refused = await admin.call("DELETE", f"/admin/datasets/{dataset_id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset_in_use")
    assert not await trail(admin, await rows.user_id(ada), action="dataset_deleted")


async def test_an_admin_does_not_lock_themself_out(services: Services, admin: Visitor) -> None:
    own = await rows.user_id(admin)
    for path in ("disable", "password-reset"):
        refused = await admin.post(f"/admin/users/{own}/{path}", json={})
        assert (refused.status_code, refused.json()["code"]) == (409, "own_account")
    assert (await admin.get("/users/me")).status_code == 200
    for method, path in (("GET", ""), ("POST", "/enable"), ("POST", "/password-reset"), ("DELETE", "/api-keys")):
        assert (await admin.call(method, f"/admin/users/{uuid.uuid4()}{path}")).status_code == 404


async def test_a_user_is_no_operator(services: Services, admin: Visitor, ada: Visitor) -> None:
    target = await rows.user_id(admin)
    for method, path in (
        ("GET", "/admin/users"),
        ("GET", f"/admin/users/{target}"),
        ("POST", f"/admin/users/{target}/disable"),
        ("POST", f"/admin/users/{target}/password-reset"),
        ("GET", "/admin/audit"),
        ("GET", "/admin/jobs"),
    ):
        answer = await ada.call(method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "admin_required"), path
