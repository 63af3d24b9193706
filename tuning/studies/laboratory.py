"""Run the trials of a study: data of a seed, which all arms share, then the training stage that users run."""

from __future__ import annotations

import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from engine.config.base import parse, read_yaml
from engine.config.context import resolve_context
from engine.config.tasks.speech_to_text import SpeechToTextConfig
from engine.config.training import TrainingConfig
from engine.memory.sizes import sizes_of
from engine.metrics.text import normalizer
from engine.models.catalogue import find_model, reference_to
from engine.models.precision import best_device, choose_dtype
from engine.models.width import read_width
from engine.run.events import MemorySink
from engine.run.provenance.digests import dataset_files, model_files
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.stages.finetune import finetune
from tuning.studies.speakers import division, speakers_of
from tuning.studies.trials import RATE, TUNING_SEEDS, Cell, Trial, digest

ARITHMETIC: Final = 1
"""Raise it when training gives other results for the same trial: cells of before are then measured anew. Option
`--repeat` of a study shows whether it has to be."""
Row = Mapping[str, str]
"""A prediction: `id`, `reference`, `hypothesis`."""


class Laboratory(ABC):
    """Trains and tests arms.

    Args:
        model: the base: an id in the catalogue, or a folder.
        data: dataset version with speakers.
        work: folder for the current trial.
        recipe: training config that the arms change.
        steps: of a training.
        batch_s: seconds of audio in a step.
    """

    def __init__(self, model: str, data: Path, work: Path, recipe: Path, steps: int, batch_s: float) -> None:
        self.model, self.data = model, data
        self._work, self._steps, self._batch_s = work, steps, batch_s
        self._written: tuple[int, bool] | None = None
        self._recipe_values = values = read_yaml(recipe)
        trained = sizes_of(find_model(model)).trained_context
        self.recipe = values | {"context": resolve_context(parse(TrainingConfig, values).context, trained).model_dump()}

    def run(self, trial: Trial) -> Cell:
        """Train and test an arm."""
        pool, train_speakers = self._pool(trial)
        run = self._work / "run"
        shutil.rmtree(run, ignore_errors=True)
        result = finetune(
            model=self.model,
            data=pool,
            config=self.training(trial),
            store=LocalRunStore(run),
            events=MemorySink(),
            work_dir=run / "work",
            threads=1,
        )
        cell = self.cell(trial, train_speakers, pool, run, result)
        shutil.rmtree(run)
        return cell

    def basis(self) -> dict[str, Any]:
        """What a cell rests on besides its setting and its trial."""
        return basis_of(self.model, self.data, self._recipe_values)

    @abstractmethod
    def write(self, folder: Path, train: Sequence[str], test: Sequence[str], trial: Trial) -> None:
        """Write the dataset version of a seed: what is trained on, and what is tested on (dev in a trial on dev)."""

    @abstractmethod
    def training(self, trial: Trial) -> TrainingConfig:
        """The config of a trial."""

    @abstractmethod
    def cell(self, trial: Trial, train: list[str], pool: Path, run: Path, result: RunResult) -> Cell:
        """What a finished run gave."""

    # ---- for the cells -------------------------------------------------------------------------------------

    def config(self, trial: Trial, **changes: Any) -> TrainingConfig:
        """The recipe's config for a trial, with changed fields."""
        common: dict[str, Any] = {
            "seed": trial.seed,
            "max_steps": self._steps,
            "batch": {"cost": self._batch_s, "micro_batch_cost": self._batch_s, "max_examples": 16},
            "optimizer": self.recipe["optimizer"] | {"learning_rate": dict(trial.dials)[RATE]},
            "evaluation": {"base": False},
            "checkpoint": {"every_steps": 100_000},
        }
        return parse(TrainingConfig, self.recipe | common | changes)

    def normalize(self, text: str) -> str:
        """A text as it is compared."""
        return normalizer(parse(TrainingConfig, self.recipe).task_as(SpeechToTextConfig).normalizer)(text)

    def _pool(self, trial: Trial) -> tuple[Path, list[str]]:
        # Seeds of the dials begin at 100, and divide the speakers in the same order.
        number = trial.seed - TUNING_SEEDS if trial.is_dev else trial.seed
        train, test = division(speakers_of(self.data), number)
        pool = self._work / "pool"
        if self._written != (trial.seed, trial.is_dev):
            self._written = None
            shutil.rmtree(pool, ignore_errors=True)
            self.write(pool, train, test, trial)
            self._written = (trial.seed, trial.is_dev)
        return pool, train


def basis_of(model: str, data: Path, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What a cell rests on besides the options of its study: digests of the content, and how this machine computes.

    Args:
        model: an id in the catalogue, or a folder.
        data: dataset version.
        recipe: values of the training config.
    """
    reference, precision = reference_to(model), parse(TrainingConfig, recipe).precision
    return {
        "arithmetic": ARITHMETIC,
        "precision": str(choose_dtype(precision, best_device(), read_width(reference))),
        "recipe": digest(recipe),
        "model": digest(model_files(reference)),
        "data": digest(dataset_files(data)),
    }


def read_rows(path: Path) -> list[Row]:
    """The predictions in a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def costs_of(result: RunResult) -> dict[str, float]:
    """What a run cost."""
    return {
        "trainable_parameters": result.trainable_parameters,
        "steps": result.steps,
        "training_s": result.training_s,
        "wall_s": result.wall_s,
        "audio_s": result.cost_per_s * result.training_s,
    }
