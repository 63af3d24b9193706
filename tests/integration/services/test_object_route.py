"""Uploads and downloads under the API's own address: by HAProxy straight to the store, and through the API in pieces."""

from __future__ import annotations

import asyncio
import http.client
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from cluster.haproxy import problem_text
from cluster.object_route import NOT_SIGNED, haproxy_backend
from services.objects import Objects
from services.settings import Settings
from tests.integration.services.doors import Address, door
from tests.integration.services.recordings import archive, good
from tests.integration.services.visitors import PASSWORD

PART = 50_000
PAGE = b"<script>alert(document.cookie)</script>" * 100


@pytest.fixture(scope="module", params=["haproxy", "api"])
def address(request: pytest.FixtureRequest, settings: Settings, objects: Objects) -> Iterator[Address]:
    """The API behind its door, which forwards pre-signed requests itself or leaves them to the API."""
    settings = settings.model_copy(update={"object_urls": "api", "upload_part_bytes": PART})
    route = haproxy_backend(settings.s3, problem_text(403, NOT_SIGNED, "no")) if request.param == "haproxy" else ""
    assert bool(route) is (request.param == "haproxy")
    with (
        tempfile.TemporaryDirectory(prefix="lim-door-", dir="/tmp") as name,
        door(settings, objects, Path(name), route=route) as address,
    ):
        yield address


@contextmanager
def user(address: Address, name: str) -> Iterator[httpx.Client]:
    """A client of somebody who has logged in."""
    with address.client() as client:
        log_in(client, name)
        yield client


def log_in(client: httpx.Client, name: str) -> None:
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    assert client.post("/auth/signup", json=body).status_code in {201, 409}
    token = client.post("/auth/login", json={"username_or_email": name, "password": PASSWORD}).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"


def announced(client: httpx.Client, *sizes: int) -> dict[str, Any]:
    files = [{"name": f"{n}.zip", "size": size} for n, size in enumerate(sizes)]
    answer = client.post("/datasets", json={"name": "speech", "source": {"type": "upload", "files": files}})
    assert answer.status_code == 201, answer.text
    new: dict[str, Any] = answer.json()
    return new


def stored(objects: Objects, address: Address, key: str, content: bytes, kind: str = "text/html") -> str:
    """A pre-signed URL of a new object, under the API's address."""
    objects._client.put_object(Bucket=objects.bucket, Key=key, Body=content, ContentType=kind)
    parts = urlsplit(asyncio.run(objects.sign_get(key, 600, "page.html")).url)
    return f"http://127.0.0.1:{address.port}/objects{parts.path}?{parts.query}"


