"""`lim data items`, `versions`, `revise` and `upload`, on folders and on a platform, as a person calls them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from typer.testing import CliRunner, Result

from engine.data.manifest import read_manifest
from engine.data.revision import read_version
from services.cli import upload, versions
from services.cli.main import app
from services.client import Client
from tests.unit.engine.data.recordings import folder_of
from tests.unit.engine.data.test_revision import files
from tests.unit.services.filled import answer_of

ID = "0b9ff9a6-7e12-4b5e-9a41-6a58a4d11f05"


def lim(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], terminal_width=200)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A version of recordings of which two are good."""
    source = folder_of(tmp_path / "speech", files())
    imported = lim("data", "import", source, tmp_path / "v1", "--set", "limits.max_item_s=20")
    assert imported.exit_code == 0, imported.output
    return tmp_path / "v1"


def ids(folder: Path) -> set[str]:
    return {utterance.id for utterance in read_manifest(folder / "manifest.jsonl")}


def test_options_of_an_import(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "speech", files())
    options = tmp_path / "options.yaml"
    options.write_text(yaml.safe_dump({"validation": {"clipped_share": 1.0}, "limits": {"max_item_s": 0.4}}))
    result = lim("data", "import", source, tmp_path / "v1", "--options", options, "--set", "limits.max_item_s=0.6")
    assert result.exit_code == 0, result.output
    assert ids(tmp_path / "v1") == {"a", "loud", "good"}
    record = read_version(tmp_path / "v1")
    assert (record.options.limits.max_item_s, record.options.validation.clipped_share) == (0.6, 1.0)
    seen = lim("data", "inspect", source, "--set", "validation.clipped_share=1")
    assert "3 good" in seen.stdout
    wrong = lim("data", "import", source, tmp_path / "v2", "--set", "limits.max_item=1", "--set", "validation.x=1")
    assert wrong.exit_code == 2
    assert "limits.max_item: no such field" in wrong.stderr
    assert "validation.x: no such field" in wrong.stderr


def test_items_of_a_folder(first: Path) -> None:
    found = lim("data", "items", first, "--status", "rejected", "--finding", "clipped", "--json")
    assert found.exit_code == 0, found.output
    [item] = json.loads(found.stdout)["items"]
    assert (item["path"], item["text"], item["speaker"]) == ("loud.wav", "stop", "bob")
    assert (
        json.loads(lim("data", "items", first, "--search", "GO BACK", "--json").stdout)["items"][0]["path"]
        == "good.wav"
    )
    few = lim("data", "items", first, "--limit", "1", "--speaker", "ada")
    assert "a.wav" in few.stdout
    assert "1 of 3; --limit shows more" in few.stderr
    assert lim("data", "items", first, "--status", "bad").exit_code == 2
    nothing = lim("data", "items", first.parent)
    assert nothing.exit_code == 2
    assert "cannot read the items" in nothing.stderr


