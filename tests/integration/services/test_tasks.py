"""Every task on the real platform: a model and recordings of it, launched by `lim` and by the client, watched, measured
and compared."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soundfile
from sqlalchemy import update

from cluster.ports import free_port
from cluster.runtime import start_local
from cluster.storage.client import make_client
from cluster.storage.embedded import EmbeddedS3
from engine.data.example import AnyExample
from engine.data.manifest import read_examples
from engine.data.targets import TARGETS, written
from services.client import Client
from services.database import migrate
from services.database.embedded import EmbeddedPostgres
from services.database.engine import create_engine, create_sessions, open_session
from services.database.models import User
from services.jobs.hub import start_hub
from services.jobs.submission import PROJECT_ROOT
from services.settings import Settings, load_settings
from tests.contract.pairs import PAIRS, Pair
from tests.integration.services.killable import kept_environment
from tests.integration.services.visitors import PASSWORD

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray Serve is deprecated in its own eyes when it is imported
    from services import serve_app

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600), pytest.mark.filterwarnings("default")]

_NAMES = (
    "wav2vec2-speech_to_text",
    "spectrogram_transformer-audio_classification",
    "clap-retrieval",
    "audio_llm-captioning",
)
_COLUMNS = {"text": "text", "label": "label", "captions": "caption"}


@dataclass(frozen=True)
class Platform:
    """A running platform, and its admin."""

    url: str
    key: str
    settings: Settings

    def client(self) -> Client:
        return Client(self.url, api_key=self.key)

    def lim(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`lim`, as in another shell."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("LIM_", "RAY_"))}
        environ |= {"LIM_URL": self.url, "LIM_API_KEY": self.key, "PYTHONPATH": str(PROJECT_ROOT)}
        command = [sys.executable, "-c", "from services.cli.main import app; app()", *arguments]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=400, check=False)
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture(scope="module")
def platform(home: Path, postgres: EmbeddedPostgres, s3: EmbeddedS3) -> Iterator[Platform]:
    url = postgres.create_database("tasks")
    migrate.upgrade(url)
    environ = {"LIM_HOME": str(home), "LIM_RECONCILE_S": "0.5", "LIM_API_REPLICAS": "1"}
    settings = load_settings(environ, database_url=url, s3=s3.settings)
    with kept_environment(), start_local(cpus=2):
        start_hub(settings)
        address = serve_app.deploy_api(settings, port=free_port())
        with Client(address) as client:
            client.signup("ada", "ada@example.com", PASSWORD)
            asyncio.run(_make_admin(url))
            client.login("ada", PASSWORD)
            key = client.create_api_key("tests", PASSWORD, scope="admin").key
        yield Platform(address, key, settings)
        serve_app.undeploy()


async def _make_admin(url: str) -> None:
    engine = create_engine(url, pool_size=1)
    async with open_session(create_sessions(engine)) as session:
        await session.execute(update(User).values(role="admin"))
        await session.commit()
    await engine.dispose()


def recordings(pair: Pair, folder: Path) -> Path:
    """The pair's examples as a user has them: a file each, and a list."""
    version = pair.write_data(folder / "version")
    rows = [["file", _COLUMNS[read_examples(version / "manifest.jsonl")[0].target.type], "speaker"]]
    source = folder / pair.name
    source.mkdir()
    for example in read_examples(version / "manifest.jsonl"):
        name = f"{example.id.replace('.wav', '').replace('/', '-')}.wav"
        _cut(version, example, source / name)
        rows.append([name, written(example.target), example.group or ""])
    with (source / "metadata.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    return source


def _cut(version: Path, example: AnyExample, path: Path) -> None:
    audio = version / example.input.audio
    rate_hz = soundfile.info(audio).samplerate
    start = round(example.input.start_s * rate_hz)
    wave_T, _ = soundfile.read(audio, start=start, frames=round(example.input.duration_s * rate_hz))
    soundfile.write(path, wave_T, rate_hz)


def add_model(platform: Platform, pair: Pair, folder: Path) -> str:
    """The pair's base, in object storage and in the catalogue."""
    s3 = platform.settings.s3
    client, model_id = make_client(s3), pair.name.replace("_", "-")
    written_to = pair.write_model(folder / "model")
    for path in written_to.rglob("*"):
        if path.is_file():
            client.upload_file(str(path), s3.bucket, f"models/{model_id}/{path.relative_to(written_to)}")
    card = {
        "id": model_id,
        "family": pair.family,
        "title": "Tiny, of random weights",
        "source": f"s3://{s3.bucket}/models/{model_id}",
        "parameters": 100_000,
        "languages": ["en"],
        "licence": "MIT",
        "description": "For tests.",
        "tasks": [pair.task],
    }
    with platform.client() as api:
        assert api.add_model(**card).tasks == [pair.task]
    return model_id


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.name in _NAMES], ids=lambda pair: pair.name)
def test_a_task_is_launched_watched_measured_and_compared(platform: Platform, pair: Pair, tmp_path: Path) -> None:
    model_id = add_model(platform, pair, tmp_path)
    source = recordings(pair, tmp_path)
    dataset_id = platform.lim("datasets", "upload", str(source), "--task", pair.task).stdout.split()[0]
    target = read_examples(tmp_path / "version" / "manifest.jsonl")[0].target.type
    assert f" {TARGETS[target].noun.capitalize()} " in platform.lim("datasets", "preview", dataset_id).stdout
    config: dict[str, Any] = {
        "task": {"type": pair.task},
        **pair.config,
        "method": {"type": "qlora", "rank": 4},
        "optimizer": {"type": "adamw", "learning_rate": 1e-2},
        "max_steps": 8,
        "log_every_steps": 2,
    }

    # By the client, and at the same time by the command line.
    with platform.client() as client:
        first = client.create_job(model_id, dataset_id, config, name=f"{pair.name} 1")
        given = [f"--set={field}={json.dumps(value)}" for field, value in (config | {"seed": 1}).items()]
        told = platform.lim(
            "jobs", "launch", "--dataset", dataset_id, "--model", model_id, "--name", f"{pair.name} 2", "--json", *given
        ).stdout.splitlines()
        second, *events = [json.loads(line) for line in told]
        losses = [event["loss"] for event in events if event["kind"] == "metric" and "loss" in event]
        assert len(losses) >= 4 and losses[-1] < losses[0]
        statuses = [event.data["status"] for event in client.watch_job(first.id) if "status" in event.data]
        assert statuses[-1] == "succeeded"
        result = client.read_job(first.id).result
        assert result is not None
        primary = result["primary"]
        assert (result["task"], result["tuned"].keys()) == (pair.task, result["tuned"].keys() | {primary})

        # Measured again, on everything.
        measured = client.create_evaluation(first.id, measurement={"split": "all", "base": False})
        assert client.wait_for_job(measured.id).status == "succeeded"
        again = client.read_job(measured.id).result
        assert again is not None
        assert again["tuned"].keys() == result["tuned"].keys()
        assert again["examples"] > result["test_examples"]

    # Two versions of one adapter, and where they differ.
    platform.lim("adapters", "create", pair.name)
    for job in (str(first.id), second["id"]):
        platform.lim("adapters", "add-version", pair.name, job)
    differences = platform.lim("adapters", "compare", pair.name, "1", "2").stdout
    assert "seed" in differences
    assert pair.task in platform.lim("jobs", "show", f"{pair.name} 2", "--json").stdout
