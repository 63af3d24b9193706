"""The interactive documentation at /docs, from files of the platform: the page loads nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

PATH: Final = "/docs"
_FOLDER: Final = Path(__file__).with_name("docs_page")


def install(app: FastAPI) -> None:
    """Serve the page and its files."""

    async def docs_page() -> FileResponse:
        return FileResponse(_FOLDER / "index.html")

    app.add_api_route(PATH, docs_page, include_in_schema=False)
    app.mount(f"{PATH}/assets", StaticFiles(directory=_FOLDER), name="docs_assets")