def test_a_folder_is_revised(first: Path) -> None:
    target = first.parent / "v2"
    result = lim(
        "data", "revise", first, target, "--accept", "loud.wav", "--accept-code", "silent", "--reject", "good.wav",
        "--text", "mail.wav=write to ada", "--speaker", "a.wav=", "--split", "a.wav=test",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found = {u.id: (u.target.text, u.group, u.split) for u in read_manifest(target / "manifest.jsonl")}
    assert found == {
        "a": ("turn left", None, "test"),
        "still": ("hush", "ada", None),
        "loud": ("stop", "bob", None),
        "mail": ("write to ada", "ada", None),
    }
    told = lim("data", "versions", target).stdout
    for part in ("limits.max_item_s=20.0", "accept loud.wav", "reject good.wav", "edit mail.wav text=write to ada"):
        assert part in " ".join(told.replace("│", " ").split())


def test_a_revision_from_a_file_and_its_faults(first: Path) -> None:
    file = first.parent / "revision.yaml"
    decisions = [{"do": "reject", "speakers": ["dan"]}, {"do": "accept", "codes": ["clipped"]}]
    file.write_text(yaml.safe_dump({"decisions": decisions, "split": {"test_fraction": 0.5}}))
    result = lim("data", "revise", first, first.parent / "v2", "--from", file, "--set", "split.by=recording")
    assert result.exit_code == 0, result.output
    assert ids(first.parent / "v2") == {"a", "loud"}
    assert read_version(first.parent / "v2").options.split is not None
    assert lim("validate", file, "--kind", "revision").exit_code == 0

    wrong = lim("data", "revise", first, first.parent / "v3", "--accept", "none.wav", "--accept", "cut.wav")
    assert wrong.exit_code == 2
    assert "no item 'none.wav' in version 1" in wrong.stderr
    assert "cut.wav cannot be accepted: truncated" in wrong.stderr
    assert not (first.parent / "v3").exists()
    for arguments, message in (
        ((first, first.parent / "v3"), "changes nothing"),
        ((first, "--accept", "loud.wav"), "Give a new folder"),
        ((first, first, "--accept", "loud.wav"), "never changes"),
        ((first, first.parent / "v3", "--text", "loud.wav"), "is written PATH=VALUE"),
        ((first.parent, first.parent / "v3", "--accept", "loud.wav"), "holds no dataset version"),
    ):
        refused = lim("data", "revise", *arguments)
        assert refused.exit_code == 2, arguments
        assert message in refused.stderr


def test_recordings_that_moved_or_changed_are_told(first: Path) -> None:
    moved = first.parent / "elsewhere"
    (first.parent / "speech").rename(moved)
    gone = lim("data", "revise", first, first.parent / "v2", "--accept", "loud.wav")
    assert gone.exit_code == 2
    assert "say where they are" in gone.stderr
    (moved / "notes.txt").unlink()
    result = lim("data", "revise", first, first.parent / "v2", "--accept", "loud.wav", "--source", moved)
    assert result.exit_code == 0, result.output
    assert "warning: the recordings changed since the version before: 1 items are gone: notes.txt" in result.stderr


class Platform:
    """Answers as a platform does, and remembers what it was asked."""

    def __init__(self) -> None:
        self.bodies: dict[str, Any] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1/datasets").removeprefix(f"/{ID}")
        if request.method == "POST":
            self.bodies[path] = json.loads(request.read() or b"null")
        version = answer_of(
            "DatasetVersionDetailOut",
            number=2,
            parent=1,
            status="ready",
            error=None,
            options={"limits": {"max_item_s": 40.0}},
            decisions=[{"do": "accept", "paths": ["a.wav"]}],
            statistics={"utterances": 7, "audio_s": 3.5},
        )
        if path.endswith("/items"):
            self.bodies[path] = dict(request.url.params)
            item = answer_of("DatasetItemOut", path="a.wav", status="good", text="go", findings=[])
            return httpx.Response(200, json={"items": [item], "total": 1, "next_cursor": None})
        if path == "/versions" and request.method == "GET":
            return httpx.Response(200, json={"items": [version], "total": 1, "next_cursor": None})
        if path.startswith("/versions"):
            return httpx.Response(202, json=version)
        is_new = request.method == "POST" and path == ""
        status = "pending" if is_new else "ready"
        dataset = answer_of(
            "DatasetOut", id=ID, name="speech", status=status, error=None, version=2, statistics={"utterances": 7}
        )
        if is_new:
            sent = answer_of("UploadOut", url="http://store.test/x", headers={}, parts=[])
            return httpx.Response(201, json={"dataset": dataset, "uploads": [sent]})
        return httpx.Response(200, json=dataset)


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Platform:
    made = Platform()

    @contextmanager
    def connected(server: str | None) -> Iterator[Client]:
        with Client("http://lim.test", api_key="lim_x", transport=httpx.MockTransport(made)) as client:
            yield client

    for module in (versions, upload):
        monkeypatch.setattr(module, "connected", connected)
    return made


def test_a_dataset_on_a_platform(platform: Platform, tmp_path: Path) -> None:
    revised = lim("data", "revise", ID, "--reject-code", "noisy", "--set", "limits.max_item_s=40", "--parent", "1")
    assert revised.exit_code == 0, revised.output
    assert platform.bodies["/versions"] == {
        "decisions": [{"do": "reject", "codes": ["noisy"]}],
        "limits": {"max_item_s": 40.0},
        "parent": 1,
    }
    assert "Version 2 is ready: 7 utterances" in revised.stdout
    told = lim("data", "versions", ID)
    assert "limits.max_item_s=40.0; accept a.wav" in " ".join(told.stdout.replace("│", " ").split())
    listed = lim("data", "items", ID, "--split", "test", "--json")
    assert json.loads(listed.stdout)["items"][0]["path"] == "a.wav"
    assert platform.bodies["/items"] == {"split": "test", "limit": "50"}

    folder = folder_of(tmp_path / "speech", {"a.wav": b"x"})
    made = lim("data", "upload", folder, "--set", "language=german", "--set", "validation.quiet_dbfs=-50")
    assert made.exit_code == 0, made.output
    assert made.stdout.strip() == ID
    body = platform.bodies[""]
    assert (body["name"], body["language"], body["validation"]) == ("speech", "german", {"quiet_dbfs": -50})
    assert lim("data", "upload", tmp_path / "none").exit_code == 2
    assert lim("data", "upload", folder, "--set", "limits.max_item_s=0").exit_code == 2
