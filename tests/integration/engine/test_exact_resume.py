"""A run killed with SIGKILL and started again ends as one that never stopped, bit for bit."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.config.training import TrainingConfig
from engine.events import MemorySink
from engine.finetune import finetune
from engine.storage import LocalRunStore

STEPS = 12
EVERY = 4
BASE: dict[str, Any] = {
    "max_steps": STEPS,
    "log_every_steps": 1,
    "batch": {"audio_s": 6, "micro_batch_audio_s": 3},
    "checkpoint": {"every_steps": EVERY},
    "split": {"test_speakers": ["s2"]},
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


def _run(model: Path, data: Path, run: Path, config: TrainingConfig, kill_at: int) -> int:
    command = [sys.executable, "-m", "tests.integration.engine.killed_run"]
    arguments = [str(model), str(data), str(run), config.model_dump_json(), str(kill_at)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.run([*command, *arguments], env=environment, check=False, capture_output=True).returncode


def _losses(run: Path) -> dict[int, float]:
    losses: dict[int, float] = {}
    for line in (run / "losses.jsonl").read_text().splitlines():
        step, values = json.loads(line)

        assert losses.setdefault(step, values[0]) == values[0], f"step {step} has another loss when repeated"
    return losses


@pytest.mark.parametrize("name", VARIANTS)
def test_killed_and_resumed_is_the_same_as_never_stopped(
    name: str, tiny_whisper: Path, tones: Path, tmp_path: Path
) -> None:
    config = TrainingConfig.model_validate(BASE | VARIANTS[name])
    kill_at = random.Random(name).randint(EVERY + 1, STEPS - 1)
    assert _run(tiny_whisper, tones, tmp_path / "whole", config, kill_at=-1) == 0
    assert _run(tiny_whisper, tones, tmp_path / "killed", config, kill_at) == -signal.SIGKILL
    if name == "full":  # the newest checkpoint may be cut short by the kill: then the one before it counts
        newest = sorted((tmp_path / "killed" / "store" / "checkpoints").iterdir())[-1] / "optimizer.safetensors"
        newest.write_bytes(newest.read_bytes()[:100])
    assert _run(tiny_whisper, tones, tmp_path / "killed", config, kill_at=-1) == 0
    whole = _losses(tmp_path / "whole")
    assert sorted(whole) == list(range(1, STEPS + 1))
    assert _losses(tmp_path / "killed") == whole
    assert _weights(tmp_path / "killed" / "store") == _weights(tmp_path / "whole" / "store")


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
    assert finished.test_speakers == ["s2"]
    assert finished.base_wer is not None
    assert finished.adapter_wer is not None
    again, sink = run(lambda: False)
    assert again == finished
    assert sink.events == []


def test_the_base_under_an_adapter_is_measured_as_the_base_alone(
    tiny_whisper: Path, tones: Path, tmp_path: Path
) -> None:
    """With an adapter the base is measured after training, with the adapter switched off."""

    def errors(**changes: Any) -> dict[str, int]:
        name = str(len(list(tmp_path.iterdir())))
        finetune(
            model=str(tiny_whisper),
            data=tones,
            config=TrainingConfig.model_validate(BASE | changes),
            store=LocalRunStore(tmp_path / name),
            events=MemorySink(),
            work_dir=tmp_path / f"{name}-scratch",
        )
        counts: dict[str, int] = json.loads((tmp_path / name / "base.json").read_text())
        return counts

    before = errors(method={"type": "full"}, optimizer={"type": "sgd", "learning_rate": 1e-6})
    after = errors(method={"type": "lora", "rank": 4}, optimizer={"type": "adamw", "learning_rate": 1e-2})
    assert before == after


def test_a_store_of_another_run_is_refused(tiny_whisper: Path, tones: Path, tmp_path: Path) -> None:
    from engine.errors import CheckpointError

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
    with pytest.raises(CheckpointError, match="another config, model or dataset; give the run another name"):
        run(1)
