"""The export of the page by address: ids and names of models stand for one page each."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.page.export import Export, read_export

JOB = "0b1d1a7e-5f52-4a3e-9a51-3a4f2a4be6b1"


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """An export with a page of a job, one of a model and one of all models."""
    for name in (
        "jobs/_.html",
        "jobs/_.txt",
        "models/_.html",
        "models/_.txt",
        "models/_/__next.model.txt",
        "models.html",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"<html>{name}</html>", encoding="utf-8")
    return read_export(tmp_path)


@pytest.mark.parametrize(
    ("address", "file"),
    [
        (f"/jobs/{JOB}", "jobs/_.html"),
        (f"/jobs/{JOB}.txt", "jobs/_.txt"),
        ("/models", "models.html"),
        ("/models/whisper-pico", "models/_.html"),
        ("/models/whisper-3.5.v2", "models/_.html"),
        ("/models/whisper-pico.txt", "models/_.txt"),
        ("/models/whisper-pico/__next.model.txt", "models/_/__next.model.txt"),
    ],
)
def test_an_address_with_an_id_is_found(export: Export, address: str, file: str) -> None:
    found = export.find(address)
    assert found is not None and found.body.decode() == f"<html>{file}</html>"


@pytest.mark.parametrize("address", ["/jobs/whisper-pico", "/models/whisper-pico/versions", "/modelss/whisper-pico"])
def test_other_addresses_are_not(export: Export, address: str) -> None:
    assert export.find(address) is None
