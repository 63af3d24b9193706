"""Sweeps through real drivers, with Ray Tune on a real cluster: also when they are stopped and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.storage.run_store import S3RunStore
from tests.integration.cluster.conftest import ROOT, Standing
from tests.integration.cluster.runs import PATIENCE_S
from tuning.sweep.front import fronts
from tuning.sweep.result import SweepResult

pytestmark = pytest.mark.timeout(600)

STEPS, EVERY = 40, 10
TRAINING: dict[str, Any] = {
    "max_steps": STEPS,
    "log_every_steps": 5,
    "method": {"type": "lora", "rank": 4},
    "batch": {"cost": 6, "micro_batch_cost": 6},
    "checkpoint": {"every_steps": 5},
    "split": {"test_groups": ["s2"], "validation_groups": ["s1"]},
    "task": {"max_new_tokens": 4},
    "evaluation": {"every_steps": EVERY},
    "schedule": {"type": "constant"},
}
RATES = [1e-2, 1e-3, 1e-7]
SEARCH: dict[str, Any] = {
    "dimensions": {"optimizer.learning_rate": {"type": "choice", "values": RATES}},
    "algorithm": {"type": "grid"},
    "scheduler": {"type": "asha", "reduction_factor": 2, "grace_validations": 1},
}


class Sweep:
    """A sweep on the standing cluster, by its name."""

    def __init__(self, standing: Standing, folder: Path, name: str, model: Path, data: Path, **changed: Any) -> None:
        self.standing = standing
        self.path = folder / f"{name}.yaml"
        config = {
            "name": name,
            "model": str(model),
            "data": str(data),
            "training": TRAINING | changed.pop("training", {}),
            "search": SEARCH | changed.pop("search", {}),
            "resources": {"trials_at_once": 1},
        }
        self.path.write_text(yaml.safe_dump(config | changed))
        self.store = S3RunStore.at(f"s3://{standing.settings.bucket}/sweeps/{name}", standing.settings)
        self.log = folder / f"{name}.log"

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """Its driver, in a process group of its own, which does not outlive the test."""
        with self.log.open("ab") as log:
            driver = subprocess.Popen(
                [sys.executable, "-m", "tuning.sweep", "--config", str(self.path)],
                cwd=ROOT,
                env=self.standing.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield driver
        finally:
            if driver.poll() is None:
                os.killpg(driver.pid, signal.SIGKILL)
            driver.wait()

    def finish(self) -> SweepResult:
        """Its result, from a driver that ran to the end."""
        with self.started() as driver:
            assert driver.wait(PATIENCE_S) == 0, self.log.read_text()
        return self.result()

    def result(self) -> SweepResult:
        return SweepResult.model_validate_json(self.store.get_bytes("sweep.json"))

    def wait_until(self, what: Callable[[], bool], driver: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not what():
            assert driver.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def has_checkpoint(self, number: int) -> Callable[[], bool]:
        return lambda: bool(self.store.list(f"trials/{number:04d}/checkpoints"))

    def events(self) -> list[dict[str, Any]]:
        parts = [self.store.get_bytes(key) for key in self.store.list("events")]
        return [json.loads(line) for part in parts for line in part.splitlines()]


def told(result: SweepResult) -> list[dict[str, Any]]:
    """What of its trials does not depend on how long they took."""
    return [trial.model_dump(exclude={"seconds", "peak_bytes"}) for trial in result.trials]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sweeps")


@pytest.fixture(scope="module")
def whole(standing: Standing, folder: Path, tiny_whisper: Path, tones: Path) -> Sweep:
    """A sweep that nothing happened to."""
    sweep = Sweep(standing, folder, "whole", tiny_whisper, tones)
    sweep.finish()
    return sweep


def test_a_sweep_leaves_its_trials_the_best_and_the_fronts(whole: Sweep) -> None:
    result = whole.result()
    assert (result.status, result.primary) == ("succeeded", "wer")
    assert [trial.values["optimizer.learning_rate"] for trial in result.trials] == RATES
    assert {trial.state for trial in result.trials} == {"finished", "pruned"}
    # Of three, one goes on from the first validation; no other comes to the rung after the second, and it goes on.
    assert sorted(trial.validations for trial in result.trials) == [1, 1, STEPS // EVERY]
    for trial in result.trials:
        assert trial.step == trial.validations * EVERY
        assert (trial.step == STEPS) == (trial.state == "finished")
        assert (trial.total_steps, trial.validation_loss is not None) == (STEPS, True)
        assert trial.seconds > 0 and trial.peak_bytes and trial.peak_bytes > 10**8
        assert trial.trainable_parameters == result.trials[0].trainable_parameters
    finished = [trial for trial in result.trials if trial.state == "finished"]
    assert result.best is not None
    assert result.best.value == min(trial.value for trial in finished if trial.value is not None)
    assert result.best_config is not None
    assert result.best_config.optimizer.learning_rate == result.best.values["optimizer.learning_rate"]
    assert result.front == fronts(result.trials)
    assert result.best.number in result.front["peak_bytes"] + result.front["trainable_parameters"]

    keys = whole.store.list("")
    assert whole.store.get_bytes("pareto.png").startswith(b"\x89PNG")
    assert json.loads(whole.store.get_bytes("result.json"))["best"]["number"] == result.best.number
    assert not [key for key in keys if "/checkpoints/" in key]  # of trials that have ended
    assert not [key for key in keys if key.endswith("predictions.jsonl")]  # the test examples stay unseen
    assert "ray.tune" not in whole.log.read_text() and "Search algorithm" not in whole.log.read_text()
    lines = [event["data"]["message"] for event in whole.events() if event["kind"] == "log"]
    assert [sum(f"trial {number} " in line for line in lines) for number in range(3)] == [1, 1, 1]
    metrics = [event["data"] for event in whole.events() if event["kind"] == "metric"]
    progress = [data["progress"] for data in metrics]
    assert progress == sorted(progress)
    assert {data["trial"]["state"] for data in metrics} == {"running", "paused", "pruned", "finished"}
    assert metrics[-1]["progress"] == 1.0 and metrics[-1]["trials_ended"] == metrics[-1]["trials"] == 3
    assert not [event for event in whole.events() if event["data"].get("split") == "test"]


def test_a_finished_sweep_gives_its_result_and_another_config_is_refused(whole: Sweep) -> None:
    before = whole.result()
    assert whole.finish() == before
    assert "has finished already on" in whole.log.read_text()
    other = whole.path.with_name("other.yaml")
    other.write_text(whole.path.read_text().replace("reduction_factor: 2", "reduction_factor: 3"))
    done = subprocess.run(
        [sys.executable, "-m", "tuning.sweep", "--config", str(other)],
        cwd=ROOT,
        env=whole.standing.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2
    assert "search.scheduler.reduction_factor: found 3.0; the run of the same name" in done.stderr


def test_a_sweep_that_was_killed_ends_with_the_same_trials(
    whole: Sweep, standing: Standing, folder: Path, tiny_whisper: Path, tones: Path
) -> None:
    sweep = Sweep(standing, folder, "killed", tiny_whisper, tones)
    with sweep.started() as driver:
        sweep.wait_until(sweep.has_checkpoint(1), driver)
        os.killpg(driver.pid, signal.SIGKILL)
    began = json.loads(sweep.store.get_bytes("trials/0001/trial.json"))
    assert began["state"] == "running"
    assert told(sweep.finish()) == told(whole.result())


def test_a_sweep_stops_with_a_part_of_its_result_and_goes_on(
    whole: Sweep, standing: Standing, folder: Path, tiny_whisper: Path, tones: Path
) -> None:
    sweep = Sweep(standing, folder, "stopped", tiny_whisper, tones)
    with sweep.started() as driver:
        sweep.wait_until(sweep.has_checkpoint(0), driver)
        driver.send_signal(signal.SIGTERM)
        assert driver.wait(PATIENCE_S) == 0, sweep.log.read_text()
    part = sweep.result()
    assert part.status == "stopped"
    assert part.trials and {trial.state for trial in part.trials} <= {
        "stopped",
        "paused",
    }  # within a rung, or at its end
    assert part.front == {"peak_bytes": [], "trainable_parameters": []}
    assert told(sweep.finish()) == told(whole.result())


def test_trials_share_one_sketch_and_meet_the_budget(
    standing: Standing, folder: Path, tiny_whisper: Path, tones: Path
) -> None:
    sweep = Sweep(
        standing,
        folder,
        "ranks",
        tiny_whisper,
        tones,
        training={
            "max_steps": 4,
            "evaluation": {"every_steps": 4},
            "method": {"type": "lora", "rank": 4, "allocation": {"type": "sketch", "examples": 8, "probe_rank": 8}},
        },
        search={
            "dimensions": {
                "method.allocation.weights.fusion": {"type": "choice", "values": [1.0, 8.0]},
                "method.allocation.budget": {"type": "choice", "values": [2]},
            },
            "scheduler": {"type": "none"},
        },
        resources={},
    )
    result = sweep.finish()
    assert [trial.state for trial in result.trials] == ["finished", "finished"]
    measured = json.loads(sweep.store.get_bytes("sketch/ranks.json"))
    allowed = 2 * sum(layer["inputs"] + layer["outputs"] for layer in measured["layers"])
    fusion = []
    for trial in result.trials:
        assert trial.trainable_parameters is not None
        assert 0.9 * allowed < trial.trainable_parameters <= allowed
        ranks = json.loads(sweep.store.get_bytes(f"trials/{trial.number:04d}/ranks.json"))
        assert ranks["allocation"]["type"] == "fixed"
        fusion.append(sum(layer["rank"] for layer in ranks["layers"] if layer["group"] == "fusion"))
    assert fusion[1] > fusion[0]
    phases = [event["data"].get("phase") for event in sweep.events() if event["kind"] == "status"]
    assert phases == ["loading", "allocating", "training", "saving", "done"]


def test_a_trial_that_cannot_be_trained_fails_alone_and_selections_are_shared(
    standing: Standing, folder: Path, tiny_whisper: Path, tones: Path
) -> None:
    sweep = Sweep(
        standing,
        folder,
        "shares",
        tiny_whisper,
        tones,
        training={"max_steps": 2, "evaluation": {"every_steps": 2}},
        selection={"method": {"type": "random"}},
        search={
            "dimensions": {
                "method.target_modules": {"type": "choice", "values": [["q_proj"], ["nose"]]},
                "selection.budget.fraction": {"type": "choice", "values": [0.3, 0.9]},
            },
            "scheduler": {"type": "none"},
        },
        resources={},
    )
    result = sweep.finish()
    assert result.status == "succeeded"
    assert [trial.state for trial in result.trials] == ["finished", "finished", "failed", "failed"]
    assert all("nose" in (trial.error or "") for trial in result.trials[2:])
    examples = [
        json.loads(sweep.store.get_bytes(f"trials/{number:04d}/result.json"))["train_examples"] for number in (0, 1)
    ]
    assert examples[0] < examples[1]
    assert len({key.split("/")[1] for key in sweep.store.list("selections")}) == 2
    assert result.trials_by_state == {"finished": 2, "failed": 2}
