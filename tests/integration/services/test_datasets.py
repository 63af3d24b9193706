"""Uploads over HTTP, with a real object store; processing runs here instead of on a cluster."""

from __future__ import annotations

import asyncio
import io
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pytest
import soundfile
from sqlalchemy import update

from cluster.ingestion.config import IngestionRunConfig
from services.api.context import Services
from services.database.engine import open_session
from services.database.models import Dataset, Upload
from services.datasets.find import uploads_of
from services.datasets.prefixes import upload_prefix, version_prefix
from services.jobs.submission import Driver
from tests.integration.services import rows
from tests.integration.services.recordings import archive, good, silence, tar_gz, tone
from tests.integration.services.uploads import Ingestions, Store, announce, leave_version, put, settle, upload
from tests.integration.services.visitors import Visitor, paths_of


async def test_from_upload_to_listening(queue: Ingestions, store: Store, ada: Visitor) -> None:
    dataset = await upload(queue, ada, archive(good(4)))
    assert dataset["status"] == "ready"
    assert dataset["version"] == 1
    assert dataset["statistics"]["utterances"] == 4
    assert dataset["statistics"]["audio_s"] == pytest.approx(0.4 + 0.5 + 0.6 + 0.7)
    assert dataset["statistics"]["speakers"] == {"speaker0": 2, "speaker1": 2}
    path = f"/datasets/{dataset['id']}"

    report = (await ada.get(f"{path}/report")).json()
    assert (report["items_found"], report["items_good"], report["set_aside"]) == (4, 4, [])
    page = httpx.get(report["page"]["url"])
    assert page.status_code == 200
    assert "4 of 4 items are in the dataset" in page.text
    assert report["drawing"] is None  # too few items for histograms

    preview = (await ada.get(f"{path}/preview", params={"limit": 3})).json()
    assert preview["total"] == 4
    assert [item["text"] for item in preview["items"]] == ["text 0", "text 1", "text 2"]
    item = preview["items"][1]
    audio = await ada.get(f"http://test{item['audio_url']}")
    assert audio.headers["content-type"] == "audio/wav"
    wave_T, rate_hz = soundfile.read(io.BytesIO(audio.content))
    expected_T, _ = soundfile.read(io.BytesIO(tone(0.5, 350)))
    assert rate_hz == 16_000
    np.testing.assert_array_equal(wave_T, expected_T)
    assert (await ada.get(f"{path}/items/none such/audio")).status_code == 404

    files = store(version_prefix(uuid.UUID(dataset["id"]), 1)).list("")
    assert files == [
        "audio/00000.wav",
        "items.jsonl",
        "manifest.jsonl",
        "report.json",
        "validation.html",
        "version.json",
    ]
    assert len(store(upload_prefix(uuid.UUID(dataset["id"]))).list("")) == 1  # further versions are made of it


async def test_an_item_that_is_not_in_the_sample_is_found_too(queue: Ingestions, ada: Visitor) -> None:
    dataset = await upload(queue, ada, archive(good(210)))
    report = (await ada.get(f"/datasets/{dataset['id']}/report")).json()
    drawing = httpx.get(report["drawing"]["url"])
    assert (drawing.status_code, drawing.content[:8]) == (200, b"\x89PNG\r\n\x1a\n")
    sampled = (await ada.get(f"/datasets/{dataset['id']}/preview", params={"limit": 100})).json()["items"]
    assert len(sampled) == 100
    other = ({f"take{number}" for number in range(210)} - {item["id"].removesuffix(".wav") for item in sampled}).pop()
    suffix = ".wav" if sampled[0]["id"].endswith(".wav") else ""
    audio = await ada.get(f"/datasets/{dataset['id']}/items/{other}{suffix}/audio")
    assert audio.status_code == 200
    wave_T, _ = soundfile.read(io.BytesIO(audio.content))
    assert len(wave_T) == round((0.4 + 0.1 * (int(other.removeprefix("take")) % 8)) * 16_000)


async def test_single_files_make_a_dataset_too(queue: Ingestions, ada: Visitor) -> None:
    files = {"metadata.csv": b"file_name,transcription\nclips/a.wav,hello\n", "clips/a.wav": tone()}
    new = await announce(ada, files)
    await put(new["uploads"], files)
    await ada.post(f"/datasets/{new['dataset']['id']}/complete")
    dataset = await settle(queue, ada, new["dataset"]["id"])
    assert dataset["status"] == "ready", dataset["error"]
    assert dataset["statistics"]["utterances"] == 1


