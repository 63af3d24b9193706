"""Predictions of a job in some order, and item lists with counts; the files lie in a real object store."""

from __future__ import annotations

import json
import uuid
from typing import Any

from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Artifact
from tests.integration.services import rows
from tests.integration.services.recordings import archive, good
from tests.integration.services.uploads import Ingestions, upload
from tests.integration.services.visitors import Visitor


async def predicted(services: Services, job_id: uuid.UUID, predictions: list[dict[str, Any]]) -> None:
    """What a finished job leaves."""
    key = f"jobs/{job_id}/predictions.jsonl"
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in predictions).encode()
    services.objects._client.put_object(Bucket=services.objects.bucket, Key=key, Body=content)
    async with open_session(services.sessions) as session:
        fields = {"name": "predictions.jsonl", "kind": "predictions", "size": len(content), "sha256": "0", "key": key}
        session.add(Artifact(job_id=job_id, **fields))
        await session.commit()


def spoken(name: str, value: float | None, text: str = "one", **more: Any) -> dict[str, Any]:
    row = {"id": name, "reference": text, "hypothesis": f"{text}!"}
    judged = {} if value is None else {"metric": "wer", "value": value, "word_errors": round(value * 4), "words": 4}
    return row | judged | more


async def test_the_worst_the_best_and_random_ones_can_be_played(
    services: Services, queue: Ingestions, ada: Visitor, bob: Visitor
) -> None:
    dataset = await upload(queue, ada, archive(good(8)))
    listed = (await ada.get(f"/datasets/{dataset['id']}/items")).json()["items"]
    ids = [item["id"] for item in listed]
    job_id = await rows.job(services, ada, dataset_id=uuid.UUID(dataset["id"]), status="succeeded")
    path = f"/jobs/{job_id}/predictions"
    early = await ada.get(path)
    assert (early.status_code, early.json()["code"]) == (409, "no_predictions")
    values = [0.5, 0.0, 1.5, 0.25, 0.75, 1.0, 0.125, 0.625]
    await predicted(services, job_id, [spoken(*each) for each in zip(ids, values, strict=True)])

    async def read(**wanted: Any) -> dict[str, Any]:
        answer = await ada.get(path, params=wanted)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    worst = await read(limit=3)
    assert [item["value"] for item in worst["items"]] == [1.5, 1.0, 0.75]
    assert (worst["metric"], worst["higher_is_better"], worst["total"], worst["next_offset"]) == ("wer", False, 8, 3)
    assert [item["value"] for item in (await read(limit=3, offset=3))["items"]] == [0.625, 0.5, 0.25]
    best = await read(order="best", limit=2)
    assert [item["value"] for item in best["items"]] == [0.0, 0.125]
    everything = await read(order="random", limit=200)
    assert everything["next_offset"] is None
    assert {item["id"] for item in everything["items"]} == set(ids)
    some = [item["id"] for item in (await read(order="random", seed=1, limit=4))["items"]]
    assert some == [item["id"] for item in (await read(order="random", seed=1, limit=4))["items"]]
    rest = [item["id"] for item in (await read(order="random", seed=1, limit=4, offset=4))["items"]]
    assert set(some) | set(rest) == set(ids)
    others = [[item["id"] for item in (await read(order="random", seed=n, limit=4))["items"]] for n in (2, 3)]
    assert any(other != some for other in others)
    first = worst["items"][0]
    item = next(item for item in listed if item["id"] == first["id"])
    assert (first["group"], first["duration_s"], first["audio_url"]) == (
        item["speaker"],
        item["duration_s"],
        item["audio_url"],
    )
    assert (await ada.http.get(f"http://test{first['audio_url']}")).status_code == 200
    assert (await read(q=ids[2]))["total"] >= 1
    assert (await read(q="no such text"))["items"] == []
    assert (await bob.get(path)).status_code == 404


async def test_higher_may_be_better_and_earlier_files_have_no_values(services: Services, ada: Visitor) -> None:
    job_id = await rows.job(services, ada, status="succeeded")
    labels = [
        {
            "id": f"é{n}",
            "reference": ["a"],
            "hypothesis": ["a"] if n % 2 else [],
            "metric": "accuracy",
            "value": n % 2.0,
        }
        | {"scores": {"a": 0.5}, "group": "site 1"}
        for n in range(4)
    ]
    await predicted(services, job_id, labels)
    worst = (await ada.get(f"/jobs/{job_id}/predictions")).json()
    assert (worst["higher_is_better"], [item["value"] for item in worst["items"]]) == (True, [0.0, 0.0, 1.0, 1.0])
    assert (worst["items"][0]["audio_url"], worst["items"][0]["group"]) == (None, "site 1")
    earlier = await rows.job(services, ada, status="succeeded")
    await predicted(services, earlier, [spoken("a", None), spoken("b", None)])
    found = (await ada.get(f"/jobs/{earlier}/predictions")).json()
    assert (found["metric"], [item["value"] for item in found["items"]]) == (None, [None, None])


async def test_items_are_counted_and_any_page_can_be_opened(queue: Ingestions, ada: Visitor, bob: Visitor) -> None:
    dataset = await upload(queue, ada, archive({**good(8), "mute.wav": b"x"}))
    path = f"/datasets/{dataset['id']}/items"
    found = (await ada.get(path, params={"limit": 100})).json()
    facets = (await ada.get(f"{path}/facets")).json()
    assert facets["total"] == found["total"]
    for status, count in facets["status"].items():
        assert count == sum(item["status"] == status for item in found["items"])
    assert facets["group_count"] == len({item["group"] for item in found["items"] if item["group"]})
    for each in facets["groups"]:
        listed = (await ada.get(path, params={"group": each["group"], "limit": 100})).json()
        assert listed["total"] == each["count"]
        assert listed == (await ada.get(path, params={"speaker": each["group"], "limit": 100})).json()
    assert facets["findings"]
    for each in facets["findings"]:
        listed = (await ada.get(path, params={"finding": each["code"]})).json()
        assert listed["total"] >= each["count"]
    third = (await ada.get(path, params={"offset": 3, "limit": 2})).json()
    assert [item["path"] for item in third["items"]] == [item["path"] for item in found["items"][3:5]]
    assert third["total"] == found["total"]
    group = facets["groups"][0]["group"]
    assert (await ada.get(path, params={"q": group.upper()})).json()["total"] >= facets["groups"][0]["count"]
    assert (await bob.get(f"{path}/facets")).status_code == 404
