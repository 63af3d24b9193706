"""A run killed with SIGKILL and restarted ends as one that never stopped, bit for bit."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from engine.config.training import TrainingConfig
from engine.errors import ConfigError
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.stages.finetune import finetune
from tests.integration.engine.killed_run import Job

pytestmark = pytest.mark.faults

STEPS = 12
EVERY = 4
BASE: dict[str, Any] = {
    "max_steps": STEPS,
    "log_every_steps": 1,
    "batch": {"cost": 6, "micro_batch_cost": 3},
    "checkpoint": {"every_steps": EVERY},
    "split": {"test_groups": ["s2"]},
    "task": {"max_new_tokens": 4},
    "augmentation": {"speed_probability": 0.5, "noise_probability": 0.5, "mask_frequencies": 1},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "qlora with dropout, keeping the best": {
        "method": {"type": "qlora", "rank": 4, "dropout": 0.2},
        "evaluation": {"every_steps": 3, "keep": "best"},
        "schedule": {"type": "plateau", "patience": 0},
    },
    "lora, 8-bit optimizer, gradient checkpointing": {
        "method": {"type": "lora", "rank": 4},
        "optimizer": {"type": "adamw_8bit"},
        "gradient_checkpointing": True,
    },
    "an average of the weights": {
        "method": {"type": "lora", "rank": 4},
        "evaluation": {"every_steps": 3},
        "schedule": {"type": "constant"},
        "ema_decay": 0.9,
    },
    "full": {"method": {"type": "full"}, "optimizer": {"type": "sgd"}, "schedule": {"type": "cosine"}},
}


def _weights(store: Path) -> str:
    path = next(iter(sorted(store.glob("adapter/*.safetensors")) or sorted(store.glob("model/*.safetensors"))))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _run(
    model: Path, data: Path, folder: Path, config: TrainingConfig, kills: Sequence[int | None] = (None,)
) -> list[int]:
    """Exit codes of the workers of one start; when one dies, so do the others, as under Ray Train.

    Args:
        model: base.
        data: dataset version.
        folder: of the run.
        config: of the run.
        kills: for each worker, the step in which it kills itself.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    folder.mkdir(exist_ok=True)
    rendezvous = folder / f"rendezvous-{time.time_ns()}"
    workers = []
    for rank, killed_in in enumerate(kills):
        paths = (str(model), str(data), str(folder))
        job = Job(*paths, config.model_dump_json(), rank, len(kills), str(rendezvous), killed_in)
        command = [sys.executable, "-m", "tests.integration.engine.killed_run", json.dumps(asdict(job))]
        log = (folder / f"worker-{rank}.log").open("ab")
        workers.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        log.close()
    try:
        while any(worker.poll() is None for worker in workers) and not any(worker.poll() for worker in workers):
            time.sleep(0.02)
    finally:
        for worker in workers:
            worker.kill()
    return [worker.wait() for worker in workers]


def _losses(run: Path) -> dict[int, float]:
    losses: dict[int, float] = {}
    for line in (run / "losses.jsonl").read_text().splitlines():
        step, values = json.loads(line)
        assert losses.setdefault(step, values[0]) == values[0], f"step {step} has another loss when repeated"
    return losses


def _assert_same(killed: Path, whole: Path) -> None:
    losses = _losses(whole)
    assert sorted(losses) == list(range(1, STEPS + 1))
    assert _losses(killed) == losses
    assert _weights(killed / "store") == _weights(whole / "store")


@pytest.mark.parametrize("name", VARIANTS)
def test_killed_and_resumed_is_the_same_as_never_stopped(
    name: str, tiny_whisper: Path, tones: Path, tmp_path: Path, chance: random.Random
) -> None:
    config = TrainingConfig.model_validate(BASE | VARIANTS[name])
    kill_in = chance.randint(2 * EVERY + 1 if name == "full" else 2, STEPS)
    assert _run(tiny_whisper, tones, tmp_path / "whole", config) == [0]
    assert _run(tiny_whisper, tones, tmp_path / "killed", config, [kill_in]) == [-signal.SIGKILL]
    if name == "full":  # the newest checkpoint may be cut short by the kill: then the one before it counts
        newest = sorted((tmp_path / "killed" / "store" / "checkpoints").iterdir())[-1] / "optimizer.safetensors"
        newest.write_bytes(newest.read_bytes()[:100])
    assert _run(tiny_whisper, tones, tmp_path / "killed", config) == [0]
    _assert_same(tmp_path / "killed", tmp_path / "whole")


