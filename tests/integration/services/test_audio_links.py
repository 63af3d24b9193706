"""Audio of items for players: ranges of bytes, and links that need no header."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
import soundfile
from sqlalchemy import update

from services.api.context import Services
from services.auth import links
from services.database.engine import open_session
from services.database.models import User
from tests.integration.services.recordings import archive, good
from tests.integration.services.uploads import Ingestions, upload
from tests.integration.services.visitors import Visitor


async def played(http: httpx.AsyncClient, url: str, **headers: str) -> httpx.Response:
    return await http.get(f"http://test{url}", headers=headers)


async def test_a_player_reads_ranges_by_a_link_alone(queue: Ingestions, http: httpx.AsyncClient, ada: Visitor) -> None:
    dataset = await upload(queue, ada, archive(good()))
    listed = (await ada.get(f"/datasets/{dataset['id']}/items")).json()["items"]
    previewed = (await ada.get(f"/datasets/{dataset['id']}/preview")).json()["items"]
    again = (await ada.get(f"/datasets/{dataset['id']}/versions/1/items")).json()["items"]
    urls = {item["id"]: item["audio_url"] for item in listed}
    assert urls == {item["id"]: item["audio_url"] for item in previewed} == {i["id"]: i["audio_url"] for i in again}
    url = next(iter(urls.values()))
    whole = await played(http, url)
    assert (whole.status_code, whole.headers["accept-ranges"]) == (200, "bytes")
    assert len(whole.content) == int(whole.headers["content-length"])
    wave_T, rate_hz = soundfile.read(io.BytesIO(whole.content))
    assert (rate_hz, len(wave_T) > 0) == (16_000, True)

    size = len(whole.content)
    for wanted, first, last in (
        ("bytes=0-", 0, size - 1),
        ("bytes=0-1", 0, 1),
        ("bytes=10-99", 10, 99),  # across the end of the header
        ("bytes=44-44", 44, 44),
        (f"bytes={size - 5}-{size + 100}", size - 5, size - 1),
        ("bytes=-7", size - 7, size - 1),
    ):
        part = await played(http, url, Range=wanted)
        assert part.status_code == 206, wanted
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert part.content == whole.content[first : last + 1], wanted
    beyond = await played(http, url, Range=f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    for ignored in ("bytes=5-2", "bytes=a-b", "items=0-1", "bytes=0-1,3-4"):
        assert (await played(http, url, Range=ignored)).status_code == 200
    same = {"Range": "bytes=0-1", "If-Range": whole.headers["etag"]}
    assert (await played(http, url, **same)).status_code == 206
    assert (await played(http, url, **{**same, "If-Range": '"other"'})).status_code == 200


async def test_a_link_is_for_one_item_one_user_and_two_hours_at_most(
    services: Services,
    queue: Ingestions,
    http: httpx.AsyncClient,
    ada: Visitor,
    bob: Visitor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = await upload(queue, ada, archive(good()))
    items = (await ada.get(f"/datasets/{dataset['id']}/items")).json()["items"]
    parts = urlsplit(items[0]["audio_url"])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    bob_id = (await bob.get("/users/me")).json()["id"]

    async def status(path: str = parts.path, **changed: str) -> int:
        return (await played(http, f"{path}?{urlencode({**query, **changed})}")).status_code

    assert await status() == 200
    assert await status(user=bob_id) == 401
    assert await status(version="2") == 401
    assert await status(expires=str(int(query["expires"]) + 1)) == 401
    assert await status(signature="0" * 64) == 401
    assert await status(urlsplit(items[1]["audio_url"]).path) == 401
    assert await status(parts.path.replace(dataset["id"], str(uuid.uuid4()))) == 401
    assert (await played(http, parts.path)).status_code == 401
    # A link of bob's own for what is ada's: the signature is valid, the ownership is not.
    theirs = links.sign_link(services.settings, uuid.UUID(bob_id), f"datasets/{dataset['id']}/v1/{items[0]['id']}")
    assert await status(**theirs) == 404

    life_s = int(query["expires"]) - datetime.now(UTC).timestamp()
    assert life_s + 1 >= links.LIFE_S
    assert life_s <= 2 * links.LIFE_S
    late_s = int(query["expires"]) + 1
    with monkeypatch.context() as patched:
        patched.setattr("services.auth.links.time.time", lambda: late_s)
        assert (await played(http, items[0]["audio_url"])).json()["code"] == "link_expired"
    async with open_session(services.sessions) as session:
        disabled = update(User).where(User.username == ada.username).values(disabled_at=datetime.now(UTC))
        await session.execute(disabled)
        await session.commit()
    assert await status() == 401
