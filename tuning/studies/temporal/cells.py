"""One cell of the study: one arm is trained on mixes of half of the speakers and tested on mixes of the others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer
import numpy as np

from engine.config.training import TrainingConfig
from engine.models.catalogue import PROJECT_ROOT
from engine.run.provenance.digests import file_digests
from engine.run.training_result import RunResult
from engine.temporal.features import SPOKEN
from tuning.studies.laboratory import Laboratory, Row, costs_of, read_rows
from tuning.studies.speakers import errors_by_speaker
from tuning.studies.temporal.arms import GATE_RATE, GATES
from tuning.studies.temporal.mixes import MIXES, MixFacts, read_facts, sounds_in, write_mixes
from tuning.studies.trials import Cell, Trial, digest

HARD = ("silence", "noise", "change")
"""Test sets of the primary endpoint."""
STATIC = "static/"
"""Begins the names of the same sets for the exported adapter, without its gates."""
_RECIPE = PROJECT_ROOT / "configs" / "training" / "temporal.yaml"


@dataclass(frozen=True, slots=True)
class Setting:
    """What all cells of one run of the study have in common; cells of other settings stay apart."""

    model: str
    """Name of the base, or its folder's."""
    data: str
    """Name of the recordings' folder."""
    sounds: str
    """Name of the folder of environmental sounds; empty: pink noise."""
    speakers: list[str]
    rank: int
    steps: int
    batch_s: float
    """Seconds of audio in a step."""
    per_mix: int
    """Training mixes of each kind."""
    test_per_mix: int


class GateTrials(Laboratory):
    """Trains and tests the arms of a setting.

    Args:
        setting: of the study.
        model: the base: an id in the catalogue, or a folder.
        data: dataset version with speakers.
        sounds: folder of sounds without speech; None: pink noise.
        work: folder for the current trial.
    """

    def __init__(self, setting: Setting, model: str, data: Path, sounds: Path | None, work: Path) -> None:
        super().__init__(model, data, work, _RECIPE, setting.steps, setting.batch_s)
        self._setting, self._sounds = setting, sounds_in(sounds)

    def basis(self) -> dict[str, Any]:
        """Also the sounds: their order, which the mixes are drawn from, and their content."""
        return super().basis() | {"sounds": digest([file_digests(path.parent, [path.name]) for path in self._sounds])}

    def write(self, folder: Path, train: Sequence[str], test: Sequence[str], trial: Trial) -> None:
        """Mixes of all kinds, as many of each."""
        write_mixes(
            self.data,
            folder,
            self._sounds,
            train=train,
            test=test,
            per_mix=self._setting.per_mix,
            test_per_mix=self._setting.test_per_mix,
            seed=trial.seed,
            is_dev=trial.is_dev,
        )

    def training(self, trial: Trial) -> TrainingConfig:
        """The recipe with the gate of the arm. Its silence is left out: the mixes have their own."""
        rank = self._setting.rank
        method = {
            **self.recipe["method"],
            "rank": rank,
            "alpha": 2 * rank,
            "gate": GATES[trial.arm],
            "gate_states": 0,
            "gate_learning_rate": dict(trial.dials)[GATE_RATE],
        }
        augmentation = {**self.recipe["augmentation"], "silence_probability": 0.0}
        return self.config(trial, method=method, augmentation=augmentation)

    def cell(self, trial: Trial, train: list[str], pool: Path, run: Path, result: RunResult) -> Cell:
        """Errors by test set and speaker of both forms, inserted words, and how far the gates moved."""
        facts = read_facts(pool)
        gated, static = (read_rows(run / name) for name in ("predictions.jsonl", "predictions-static.jsonl"))
        outside_s = sum(facts[row["id"]].non_speech_s for row in gated)
        return Cell(
            arm=trial.arm,
            seed=trial.seed,
            dials=dict(trial.dials),
            is_dev=trial.is_dev,
            train_speakers=train,
            errors=self._errors(gated, facts, "") | self._errors(static, facts, STATIC),
            figures={
                **costs_of(result),
                "non_speech_s": outside_s,
                "inserted_words": self._inserted(gated, facts),
                "static_inserted_words": self._inserted(static, facts),
                **_moved(run / "gates_over_time.json"),
            },
        )

    def _errors(
        self, rows: Sequence[Row], facts: Mapping[str, MixFacts], prefix: str
    ) -> dict[str, dict[str, list[int]]]:
        found = {}
        for mix in MIXES:
            own = [row for row in rows if facts[row["id"]].mix == mix]
            found[prefix + mix] = errors_by_speaker(own, lambda name: facts[name].speaker, self.normalize)
        return found

    def _inserted(self, rows: Sequence[Row], facts: Mapping[str, MixFacts]) -> int:
        """Words that nobody said, in the mixes that have anything but speech."""
        pairs = [
            (self.normalize(row["reference"]), self.normalize(row["hypothesis"]))
            for row in rows
            if facts[row["id"]].non_speech_s
        ]
        return int(jiwer.process_words([r for r, _ in pairs], [h for _, h in pairs]).insertions)


def _moved(path: Path) -> dict[str, float]:
    """Mean gate and effective rank in speech and outside it, over the recordings that the run draws; nothing without gates."""
    if not path.exists():
        return {}
    utterances = json.loads(path.read_text(encoding="utf-8"))["utterances"]
    speech_S, gate_S, rank_S = (
        np.concatenate([each[name] for each in utterances]) for name in ("speech", "mean_gate", "r_eff")
    )
    spoken_S = speech_S >= SPOKEN
    found = {
        "gate_in_speech": gate_S[spoken_S],
        "gate_outside": gate_S[~spoken_S],
        "rank_in_speech": rank_S[spoken_S],
        "rank_outside": rank_S[~spoken_S],
    }
    return {name: float(values.mean()) for name, values in found.items() if len(values)}