def test_two_workers_killed_again_and_again_are_the_same_as_never_stopped(
    tiny_whisper: Path, tones: Path, tmp_path: Path, chance: random.Random
) -> None:
    """Each has dropout masks of its own, and goes on with them."""
    config = TrainingConfig.model_validate(BASE | {"method": {"type": "lora", "rank": 4, "dropout": 0.3}})
    assert _run(tiny_whisper, tones, tmp_path / "whole", config, [None, None]) == [0, 0]
    for step in sorted(chance.sample(range(2, STEPS + 1), 3)):
        rank = chance.randint(0, 1)
        kills = [step if rank == worker else None for worker in range(2)]
        assert _run(tiny_whisper, tones, tmp_path / "killed", config, kills)[rank] == -signal.SIGKILL
    assert _run(tiny_whisper, tones, tmp_path / "killed", config, [None, None]) == [0, 0]
    _assert_same(tmp_path / "killed", tmp_path / "whole")


def test_another_number_of_workers_goes_on_and_says_what_differs(
    tiny_whisper: Path, tones: Path, tmp_path: Path
) -> None:
    config = TrainingConfig.model_validate(BASE | {"method": {"type": "lora", "rank": 4, "dropout": 0.3}})
    assert _run(tiny_whisper, tones, tmp_path / "run", config, [None, EVERY + 1])[1] == -signal.SIGKILL
    assert _run(tiny_whisper, tones, tmp_path / "run", config) == [0]
    logged = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    warnings = [entry["message"] for entry in logged if entry["level"] == "warning"]
    assert [warning for warning in warnings if warning.startswith("the run resumes")] == [
        f"the run resumes with 1 workers from a checkpoint of 2: from step {EVERY + 1} on, dropout masks and "
        "rounding differ from those of an uninterrupted run"
    ]
    assert sorted(_losses(tmp_path / "run")) == list(range(1, STEPS + 1))


def test_a_stopped_run_goes_on_and_a_finished_one_returns(tiny_whisper: Path, tones: Path, tmp_path: Path) -> None:
    config = TrainingConfig.model_validate(BASE | {"method": {"type": "qlora", "rank": 2}})
    asked = iter([False, False, True])

    def run(should_stop: Any) -> tuple[Any, MemorySink]:
        sink = MemorySink()
        result = finetune(
            model=str(tiny_whisper),
            data=tones,
            config=config,
            store=LocalRunStore(tmp_path / "store"),
            events=sink,
            work_dir=tmp_path / "scratch",
            should_stop=should_stop,
        )
        return result, sink

    stopped, _ = run(lambda: next(asked))
    assert (stopped.status, stopped.steps) == ("stopped", 3)
    finished, sink = run(lambda: False)
    assert (finished.status, finished.steps) == ("succeeded", STEPS)
    assert [e.data["step"] for e in sink.events if e.key.startswith("train/")] == list(range(4, STEPS + 1))
    assert finished.test_groups == ["s2"]
    assert finished.base is not None
    assert finished.tuned is not None
    again, sink = run(lambda: False)
    assert again == finished
    [event] = sink.events
    assert event.data["level"] == "notice"
    assert "nothing was trained this time" in event.data["message"]


def test_the_base_under_an_adapter_is_measured_as_the_base_alone(
    tiny_whisper: Path, tones: Path, tmp_path: Path
) -> None:
    """With an adapter the base is measured after training, with the adapter switched off."""

    def metrics(**changes: Any) -> dict[str, float]:
        name = str(len(list(tmp_path.iterdir())))
        result = finetune(
            model=str(tiny_whisper),
            data=tones,
            config=TrainingConfig.model_validate(BASE | changes),
            store=LocalRunStore(tmp_path / name),
            events=MemorySink(),
            work_dir=tmp_path / f"{name}-scratch",
        )
        found: dict[str, float] = json.loads((tmp_path / name / "base_metrics.json").read_text())["metrics"]
        assert result.base == found
        return found

    before = metrics(method={"type": "full"}, optimizer={"type": "sgd", "learning_rate": 1e-6})
    after = metrics(method={"type": "lora", "rank": 4}, optimizer={"type": "adamw", "learning_rate": 1e-2})
    assert before == after


def test_a_store_of_another_run_is_refused(tiny_whisper: Path, tones: Path, tmp_path: Path) -> None:
    def run(seed: int) -> None:
        finetune(
            model=str(tiny_whisper),
            data=tones,
            config=TrainingConfig.model_validate(BASE | {"seed": seed}),
            store=LocalRunStore(tmp_path / "store"),
            events=MemorySink(),
            work_dir=tmp_path / "scratch",
            should_stop=lambda: True,
        )

    run(0)
    with pytest.raises(ConfigError, match="training.seed: found 1; the unfinished work has 0"):
        run(1)
