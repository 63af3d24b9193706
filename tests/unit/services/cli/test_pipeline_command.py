"""`lim pipeline` says what was found in the recordings, as `lim train` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.stages.ingest import ingest
from services.cli.pipelines import _follow
from services.client import Client, models
from tests.unit.engine.data.recordings import folder_of, noise, wav
from tests.unit.services.filled import answer_of
from tests.unit.services.test_client import Server, answer


def _pipeline(status: str, ingested: dict[str, Any] | None) -> dict[str, Any]:
    stage = answer_of("StageOut", name="ingest", type="ingest", status="running", error=None, result=ingested)
    return answer_of("PipelineOut", id="p1", name="one", status=status, dataset_id="d1", stages=[stage])


def test_what_was_found_is_said_once_when_it_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.cli.pipelines._EVERY_S", 0.01)
    rows = b"file_name,text,speaker\na.wav,one,ann\nb.wav,two,bo\ngone.wav,three,cy\n"
    files = {"metadata.csv": rows, "a.wav": wav(noise(1, 0.5)), "b.wav": wav(noise(2, 0.5))}
    report = ingest(folder_of(tmp_path / "source", files), tmp_path / "data").model_dump(mode="json")
    server = Server()
    known = {"dataset_id": "d1", "version": 1, "status": "ready", "error": None, "page": None}
    server.on("GET", "/api/v1/datasets/d1/report", answer({**report, **known}))
    made = {"dataset_id": "d1", "dataset_version": 1}
    looks = [_pipeline("running", None), _pipeline("running", made), _pipeline("succeeded", made)]
    server.on("GET", "/api/v1/pipelines/p1", *(answer(look) for look in looks))
    with Client("http://server", transport=httpx.MockTransport(server)) as client:
        client.login("ada", "secret-password")
        _follow(client, models.PipelineOut.model_validate(_pipeline("running", None)))
    told = capsys.readouterr().err
    for line in (
        "2 of 3 items are good: 1.0 s of audio, 2 speakers",
        '  a.wav: "one" (ann)',
        "warning: 1 of 3 items were rejected:",
        "The whole report: lim datasets report d1",
    ):
        assert told.count(line) == 1, line
    assert "missing_audio 1: gone.wav" in told
