"""Detect and read the config in a YAML file. Imports neither torch nor Ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from cluster.config import EvaluationRunConfig, RunConfig
from cluster.selection.config import SelectionRunConfig
from engine.config.base import apply_overrides, parse, read_yaml
from engine.config.processing import ProcessingConfig
from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.data.revision import Revision
from tuning.sweep.config import SweepRunConfig


class Kind(StrEnum):
    """What a config file describes."""

    RUN = "run"
    """A run: model, data, training, resources (`lim train`, `ray job submit`)."""
    TRAINING = "training"
    """Only the training: what the API takes as a job's `config`."""
    SELECTION = "selection"
    """Which segments to train on (`lim data select`)."""
    SELECTION_RUN = "selection-run"
    """A selection on the cluster (`python -m cluster.select`, `ray job submit`)."""
    SWEEP_RUN = "sweep-run"
    """A sweep: a run with a search (`lim sweeps run`, `python -m tuning.sweep`, `ray job submit`)."""
    EVALUATION_RUN = "evaluation-run"
    """An evaluation on the cluster (`python -m cluster.evaluate`, `ray job submit`)."""
    PIPELINE = "pipeline"
    """Stages from recordings to a version of an adapter (`lim pipelines launch`)."""
    PROCESSING = "processing"
    """How recordings become a dataset version (`lim data import --options`)."""
    REVISION = "revision"
    """What makes the next version of a dataset (`lim datasets revise --from`)."""


_MODELS: Mapping[Kind, type[BaseModel]] = {
    Kind.RUN: RunConfig,
    Kind.TRAINING: TrainingConfig,
    Kind.SELECTION: SelectionConfig,
    Kind.SELECTION_RUN: SelectionRunConfig,
    Kind.SWEEP_RUN: SweepRunConfig,
    Kind.EVALUATION_RUN: EvaluationRunConfig,
    Kind.PROCESSING: ProcessingConfig,
    Kind.REVISION: Revision,
}

_RUN_FIELDS = frozenset(RunConfig.model_fields)
_PIPELINE_FIELDS = frozenset({"stages", "model_id"})
_EVALUATION_FIELDS = frozenset(EvaluationRunConfig.model_fields) - _RUN_FIELDS
_SELECTION_FIELDS = frozenset(SelectionConfig.model_fields) - frozenset(TrainingConfig.model_fields)


def model_of(kind: Kind) -> type[BaseModel]:
    """The schema of a kind of config."""
    if kind is Kind.PIPELINE:
        from services.pipelines.declaration import Declaration  # imports the database's tables, which takes a second

        return Declaration
    return _MODELS[kind]


def kind_of(values: Mapping[str, Any]) -> Kind:
    """Detect the kind of config from its top-level fields; a training config if no other kind matches.

    A run names the address of its selection; a selection run contains the selection itself, as a mapping.
    """
    if _PIPELINE_FIELDS & values.keys():
        return Kind.PIPELINE
    if "search" in values:
        return Kind.SWEEP_RUN
    if isinstance(values.get("selection"), Mapping):
        return Kind.SELECTION_RUN
    if _EVALUATION_FIELDS & values.keys():
        return Kind.EVALUATION_RUN
    if _RUN_FIELDS & values.keys():
        return Kind.RUN
    return Kind.SELECTION if _SELECTION_FIELDS & values.keys() else Kind.TRAINING


def read_config(path: Path, overrides: Sequence[str] = (), kind: Kind | None = None) -> BaseModel:
    """The config in a YAML file, with `path=value` overrides applied.

    Raises:
        ConfigError: the config is invalid; lists every fault.
    """
    values = apply_overrides(read_yaml(path), overrides)
    return parse(model_of(kind or kind_of(values)), values)


def read_run(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """The run in a YAML file, with `path=value` overrides applied.

    Raises:
        ConfigError: the run is invalid; lists every fault.
    """
    return parse(RunConfig, apply_overrides(read_yaml(path), overrides))


def read_training(path: Path | None) -> tuple[TrainingConfig, str]:
    """Training config and model from the file of a run or of a training; the defaults without a file.

    Raises:
        ConfigError: the config is invalid; lists every fault.
    """
    if path is None:
        return TrainingConfig(), _default_model()
    training, model, _ = read_asked(path)
    return training, model


def read_asked(path: Path, overrides: Sequence[str] = ()) -> tuple[TrainingConfig, str, str | None]:
    """Training config, model and data from the file of a run; a training has the default model, and no data.

    Raises:
        ConfigError: the config is invalid; lists every fault.
    """
    values = read_yaml(path)
    kind = kind_of(values)
    values = apply_overrides(values, overrides)
    if kind is Kind.RUN:
        run = parse(RunConfig, values)
        return run.training, run.model if isinstance(run.model, str) else run.model.name, run.data
    return parse(TrainingConfig, values), _default_model(), None


def _default_model() -> str:
    return str(RunConfig.model_fields["model"].default)
