"""A worker of a run that kills itself with SIGKILL in a given step: `python -m tests.integration.engine.killed_run JOB`."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist

from engine.config.training import TrainingConfig
from engine.run.events import Event
from engine.run.store import LocalRunStore
from engine.stages.finetune import finetune
from engine.training.parallel import Parallel


@dataclass(frozen=True)
class Job:
    """What one worker does; travels as JSON."""

    model: str
    data: str
    folder: str
    """Of the run: its store, and `losses.jsonl`, which outlives the worker."""
    config: str
    rank: int = 0
    workers: int = 1
    rendezvous: str = ""
    """File by which the workers of one start find each other."""
    killed_in: int | None = None
    """Step, counted from 1 over the whole run, in which this worker kills itself before gradients are summed."""


@dataclass(frozen=True)
class MortalParallel(Parallel):
    """Kills its process in the middle of a step."""

    steps_left: list[int] = dataclasses.field(default_factory=list)
    """Steps until then; empty: it lives."""

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        if self.steps_left:
            self.steps_left[0] -= 1
            if not self.steps_left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
        super().sum_gradients(parameters)


class LossFile:
    """Writes each step's loss to a file as soon as it is known, and everything that is logged to another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def emit(self, event: Event) -> None:
        if event.kind == "metric" and "step_losses" in event.data:
            with (self._folder / "losses.jsonl").open("a") as stream:
                stream.write(json.dumps([event.data["step"], event.data["step_losses"]]) + "\n")
        if event.kind == "log":
            with (self._folder / "log.jsonl").open("a") as stream:
                stream.write(json.dumps(event.data) + "\n")

    def flush(self) -> None:
        pass


def steps_until(folder: Path, killed_in: int) -> int:
    """Steps that a worker computes before it dies, from the checkpoint that it resumes from."""
    manifests = (folder / "store" / "checkpoints").glob("*/manifest.json")
    return killed_in - max((json.loads(path.read_text())["step"] for path in manifests), default=0)


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    steps_left = [] if job.killed_in is None else [steps_until(folder, job.killed_in)]
    if job.workers > 1:
        dist.init_process_group("gloo", init_method=f"file://{job.rendezvous}", rank=job.rank, world_size=job.workers)
    finetune(
        model=job.model,
        data=Path(job.data),
        config=TrainingConfig.model_validate_json(job.config),
        store=LocalRunStore(folder / "store"),
        events=LossFile(folder),
        work_dir=folder / f"scratch-{job.rank}",
        parallel=MortalParallel(job.rank, job.workers, steps_left),
        threads=1,
    )


if __name__ == "__main__":
    main()
