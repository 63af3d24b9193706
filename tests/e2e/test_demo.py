"""The demo from the outside: a platform, a job through its API, an adapter; and nothing left behind."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from services.client import Client, models

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "engine" / "data" / "bundled" / "demo-speech"
LIM = Path(sys.executable).with_name("lim")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder whose name every process that is started below carries in its environment."""
    with tempfile.TemporaryDirectory(prefix="lim-e2e-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def recordings(place: Path) -> Path:
    """Some recordings of three of the bundled speakers, as an AudioFolder."""
    folder = place / "recordings"
    with (SPEECH / "metadata.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    speakers = sorted({row["speaker"] for row in rows})[:3]
    chosen = [row for speaker in speakers for row in [row for row in rows if row["speaker"] == speaker][:12]]
    for row in chosen:
        target = folder / row["file_name"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SPEECH / row["file_name"], target)
    with (folder / "metadata.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(chosen)
    return folder


def environment(place: Path) -> dict[str, str]:
    temporary = place / "tmp"
    temporary.mkdir(exist_ok=True)
    return {**os.environ, "TMPDIR": str(temporary), "LIM_HOME": str(place / "home"), "COLUMNS": "100"}


def run(command: list[object], place: Path, *, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run to the end; what takes too long is asked to end in order, so that the next test finds a clean machine."""
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        env=environment(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, told = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.terminate()
        out, told = process.communicate(timeout=60)
        pytest.fail(f"not done after {timeout_s:.0f} s:\n{told}")
    return subprocess.CompletedProcess(command, process.returncode, out, told)


def left_behind(place: Path) -> list[str]:
    """Processes that name the folder in their command line or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            told = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(place) in part for part in told):
            found.append(" ".join(process.cmdline())[:200])
    return found


def files_left_behind(place: Path) -> list[Path]:
    """Temporary files, but for one empty lock that PostgreSQL's package shares among all of a user's servers."""
    return [path for path in (place / "tmp").iterdir() if path.name != ".lockfile"]


def test_the_demo_makes_an_adapter_and_leaves_nothing_behind(place: Path, recordings: Path) -> None:
    out = place / "out"
    command: list[object] = [
        sys.executable,
        "-m",
        "services.demo",
        "--data",
        recordings,
        "--holdout",
        "bruno",
        "--out",
        out,
    ]
    changes = ["max_steps=4", "log_every_steps=1", "schedule.warmup_steps=1", "batch.max_examples=4"]
    command += [part for change in changes for part in ("--set", change)]
    done = run(command, place, timeout_s=270)
    assert done.returncode == 0, done.stderr

    figures = json.loads((out / "demo.json").read_text())
    assert figures["test_groups"] == ["bruno"]
    assert figures["test_examples"] == 12
    assert (figures["task"], figures["primary"]) == ("speech_to_text", "wer")
    assert figures["base"].keys() == figures["tuned"].keys() == {"wer", "cer"}
    assert all(value >= 0.0 for values in (figures["base"], figures["tuned"]) for value in values.values())
    assert figures["facts"]["audio_context"] == figures["facts"]["base_audio_context"]
    assert 0 < figures["trainable_parameters"] < figures["total_parameters"]
    adapter = Path(figures["adapter_path"])
    assert figures["saved_bytes"] == (adapter / "adapter_model.safetensors").stat().st_size
    assert json.loads((adapter / "adapter_config.json").read_text())["peft_type"] == "LORA"
    assert figures["peak_bytes"] > 0
    assert figures["platform_peak_resident_bytes"] > figures["peak_bytes"] / 2
    assert (figures["cost_unit"], figures["cost_per_s"] > 0) == ("audio_s", True)
    assert 0 < figures["time_to_first_step_s"] < figures["wall_s"]

    for told in ("WER of the base model", "WER with the adapter", "Trainable parameters", "Peak memory", str(adapter)):
        assert told in done.stdout.replace("\n", ""), told
    assert "step 4" in done.stderr
    assert left_behind(place) == []
    assert files_left_behind(place) == []

    audio = recordings / "bruno"
    said = subprocess.run(
        [LIM, "transcribe", *sorted(audio.iterdir())[:2], "--adapter", adapter],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said.returncode == 0, said.stderr
    assert [line.split("\t")[0] for line in said.stdout.splitlines()] == [
        str(path) for path in sorted(audio.iterdir())[:2]
    ]


def test_a_demo_on_no_recordings_says_so_before_it_starts_anything(place: Path) -> None:
    command: list[object] = [sys.executable, "-m", "services.demo", "--data", place / "nowhere", "--out", place / "out"]
    done = run(command, place, timeout_s=60)
    assert done.returncode == 2
    assert "no folder at" in done.stderr
    assert "Traceback" not in done.stderr
    assert files_left_behind(place) == []


def finished(client: Client, job: models.JobOut) -> models.JobOut:
    """The job when it has ended well."""
    told = [event.data for event in client.watch_job(job.id)]
    job = client.read_job(job.id)
    assert job.status == "succeeded", (job.error, told[-10:])
    return job


def select_and_train(client: Client, recordings: Path, scratch: Path) -> None:
    """Choose half of what two speakers said, and train on that."""
    client.signup("ada", "ada@example.com", "correct horse battery staple")
    client.login("ada", "correct horse battery staple")
    dataset = client.upload_dataset("digits", Path(shutil.make_archive(str(scratch / "digits"), "zip", recordings)))
    training = {"max_steps": 2, "log_every_steps": 1, "split": {"test_groups": ["amara"], "validation_fraction": 0.0}}
    how = {"method": {"type": "random"}, "trim": {"type": "none"}}
    selection = finished(
        client, client.create_job("whisper-pico", dataset.id, training, type="selection", selection=how)
    )
    assert selection.type == "selection"
    assert selection.result is not None
    figures = selection.result["figures"]
    assert (figures["utterances"], figures["candidates"]) == (24, 24)
    assert 0 < figures["selected"] < 24
    assert {file.name for file in client.job_artifacts(selection.id)} >= {
        "selection/segments.parquet",
        "selection/selection.json",
    }
    trained = finished(client, client.create_job("whisper-pico", dataset.id, training, selection_id=selection.id))
    assert trained.result is not None
    assert trained.result["train_examples"] == figures["selected"]


def test_the_platform_selects_and_trains_and_goes_down_on_a_signal(place: Path, recordings: Path) -> None:
    log = place / "up.log"
    with log.open("w") as stream:
        platform = subprocess.Popen([LIM, "up", "--port", "0"], cwd=ROOT, env=environment(place), stderr=stream)
        try:
            deadline = time.monotonic() + 150
            while "Ready." not in log.read_text():
                assert platform.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            (address,) = [line.split()[1] for line in log.read_text().splitlines() if line.startswith("  API ")]
            readiness = httpx.get(f"{address.removesuffix('/api/v1')}/readyz").json()
            assert readiness["status"] == "ready"
            assert len(left_behind(place)) > 5
            with Client(address.removesuffix("/api/v1")) as client:
                select_and_train(client, recordings, place)
            platform.send_signal(signal.SIGTERM)
            assert platform.wait(timeout=60) == 0
        finally:
            platform.kill()
            platform.wait()
    assert left_behind(place) == []
    assert files_left_behind(place) == []


def test_a_run_without_ray(place: Path, recordings: Path) -> None:
    config = place / "run.yaml"
    config.write_text(f"name: try\ndata: {recordings}\ntraining: {{max_steps: 2, log_every_steps: 1}}\n")
    done = subprocess.run(
        [LIM, "train", config, "--local", "--set", "training.split.test_groups=[amara]"],
        cwd=place,
        env=environment(place),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "step 2" in done.stderr
    assert "WER with the adapter" in done.stdout
    assert (place / "build" / "runs" / "try" / "adapter" / "adapter_model.safetensors").exists()
