"""Audio encoders with a classification head as a family of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config.tasks.audio_classification import AudioClassificationConfig
from engine.config.training import TrainingConfig
from engine.data.example import AnyExample
from engine.families.audio_encoder.classification import AudioClassification
from engine.families.audio_encoder.labels import balanced_weights, label_space
from engine.families.audio_encoder.loading import load as load_base
from engine.families.contract import Loaded, LoadOptions, Setting, TargetSpace


def load(source: str, task: str, options: LoadOptions) -> Loaded:
    """Load an encoder from a folder or a hub id.

    Raises:
        ModelError: as `engine.families.audio_encoder.loading.load`.
    """
    base = load_base(source, task, options)

    def learner(setting: Setting) -> AudioClassification:
        config = setting.config.task_as(AudioClassificationConfig)
        weights = balanced_weights(setting.training, base.labels, config)
        return AudioClassification(base, setting.config, setting.device, setting.dtype, config, weights)

    return Loaded(base, learner)


def space(training: Sequence[AnyExample], config: TrainingConfig) -> TargetSpace:
    """The labels of the config, else of the training examples."""
    return label_space(training, config.task_as(AudioClassificationConfig))