async def test_other_archives_and_metadata_beside_one(queue: Ingestions, ada: Visitor) -> None:
    for name, files in (
        ("speech.tar.gz", {"speech.tar.gz": tar_gz(good())}),
        ("both", {"metadata.csv": good()["metadata.csv"], "takes.tar.gz": tar_gz(good(), without="metadata.csv")}),
    ):
        new = await announce(ada, files)
        await put(new["uploads"], files)
        await ada.post(f"/datasets/{new['dataset']['id']}/complete")
        dataset = await settle(queue, ada, new["dataset"]["id"])
        assert dataset["status"] == "ready", (name, dataset["error"])
        assert dataset["statistics"]["utterances"] == 4
        report = (await ada.get(f"/datasets/{dataset['id']}/report")).json()
        assert (report["layout"], report["layouts"], report["set_aside"]) == ("audiofolder", ["audiofolder"], [])


# What is wrong with an archive, how the dataset ends, and what the report or the error names.
ATTACKS: dict[str, tuple[Callable[[], bytes], str, list[str]]] = {
    "a path outside its folder": (lambda: archive({**good(), "../evil.wav": tone()}), "ready", ["../evil.wav"]),
    "an absolute path": (lambda: archive({**good(), "/etc/evil.wav": tone()}), "ready", ["/etc/evil.wav"]),
    "a bomb": (
        lambda: archive({**good(), "metadata.csv": good()["metadata.csv"] + b"\nbomb.wav,boom,x"}, bomb=True),
        "error",
        ["bomb.wav"],
    ),
    "a truncated recording": (lambda: archive({**good(), "cut.wav": tone()[:2000]}), "ready", ["cut.wav"]),
    "an empty recording": (lambda: archive({**good(), "empty.wav": b""}), "ready", ["empty.wav"]),
    "text without audio": (
        lambda: archive({**good(), "metadata.csv": good()["metadata.csv"] + b"\ngone.wav,gone,x"}),
        "ready",
        ["gone.wav"],
    ),
    "audio without text": (lambda: archive({**good(), "mute.wav": tone()}), "ready", ["mute.wav"]),
    "ten minutes of silence": (
        lambda: archive(
            {**good(), "still.wav": silence(600), "metadata.csv": good()["metadata.csv"] + b"\nstill.wav,hush,x"}
        ),
        "ready",
        ["still.wav"],
    ),
    "a file that is no audio": (lambda: archive({**good(), "notes.txt": b"dear diary"}), "ready", ["notes.txt"]),
    "a recording that is no audio": (
        lambda: archive(
            {**good(), "fake.wav": b"MZ not audio", "metadata.csv": good()["metadata.csv"] + b"\nfake.wav,fake,x"}
        ),
        "ready",
        ["fake.wav"],
    ),
    "an empty file": (lambda: b"", "error", []),
    "no archive": (lambda: b"hello, this is no zip", "error", []),
    "half an archive": (lambda: archive(good())[:-200], "error", []),
    "an empty archive": (lambda: archive({}), "error", []),
    "nothing good": (
        lambda: archive({"metadata.csv": b"file_name,transcription\na.wav,a\nb.wav,b\n", "a.wav": b"", "b.wav": b"x"}),
        "error",
        ["a.wav", "b.wav"],
    ),
    "an archive in an archive": (lambda: archive({**good(), "more.zip": archive(good())}), "ready", ["more.zip"]),
    "text that is no text": (
        lambda: archive({"metadata.csv": b"file_name,transcription\n\x00\xff,\x00\n", "a.wav": tone()}),
        "error",
        [],
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_bad_uploads(queue: Ingestions, ada: Visitor, attack: str) -> None:
    make, status, named = ATTACKS[attack]
    dataset = await upload(queue, ada, make())
    assert dataset["status"] == status, dataset
    answer = await ada.get(f"/datasets/{dataset['id']}/report")
    assert answer.status_code == 200, answer.text
    report = answer.json()
    told = (dataset["error"] or "") + " ".join(f"{item['path']}: {item['reason']}" for item in report["set_aside"])
    for name in named:
        assert name in told, told
    if status == "ready":
        assert dataset["statistics"]["utterances"] == 4  # nothing of a good item is lost
    else:
        assert dataset["error"]
        assert len(dataset["error"]) > 20


async def test_completing_names_each_file_that_is_missing_or_has_another_size(
    services: Services, queue: Ingestions, ada: Visitor
) -> None:
    files = {"metadata.csv": b"file_name,transcription\na.wav,hello\n", "a.wav": tone(), "b.wav": tone()}
    new = await announce(ada, files)
    path = f"/datasets/{new['dataset']['id']}"
    await put(new["uploads"][:1], files)
    async with open_session(services.sessions) as session:
        declared = await uploads_of(session, new["dataset"]["id"])
    # As a store would let it pass that does not look at lengths; ours answers 403.
    client, bucket = services.objects._client, services.objects.bucket
    await asyncio.to_thread(client.put_object, Bucket=bucket, Key=declared[1].key, Body=b"short")
    answer = await ada.post(f"{path}/complete")
    assert answer.status_code == 409
    assert answer.json()["code"] == "upload_incomplete"
    assert paths_of(answer) == ["source.files.1", "source.files.2"]
    assert "a.wav has 5 bytes" in answer.text
    assert "b.wav has not been uploaded" in answer.text
    assert (await ada.get(path)).json()["status"] == "pending"

    await put(new["uploads"][1:], files)
    for _ in range(2):  # said twice, it is the same
        assert (await ada.post(f"{path}/complete")).json()["status"] == "processing"
    assert (await settle(queue, ada, new["dataset"]["id"]))["status"] == "ready"
    assert (await ada.post(f"{path}/complete")).json()["status"] == "ready"


async def test_a_faulty_upload_can_be_replaced(queue: Ingestions, ada: Visitor) -> None:
    whole = archive(good())
    new = await announce(ada, {"a.zip": whole})
    await put(new["uploads"], {"a.zip": bytes(len(whole))})
    path = f"/datasets/{new['dataset']['id']}"
    await ada.post(f"{path}/complete")
    assert (await settle(queue, ada, new["dataset"]["id"]))["status"] == "error"
    await put(new["uploads"], {"a.zip": whole})
    await ada.post(f"{path}/complete")
    dataset = await settle(queue, ada, new["dataset"]["id"])
    assert (dataset["status"], dataset["error"]) == ("ready", None)


async def test_the_same_key_announces_once(ada: Visitor) -> None:
    first = await announce(ada, {"a.zip": b"x"}, **{"Idempotency-Key": "once"})
    second = await announce(ada, {"a.zip": b"x"}, **{"Idempotency-Key": "once"})
    assert first["dataset"]["id"] == second["dataset"]["id"]
    assert len(second["uploads"]) == 1
    assert (await ada.get("/datasets")).json()["total"] == 1
    body = {"name": "other", "source": {"type": "upload", "files": [{"name": "a.zip", "size": 1}]}}
    other = await ada.post("/datasets", json=body, headers={"Idempotency-Key": "once"})
    assert other.json()["code"] == "idempotency_key_reused"


async def test_the_same_key_at_once_announces_once(ada: Visitor) -> None:
    key = {"Idempotency-Key": "at-once"}
    made = await asyncio.gather(*(announce(ada, {"a.zip": b"x"}, **key) for _ in range(5)))
    assert len({new["dataset"]["id"] for new in made}) == 1


async def test_a_dataset_is_renamed_and_deleted(queue: Ingestions, store: Store, ada: Visitor) -> None:
    dataset = await upload(queue, ada, archive(good()))
    path = f"/datasets/{dataset['id']}"
    changed = await ada.call("PATCH", path, json={"name": "better", "description": "Four takes"})
    assert (changed.json()["name"], changed.json()["description"]) == ("better", "Four takes")
    assert (await ada.get("/datasets", params={"q": "BETT", "status": "ready"})).json()["total"] == 1
    assert (await ada.call("DELETE", path)).status_code == 204
    assert (await ada.get(path)).status_code == 404
    assert (await ada.call("DELETE", path)).status_code == 404
    await queue.round()
    assert store(f"datasets/{dataset['id']}").list("") == []


async def test_a_dataset_in_use_stays(services: Services, ada: Visitor) -> None:
    dataset_id = await rows.ready_dataset(services, ada)
    await rows.job(services, ada, status="running", dataset_id=dataset_id)
    answer = await ada.call("DELETE", f"/datasets/{dataset_id}")
    assert answer.status_code == 409
    assert answer.json()["code"] == "dataset_in_use"


async def test_processing_that_breaks_off_is_tried_again(services: Services, store: Store, ada: Visitor) -> None:
    tries = Counter[str]()

    async def fragile(config: IngestionRunConfig) -> Driver:
        tries[config.name] += 1
        if tries[config.name] == 1:
            raise OSError("the node is gone")
        return await asyncio.to_thread(leave_version, store, config)

    dataset = await upload(Ingestions(services, store, run=fragile), ada, archive(good()))
    assert (dataset["status"], tries[dataset["job_id"]]) == ("ready", 2)


async def test_a_split_is_drawn_once_and_written_down(queue: Ingestions, ada: Visitor) -> None:
    data = archive(good(8))
    source = {"type": "upload", "files": [{"name": "speech.zip", "size": len(data)}]}
    body = {"name": "speech", "source": source, "split": {"test_fraction": 0.25, "by": "recording"}}
    answer = await ada.post("/datasets", json=body)
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert new["dataset"]["split"] == {
        "test_fraction": 0.25,
        "validation_fraction": 0.05,
        "by": "recording",
        "source_splits": "keep",
        "seed": 0,
    }
    await put(new["uploads"], {"speech.zip": data})
    assert (await ada.post(f"/datasets/{new['dataset']['id']}/complete")).status_code == 202
    dataset = await settle(queue, ada, new["dataset"]["id"])
    assert dataset["statistics"]["splits"] == {"test": 2, "train": 5, "validation": 1}
    preview = (await ada.get(f"/datasets/{dataset['id']}/preview")).json()
    assert {item["split"] for item in preview["items"]} == {"train", "validation", "test"}
    wrong = await ada.post("/datasets", json=body | {"split": {"test_fraction": 1.5, "by": "day"}})
    assert wrong.status_code == 422
    assert {"split.test_fraction", "split.by"} <= {error["path"] for error in wrong.json()["errors"]}


async def test_processing_that_always_breaks_off_ends(services: Services, store: Store, ada: Visitor) -> None:
    async def hopeless(config: IngestionRunConfig) -> Driver:
        raise OSError("out of memory")

    dataset = await upload(Ingestions(services, store, run=hopeless), ada, b"x")
    assert dataset["status"] == "error"
    assert "was interrupted 3 times" in dataset["error"]


async def test_a_queue_that_is_killed_is_taken_over(
    services: Services, queue: Ingestions, store: Store, ada: Visitor
) -> None:
    started = asyncio.Event()

    async def endless(config: IngestionRunConfig) -> Driver:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    files = {"a.zip": archive(good())}
    new = await announce(ada, files)
    await put(new["uploads"], files)
    await ada.post(f"/datasets/{new['dataset']['id']}/complete")
    killed = Ingestions(services, store, run=endless)
    await killed.round()
    await started.wait()
    await killed.close()
    assert (await settle(queue, ada, new["dataset"]["id"]))["status"] == "ready"


async def test_an_upload_that_is_never_completed_expires(
    services: Services, queue: Ingestions, store: Store, ada: Visitor
) -> None:
    files = {"a.zip": archive(good()), "b.zip": b"x"}
    late, fresh = await announce(ada, files), await announce(ada, files)
    for new in (late, fresh):
        await put(new["uploads"][:1], files)
    late_id, fresh_id = (uuid.UUID(new["dataset"]["id"]) for new in (late, fresh))
    async with open_session(services.sessions) as session:
        before = datetime.now(UTC) - timedelta(hours=2)
        await session.execute(update(Upload).where(Upload.dataset_id == late_id).values(expires_at=before))
        await session.commit()
    await queue.round()
    ended = (await ada.get(f"/datasets/{late_id}")).json()
    assert (ended["status"], "never completed" in ended["error"]) == ("error", True)
    assert store(upload_prefix(late_id)).list("") == []
    assert (await ada.get(f"/datasets/{fresh_id}")).json()["status"] == "pending"
    assert len(store(upload_prefix(fresh_id)).list("")) == 1
    answer = await ada.post(f"/datasets/{late_id}/complete")
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_incomplete")


async def test_what_is_put_into_a_deleted_dataset_goes_too(queue: Ingestions, store: Store, ada: Visitor) -> None:
    new = await announce(ada, {"speech.zip": b"late"})
    dataset_id = new["dataset"]["id"]
    assert (await ada.call("DELETE", f"/datasets/{dataset_id}")).status_code == 204
    await queue.round()
    await put(new["uploads"], {"speech.zip": b"late"})  # its address is good for an hour
    await queue.round()
    assert len(list(store(upload_prefix(uuid.UUID(dataset_id))).list(""))) == 1
    await queue.purge_late()
    assert store(upload_prefix(uuid.UUID(dataset_id))).list("") == []


async def test_a_dataset_deleted_while_it_is_processed_stays_deleted(
    services: Services, queue: Ingestions, store: Store, ada: Visitor
) -> None:
    files = {"a.zip": archive(good())}
    new = await announce(ada, files)
    await put(new["uploads"], files)
    dataset_id = new["dataset"]["id"]
    await ada.post(f"/datasets/{dataset_id}/complete")
    await ada.call("DELETE", f"/datasets/{dataset_id}")
    for _ in range(3):
        await queue.round()
    assert store(f"datasets/{dataset_id}").list("") == []
    assert store(upload_prefix(uuid.UUID(dataset_id))).list("") == []
    async with open_session(services.sessions) as session:
        row = await session.get(Dataset, uuid.UUID(dataset_id))
        assert row is not None
        assert row.purged
