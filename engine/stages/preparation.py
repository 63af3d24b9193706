"""Prepare a run: load its model, set the language, and drop the utterances that do not fit the model."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from engine.config.context import TrainedContext
from engine.config.training import TrainingConfig
from engine.data.splits import Splits
from engine.errors import ObjectNotFoundError
from engine.models.base import DETECTED, BaseModel, load_base
from engine.models.reference import ModelReference
from engine.run.result import Fact
from engine.run.store import RunStore
from engine.tasks.fitting import cut_note, left_out_note, without
from engine.tasks.spoken_language import SpokenLanguage, spoken_language, with_language
from engine.tasks.task import build_task
from engine.training.parallel import Parallel

_LANGUAGE: Final = "language.json"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model and the utterances for it."""

    base: BaseModel
    """The model; its config is the run's, with resolved context and language."""
    task: Any
    """The config's task bound to the model."""
    splits: Splits
    """The splits without the utterances that do not fit the model."""
    left_out: dict[str, str]
    """The reason for each dropped utterance, by id."""
    references_cut: int
    """Number of validation and test texts longer than a transcript may be."""
    warnings: dict[str, str]
    """Messages for the user, by event key."""


def prepare(
    model: ModelReference, config: TrainingConfig, splits: Splits, folder: Path, store: RunStore, parallel: Parallel
) -> Prepared:
    """Load a run's model and drop the utterances that do not fit it.

    Args:
        model: reference to the base model.
        config: of the run.
        splits: its utterances.
        folder: of the dataset version.
        store: of the run's files; stores a detected language, so that a resumed run uses the same.
        parallel: this worker's rank.

    Raises:
        ModelError: the model cannot be loaded, or does not know the language.
        TrainingError: no training utterance or no test utterance fits the model.
    """
    torch.manual_seed(config.seed)
    base = load_base(model, config)
    warnings = {f"model/{number}": note for number, note in enumerate(base.notes)}
    spoken = _spoken(base, splits, folder, store, parallel)
    if spoken is not None:
        base = with_language(base, spoken.code)
        if spoken.note is not None:
            warnings["model/language"] = spoken.note
    task = build_task(base.config, base.speech, base.device, base.dtype)
    left_out: dict[str, str] = task.misfits([*splits.train, *splits.validation, *splits.test])
    if left_out:
        warnings["utterances/left_out"] = left_out_note(left_out)
    fitting = dataclasses.replace(
        splits,
        train=without(splits.train, left_out, "train on"),
        validation=[u for u in splits.validation if u.id not in left_out],
        test=without(splits.test, left_out, "test on"),
    )
    measured = [*fitting.validation, *fitting.test]
    cut: int = task.cut_references(measured)
    if cut:
        warnings["utterances/cut"] = cut_note(cut, len(measured), config.task.max_new_tokens)
    return Prepared(base, task, fitting, left_out, cut, warnings)


def speech_facts(base: BaseModel, base_context: TrainedContext | None, references_cut: int) -> dict[str, Fact]:
    """What a result says about a speech model.

    Args:
        base: the model that was trained or measured.
        base_context: context of the published base; None if it was not measured.
        references_cut: number of texts longer than `max_new_tokens`, which no transcript can match.
    """
    facts = {
        "audio_context": base.context.type,
        "base_audio_context": base_context,
        "language": base.speech.codec.language,
        "references_cut": references_cut,
    }
    return {name: value for name, value in facts.items() if value}


def _spoken(
    base: BaseModel, splits: Splits, folder: Path, store: RunStore, parallel: Parallel
) -> SpokenLanguage | None:
    """The language of a multilingual model: the first worker's, since other processors may detect another one."""
    detects = base.config.task.language in {None, DETECTED}
    spoken = None
    if detects:
        with contextlib.suppress(ObjectNotFoundError):
            spoken = SpokenLanguage(**json.loads(store.get_bytes(_LANGUAGE)))
    if spoken is None:
        spoken = spoken_language(base, [*splits.train, *splits.validation], folder)
    if spoken is None:
        return None
    spoken = SpokenLanguage(*parallel.gather_json([spoken.code, spoken.note])[0])
    if detects and parallel.is_first:
        store.put_bytes(_LANGUAGE, json.dumps(dataclasses.asdict(spoken), ensure_ascii=False).encode())
    return spoken
