"""CLAP as a family of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config.tasks.retrieval import RetrievalConfig
from engine.config.training import TrainingConfig
from engine.data.example import AnyExample
from engine.families.clap.loading import load as load_base
from engine.families.clap.retrieval import Retrieval
from engine.families.contract import Loaded, LoadOptions, Setting, TargetSpace


def load(source: str, task: str, options: LoadOptions) -> Loaded:
    """Load a CLAP model from a folder or a hub id.

    Raises:
        ModelError: as `engine.families.clap.loading.load`.
    """
    base = load_base(source, task, options)

    def learner(setting: Setting) -> Retrieval:
        config = setting.config
        return Retrieval(base, config, setting.device, setting.dtype, config.task_as(RetrievalConfig))

    return Loaded(base, learner)


def space(training: Sequence[AnyExample], config: TrainingConfig) -> TargetSpace:
    """Nothing: an embedding has no classes."""
    return TargetSpace()
