"""The items of a dataset under its own address."""

from __future__ import annotations

from tests.integration.services.test_dataset_versions import items, mixed, upload
from tests.integration.services.uploads import Ingestions
from tests.integration.services.visitors import Visitor


async def test_a_datasets_own_list_of_items_is_that_of_its_newest_version(
    queue: Ingestions, ada: Visitor, bob: Visitor
) -> None:
    dataset_id = (await upload(queue, ada, mixed()))["id"]
    own = await ada.get(f"/datasets/{dataset_id}/items", params={"limit": 3})
    assert own.status_code == 200, own.text
    assert own.json()["items"] == (await items(ada, dataset_id, 1))[:3]
    rest = await ada.get(f"/datasets/{dataset_id}/items", params={"limit": 100, "cursor": own.json()["next_cursor"]})
    assert (len(rest.json()["items"]), rest.json()["next_cursor"], rest.json()["total"]) == (5, None, 8)
    found = await ada.get(
        f"/datasets/{dataset_id}/items", params={"finding": "silent", "status": "rejected", "version": 1}
    )
    assert [item["path"] for item in found.json()["items"]] == ["still.wav"]
    assert (await bob.get(f"/datasets/{dataset_id}/items")).status_code == 404
    assert (await ada.get(f"/datasets/{dataset_id}/items", params={"version": 9})).status_code == 404
    assert (await ada.get(f"/datasets/{dataset_id}/items", params={"status": "odd"})).status_code == 422
    audio = next(item["audio_url"] for item in own.json()["items"] if item["audio_url"])
    assert (await ada.get(f"http://test{audio}")).status_code == 200
