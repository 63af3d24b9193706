"""`GET /cluster/nodes` and `/usage`: every user sees what jobs can ask for and what is in use, and no addresses."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import httpx

from cluster.runtime import Node
from services.api.app import create_app_on
from services.api.context import Services
from services.jobs.cluster_view import RayView
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor

NODES = [
    Node("vm (10.0.0.2)", 16.0, 1.0, 6e10, {"lim/site": "lab"}, "10.0.0.2:1", "b2", "vm", {"CPU": 16.0, "GPU": 1.0}),
    Node(
        "orin (10.0.0.1)",
        6.0,
        1.0,
        5e9,
        {"lim/device-class": "jetson-orin-nano"},
        "10.0.0.1:1",
        "a1",
        "orin",
        {"CPU": 6.0, "GPU": 1.0},
    ),
]


class Seen(RayView):
    def nodes(self) -> Sequence[Node]:
        return NODES

    def free(self) -> Mapping[str, float]:
        return {"CPU": 5.5}


async def test_nodes_are_listed_searched_and_paged(services: Services, ada: Visitor) -> None:
    app = create_app_on(dataclasses.replace(services, cluster=Seen()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as http:

        async def listed(**params: str | int) -> dict[str, object]:
            answer = await http.get("/cluster/nodes", params=params, headers=ada.headers)
            assert answer.status_code == 200, answer.text
            found: dict[str, object] = answer.json()
            return found

        everything = await listed()
        assert everything["total"] == 2
        assert everything["items"] == [
            {
                "id": "a1",
                "name": "orin",
                "device_class": "jetson-orin-nano",
                "labels": {"lim/device-class": "jetson-orin-nano"},
                "resources": {"CPU": 6.0, "GPU": 1.0},
                "memory_bytes": 5_000_000_000,
            },
            {
                "id": "b2",
                "name": "vm",
                "device_class": None,
                "labels": {"lim/site": "lab"},
                "resources": {"CPU": 16.0, "GPU": 1.0},
                "memory_bytes": 60_000_000_000,
            },
        ]
        assert "10.0.0." not in str(everything)
        assert [(await listed(q=text))["total"] for text in ("JETSON", "site=lab", "vm", "nothing")] == [1, 1, 1, 0]
        first = await listed(limit=1)
        assert first["next_cursor"]
        assert (await listed(limit=1, cursor=str(first["next_cursor"])))["items"] == everything["items"][1:]  # type: ignore[index]
        assert (await http.get("/cluster/nodes")).status_code == 401


async def test_usage_counts_the_jobs_of_all_users(services: Services, ada: Visitor, bob: Visitor) -> None:
    app = create_app_on(dataclasses.replace(services, cluster=Seen()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as http:

        async def used() -> dict[str, dict[str, int]]:
            answer = await http.get("/cluster/usage", headers=ada.headers)
            assert answer.status_code == 200, answer.text
            found: dict[str, dict[str, int]] = answer.json()
            return found

        before = (await used())["jobs"]  # other tests leave jobs behind
        for owner, status in ((ada, "running"), (bob, "starting"), (bob, "queued"), (bob, "succeeded")):
            await rows.job(services, owner, status)
        await rows.ingestion(services, await rows.ready_dataset(services, bob), "running")
        assert await used() == {
            "resources": {"CPU": {"total": 22.0, "free": 5.5}, "GPU": {"total": 2.0, "free": 0.0}},
            "jobs": {"running": before["running"] + 2, "queued": before["queued"] + 1},
        }
        assert (await http.get("/cluster/usage")).status_code == 401
