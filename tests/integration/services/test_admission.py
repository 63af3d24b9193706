"""What a user may have: jobs, storage, memory, CPUs; the same for a launch, a resumed job and a pipeline."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import update

from cluster.config import ResourcesConfig
from cluster.errors import InfeasibleError
from cluster.runtime import Node, check_feasible
from engine.errors import Fault
from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Dataset, DatasetVersion, Job
from tests.integration.services import rows
from tests.integration.services.visitors import Visitor, paths_of

GIB = 2**30


class OneNode:
    """A cluster of one node with 2 CPUs and little memory."""

    def __init__(self, memory_bytes: float) -> None:
        self._nodes = [Node("one", cpus=2.0, gpus=0.0, memory_bytes=memory_bytes, labels={}, resources={})]

    def nodes(self) -> Sequence[Node]:
        return self._nodes

    def faults(self, resources: ResourcesConfig) -> list[Fault]:
        try:
            check_feasible(resources, self._nodes)
        except InfeasibleError as error:
            return [Fault(f"resources.{fault.path}".rstrip("."), fault.message) for fault in error.faults]
        return []


async def body(services: Services, visitor: Visitor, **fields: Any) -> dict[str, Any]:
    dataset_id = await rows.ready_dataset(services, visitor)
    return {"model_id": "whisper-pico", "dataset_id": str(dataset_id), "config": {"max_steps": 5}, **fields}


def upload(size: int, count: int = 1) -> dict[str, Any]:
    files = [{"name": f"{number}.zip", "size": size} for number in range(count)]
    return {"name": "x", "source": {"type": "upload", "files": files}}


async def used(visitor: Visitor) -> int:
    return int((await visitor.get("/users/me/usage")).json()["storage"]["used_bytes"])


# ---- storage --------------------------------------------------------------------------------------------------


async def test_an_upload_beyond_the_quota_is_refused_with_what_is_used_asked_and_allowed(
    ada: Visitor, change: Any
) -> None:
    change(storage_bytes_per_user=10_000_000)
    assert (await ada.post("/datasets", json=upload(2_000_000))).status_code == 201
    assert await used(ada) == 4_000_000  # the upload, and what is made of it
    answer = await ada.post("/datasets", json=upload(1_500_000, count=3))
    assert (answer.status_code, answer.json()["code"]) == (403, "storage_quota")
    detail = answer.json()["detail"]
    assert "4.00 MB" in detail
    assert "10.00 MB" in detail
    assert "9.00 MB" in detail
    assert "LIM_STORAGE_BYTES_PER_USER" in detail
    assert await used(ada) == 4_000_000


async def test_uploads_at_the_same_time_cannot_pass_the_quota_together(ada: Visitor, bob: Visitor, change: Any) -> None:
    change(storage_bytes_per_user=10_000_000)
    answers = await asyncio.gather(*(ada.post("/datasets", json=upload(2_000_000)) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [403] * 10
    assert (await bob.post("/datasets", json=upload(2_000_000))).status_code == 201


async def test_all_users_together_cannot_pass_the_deployments_quota(
    services: Services, ada: Visitor, bob: Visitor, change: Any
) -> None:
    from services.storage_quota import stored

    async with open_session(services.sessions) as session:
        before = (await stored(session)).total
    change(storage_bytes=before + 10_000_000)
    answers = await asyncio.gather(
        *(visitor.post("/datasets", json=upload(2_000_000)) for _ in range(5) for visitor in (ada, bob))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [403] * 8
    assert {answer.json()["code"] for answer in answers if answer.status_code == 403} == {"deployment_storage_quota"}


async def test_imports_count_before_their_size_is_known(ada: Visitor, change: Any) -> None:
    change(storage_bytes_per_user=50_000_000, max_upload_bytes=20_000_000)
    source = {"name": "x", "source": {"type": "url", "url": "https://example.org/a.zip"}}
    answers = await asyncio.gather(*(ada.post("/datasets", json=source) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * 2
    assert await used(ada) == 50_000_000


async def test_deleting_frees_the_quota(services: Services, ada: Visitor, change: Any) -> None:
    change(storage_bytes_per_user=10_000_000)
    made = (await ada.post("/datasets", json=upload(4_000_000))).json()["dataset"]["id"]
    assert (await ada.post("/datasets", json=upload(4_000_000))).status_code == 403
    assert (await ada.call("DELETE", f"/datasets/{made}")).status_code == 204
    assert await used(ada) == 0
    job_id = await rows.job(services, ada, status="failed", stored_bytes=9_000_000)
    assert (await ada.post("/datasets", json=upload(4_000_000))).status_code == 403
    assert (await ada.call("DELETE", f"/jobs/{job_id}")).status_code == 204
    assert (await ada.post("/datasets", json=upload(4_000_000))).status_code == 201


async def test_a_version_counts_and_a_source_that_is_not_kept_does_not(services: Services, ada: Visitor) -> None:
    dataset_id = await rows.ready_dataset(services, ada)
    assert await used(ada) == 32_044
    async with open_session(services.sessions) as session:
        await session.execute(
            update(Dataset).where(Dataset.id == dataset_id).values(source_kept=True, source_bytes=1000)
        )
        session.add(DatasetVersion(dataset_id=dataset_id, number=2, status="error", size=500, prefix="nowhere"))
        session.add(DatasetVersion(dataset_id=dataset_id, number=3, status="processing", size=500, prefix="nowhere"))
        await session.commit()
    assert await used(ada) == 32_044 + 1000 + 500


async def test_jobs_reserve_what_they_keep_and_cannot_pass_the_quota(
    services: Services, ada: Visitor, change: Any
) -> None:
    request = await body(services, ada)
    first = await ada.post("/jobs", json=request)
    assert first.status_code == 201, first.text
    one = (await ada.get("/users/me/usage")).json()["storage"]["jobs_bytes"]
    assert one > 1_000_000
    change(storage_bytes_per_user=32_044 + 3 * one)
    answers = await asyncio.gather(*(ada.post("/jobs", json=request) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [403] * 4
    # A larger optimizer, more checkpoints, every weight: more is reserved.
    change()
    for config in (
        {"method": {"type": "full"}},
        {"checkpoint": {"keep": 20}, "method": {"type": "qlora", "rank": 1024}},
    ):
        before = await used(ada)
        assert (await ada.post("/jobs", json={**request, "config": {"max_steps": 5, **config}})).status_code == 201
        assert await used(ada) - before > 2 * one


async def test_a_pipeline_is_refused_where_its_jobs_would_be(services: Services, ada: Visitor, change: Any) -> None:
    change(storage_bytes_per_user=1_000_000)
    request = {"name": "x", **await body(services, ada)}
    answer = await ada.post("/pipelines", json=request)
    assert (answer.status_code, answer.json()["code"]) == (403, "storage_quota")
    change(cluster=OneNode(0.5 * GIB))
    answer = await ada.post("/pipelines", json=request)
    assert (answer.status_code, answer.json()["code"]) == (422, "infeasible_resources")


# ---- resume ---------------------------------------------------------------------------------------------------


async def test_a_resumed_job_meets_every_limit_of_a_new_one(services: Services, ada: Visitor, change: Any) -> None:
    job_id = await rows.job(services, ada, status="stopped", stored_bytes=100)
    await rows.job(services, ada, status="queued")
    change(max_unfinished_jobs_per_user=1)
    assert (await ada.post(f"/jobs/{job_id}/resume")).json()["code"] == "too_many_jobs"
    change(storage_bytes_per_user=200_000)
    assert (await ada.post(f"/jobs/{job_id}/resume")).json()["code"] == "storage_quota"
    change(cluster=OneNode(0.5 * GIB))
    answer = await ada.post(f"/jobs/{job_id}/resume")
    assert (answer.status_code, answer.json()["code"]) == (422, "infeasible_resources")
    assert (await ada.get(f"/jobs/{job_id}")).json()["status"] == "stopped"
    change()
    assert (await ada.post(f"/jobs/{job_id}/resume")).status_code == 202


async def test_a_hundred_jobs_resumed_at_once_do_not_pass_the_limit(
    services: Services, ada: Visitor, change: Any
) -> None:
    dataset_id = await rows.ready_dataset(services, ada)
    ids = [await rows.job(services, ada, status="stopped", dataset_id=dataset_id) for _ in range(10)]
    change(max_unfinished_jobs_per_user=3)
    answers = await asyncio.gather(*(ada.post(f"/jobs/{job_id}/resume") for job_id in ids))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [409] * 7


async def test_a_job_of_an_earlier_release_out_of_bounds_is_listed_and_refused_with_its_faults(
    services: Services, ada: Visitor
) -> None:
    job_id = await rows.job(services, ada, status="stopped", resources={"cpus_per_worker": 1, "threads_per_worker": 64})
    async with open_session(services.sessions) as session:
        row = await session.get_one(Job, job_id)
        config = row.spec["config"] | {"checkpoint": {"every_steps": 1, "keep": 5000}}
        row.spec = {**row.spec, "config": config}
        await session.commit()
    assert (await ada.get("/jobs")).json()["items"][0]["resources"]["threads_per_worker"] == 64
    answer = await ada.post(f"/jobs/{job_id}/resume")
    assert (answer.status_code, answer.json()["code"]) == (422, "not_allowed_any_more")
    assert paths_of(answer) == ["spec.config.checkpoint.keep"]


# ---- CPUs and memory ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resources", "path"),
    [
        ({"cpus_per_worker": 0.01}, "resources.cpus_per_worker"),
        ({"cpus_per_worker": 0.01, "threads_per_worker": 64}, "resources.threads_per_worker"),
        ({"cpus_per_worker": 0.001}, "resources.cpus_per_worker"),
        ({"cpus_per_worker": 2, "threads_per_worker": 3}, "resources.threads_per_worker"),
        ({"num_workers": 100, "cpus_per_worker": 0.01, "gpus_per_worker": 0.01}, "resources.cpus_per_worker"),
    ],
)
async def test_threads_and_fractions_do_not_overcommit(
    services: Services, ada: Visitor, resources: dict[str, Any], path: str
) -> None:
    answer = await ada.post("/jobs", json=await body(services, ada, resources=resources))
    assert answer.status_code == 422
    assert paths_of(answer) == [path], answer.text


async def test_the_memory_of_a_worker_is_estimated_and_reserved(services: Services, ada: Visitor, change: Any) -> None:
    change(cluster=OneNode(4 * GIB))
    answer = await ada.post("/jobs", json=await body(services, ada))
    assert answer.status_code == 201, answer.text
    reserved = answer.json()["resources"]["memory_bytes_per_worker"]
    assert 1.2e9 < reserved < 1.6e9  # whisper-pico peaks at 1.2 GB, of which 1.1 GB are libraries
    asked = {"memory_bytes_per_worker": 700_000_000}
    answer = await ada.post("/jobs", json=await body(services, ada, resources=asked))
    assert answer.json()["resources"]["memory_bytes_per_worker"] == 700_000_000


async def test_what_no_node_holds_is_refused_with_what_would_make_it_fit(
    services: Services, ada: Visitor, change: Any
) -> None:
    change(cluster=OneNode(4 * GIB))
    config = {"max_steps": 5, "batch": {"cost": 20_000, "micro_batch_cost": 10_000}}
    answer = await ada.post("/jobs", json=await body(services, ada, config=config))
    assert (answer.status_code, answer.json()["code"]) == (422, "infeasible_resources")
    assert paths_of(answer) == ["resources.memory_bytes_per_worker", "config"]
    told = answer.json()["errors"][1]["message"]
    assert "batch.micro_batch_cost: " in told
    seconds = float(told.partition("batch.micro_batch_cost: ")[2].partition(" ")[0])
    config["batch"]["micro_batch_cost"] = seconds  # type: ignore[index]
    assert (await ada.post("/jobs", json=await body(services, ada, config=config))).status_code == 201


async def test_refusals_leave_nothing_behind(services: Services, ada: Visitor, change: Any) -> None:
    change(cluster=OneNode(0.1 * GIB))
    request = await body(services, ada)
    key = {"Idempotency-Key": str(uuid.uuid4())}
    assert (await ada.post("/jobs", json=request, headers=key)).status_code == 422
    assert (await ada.get("/jobs")).json()["total"] == 0
    change(cluster=OneNode(8 * GIB))
    assert (await ada.post("/jobs", json=request, headers=key)).status_code == 201
