"""A pair with its files, and short runs of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.config.training import TrainingConfig
from engine.data.example import AnyExample
from engine.data.manifest import read_examples
from engine.data.splits import divide
from engine.families.binding import Bound, bind
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.stages.finetune import finetune
from engine.training.parallel import SINGLE, Parallel
from tests.contract.pairs import Pair

STEPS = 12


@dataclass(frozen=True)
class Scene:
    """A pair with its files."""

    pair: Pair
    model: Path
    data: Path

    def config(self, **changes: Any) -> TrainingConfig:
        """A short run."""
        fields: dict[str, Any] = {
            "task": {"type": self.pair.task},
            "method": {"type": "qlora", "rank": 4},
            "optimizer": {"type": "adamw", "learning_rate": 1e-2},
            "schedule": {"type": "constant"},
            "split": {"test_groups": ["eve"], "validation_fraction": 0.0},
            "batch": {"cost": 8.0, "micro_batch_cost": 4.0},
            "max_steps": STEPS,
            "log_every_steps": 1,
            "precision": "float32",
        }
        return TrainingConfig.model_validate({**fields, **self.pair.config, **changes})

    def examples(self) -> list[AnyExample]:
        """The training examples."""
        config = self.config()
        return divide(read_examples(self.data / "manifest.jsonl"), config.split, config.seed).train

    def bound(self, **changes: Any) -> Bound:
        """The model, bound for a run."""
        torch.manual_seed(0)
        return bind(str(self.model), self.config(**changes), training=self.examples())

    def finetune(
        self,
        folder: Path,
        sink: MemorySink | None = None,
        stop_after: int | None = None,
        parallel: Parallel = SINGLE,
        **changes: Any,
    ) -> RunResult:
        """Train, as one of several workers if `parallel` says so."""
        polled = iter(range(10**6))
        return finetune(
            model=str(self.model),
            data=self.data,
            config=self.config(**changes),
            store=LocalRunStore(folder / "store"),
            events=sink or MemorySink(),
            work_dir=folder / f"scratch-{parallel.rank}",
            parallel=parallel,
            should_stop=lambda: stop_after is not None and next(polled) >= stop_after - 1,
        )
