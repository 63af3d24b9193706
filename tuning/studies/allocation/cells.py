"""One cell of the study: one arm is trained on half of the speakers and tested on the others."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.config.base import parse
from engine.config.training import TrainingConfig
from engine.data.manifest import read_manifest
from engine.data.version_files import MANIFEST_NAME
from engine.models.catalogue import PROJECT_ROOT
from engine.run.training_result import RunResult
from tuning.studies.allocation.arms import ARMS
from tuning.studies.allocation.methods import Layer, layers_of, method_of
from tuning.studies.laboratory import Laboratory, costs_of, read_rows
from tuning.studies.selection.pools import PoolConfig, write_pool
from tuning.studies.speakers import errors_by_speaker
from tuning.studies.trials import Cell, Trial

TEST = "test"
_RECIPE = PROJECT_ROOT / "configs" / "training" / "demo.yaml"


@dataclass(frozen=True, slots=True)
class Setting:
    """What all cells of one run of the study have in common; cells of other settings stay apart."""

    model: str
    """Name of the base, or its folder's."""
    data: str
    """Name of the recordings' folder."""
    speakers: list[str]
    rank: int
    """Of every layer in the arm `uniform`."""
    steps: int
    batch_s: float
    """Seconds of audio in a step."""
    per_speaker: int
    """Training utterances of each speaker."""
    test_per_speaker: int
    examples: int
    """That the sketch is measured on."""


class RankTrials(Laboratory):
    """Trains and tests the arms of a setting.

    Args:
        setting: of the study.
        model: the base: an id in the catalogue, or a folder.
        data: dataset version with speakers.
        work: folder for the current trial.
    """

    def __init__(self, setting: Setting, model: str, data: Path, work: Path) -> None:
        super().__init__(model, data, work, _RECIPE, setting.steps, setting.batch_s)
        self._setting = setting

    @functools.cached_property
    def layers(self) -> list[Layer]:
        """The layers of the base that may get an adapter."""
        return layers_of(self.model, parse(TrainingConfig, self.recipe))

    def write(self, folder: Path, train: Sequence[str], test: Sequence[str], trial: Trial) -> None:
        """The recordings as they are."""
        counts = PoolConfig(
            per_speaker=self._setting.per_speaker, test_per_speaker=self._setting.test_per_speaker, fewest_per_speaker=1
        )
        write_pool(
            self.data,
            folder,
            "clean",
            counts,
            train_speakers=train,
            test_groups=test,
            seed=trial.seed,
            dev=trial.is_dev,
        )

    def training(self, trial: Trial) -> TrainingConfig:
        """The recipe with the method of the arm."""
        arm = next(arm for arm in ARMS if arm.name == trial.arm)
        method = method_of(arm, self._setting.rank, self._setting.steps, self._setting.examples, self.layers)
        # EVA and AdaLoRA are not in the registry of methods, so no config can be parsed with them.
        return self.config(trial).model_copy(update={"method": method})

    def cell(self, trial: Trial, train: list[str], pool: Path, run: Path, result: RunResult) -> Cell:
        """Errors by test speaker, what it cost, and where the ranks went."""
        speaker = {u.id: u.group or "" for u in read_manifest(pool / MANIFEST_NAME)}
        rows = read_rows(run / "predictions.jsonl")
        sketch_s = 0.0
        if result.ranks is not None:
            sketch_s = json.loads((run / "ranks.json").read_text(encoding="utf-8"))["measured"]["wall_s"]
        return Cell(
            arm=trial.arm,
            seed=trial.seed,
            dials=dict(trial.dials),
            is_dev=trial.is_dev,
            train_speakers=train,
            errors={TEST: errors_by_speaker(rows, speaker.__getitem__, self.normalize)},
            figures={**costs_of(result), "sketch_s": sketch_s},
            ranks={name: group.mean_rank for name, group in result.ranks.groups.items()} if result.ranks else {},
        )
