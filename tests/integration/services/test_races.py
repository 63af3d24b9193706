"""The same call several times at the same moment, over every route that changes something: never a 5xx."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections import Counter
from typing import Any, Final

import httpx
import pytest

from services.api.context import Services
from services.api.examples import REQUESTS
from services.database.engine import open_session
from services.database.models import Artifact
from tests.integration.services import rows
from tests.integration.services.visitors import PASSWORD, Visitor, known, make_admin, sign_up, with_key

AT_ONCE: Final = 6
Ids = dict[str, str]


async def things(services: Services, ada: Visitor) -> Ids:
    """One of everything that a path can name."""
    keys = (await ada.get("/users/me/api-keys")).json()["items"]
    if not keys:
        await with_key(services, ada, "read")
    job_id = await rows.job(services, ada, "queued")
    done = await rows.job(services, ada, "succeeded", result={"wer": 0.1})
    async with open_session(services.sessions) as session:
        session.add(Artifact(job_id=done, name="adapter/a", kind="adapter", size=1, sha256="0" * 64, key="nowhere"))
        await session.commit()
    other = await rows.job(services, ada, "queued")
    await ada.post(f"/jobs/{other}/stop")
    dataset_id = str(await rows.ready_dataset(services, ada))
    pipeline = {"name": "p", "dataset_id": dataset_id, "model_id": "whisper-pico", "config": rows.CONFIG}
    return {
        "dataset_id": dataset_id,
        "job_id": str(job_id),
        "done_id": str(done),
        "pipeline_id": (await ada.post("/pipelines", json=pipeline)).json()["id"],
        "project_id": (await ada.post("/projects", json={"name": "p"})).json()["id"],
        "adapter_id": (await ada.post("/adapters", json={"name": f"a{uuid.uuid4().hex}"})).json()["id"],
        "number": "1",
        "user_id": str(await rows.user_id(await known(services, ada.http))),
        "kind": "jobs",
        "thing_id": str(await rows.job(services, ada, "queued")),
        "model_id": "whisper-pico",
        "notification_id": (await ada.get("/notifications")).json()["items"][0]["id"],
        "key_id": (await ada.get("/users/me/api-keys")).json()["items"][0]["id"],
    }


def body_of(operation: str, ids: Ids, visitor: Visitor) -> Any:
    """A body that is right: the documentation's, about what there is here."""
    new = uuid.uuid4().hex[:10]
    own: dict[str, Any] = {
        "signup": {"username": f"u{new}", "email": f"u{new}@example.com", "password": PASSWORD},
        "login": {"username_or_email": visitor.username, "password": PASSWORD},
        "refresh": {"refresh_token": visitor.tokens["refresh_token"]},
        "set_password_anew": {"reset_token": "limp_unknown", "new_password": PASSWORD},
        "logout": {"refresh_token": "limr_unknown"},
        "change_me": {"username": f"w{new}"},
        "set_password": {"current_password": PASSWORD, "new_password": PASSWORD},
        "create_api_key": {"name": new, "current_password": PASSWORD},
        "create_adapter": {"name": new},
        "change_adapter": {"name": new},
        "add_version": {"job_id": ids["done_id"]},
        "add_model": {**next(iter(REQUESTS["add_model"].values())), "id": f"m-{new}"},
    }
    if operation in own:
        return own[operation]
    example = dict(next(iter(REQUESTS.get(operation, {"": {}}).values())))
    for field in ("dataset_id", "project_id"):
        if field in example:
            example[field] = ids[field]
    return example


async def mutations(http: httpx.AsyncClient) -> list[tuple[str, str, str]]:
    """Method, path and id of every operation that changes something."""
    document = (await http.get("http://test/openapi.json")).json()
    return [
        (method.upper(), path, told["operationId"])
        for path, methods in document["paths"].items()
        for method, told in methods.items()
        if method != "get"
    ]


async def test_the_same_call_several_times_at_once(services: Services, http: httpx.AsyncClient) -> None:
    ada = await make_admin(services, await sign_up(http))
    done: Counter[str] = Counter()
    for method, path, operation in await mutations(http):
        ids = await things(services, ada)
        if operation in {"refresh", "retire_model", "change_model"}:
            continue  # a refresh used twice ends the login: test_accounts; one model is everybody's in these tests
        address = "http://test" + re.sub(r"{(\w+)}", lambda name, ids=ids: ids.get(name[1], str(uuid.uuid4())), path)  # type: ignore[misc]
        body = None if method == "DELETE" else body_of(operation, ids, ada)
        calls = [ada.call(method, address, json=body) for _ in range(AT_ONCE)]
        answers = await asyncio.gather(*calls)
        for answer in answers:
            told = f"{method} {path} {body}: {answer.status_code} {answer.text[:300]}"
            assert answer.status_code < 500, told
            assert answer.status_code not in {400, 415}, told
            assert "uq_" not in answer.text, told
        ada.username = (await ada.get("/users/me")).json()["username"]
        done[operation] += sum(answer.is_success for answer in answers)
    assert done["create_adapter"] == done["signup"] == done["add_model"] == done["add_version"] == 1
    assert len([operation for operation, good in done.items() if good]) >= 25, done


async def test_two_adapters_that_want_one_name(services: Services, ada: Visitor) -> None:
    answers = await asyncio.gather(*(ada.post("/adapters", json={"name": "digits"}) for _ in range(AT_ONCE)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * (AT_ONCE - 1)
    assert {answer.json()["code"] for answer in answers if answer.is_error} == {"adapter_exists"}
    others = [(await ada.post("/adapters", json={"name": f"other {n}"})).json()["id"] for n in range(3)]
    renamed = await asyncio.gather(*(ada.call("PATCH", f"/adapters/{each}", json={"name": "x"}) for each in others))
    assert sorted(answer.status_code for answer in renamed) == [200, 409, 409]


@pytest.mark.parametrize(
    ("kind", "path", "change"),
    [
        ("project_id", "/projects/{}", {"name": "changed"}),
        ("adapter_id", "/adapters/{}", {"description": "changed"}),
        ("notification_id", "/notifications/{}", {"read": True}),
        ("dataset_id", "/datasets/{}", {"name": "changed"}),
    ],
)
async def test_a_change_and_a_deletion_at_the_same_moment(
    services: Services, ada: Visitor, kind: str, path: str, change: dict[str, Any]
) -> None:
    for _ in range(4):
        address = path.format((await things(services, ada))[kind])
        calls = [
            call for _ in range(3) for call in (ada.call("DELETE", address), ada.call("PATCH", address, json=change))
        ]
        answers = await asyncio.gather(*calls)
        for answer in answers:
            assert answer.status_code in {200, 204, 404, 409}, f"{answer.request.method} {answer.text}"


async def test_something_is_put_into_a_project_that_is_deleted_at_the_same_moment(
    services: Services, ada: Visitor
) -> None:
    for _ in range(5):
        project_id = (await ada.post("/projects", json={"name": "p"})).json()["id"]
        calls = [ada.post("/adapters", json={"name": uuid.uuid4().hex, "project_id": project_id}) for _ in range(5)]
        answers = await asyncio.gather(*calls, ada.call("DELETE", f"/projects/{project_id}"))
        for answer in answers:
            assert answer.status_code in {201, 204, 404, 409}, answer.text
            assert "fk_" not in answer.text
