"""One cell of the study: one arm selects from the pool of one seed, trains and is tested."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from engine.config.base import parse
from engine.config.selection import SelectionConfig, SelectionMethodConfig
from engine.config.tasks.speech_to_text import SpeechToTextConfig
from engine.config.training import TrainingConfig
from engine.data.manifest import read_manifest
from engine.data.version_files import MANIFEST_NAME
from engine.metrics.text import normalizer
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.run.training_result import RunResult
from engine.selection.candidate import Candidate
from engine.selection.manifest import read_selection, read_summary, write_selection, write_summary
from engine.selection.methods import choose
from engine.selection.pool import encoder_s
from engine.stages.finetune import finetune
from engine.stages.select import select
from tuning.studies.cells import read_cell, write_cell
from tuning.studies.selection.arms import FULL, METHOD, Arm, key_of_arm
from tuning.studies.selection.pools import PoolConfig, PoolName, is_wrong, write_pool
from tuning.studies.speakers import division, errors_by_speaker, speakers_of

WINDOW_S = 30.0
_SCORED_SHARE = 0.5  # scores do not depend on it: every arm uses the same ones
# Scores that a wrong text affects; they are shuffled together.
_SCORES = ("nll_before", "nll_after", "disagreement", "el2n", "contradiction", "role")


@dataclass(frozen=True, slots=True)
class Setting:
    """Settings shared by all cells of a study."""

    data: Path
    """Dataset version with speakers."""
    model: str
    """Base model."""
    recipe: dict[str, Any]
    """Values of the training config."""
    pool: PoolConfig
    """Composition of the pools."""
    full_steps: int
    """Optimizer steps of training on everything; a share of the audio gets the same share of steps."""
    work: Path
    """Folder of the pools."""
    cells: Path
    """Folder of finished cells."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The result of a cell."""

    pool: str
    seed: int
    arm: str
    share: float
    learning_rate: float
    dev: bool
    train_speakers: list[str]
    errors: dict[str, list[int]]
    """Word errors and words of each test speaker."""
    wer: float
    steps: int
    selected: int
    wrong_share: float
    """Share of the selected segments with a wrong text."""
    wrong_weight: float
    """Their share of the loss weight."""
    encoder_s: float
    """Seconds that the encoder runs over in one pass over the selection."""
    training_s: float
    selection_s: float
    peak_bytes: int
    trainable_parameters: int
    decision: dict[str, Any] | None

    @property
    def key(self) -> str:
        """Name of its file."""
        return cell_key(self.pool, self.seed, key_of_arm(self.arm, self.share), self.learning_rate, self.dev)


def cell_key(pool: str, seed: int, arm_key: str, learning_rate: float, dev: bool) -> str:
    """Name of a cell."""
    return f"{pool}-{'dev' if dev else 'test'}-{arm_key}-{learning_rate:g}-{seed:02d}"


def cell_path(folder: Path, pool: PoolName, seed: int, arm: Arm, learning_rate: float, dev: bool) -> Path:
    """Path of a cell's file in the folder of cells."""
    return folder / f"{cell_key(pool, seed, arm.key, learning_rate, dev)}.json"


def run_cells(
    setting: Setting,
    pool: PoolName,
    seed: int,
    wanted: Sequence[tuple[Arm, float]],
    *,
    dev: bool = False,
    until: float | None = None,
) -> int:
    """Run the missing cells of one pool and seed, then remove the pool.

    Args:
        setting: shared settings.
        pool: name of the pool.
        seed: of the pool, the selection and the training.
        wanted: arms with their learning rates.
        dev: test on the dev utterances, which no test uses, to choose learning rates.
        until: no cell starts after this time, in seconds since the epoch; None: no limit.

    Returns:
        The number of cells run.
    """
    missing = [
        (arm, rate)
        for arm, rate in wanted
        if read_cell(cell_path(setting.cells, pool, seed, arm, rate, dev), Cell) is None
    ]
    if not missing or _is_over(until):
        return 0
    folder = setting.work / "pools" / f"{pool}-{seed:02d}-{'dev' if dev else 'test'}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        return _PoolOfSeed(setting, pool, seed, folder, dev).run(missing, until)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_over(until: float | None) -> bool:
    return until is not None and time.time() > until


