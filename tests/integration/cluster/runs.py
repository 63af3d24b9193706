"""Starting drivers, watching what their runs say, and comparing what came of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml

from cluster.storage.run_store import S3RunStore
from tests.integration.cluster.conftest import ROOT, Standing

STEPS = 160
PATIENCE_S = 300.0  # a busy machine; nothing here asserts how long anything takes


def config_of(model: Path, data: Path, **changed: Any) -> dict[str, Any]:
    """A run of a few seconds that draws from every random source there is."""
    training = {
        "max_steps": STEPS,
        "log_every_steps": 1,
        "method": {"type": "qlora", "rank": 4, "dropout": 0.1},
        "batch": {"cost": 6, "micro_batch_cost": 3},
        "checkpoint": {"every_steps": 20},
        "split": {"test_groups": ["s2"]},
        "task": {"max_new_tokens": 4},
        "augmentation": {"speed_probability": 0.5, "noise_probability": 0.5},
        "evaluation": {"base": False},
    }
    resources = {"threads_per_worker": 1}
    training.update(changed.pop("training", {}))
    resources.update(changed.pop("resources", {}))
    return {"model": str(model), "data": str(data), "training": training, "resources": resources, **changed}


class Run:
    """A run on the standing cluster, by its name."""

    def __init__(self, standing: Standing, folder: Path, name: str, config: dict[str, Any]) -> None:
        self.standing = standing
        self.name = name
        self.path = folder / f"{name}.yaml"
        self.path.write_text(yaml.safe_dump({"name": name, **config}))
        self.store = S3RunStore.at(f"s3://{standing.settings.bucket}/runs/{name}", standing.settings)
        self.log = folder / f"{name}.log"

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        """Its driver."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "cluster.train", "--config", str(self.path)],
                cwd=ROOT,
                env=self.standing.environment | environment,
                stdout=log,
                stderr=log,
            )

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """Its driver, which does not outlive the test."""
        driver = self.start()
        try:
            yield driver
        finally:
            driver.kill()
            driver.wait()

    def finish(self, **environment: str) -> dict[str, Any]:
        """Its result, from a driver that ran to the end."""
        driver = self.start(**environment)
        try:
            code = driver.wait(PATIENCE_S)
        finally:
            driver.kill()
            driver.wait()
        assert code == 0, self.log.read_text()
        return self.result()

    def result(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(self.store.get_bytes("result.json"))
        return result

    def events(self) -> list[dict[str, Any]]:
        """Everything that it said, repeats included."""
        parts = [self.store.get_bytes(key) for key in self.store.list("events")]
        return [json.loads(line) for part in parts for line in part.splitlines()]

    def wait_for(self, what: Callable[[dict[str, Any]], bool], driver: subprocess.Popen[bytes]) -> dict[str, Any]:
        """The first event of a kind, as soon as the run has said it."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for event in self.events():
                if what(event):
                    return event
            assert driver.poll() is None, f"the driver ended with {driver.returncode}:\n{self.log.read_text()}"
            time.sleep(0.1)
        raise AssertionError(f"the run never said it:\n{self.log.read_text()}")

    def losses(self) -> dict[int, float]:
        """The loss of each step; a step that was repeated must have had the same."""
        losses: dict[int, float] = {}
        for event in self.events():
            if event["key"].startswith("train/"):
                step, (loss,) = event["data"]["step"], event["data"]["step_losses"]
                assert losses.setdefault(step, loss) == loss, f"step {step} has another loss when it is repeated"
        return losses

    def adapter_sha256(self) -> str:
        return hashlib.sha256(self.store.get_bytes("adapter/adapter_model.safetensors")).hexdigest()


def is_step(at_least: int) -> Callable[[dict[str, Any]], bool]:
    """Whether an event tells of a training step that far."""
    return lambda event: event["key"].startswith("train/") and event["data"]["step"] >= at_least


def worker_process(run: Run) -> int:
    """The process that trains, by what it said itself."""
    return _training_processes(run)[-1]


def wait_for_start(run: Run, starts: int, driver: subprocess.Popen[bytes]) -> None:
    """Until the run's workers have begun to train so often."""
    run.wait_for(lambda _: len(_training_processes(run)) >= starts, driver)


def worker_processes(run: Run) -> list[int]:
    """The processes of all workers: first that of rank 0, by what it said itself, then the others, by their titles."""
    first, home = worker_process(run), run.standing.environment["LIM_HOME"]
    others = set()
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error):
            if (
                "RayTrainWorker" in " ".join(process.info["cmdline"] or [])
                and process.environ().get("LIM_HOME") == home
            ):
                others.add(process.pid)
    assert first in others, "the worker of rank 0 has ended already"
    return [first, *sorted(others - {first})]


def _training_processes(run: Run) -> list[int]:
    """Of rank 0, at each start."""
    return [int(event["data"]["process"]) for event in run.events() if event["data"].get("phase") == "training"]
