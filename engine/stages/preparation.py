"""Prepare a run: load its model, decide what depends on the data, and drop the examples that do not fit."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from engine.config.training import TrainingConfig
from engine.data.example import AnyExample
from engine.data.splits import Splits
from engine.errors import ObjectNotFoundError
from engine.families.binding import Bound, bind
from engine.families.contract import AnyLearner, CutsAnswers, DecidesByData, Decision
from engine.models.reference import ModelReference
from engine.run.result import Fact
from engine.run.store import RunStore
from engine.tasks.build import build_task
from engine.tasks.fitting import cut_note, left_out_note, without
from engine.training.parallel import Parallel

_DECISION: Final = "decision.json"
_OF_THE_BASE: Final = frozenset({"audio_context"})
"""Facts in which a base as published may differ from what was trained."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model and the examples for it."""

    bound: Bound
    """The model with its task; its config is the run's, with everything resolved."""
    splits: Splits
    """The splits without the examples that do not fit."""
    left_out: dict[str, str]
    """The reason for each dropped example, by id."""
    references_cut: int
    """Number of validation and test targets longer than an answer may be."""
    warnings: dict[str, str]
    """Messages for the user, by event key."""


def prepare(
    model: ModelReference, config: TrainingConfig, splits: Splits, folder: Path, store: RunStore, parallel: Parallel
) -> Prepared:
    """Load a run's model and drop the examples that do not fit it.

    Args:
        model: reference to the base model.
        config: of the run.
        splits: its examples.
        folder: of the dataset version.
        store: of the run's files; stores a decision by the data, so that a resumed run uses the same.
        parallel: this worker's rank.

    Raises:
        ModelError: the model cannot be loaded, cannot do the task, or does not know the language.
        TrainingError: no training example or no test example fits the model.
    """
    torch.manual_seed(config.seed)
    everything = [*splits.train, *splits.validation, *splits.test]
    wrong = build_task(config.task).misfits(everything)
    splits = _without(splits, wrong)
    bound = bind(model, config, training=splits.train)
    warnings = {f"model/{number}": note for number, note in enumerate(bound.learner.notes)}
    decision = _decision(bound.learner, [*splits.train, *splits.validation], folder, store, parallel)
    if decision is not None and decision.note is not None:
        warnings["model/decision"] = decision.note
    left_out = wrong | bound.learner.misfits([*splits.train, *splits.validation, *splits.test])
    if left_out:
        warnings["examples/left_out"] = left_out_note(left_out)
    splits = _without(splits, left_out)
    cut, note = references_cut(bound.learner, [*splits.validation, *splits.test])
    if note is not None:
        warnings["examples/cut"] = note
    warnings |= {f"task/{number}": note for number, note in enumerate(bound.task.warnings(splits.train, splits.test))}
    return Prepared(bound, splits, left_out, cut, warnings)


def references_cut(learner: AnyLearner, measured: Sequence[AnyExample]) -> tuple[int, str | None]:
    """Number of targets that are longer than an answer may be, and a message about them."""
    cut = learner.cut_references(measured) if isinstance(learner, CutsAnswers) else 0
    return cut, cut_note(cut, len(measured), learner.max_new_tokens) if cut and isinstance(
        learner, CutsAnswers
    ) else None


def base_facts(published: Bound) -> dict[str, Fact]:
    """What a result says about the base that a model was compared with."""
    return {f"base_{name}": value for name, value in published.learner.facts().items() if name in _OF_THE_BASE}


def _without(splits: Splits, left_out: dict[str, str]) -> Splits:
    return dataclasses.replace(
        splits,
        train=without(splits.train, left_out, "train on"),
        validation=[example for example in splits.validation if example.id not in left_out],
        test=without(splits.test, left_out, "test on"),
    )


def _decision(
    learner: AnyLearner, examples: Sequence[AnyExample], folder: Path, store: RunStore, parallel: Parallel
) -> Decision | None:
    """What the data decide: the first worker's decision, since other processors may come to another one."""
    if not isinstance(learner, DecidesByData):
        return None
    decides = not learner.is_told
    decision = None
    if decides:
        with contextlib.suppress(ObjectNotFoundError):
            decision = Decision(**json.loads(store.get_bytes(_DECISION)))
    if decision is None:
        decision = learner.decide(examples, folder)
    if decision is None:
        return None
    decision = Decision(*parallel.gather_json([decision.value, decision.note])[0])
    if decides and parallel.is_first:
        store.put_bytes(_DECISION, json.dumps(dataclasses.asdict(decision), ensure_ascii=False).encode())
    learner.follow(decision)
    return decision
