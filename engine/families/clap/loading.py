"""Load a CLAP model."""

from __future__ import annotations

from typing import Any, Final, Self

import torch
from torch import nn
from transformers import ClapConfig, ClapModel, ClapProcessor
from transformers.utils import logging as transformers_logging

from engine.errors import ModelError
from engine.families.clap.base import ClapBase
from engine.families.contract import LoadOptions
from engine.families.pretrained import load_weights
from engine.models.four_bit import keep_layout

_TASK: Final = "retrieval"
# Constants, which not every published file holds.
_CONSTANTS: Final = ("position_ids", "token_type_ids", "relative_position_index")
_LEVEL_DB, _SPREAD_DB = -40.0, 20.0
"""Rough level of mel bands in recordings, which stands for the statistics of a model that has seen none."""


def load(source: str, task: str, options: LoadOptions) -> ClapBase:
    """Load a CLAP model from a folder or a hub id.

    Raises:
        ModelError: another task than retrieval, a source that does not load as a CLAP model, or one with feature fusion.
    """
    if task != _TASK:
        raise ModelError(f"found the task {task!r}; CLAP models do {_TASK}: choose it, or a model of another family")
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    config = _read_config(source, options.revision)
    try:
        processor = ClapProcessor.from_pretrained(source, revision=options.revision)
        if options.from_scratch:
            model: Any = ClapModel(config)
            model.to(device=options.device, dtype=torch.float32)
        else:
            model = load_weights(ClapModel, source, options, constants=_CONSTANTS)
    except (OSError, ValueError, RuntimeError) as error:
        raise _cannot_load(source, error) from error
    keep_layout(model)
    _use_recorded_statistics(model, options)
    model.eval()
    processor.feature_extractor.truncation = "rand_trunc"  # one crop, as models without feature fusion expect
    base = ClapBase(model, processor, source)
    _check_features(base, config)
    return base


def _read_config(source: str, revision: str) -> Any:
    try:
        values, _ = ClapConfig.get_config_dict(source, revision=revision)
        kind = values.get("model_type")
        if kind != ClapConfig.model_type:
            found = f"the model_type {kind!r}" if kind else "no model_type"
            raise ModelError(f"the config.json of {source} names {found}; allowed: {ClapConfig.model_type}")
        config: Any = ClapConfig.from_dict(values)
    except (OSError, ValueError, RuntimeError) as error:
        raise _cannot_load(source, error) from error
    if config.audio_config.enable_fusion:
        raise ModelError(
            f"{source} has feature fusion (enable_fusion), which draws crops at random; only models without it can be "
            "used: take its unfused sibling, such as laion/clap-htsat-unfused"
        )
    return config


def _cannot_load(source: str, error: Exception) -> ModelError:
    return ModelError(
        f"cannot load {source!r} as a CLAP model: {error}. Give a folder with config.json and model.safetensors, or a "
        "hub id that can be reached"
    )


class _RecordedStatistics(nn.BatchNorm2d):
    """Batch normalisation that always uses the recorded statistics, in training too.

    Those of a batch would make each recording's features depend on its neighbours, and an adapter has no room for
    statistics that training changed.
    """

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode."""
        return super().train(False)


def _use_recorded_statistics(model: Any, options: LoadOptions) -> None:
    encoder = model.audio_model.audio_encoder
    published: nn.BatchNorm2d = encoder.batch_norm
    fixed = _RecordedStatistics(published.num_features, published.eps).to(options.device)
    fixed.load_state_dict(published.state_dict())
    if options.from_scratch and fixed.running_mean is not None and fixed.running_var is not None:
        fixed.running_mean.fill_(_LEVEL_DB)
        fixed.running_var.fill_(_SPREAD_DB**2)
    encoder.batch_norm = fixed


def _check_features(base: ClapBase, config: Any) -> None:
    """Check that the encoder takes what the processor gives."""
    audio, features = config.audio_config, base.features
    most = audio.spec_size * (audio.spec_size // audio.num_mel_bins)
    if features.mel_bands != audio.num_mel_bins or features.frames > most:
        raise ModelError(
            f"the processor of {base.source} gives {features.mel_bands} mel bands and {features.frames} frames; the model "
            f"takes {audio.num_mel_bins} bands and at most {most} frames: take config and processor from one model"
        )
