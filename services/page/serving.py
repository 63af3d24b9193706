"""Serves the web page on the API's own origin: what no route of the API answers is looked for in the export."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.page.export import Asset, Export, read_export

_METHODS: Final = ("GET", "HEAD")
_OF_THE_API: Final = ("/api/", "/objects/", "/docs", "/healthz", "/readyz", "/metrics", "/openapi.json")
"""Unknown addresses below these stay problem documents, for programs."""
_PERMISSIONS: Final = "camera=(), geolocation=(), microphone=(self)"  # the playground records


class _Route:
    """What the access log and the metrics call every file of the page."""

    path = "page"


class PageFiles:
    """ASGI application for what the router has no route for."""

    def __init__(self, export: Export, otherwise: ASGIApp, store: str | None = None) -> None:
        """Serve an export.

        Args:
            export: the files.
            otherwise: answers what is not of the page: 404 as a problem document.
            store: origin of the object store, if browsers upload to it and download from it directly.
        """
        self._export, self._otherwise, self._store = export, otherwise, store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._otherwise(scope, receive, send)
            return
        path, headers = scope["path"], Headers(scope=scope)
        asset, status = self._export.find(path), 200
        if asset is None and path != "/" and path.endswith("/") and self._export.find(path.rstrip("/")):
            query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            target = "/" + path.strip("/")  # one slash: two would name another host
            await RedirectResponse(target + query, status_code=308)(scope, receive, send)
            return
        if asset is None and _is_navigation(scope, headers):
            asset, status = self._export.not_found(), 404
        if asset is None:
            await self._otherwise(scope, receive, send)
            return
        if scope["method"] not in _METHODS:
            raise HTTPException(405, headers={"Allow": ", ".join(_METHODS)})
        scope["route"] = _Route
        response = _response(asset, status, scope["method"], headers, policy(asset, self._store))
        await response(scope, receive, send)


def _is_navigation(scope: Scope, headers: Headers) -> bool:
    """Whether a person followed a link, rather than a program called something."""
    return (
        scope["method"] in _METHODS
        and not scope["path"].startswith(_OF_THE_API)
        and "text/html" in headers.get("accept", "")
    )


def policy(asset: Asset, store: str | None) -> str | None:
    """The Content-Security-Policy of a page: it runs its own scripts and talks to its own origin; None for other files."""
    if asset.script_hashes is None:
        return None
    elsewhere = f" {store}" if store else ""
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src 'self'", *asset.script_hashes]),
            "style-src 'self' 'unsafe-inline'",  # positions of menus and widths of bars are style attributes
            f"img-src 'self' data: blob:{elsewhere}",
            "font-src 'self'",
            f"connect-src 'self'{elsewhere}",
            f"media-src 'self' blob:{elsewhere}",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ]
    )


def _response(asset: Asset, status: int, method: str, headers: Headers, policy: str | None) -> Response:
    told = {
        "ETag": asset.etag,
        "Vary": "Accept-Encoding",
        "Cache-Control": "public, max-age=31536000, immutable" if asset.is_immutable else "no-cache",
    }
    if policy is not None:
        told |= {"Content-Security-Policy": policy, "Permissions-Policy": _PERMISSIONS}
    if status == 200 and asset.etag in headers.get("if-none-match", ""):
        return Response(status_code=304, headers=told)
    body = asset.body
    if asset.compressed is not None and _accepts_gzip(headers):
        body, told["Content-Encoding"] = asset.compressed, "gzip"
    told["Content-Length"] = str(len(body))
    return Response(b"" if method == "HEAD" else body, status, told, media_type=asset.content_type)


def _accepts_gzip(headers: Headers) -> bool:
    for offer in headers.get("accept-encoding", "").split(","):
        name, *parameters = (part.strip().lower() for part in offer.split(";"))
        if name == "gzip":
            return "q=0" not in parameters
    return False


def install(app: FastAPI, folder: Path, store: str | None = None) -> None:
    """Serve the export in `folder`, if there is one; `store` is the object store that its users reach directly.

    As the router's default and not as a mount, which would answer before the router says 405 for a known path.
    """
    if (folder / "index.html").is_file():
        app.router.default = PageFiles(read_export(folder), app.router.default, store)