class _PoolOfSeed:
    def __init__(self, setting: Setting, pool: PoolName, seed: int, folder: Path, dev: bool) -> None:
        self.setting, self.pool, self.seed, self.folder, self.dev = setting, pool, seed, folder, dev
        self.data = folder / "data"
        self.train_speakers, self.test_groups = division(speakers_of(setting.data), seed)
        self._scored_s: float | None = None

    def run(self, wanted: Sequence[tuple[Arm, float]], until: float | None) -> int:
        write_pool(
            self.setting.data,
            self.data,
            self.pool,
            self.setting.pool,
            train_speakers=self.train_speakers,
            test_groups=self.test_groups,
            seed=self.seed,
            dev=self.dev,
        )
        count = 0
        for arm, rate in wanted:
            if _is_over(until):
                break
            cell = self._cell(arm, rate)
            write_cell(cell_path(self.setting.cells, self.pool, self.seed, arm, rate, self.dev), cell)
            count += 1
        return count

    def _cell(self, arm: Arm, rate: float) -> Cell:
        selection, selection_s = (None, 0.0) if arm.name == FULL else self._selection(arm)
        run = self.folder / f"run-{arm.key}-{rate:g}"
        result = finetune(
            model=self.setting.model,
            data=self.data,
            config=self._training(arm.share, rate),
            store=LocalRunStore(run),
            events=MemorySink(),
            work_dir=run / "work",
            selection=selection,
            threads=1,
        )
        errors = self._errors(run)
        facts = self._facts(selection)
        shutil.rmtree(run)
        return self._told(arm, rate, result, errors, facts, selection_s)

    def _told(
        self,
        arm: Arm,
        rate: float,
        result: RunResult,
        errors: dict[str, list[int]],
        facts: dict[str, Any],
        selection_s: float,
    ) -> Cell:
        return Cell(
            pool=self.pool,
            seed=self.seed,
            arm=arm.name,
            share=arm.share,
            learning_rate=rate,
            dev=self.dev,
            train_speakers=self.train_speakers,
            errors=errors,
            wer=sum(e for e, _ in errors.values()) / sum(w for _, w in errors.values()),
            steps=result.steps,
            training_s=result.training_s,
            selection_s=selection_s,
            peak_bytes=result.peak_bytes,
            trainable_parameters=result.trainable_parameters,
            **facts,
        )

    def _training(self, share: float, rate: float) -> TrainingConfig:
        recipe = self.setting.recipe
        changes = {
            "seed": self.seed,
            "max_steps": max(1, round(share * self.setting.full_steps)),
            "optimizer": recipe["optimizer"] | {"learning_rate": rate},
            "evaluation": {"base": False},
            "checkpoint": {"every_steps": 100_000},
        }
        return parse(TrainingConfig, recipe | changes)

    # ---- selections ----------------------------------------------------------------------------------------

    def _selection(self, arm: Arm) -> tuple[Path, float]:
        """The folder of the arm's selection, and the time that it took or would have taken alone."""
        out = self.folder / f"selection-{arm.key}"
        if arm.source == "selected":
            return out, self._select(out, arm.share, {"method": arm.method, **arm.more})
        scored = self.folder / "scored"
        if self._scored_s is None:
            self._scored_s = self._select(scored, _SCORED_SHARE, {"method": {"type": METHOD}})
        if not out.exists():
            self._choose(scored, out, arm)
        return out, self._scored_s

    def _select(self, out: Path, share: float, fields: dict[str, Any]) -> float:
        started = time.perf_counter()
        config = parse(SelectionConfig, {"seed": self.seed, "budget": {"type": "share", "fraction": share}} | fields)
        select(
            self.data,
            config,
            model=self.setting.model,
            training=self._training(1.0, float(self.setting.recipe["optimizer"]["learning_rate"])),
            out=out,
            work_dir=out / "work",
            threads=1,
        )
        return time.perf_counter() - started

    def _choose(self, scored: Path, out: Path, arm: Arm) -> None:
        choices, left_out = read_selection(scored)
        candidates = [choice.candidate for choice in choices]
        if arm.shuffles:
            candidates = _shuffled(candidates, self.seed)
        summary = read_summary(scored)
        method: SelectionMethodConfig = TypeAdapter(SelectionMethodConfig).validate_python(arm.method)
        decision = summary["decision"] or {}
        chosen = choose(
            candidates,
            method,
            arm.share * summary["figures"]["utterances_encoder_s"],
            lambda_q=float(decision.get("lambda_q", 0.0)),
            seed=self.seed,
        )
        write_selection(out, chosen, left_out)
        write_summary(out, summary)

    # ---- results -------------------------------------------------------------------------------------------

    def _errors(self, run: Path) -> dict[str, list[int]]:
        speaker = {u.id: u.group or "" for u in read_manifest(self.data / MANIFEST_NAME)}
        normalize = normalizer(self._training(1.0, 1e-3).task_as(SpeechToTextConfig).normalizer)
        rows = [json.loads(line) for line in (run / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
        return errors_by_speaker(rows, speaker.__getitem__, normalize)

    def _facts(self, selection: Path | None) -> dict[str, Any]:
        if selection is None:
            rows = [u for u in read_manifest(self.data / MANIFEST_NAME) if u.split == "train"]
            wrong = sum(is_wrong(u.id) for u in rows) / len(rows)
            return {
                "selected": len(rows),
                "wrong_share": wrong,
                "wrong_weight": wrong,
                "encoder_s": encoder_s([u.input.duration_s for u in rows], self._training(1.0, 1e-3), WINDOW_S),
                "decision": None,
            }
        choices, _ = read_selection(selection)
        chosen = [c for c in choices if c.selected]
        wrong_N = np.array([any(is_wrong(u) for u in c.candidate.segment.utterances) for c in chosen])
        weight_N = np.array([c.weight * c.candidate.tokens for c in chosen])
        return {
            "selected": len(chosen),
            "wrong_share": float(wrong_N.mean()),
            "wrong_weight": float(weight_N[wrong_N].sum() / weight_N.sum()),
            "encoder_s": float(sum(c.candidate.encoder_s for c in chosen)),
            "decision": read_summary(selection)["decision"],
        }


def _shuffled(candidates: Sequence[Candidate], seed: int) -> list[Candidate]:
    """The same segments with shuffled scores."""
    order = np.random.default_rng([seed, 0x5C0]).permutation(len(candidates))
    return [
        dataclasses.replace(candidate, **{name: getattr(candidates[other], name) for name in _SCORES})
        for candidate, other in zip(candidates, order.tolist(), strict=True)
    ]
