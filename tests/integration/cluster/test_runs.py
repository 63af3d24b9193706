"""Runs through real drivers, on a real Ray cluster, with a real object store: also when they are killed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cluster.conftest import ROOT, Standing
from tests.integration.cluster.runs import (
    STEPS,
    Run,
    config_of,
    is_step,
    wait_for_start,
    worker_process,
    worker_processes,
)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def whole(trained: Run) -> Run:
    """A run that nothing happened to, whose base was measured too; that changes nothing of the rest."""
    return trained


def assert_same(run: Run, whole: Run) -> None:
    """Bit for bit what would have come without a crash."""
    assert run.result()["status"] == "succeeded"
    assert sorted(whole.losses()) == list(range(1, STEPS + 1))
    assert run.losses() == whole.losses()
    assert run.adapter_sha256() == whole.adapter_sha256()


def test_a_run_leaves_what_the_contract_says(whole: Run) -> None:
    result = whole.result()
    assert (result["status"], result["steps"], result["test_groups"]) == ("succeeded", STEPS, ["s2"])
    keys = whole.store.list("")
    for key in ("config.json", "result.json", "adapter/adapter_config.json", "adapter/adapter_model.safetensors"):
        assert key in keys
    assert not [key for key in keys if key.startswith("ray-train")]
    assert "step " in whole.log.read_text()
    assert json.loads(whole.store.get_bytes("config.json"))["training"]["max_steps"] == STEPS


def test_a_finished_run_gives_its_result_at_once(whole: Run) -> None:
    before = whole.result()
    assert whole.finish(RAY_ADDRESS="127.0.0.1:1") == before  # no cluster is asked
    assert "has finished already on" in whole.log.read_text()


def test_a_run_of_the_same_name_with_another_config_is_refused(whole: Run, folder: Path) -> None:
    text = whole.path.read_text().replace(f"max_steps: {STEPS}", "max_steps: 7")
    other = Run(whole.standing, folder, "other", {})
    other.path.write_text(text)
    with other.started() as driver:
        assert driver.wait(60) == 2
    assert (
        f"training.max_steps: found 7; the run of the same name that began before has {STEPS}" in other.log.read_text()
    )


def test_a_finished_run_of_data_that_changed_is_refused(
    standing: Standing, folder: Path, tiny_whisper: Path, tones: Path
) -> None:
    data = shutil.copytree(tones, folder / "changing")
    run = Run(standing, folder, "changing", config_of(tiny_whisper, data, training={"max_steps": 2}))
    run.finish()
    manifest = data / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"zero"', '"naught"'))
    with run.started() as driver:
        assert driver.wait(120) == 2
    assert "data: found other recordings or texts (manifest.jsonl) than in the finished work" in run.log.read_text()


@pytest.mark.faults
def test_a_killed_worker(
    standing: Standing, folder: Path, tiny_whisper: Path, tones: Path, whole: Run, chance: random.Random
) -> None:
    run = Run(standing, folder, "killed-worker", config_of(tiny_whisper, tones))
    with run.started() as driver:
        run.wait_for(is_step(chance.randint(1, STEPS // 3)), driver)
        os.kill(worker_process(run), signal.SIGKILL)
        assert driver.wait(300) == 0, run.log.read_text()
    phases = [event for event in run.events() if event["data"].get("phase") == "training"]
    assert len(phases) == 2, "the run had ended before the worker was killed"
    assert_same(run, whole)


@pytest.mark.faults
def test_a_worker_that_someone_kills_once_too_often_ends_the_run(
    standing: Standing, folder: Path, tiny_whisper: Path, tones: Path
) -> None:
    """A SIGKILL alone is no sign of too little memory."""
    changed = {"resources": {"max_failures": 0}}
    run = Run(standing, folder, "killed-for-good", config_of(tiny_whisper, tones, **changed))
    with run.started() as driver:
        run.wait_for(is_step(1), driver)
        os.kill(worker_process(run), signal.SIGKILL)
        assert driver.wait(300) == 1, run.log.read_text()
    [error] = [event["data"]["message"] for event in run.events() if event["data"].get("level") == "error"]
    assert error.startswith("the workers failed permanently: worker 0: ")
    assert not [key for key in run.store.list("") if "memory" in key or key.startswith("in-training")]


@pytest.mark.faults
def test_a_killed_driver(
    standing: Standing, folder: Path, tiny_whisper: Path, tones: Path, whole: Run, chance: random.Random
) -> None:
    run = Run(standing, folder, "killed-driver", config_of(tiny_whisper, tones))
    with run.started() as driver:
        run.wait_for(is_step(chance.randint(1, STEPS // 3)), driver)
        driver.kill()
        assert driver.wait(60) == -signal.SIGKILL
    assert "result.json" not in run.store.list("")
    run.finish()
    assert_same(run, whole)


def test_a_stopped_run_goes_on_later(
    standing: Standing, folder: Path, tiny_whisper: Path, tones: Path, whole: Run
) -> None:
    run = Run(standing, folder, "stopped", config_of(tiny_whisper, tones))
    with run.started() as driver:
        run.wait_for(is_step(1), driver)
        driver.send_signal(signal.SIGTERM)
        assert driver.wait(300) == 0, run.log.read_text()
    stopped = run.result()
    assert stopped["status"] == "stopped"
    assert 0 < stopped["steps"] < STEPS
    assert f"checkpoints/step-{stopped['steps']:08d}/manifest.json" in run.store.list("checkpoints")
    run.finish()
    assert_same(run, whole)


@pytest.mark.faults
def test_two_workers_with_dropout_killed_again_and_again(
    standing: Standing, folder: Path, tiny_whisper: Path, tones: Path, chance: random.Random
) -> None:
    changed = {"training": {"checkpoint": {"every_steps": 10}}, "resources": {"num_workers": 2}}
    whole = Run(standing, folder, "two-workers", config_of(tiny_whisper, tones, **changed))
    whole.finish()
    run = Run(standing, folder, "two-workers-killed", config_of(tiny_whisper, tones, **changed))
    kills = sorted(chance.sample(range(5, STEPS // 2), 2))
    with run.started() as driver:
        for start, step in enumerate(kills, start=1):
            wait_for_start(run, start, driver)
            process = chance.choice(worker_processes(run))
            run.wait_for(is_step(step), driver)
            os.kill(process, signal.SIGKILL)
        assert driver.wait(300) == 0, run.log.read_text()
    phases = [event for event in run.events() if event["data"].get("phase") == "training"]
    assert len(phases) == 1 + len(kills), "the run had ended before the worker was killed"
    assert_same(run, whole)


def test_resources_that_no_node_has(standing: Standing, folder: Path, tiny_whisper: Path, tones: Path) -> None:
    changed = {"resources": {"label_selector": {"lim/device-class": "h200"}}}
    run = Run(standing, folder, "infeasible", config_of(tiny_whisper, tones, **changed))
    with run.started() as driver:
        assert driver.wait(120) == 2
    told = run.log.read_text()
    assert "resources.label_selector: no node can hold a worker" in told
    assert "label lim/device-class is test, wanted h200" in told
    assert run.events()[-1]["data"]["level"] == "error"


def test_data_that_does_not_fit_is_not_tried_again(standing: Standing, folder: Path, tiny_whisper: Path) -> None:
    run = Run(standing, folder, "no-data", config_of(tiny_whisper, Path("/nowhere/at/all")))
    with run.started() as driver:
        assert driver.wait(300) == 2
    assert "no data at /nowhere/at/all" in run.log.read_text()
    levels = [event["data"]["level"] for event in run.events() if event["kind"] == "log"]
    assert levels == ["warning", "error"]


def test_ray_job_submit(standing: Standing, tiny_whisper: Path, tones: Path, folder: Path) -> None:
    """As the README says it: no API, no database."""
    run = Run(standing, folder, "submitted", {})
    names = ("S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "LIM_HOME")
    variables = {"env_vars": {name: standing.environment[name] for name in names}}
    changed = ("name=submitted", f"model={tiny_whisper}", f"data={tones}", "training.max_steps=5")
    driver = ["python", "-m", "cluster.train", "--config", "configs/runs/digits-qlora.yaml"]
    for change in changed:
        driver += ["--set", change]
    ray = Path(sys.executable).with_name("ray")
    submit = [str(ray), "job", "submit", "--address", standing.dashboard_url, "--working-dir", str(ROOT)]
    done = subprocess.run(
        [*submit, "--runtime-env-json", json.dumps(variables), "--", *driver],
        env={name: value for name, value in standing.environment.items() if name not in {"RAY_ADDRESS", "PYTHONPATH"}},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "step 5/5" in done.stdout
    assert run.result()["steps"] == 5
