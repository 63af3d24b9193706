"""People who go on working with the API whatever happens, and remember every answer."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from tests.integration.services.recordings import archive, good

_PAUSE_S = 0.2
"""Before a call is made again: sooner than the server asks for, to see more of its answers."""
_PATIENCE_S = 120.0
_CONNECT_S = 10.0


@dataclass(frozen=True)
class Answer:
    """What came of one call to the API."""

    at_s: float
    """When the call was made, by the monotonic clock."""
    wall_s: float
    call: str
    status: int | None
    """None: there was no answer."""
    retry_after: str | None
    media_type: str | None
    text: str

    @property
    def is_accepted(self) -> bool:
        """Whether it was done."""
        return self.status is not None and self.status < 300

    @property
    def is_later(self) -> bool:
        """Whether the client was told, in the API's own words, to come again."""
        return self.status == 503 and self.media_type == "application/problem+json" and int(self.retry_after or 0) > 0


class Caller(threading.Thread):
    """Somebody who does one thing again and again until told to stop."""

    pause_s = _PAUSE_S
    """Before it is done again."""

    def __init__(self, address: str, authorization: str) -> None:
        super().__init__(daemon=True)
        timeout = httpx.Timeout(60.0, connect=_CONNECT_S)
        self._http = httpx.Client(base_url=address, headers={"Authorization": authorization}, timeout=timeout)
        self._stopped = threading.Event()
        self.answers: list[Answer] = []
        self.error: BaseException | None = None

    def once(self) -> None:
        """The thing."""
        raise NotImplementedError

    def run(self) -> None:
        try:
            while not self._stopped.is_set():
                self.once()
                self._stopped.wait(self.pause_s)
        except BaseException as error:  # noqa: BLE001  raised again by `finish`
            self.error = error

    def finish(self) -> None:
        """Let it finish what it has begun."""
        self._stopped.set()
        self.join(_PATIENCE_S)
        self.close()
        assert not self.is_alive()
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Give its connections back."""
        self._http.close()

    def call(self, method: str, path: str, **arguments: Any) -> httpx.Response | None:
        """One call; None when there was no answer."""
        at_s = time.monotonic()
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            wall_s = time.monotonic() - at_s
            self.answers.append(Answer(at_s, wall_s, f"{method} {path}", None, None, None, repr(error)))
            return None
        headers = response.headers
        told = (headers.get("retry-after"), headers.get("content-type"), response.text[:300])
        wall_s = time.monotonic() - at_s
        self.answers.append(Answer(at_s, wall_s, f"{method} {path}", response.status_code, *told))
        return response

    def until_accepted(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """The same call until it is done; what it gave."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            response = self.call(method, path, **arguments)
            if response is not None and response.is_success:
                given: dict[str, Any] = response.json()
                return given
            assert response is None or response.status_code >= 500, response.text
            assert time.monotonic() < deadline, self.answers[-1]
            time.sleep(_PAUSE_S)


class Writer(Caller):
    """Makes projects, each under a key of its own and asked for twice, and changes them."""

    def __init__(self, address: str, authorization: str) -> None:
        super().__init__(address, authorization)
        self.projects: dict[str, tuple[str, str]] = {}
        """Id and description by name, as they were answered."""

    def once(self) -> None:
        """Make one, and change it."""
        name = f"project {uuid.uuid4()}"
        made = {"json": {"name": name}, "headers": {"Idempotency-Key": str(uuid.uuid4())}}
        project_id = self.until_accepted("POST", "/projects", **made)["id"]
        self.projects[name] = (project_id, "")
        assert self.until_accepted("POST", "/projects", **made)["id"] == project_id
        description = f"of {name}"
        self.until_accepted("PATCH", f"/projects/{project_id}", json={"description": description})
        self.projects[name] = (project_id, description)


class Reader(Caller):
    """Looks at some pages in turn."""

    def __init__(self, address: str, authorization: str, paths: Sequence[str]) -> None:
        super().__init__(address, authorization)
        self._paths = paths

    def once(self) -> None:
        """Look at each."""
        for path in self._paths:
            self.call("GET", path)


