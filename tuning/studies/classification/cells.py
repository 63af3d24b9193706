"""The runs of the study: each is a call of the training stage."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.data.manifest import read_examples
from engine.data.version_files import MANIFEST_NAME

METHODS: Final[Mapping[str, Mapping[str, Any]]] = {
    "linear_probe": {"method": {"type": "linear_probe"}, "optimizer": {"type": "adam", "learning_rate": 3e-3}},
    "qlora": {"method": {"type": "qlora", "rank": 8}, "optimizer": {"type": "adamw", "learning_rate": 1e-3}},
    "full": {"method": {"type": "full"}, "optimizer": {"type": "adamw", "learning_rate": 1e-4}},
}
"""What each method changes; learning rates are usual ones for it, not tuned on these data."""


@dataclass(frozen=True)
class Cell:
    """One run."""

    dataset: str
    part: str
    """Group that is held out, or `test` for a dataset with a test split of its own."""
    method: str
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What a run gave."""

    cell: Cell
    right: list[int]
    """1 for each test example with the right label."""
    groups: list[str]
    """Group of each test example."""
    accuracy: float
    macro_f1: float
    trainable_parameters: int
    training_s: float
    peak_bytes: int
    saved_bytes: int


def cells(name: str, data: Path, parts: int | None, seeds: int) -> Iterator[Cell]:
    """The runs of a dataset: each group held out once, or its own test split with several seeds."""
    examples = read_examples(data / MANIFEST_NAME)
    groups = sorted({example.group for example in examples if example.group})
    has_test = any(example.split == "test" for example in examples)
    for method in METHODS:
        if has_test:
            yield from (Cell(name, "test", method, seed) for seed in range(seeds))
        else:
            yield from (Cell(name, group, method, 0) for group in groups[:parts])


def run(cell: Cell, data: Path, model: str, epochs: float, threads: int) -> Outcome:
    """Train and measure a cell."""
    from engine.config.training import TrainingConfig
    from engine.run.events import MemorySink
    from engine.run.store import LocalRunStore
    from engine.stages.finetune import finetune

    config = TrainingConfig.model_validate(
        {
            "task": {"type": "audio_classification"},
            "context": {"type": "short", "bucket_s": 0.5, "tail_s": 0.0},
            "split": {"test_groups": [] if cell.part == "test" else [cell.part], "validation_fraction": 0.0},
            "batch": {"cost": 80.0, "micro_batch_cost": 40.0, "max_examples": 16},
            "schedule": {"type": "cosine", "warmup_steps": 10},
            "evaluation": {"base": False},
            "epochs": epochs,
            "seed": cell.seed,
            **METHODS[cell.method],
        }
    )
    with tempfile.TemporaryDirectory(prefix="lim-study-") as folder:
        store = LocalRunStore(Path(folder) / "store")
        result = finetune(
            model=model,
            data=data,
            config=config,
            store=store,
            events=MemorySink(),
            work_dir=Path(folder) / "scratch",
            threads=threads,
        )
        rows = [json.loads(line) for line in store.get_bytes("predictions.jsonl").splitlines()]
    group_of = {example.id: example.group or "" for example in read_examples(data / MANIFEST_NAME)}
    assert result.tuned is not None
    return Outcome(
        cell,
        [int(row["reference"] == row["hypothesis"]) for row in rows],
        [group_of[row["id"]] for row in rows],
        result.tuned["accuracy"],
        result.tuned["macro_f1"],
        result.trainable_parameters,
        result.training_s,
        result.peak_bytes,
        result.saved_bytes,
    )
