"""CTC models as a family of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config.tasks.speech_to_text import SpeechToTextConfig
from engine.config.training import TrainingConfig
from engine.data.example import AnyExample
from engine.families.contract import Loaded, LoadOptions, Setting, TargetSpace
from engine.families.ctc.learner import CtcLearner
from engine.families.ctc.loading import load as load_base
from engine.families.ctc.spelling import alphabet_of, target_normalizer


def load(source: str, task: str, options: LoadOptions) -> Loaded:
    """Load a CTC model from a folder or a hub id.

    Raises:
        ModelError: as `engine.families.ctc.loading.load`.
    """
    base = load_base(source, task, options)

    def learner(setting: Setting) -> CtcLearner:
        decoding = setting.config.task_as(SpeechToTextConfig).decoding
        return CtcLearner(base, setting.config, setting.device, setting.dtype, decoding)

    return Loaded(base, learner)


def space(training: Sequence[AnyExample], config: TrainingConfig) -> TargetSpace:
    """The characters of the normalised training texts."""
    normalize = target_normalizer(config.task_as(SpeechToTextConfig).normalizer)
    return TargetSpace(alphabet=alphabet_of((example.target.text for example in training), normalize))