class Uploader(Caller):
    """Uploads datasets, one after the other, and says that they are there."""

    pause_s = 2.0  # each dataset costs the cluster a process

    def __init__(self, address: str, authorization: str) -> None:
        super().__init__(address, authorization)
        self._data = archive(good(4))
        self.datasets: dict[str, str] = {}
        """Id by name, of those that the API has taken."""

    def once(self) -> None:
        """Upload one."""
        self.complete(*self.put())

    def put(self) -> tuple[str, str]:
        """Announce a dataset and put its file into the store; its name and id."""
        name = f"dataset {uuid.uuid4()}"
        source = {"type": "upload", "files": [{"name": "speech.zip", "size": len(self._data)}]}
        new = self.until_accepted(
            "POST", "/datasets", json={"name": name, "source": source}, headers={"Idempotency-Key": str(uuid.uuid4())}
        )
        deadline = time.monotonic() + _PATIENCE_S
        while not self._stored(new["uploads"][0]["url"]):
            assert time.monotonic() < deadline
            time.sleep(_PAUSE_S)
        return name, new["dataset"]["id"]

    def complete(self, name: str, dataset_id: str) -> None:
        """Say that the file is there."""
        self.until_accepted("POST", f"/datasets/{dataset_id}/complete")
        self.datasets[name] = dataset_id

    def _stored(self, url: str) -> bool:
        try:
            return httpx.put(url, content=self._data, timeout=30).is_success
        except httpx.TransportError:
            return False


class Traffic:
    """Writers, a reader and an uploader at work; use as a context manager."""

    def __init__(self, user: httpx.Client, pages: Sequence[str], *, writers: int = 4) -> None:
        self._user = user
        who = (str(user.base_url), user.headers["Authorization"])
        self.writers = [Writer(*who) for _ in range(writers)]  # some of them are in the middle of it when it happens
        self.reader = Reader(*who, pages)
        self.uploader = Uploader(*who)
        self._callers: tuple[Caller, ...] = (*self.writers, self.reader, self.uploader)

    def __enter__(self) -> Traffic:
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for caller in self._callers:
            caller.finish()

    @property
    def answers(self) -> list[Answer]:
        """All answers, in the order in which they were asked for."""
        return sorted((answer for caller in self._callers for answer in caller.answers), key=lambda each: each.at_s)

    def during(self, start_s: float, end_s: float) -> list[Answer]:
        """Answers that were asked for and given in a span of time."""
        return [answer for answer in self.answers if start_s < answer.at_s and answer.at_s + answer.wall_s < end_s]

    def until_served(self) -> None:
        """Wait until each of them has had something done that was asked for after now."""
        since_s = time.monotonic()
        _until(
            lambda: all(
                any(answer.is_accepted and answer.at_s >= since_s for answer in caller.answers) or not caller.is_alive()
                for caller in self._callers
            )
        )

    def check_kept(self, *others: Uploader) -> None:
        """Everything that was accepted is there, once, as it was last answered; what was uploaded becomes ready.

        Args:
            others: who else has uploaded as this user.
        """
        projects = self._all("/projects", "project ")
        found = {item["name"]: (item["id"], item["description"]) for item in projects}
        made = {name: project for writer in self.writers for name, project in writer.projects.items()}
        assert len(projects) == len(made)
        assert found == made

        def ended() -> bool:
            return all(item["status"] in {"ready", "error"} for item in self._all("/datasets", "dataset "))

        _until(ended)
        datasets = self._all("/datasets", "dataset ")
        uploaded = {name: id for each in (self.uploader, *others) for name, id in each.datasets.items()}
        assert {item["name"]: item["id"] for item in datasets} == uploaded
        assert len(datasets) == len(uploaded)
        assert [item for item in datasets if item["status"] != "ready"] == []

    def _all(self, path: str, q: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = self._user.get(path, params={"limit": 100, "q": q, **cursor}).json()
            items += page["items"]
            if not page["next_cursor"]:
                return items
            cursor = {"cursor": page["next_cursor"]}


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
