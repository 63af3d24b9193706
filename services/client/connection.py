"""Calls to a platform: who calls, what is repeated, what an answer or a refusal says."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from engine.errors import Fault
from services.client.answers import JobEvent, Tokens, parse_events
from services.client.errors import ClientError, RequestRefusedError, ServerUnreachableError

API: Final = "/api/v1"
_LEAST_ATTEMPTS: Final = 4
_LONGEST_PAUSE_S: Final = 5.0
AnswerT = TypeVar("AnswerT", bound=BaseModel)


class Connection:
    """One user's connection. Tokens are renewed when they run out; calls that are safe to repeat are repeated."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        patience_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """A connection to the platform at an address.

        Args:
            base_url: of the platform.
            api_key: whose calls are made; None: `login` says.
            timeout_s: how long an answer may take.
            patience_s: how long a platform that has answered before is asked again when it, its database or its store
                does not answer.
            transport: stands in for the network in tests.
        """
        self._http = httpx.Client(
            base_url=base_url.rstrip("/"), timeout=httpx.Timeout(timeout_s, connect=10.0), transport=transport
        )
        self._api_key = api_key
        self._patience_s = patience_s
        self._has_answered = False
        self._tokens: Tokens | None = None
        self._renew_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        signed: bool = True,
        creates: bool = False,
    ) -> dict[str, Any]:
        """The JSON object that a call answers; empty where it answers nothing."""
        answer = self._answered(method, path, body=body, params=params, signed=signed, creates=creates)
        return self._json(answer) if answer.content else {}

    def _bytes(self, path: str) -> bytes:
        """The file that a call answers."""
        return self._answered("GET", path).content

    def _answered(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        signed: bool = True,
        creates: bool = False,
    ) -> httpx.Response:
        """One call; those that are safe to repeat are repeated when the connection or the server fails."""
        repeatable = creates or method == "GET"
        headers = {"Idempotency-Key": str(uuid.uuid4())} if creates else {}
        renewed = False
        since_s, attempt = time.monotonic(), 0
        while True:
            attempt += 1
            if signed:
                headers["Authorization"] = self._authorization()
            try:
                answer = self._http.request(
                    method,
                    f"{API}{path}",
                    json=dict(body) if body is not None else None,
                    params=params,
                    headers=headers,
                )
            except httpx.TransportError as error:
                if not repeatable or not self._is_patient(since_s, attempt):
                    raise ServerUnreachableError(f"no answer from {self._http.base_url}: {error}") from error
                time.sleep(pause_s(attempt))
                continue
            self._has_answered = True
            if answer.status_code == 401 and signed and self._tokens is not None and not renewed:
                renewed = True
                attempt -= 1
                self._renew()
                continue
            if answer.status_code in {502, 503, 504} and repeatable and self._is_patient(since_s, attempt):
                time.sleep(min(float(answer.headers.get("Retry-After", pause_s(attempt))), 10.0))
                continue
            if answer.is_error:
                raise self._refusal(answer)
            return answer

    def _is_patient(self, since_s: float, attempt: int) -> bool:
        """Whether a call that was begun then is made again. A server that was never there is soon given up."""
        if attempt < _LEAST_ATTEMPTS:
            return True
        return self._has_answered and time.monotonic() - since_s < self._patience_s

    def _items(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        query: dict[str, Any] = {"limit": 100, **(params or {})}
        while True:
            page = self._call("GET", path, params=query)
            yield from page.get("items", [])
            if not page.get("next_cursor"):
                return
            query["cursor"] = page["next_cursor"]

    @contextmanager
    def _event_stream(self, path: str, last: int) -> Iterator[Iterator[JobEvent]]:
        headers = {"Accept": "text/event-stream", "Authorization": self._authorization()}
        if last:
            headers["Last-Event-ID"] = str(last)
        timeout = httpx.Timeout(30.0, read=60.0)
        with self._http.stream("GET", f"{API}{path}", headers=headers, timeout=timeout) as answer:
            if answer.status_code in {502, 503, 504}:
                raise httpx.RemoteProtocolError(f"the server answered {answer.status_code}")
            if answer.is_error:
                answer.read()
                raise self._refusal(answer)
            yield parse_events(answer.iter_lines())

    def _authorization(self) -> str:
        if self._api_key is not None:
            return f"Bearer {self._api_key}"
        if self._tokens is None:
            raise ClientError("not logged in: call login() first, or give an api_key")
        if time.monotonic() >= self._renew_at:
            self._renew()
        return f"Bearer {self._tokens.access_token}"

    def _renew(self) -> None:
        if self._tokens is None:
            raise ClientError("not logged in: call login() first, or give an api_key")
        body = {"refresh_token": self._tokens.refresh_token}
        self._keep(self._answer(Tokens, self._call("POST", "/auth/refresh", body=body, signed=False)))

    def _keep(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._renew_at = time.monotonic() + tokens.expires_in - min(30.0, tokens.expires_in / 10)

    def _json(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            value = answer.json()
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ServerUnreachableError(f"{answer.url} answered {answer.status_code} with no JSON object")
        return value

    def _answer(self, model: type[AnswerT], value: Mapping[str, Any]) -> AnswerT:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            raise ServerUnreachableError(f"the server's {model.__name__.lower()} cannot be read: {error}") from error

    def _refusal(self, answer: httpx.Response) -> RequestRefusedError:
        retry_after = answer.headers.get("Retry-After", "")
        retry_after_s = float(retry_after) if retry_after.isdigit() else None
        try:
            problem = answer.json()
        except ValueError:
            problem = None
        if not isinstance(problem, dict):
            detail = f"{answer.request.method} {answer.url.path}: {answer.text[:200].strip() or answer.reason_phrase}"
            return RequestRefusedError(answer.status_code, "unknown", detail, retry_after_s=retry_after_s)
        return RequestRefusedError(
            answer.status_code,
            str(problem.get("code", "unknown")),
            str(problem.get("detail") or problem.get("title") or answer.reason_phrase),
            [Fault(str(item.get("path", "")), str(item.get("message", ""))) for item in problem.get("errors") or []],
            problem.get("correlation_id"),
            retry_after_s,
        )


def pause_s(attempt: int) -> float:
    """How long to wait before a further attempt."""
    return min(float(0.2 * 2**attempt), _LONGEST_PAUSE_S)


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}
