"""The inputs of each stage. Does not import torch, because drivers use it too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.config.base import Config
from engine.config.measurement import MeasurementConfig
from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.models.reference import ModelReference
from engine.run.provenance.digests import dataset_files, file_digests, folder_files, model_files
from engine.run.provenance.inputs import Inputs
from engine.selection.manifest import SEGMENTS_NAME


def training_inputs(model: ModelReference, data: Path, training: TrainingConfig, selection: Path | None) -> Inputs:
    """Inputs of `engine.stages.finetune.finetune`.

    Raises:
        EngineError: a model or a manifest that cannot be read.
    """
    # Pre-training starts from random weights and uses only the model's architecture.
    weights = not training.method.from_scratch
    files = {"model": model_files(model, weights=weights), "data": dataset_files(data)}
    if selection is not None:
        files["selection"] = file_digests(selection, [SEGMENTS_NAME])
    return _inputs(model, {"training": training}, files)


def evaluation_inputs(
    model: ModelReference,
    adapter: Path | None,
    data: Path,
    training: TrainingConfig,
    measurement: MeasurementConfig,
    base_model: ModelReference | None = None,
) -> Inputs:
    """Inputs of `engine.stages.evaluate.evaluate`.

    Raises:
        EngineError: a model or a manifest that cannot be read.
    """
    files = {"model": model_files(model), "data": dataset_files(data)}
    if adapter is not None:
        files["adapter"] = folder_files(adapter)
    if base_model is not None:
        files["base_model"] = model_files(base_model)
    return _inputs(model, {"training": training, "measurement": measurement}, files)


def selection_inputs(model: ModelReference, data: Path, selection: SelectionConfig, training: TrainingConfig) -> Inputs:
    """Inputs of `engine.stages.select.select`.

    Raises:
        EngineError: a model or a manifest that cannot be read.
    """
    files = {"model": model_files(model), "data": dataset_files(data)}
    return _inputs(model, {"selection": selection, "training": training}, files)


def _inputs(model: ModelReference, configs: Mapping[str, Config], files: Mapping[str, Mapping[str, str]]) -> Inputs:
    settings = {name: config.model_dump(mode="json") for name, config in configs.items()}
    given = {name: config.model_dump(mode="json", exclude_defaults=True) for name, config in configs.items()}
    return Inputs.model_validate({"settings": {"model": model.name, **settings}, "files": files, "given": given})
