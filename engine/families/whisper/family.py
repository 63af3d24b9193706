"""Whisper as a family of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config.training import TrainingConfig
from engine.data.example import AnyExample
from engine.families.contract import Loaded, LoadOptions, Setting, TargetSpace
from engine.families.whisper.learner import WhisperLearner
from engine.families.whisper.model import load as load_base


def load(source: str, task: str, options: LoadOptions) -> Loaded:
    """Load a Whisper model from a folder or a hub id.

    Raises:
        ModelError: as `engine.families.whisper.model.load`.
    """
    base = load_base(source, options)

    def learner(setting: Setting) -> WhisperLearner:
        return WhisperLearner(base, setting.config, setting.device, setting.dtype)

    return Loaded(base, learner)


def space(training: Sequence[AnyExample], config: TrainingConfig) -> TargetSpace:
    """Nothing: Whisper writes every text with its own tokens."""
    return TargetSpace()