def test_an_upload_breaks_off_and_is_resumed_at_the_apis_own_port(address: Address) -> None:
    data = archive(good(16))
    with user(address, "ada") as ada, httpx.Client() as outside:
        new = announced(ada, len(data), 10)
        path = f"/datasets/{new['dataset']['id']}"
        whole, small = new["uploads"]
        assert (whole["size"], whole["uploaded_bytes"], len(whole["parts"])) == (len(data), 0, -(-len(data) // PART))
        for url in [small["url"], *(part["url"] for part in whole["parts"])]:
            assert url.startswith(f"http://127.0.0.1:{address.port}/objects/")
        first = whole["parts"][0]
        assert outside.put(first["url"], content=data[: first["size"]]).status_code == 200
        assert outside.put(small["url"], content=b"0123456789").status_code == 200
        second = whole["parts"][1]
        cut_off(second["url"], data[second["start"] : second["start"] + second["size"]])

        renewed = ada.post(f"{path}/uploads")
        assert renewed.status_code == 200, renewed.text
        whole, small = renewed.json()["uploads"]
        assert small["uploaded_bytes"] == 10
        assert whole["uploaded_bytes"] == first["size"]
        assert [part["uploaded"] for part in whole["parts"]] == [True] + [False] * (len(whole["parts"]) - 1)
        for part in whole["parts"][1:]:
            content = data[part["start"] : part["start"] + part["size"]]
            put = outside.put(part["url"], content=content)
            assert put.status_code == 200, put.text
        assert ada.post(f"{path}/complete").status_code == 202
        late = ada.post(f"{path}/uploads")
        assert (late.status_code, late.json()["code"]) == (409, "not_uploading")
        with user(address, "bob") as bob:
            assert bob.post(f"{path}/uploads").status_code == 404


def cut_off(url: str, content: bytes) -> None:
    """Send half of a body, and leave. The embedded store takes only the same bytes again."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    connection.putheader("Content-Length", str(len(content)))
    connection.endheaders(content[: len(content) // 2])
    connection.close()


@pytest.mark.parametrize("declared", [10, 10_000])
def test_no_more_and_no_less_than_was_declared_can_be_put(address: Address, declared: int) -> None:
    with user(address, "ada") as ada, httpx.Client() as outside:
        url = announced(ada, declared)["uploads"][0]["url"]

        def put(content: Any, suffix: str = "", **headers: str) -> int:
            try:
                return outside.put(url + suffix, content=content, headers=headers).status_code
            except httpx.TransportError:  # refused before all of the body was sent
                return 403

        for size in (declared + 1, declared - 1, 0, 3_000_000):
            assert put(b"x" * size) == 403, size
        assert put(iter([b"x" * declared])) == 403  # of a length that is not told
        for suffix in ("&acl", "&uploads", "&partNumber=1&uploadId=x", "&tagging"):
            assert put(b"x" * declared, suffix) == 403
        copied = put(b"x" * declared, **{"x-amz-copy-source": "/less-is-more/datasets", "Cookie": "a=b"})
        assert copied == 200  # the header stays behind, and the body is stored


def test_what_is_stored_cannot_run_as_a_page_and_is_read_in_ranges(address: Address, objects: Objects) -> None:
    url = stored(objects, address, "jobs/x/a b+c%41/page.html", PAGE)
    with httpx.Client() as outside:
        whole = outside.get(
            url, headers={"Authorization": "Bearer nobody", "Cookie": "session=1", "Origin": "http://x"}
        )
        assert (whole.status_code, whole.content) == (200, PAGE)
        assert whole.headers["content-security-policy"].startswith("sandbox;")
        assert whole.headers["x-content-type-options"] == "nosniff"
        assert whole.headers["cross-origin-resource-policy"] == "same-origin"
        assert whole.headers["content-disposition"] == 'attachment; filename="page.html"'
        assert not [name for name in whole.headers if name.startswith(("access-control-", "x-amz-", "set-cookie"))]
        part = outside.get(url, headers={"Range": "bytes=5-9"})
        assert (part.status_code, part.content) == (206, PAGE[5:10])
        assert part.headers["content-range"] == f"bytes 5-9/{len(PAGE)}"


def test_requests_that_are_not_signed_for_this_object_are_refused(address: Address, objects: Objects) -> None:
    mine = stored(objects, address, "uploads/mine/a", b"mine")
    stored(objects, address, "uploads/theirs/a", b"theirs")
    parts = urlsplit(mine)
    base, query = f"http://127.0.0.1:{address.port}", parts.query
    refused = {
        "unsigned": ("GET", f"/objects/{objects.bucket}/uploads/theirs/a"),
        "a list of the bucket": ("GET", f"/objects/{objects.bucket}?list-type=2"),
        "a list, signed for something else": ("GET", f"/objects/{objects.bucket}/?list-type=2&{query}"),
        "somebody else's": ("GET", parts.path.replace("mine", "theirs") + f"?{query}"),
        "a path upwards": ("GET", parts.path.replace("mine/a", "mine/../theirs/a") + f"?{query}"),
        "a path upwards, encoded": ("GET", parts.path.replace("mine/a", "mine/%2e%2e/theirs/a") + f"?{query}"),
        "out of the bucket": ("GET", f"/objects/{objects.bucket}/../other/a?{query}"),
        "out of the route": ("GET", f"/objects/../api/v1/users/me?{query}"),
        "another bucket": ("GET", f"/objects/other/uploads/mine/a?{query}"),
        "another signature": ("GET", f"{parts.path}?{query[:-4]}0000"),
        "a longer life": ("GET", f"{parts.path}?{query.replace('Expires=600', 'Expires=6000')}"),
        "another method": ("PUT", f"{parts.path}?{query}"),
        "to delete": ("DELETE", f"{parts.path}?{query}"),
        "to post": ("POST", f"{parts.path}?{query}"),
    }
    found = {}
    for name, (method, target) in refused.items():
        connection = http.client.HTTPConnection("127.0.0.1", address.port)  # sends the path as it is
        connection.request(method, target, body=b"mine" if method in {"PUT", "POST"} else None)
        answer = connection.getresponse()
        body = answer.read()
        assert b"theirs" not in body.replace(b"uploads/theirs", b"").replace(b"/theirs/", b""), name
        found[name] = answer.status
        connection.close()
    assert {name: status for name, status in found.items() if status not in {400, 403, 404, 405}} == {}
    assert httpx.get(mine).content == b"mine"
    unsigned = httpx.get(f"{base}/objects/{objects.bucket}/uploads/mine/a")
    assert (unsigned.status_code, unsigned.json()["code"]) == (403, NOT_SIGNED)


def test_several_large_files_go_up_and_down_at_once(address: Address, objects: Objects) -> None:
    size, count = 4_000_000, 6
    with user(address, "ada") as ada:
        urls = []
        for n in range(count):
            key = f"uploads/large/{n}"
            signed = urlsplit(asyncio.run(objects.sign_put(key, size, 600)).url)
            urls.append(f"http://127.0.0.1:{address.port}/objects{signed.path}?{signed.query}")
        statuses: list[int] = []

        def put(url: str, content: bytes) -> None:
            statuses.append(httpx.put(url, content=content, timeout=60).status_code)

        threads = [threading.Thread(target=put, args=(url, bytes([n]) * size)) for n, url in enumerate(urls)]
        for thread in threads:
            thread.start()
        assert ada.get("/users/me").status_code == 200
        for thread in threads:
            thread.join()
    assert statuses == [200] * count
    for n in range(count):
        parts = urlsplit(asyncio.run(objects.sign_get(f"uploads/large/{n}", 600, "x")).url)
        found = httpx.get(f"http://127.0.0.1:{address.port}/objects{parts.path}?{parts.query}")
        assert found.content == bytes([n]) * size


def test_the_address_is_the_one_that_the_client_uses(address: Address, settings: Settings) -> None:
    with user(address, "ada") as ada:
        ada.headers["Host"] = "lim.example.org"
        url = announced(ada, 5)["uploads"][0]["url"]
        assert url.startswith("http://lim.example.org/objects/")
        local = url.replace("lim.example.org", f"127.0.0.1:{address.port}")
        assert httpx.put(local, content=b"12345", headers={"Host": "lim.example.org"}).status_code == 200
        ada.headers["Host"] = 'evil"><script>'
        assert "script" not in ada.post("/datasets", json={}).text
