"""HTTP calls to a platform: authentication, retries, and parsing of responses and errors."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import httpx_sse
from pydantic import BaseModel, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential

from .content import Content
from .errors import (
    ClientError,
    NotLoggedInError,
    RequestRefusedError,
    ServerUnreachableError,
    UnauthenticatedError,
    UnavailableError,
    refusal,
)
from .events import Event, placed
from .model import as_json
from .pages import Pages
from .unset import UNSET

LOCAL: Final = "http://127.0.0.1:8000"
_REFRESH: Final = "/api/v1/auth/refresh"
_IDEMPOTENT: Final = frozenset({"GET", "PUT", "DELETE"})
_TRY_LATER: Final = frozenset({429, 503})
_LEAST_ATTEMPTS: Final = 4
_LONGEST_PAUSE_S: Final = 5.0
_EXPONENTIAL: Final = wait_exponential(0.4, max=_LONGEST_PAUSE_S)
_STREAM_TIMEOUT: Final = httpx.Timeout(30.0, read=60.0)  # the server sends a keep-alive every 10 s
ModelT = TypeVar("ModelT", bound=BaseModel)
ResultT = TypeVar("ResultT")
ConnectionT = TypeVar("ConnectionT", bound="Connection")


class Connection:
    """One user's connection. Tokens are renewed before they expire; requests that are safe to retry are retried.

    GET, PUT, DELETE and requests with an idempotency key are safe. Any other request is retried only if it cannot have
    been carried out: the connection was never made, or the server said when to retry.
    """

    def __init__(
        self,
        base_url: str = LOCAL,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        patience_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """A connection to the platform at an address.

        Args:
            base_url: address of the platform.
            api_key: key that requests authenticate with; None: `login` is called first.
            timeout_s: how long a response may take.
            patience_s: how long to retry while a platform that has answered before is unavailable, or its database or
                object store is.
            transport: replaces the network in tests.
        """
        self._http = httpx.Client(
            base_url=base_url.rstrip("/"), timeout=httpx.Timeout(timeout_s, connect=10.0), transport=transport
        )
        self._api_key = api_key
        self._patience_s = patience_s
        self._has_answered = False
        self._tokens: Mapping[str, Any] | None = None
        self._renew_at_s = 0.0
        self._renewing = threading.Lock()

    @classmethod
    def from_environment(cls: type[ConnectionT], **options: Any) -> ConnectionT:
        """A connection to the platform at LIM_URL (default: this machine, port 8000), with the key LIM_API_KEY."""
        return cls(os.environ.get("LIM_URL") or LOCAL, api_key=os.environ.get("LIM_API_KEY") or None, **options)

    def __enter__(self: ConnectionT) -> ConnectionT:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def base_url(self) -> str:
        """Address of the platform."""
        return str(self._http.base_url).rstrip("/")

    # -- authentication

    def _authorization(self, stale: str | None = None) -> str:
        """The Authorization header's value; `stale` is one that the server has just rejected."""
        if self._api_key is not None:
            return f"Bearer {self._api_key}"
        with self._renewing:
            if self._tokens is None:
                raise NotLoggedInError("not logged in: call login() first, or give an api_key")
            if time.monotonic() >= self._renew_at_s or stale == f"Bearer {self._tokens['access_token']}":
                body = {"refresh_token": self._tokens["refresh_token"]}
                self._keep(self._object("POST", _REFRESH, body=body, signed=False))
            return f"Bearer {self._tokens['access_token']}"

    def _keep(self, tokens: Mapping[str, Any] | None) -> None:
        if tokens is None:
            self._tokens = None
            return
        life_s = float(tokens["expires_in"])
        self._tokens = tokens
        self._renew_at_s = time.monotonic() + life_s - min(30.0, life_s / 10)

    def _signed(self, send: Callable[[str | None], ResultT], *, signed: bool = True) -> ResultT:
        """Send with the user's credentials; a token that the server rejects is renewed once."""
        if not signed:
            return send(None)
        authorization = self._authorization()
        try:
            return send(authorization)
        except UnauthenticatedError:
            if self._tokens is None:
                raise
            return send(self._authorization(stale=authorization))

    # -- what the generated methods call

    def _model(self, model: type[ModelT], method: str, path: str, **request: Any) -> ModelT:
        return self._parsed(model, self._object(method, path, **request))

    def _pages(self, model: type[ModelT], method: str, path: str, **request: Any) -> Pages[Any, ModelT]:
        query = dict(request.pop("query", {}))

        def fetch(cursor: str | None) -> ModelT:
            asked = query if cursor is None else {**query, "cursor": cursor}
            return self._model(model, method, path, query=asked, **request)

        return Pages(fetch)

    def _object(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        answer = self._answer(method, path, **request)
        try:
            value = answer.json()
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ServerUnreachableError(f"{answer.url} answered {answer.status_code} with no JSON object")
        return value

    def _nothing(self, method: str, path: str, **request: Any) -> None:
        self._answer(method, path, **request)

    def _content(self, method: str, path: str, **request: Any) -> Content:
        @contextmanager
        def opened() -> Iterator[httpx.Response]:
            answer = self._answer(method, path, streamed=True, **request)
            try:
                yield answer
            finally:
                answer.close()

        return Content(opened)

    def _events(self, method: str, path: str, **request: Any) -> Iterator[Event]:
        """Yield the events of one connection until the server closes it; callers reconnect when it breaks off."""
        request.setdefault("header", {})
        request["header"] = {**request["header"], "Accept": "text/event-stream", "Cache-Control": "no-store"}
        answer = self._answer(method, path, streamed=True, retried=False, timeout=_STREAM_TIMEOUT, **request)
        try:
            yield from placed(httpx_sse.EventSource(answer))
        except httpx.TransportError as error:
            raise ServerUnreachableError(f"the event stream of {path} broke off: {error}") from error
        finally:
            answer.close()

    # -- one request

    def _answer(
        self,
        method: str,
        path: str,
        *,
        path_values: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        header: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        signed: bool = True,
        creates: bool = False,
        answers: Collection[int] = (),
        streamed: bool = False,
        retried: bool = True,
        timeout: httpx.Timeout | None = None,
    ) -> httpx.Response:
        headers = {name: str(value) for name, value in _given(header).items()}
        if creates:
            headers.setdefault("Idempotency-Key", str(uuid.uuid4()))
        filled = path.format_map({name: quote(str(value), safe="") for name, value in (path_values or {}).items()})
        request: dict[str, Any] = {
            "params": {name: as_json(value) for name, value in _given(query).items()},
            "json": None if body is None else as_json(_given(body)),
        }
        if timeout is not None:
            request["timeout"] = timeout
        attempts = 0

        def send(authorization: str | None) -> httpx.Response:
            nonlocal attempts
            attempts += 1
            sent = headers if authorization is None else {**headers, "Authorization": authorization}
            answer = self._http.send(self._http.build_request(method, filled, headers=sent, **request), stream=streamed)
            self._has_answered = True
            if answer.is_error and answer.status_code not in answers:
                if streamed:
                    answer.read()
                    answer.close()
                if method == "DELETE" and attempts > 1 and answer.status_code == httpx.codes.NOT_FOUND:
                    return answer  # an earlier attempt deleted it, and its answer was lost
                raise refused(answer)
            return answer

        def call() -> httpx.Response:
            return self._signed(send, signed=signed)

        return self._retried(call, is_safe=creates or method in _IDEMPOTENT) if retried else self._reached(call)

    def _retried(self, call: Callable[[], ResultT], *, is_safe: bool = True) -> ResultT:
        """Return the result of `call`, retrying while that is safe and may help.

        Raises:
            ServerUnreachableError: no answer.
        """

        def is_worth_retrying(error: BaseException) -> bool:
            if isinstance(error, RequestRefusedError):
                said_when = error.status in _TRY_LATER and error.retry_after_s is not None
                return said_when or (is_safe and isinstance(error, UnavailableError))
            never_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
            return isinstance(error, httpx.TransportError) and (is_safe or never_sent)

        retrying = Retrying(
            retry=retry_if_exception(is_worth_retrying), wait=_pause_s, stop=self._gives_up, reraise=True
        )
        return self._reached(lambda: retrying(call))

    def _reached(self, call: Callable[[], ResultT]) -> ResultT:
        try:
            return call()
        except httpx.TransportError as error:
            raise ServerUnreachableError(f"no answer from {self.base_url}: {error}") from error

    def _gives_up(self, state: RetryCallState) -> bool:
        """Whether to stop retrying; a server that has never answered gets `_LEAST_ATTEMPTS` only."""
        waited_s = state.seconds_since_start or 0.0
        if _asked_pause_s(state) > max(self._patience_s - waited_s, _LONGEST_PAUSE_S):
            return True
        if state.attempt_number < _LEAST_ATTEMPTS:
            return False
        return not self._has_answered or waited_s >= self._patience_s

    def _parsed(self, model: type[ModelT], value: Mapping[str, Any]) -> ModelT:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            raise ClientError(
                f"the server's {model.__name__} cannot be read by this version of the client: {error}"
            ) from error


def refused(answer: httpx.Response) -> RequestRefusedError:
    """The exception for an error response."""
    retry_after = answer.headers.get("Retry-After", "")
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    told = f"{answer.request.method} {answer.url.path}: {answer.text[:200].strip() or answer.reason_phrase}"
    return refusal(
        answer.status_code,
        problem if isinstance(problem, dict) else None,
        told,
        float(retry_after) if retry_after.isdigit() else None,
    )


def store_refusal(answer: httpx.Response) -> RequestRefusedError:
    """The exception for an error response that comes from the object store, not from the platform."""
    kind = UnavailableError if answer.is_server_error else RequestRefusedError
    told = " ".join(answer.text[:300].split()) or answer.reason_phrase
    return kind(answer.status_code, "store_refused", f"the object store refused {answer.request.method}: {told}")


def _given(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (values or {}).items() if value is not UNSET}


def _asked_pause_s(state: RetryCallState) -> float:
    """How long the server asked to wait, in seconds; 0: it did not say."""
    error = state.outcome.exception() if state.outcome is not None else None
    return (error.retry_after_s or 0.0) if isinstance(error, RequestRefusedError) else 0.0


def _pause_s(state: RetryCallState) -> float:
    return _asked_pause_s(state) or _EXPONENTIAL(state)
