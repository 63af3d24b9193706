"""The pool of a selection: a dataset's training utterances under a run's split. Does not read audio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.config.context import TrainedContext, resolve_context
from engine.config.selection import SamplerFields, SelectionConfig, ShareBudgetConfig, SpeechTrimConfig
from engine.config.selection_for import selection_for
from engine.config.training import TrainingConfig
from engine.data.batching import Costs
from engine.data.example import Utterance
from engine.data.manifest import read_manifest
from engine.data.padding import padded_s
from engine.data.splits import divide
from engine.data.version_files import MANIFEST_NAME
from engine.segments.segmenting import canonical
from engine.selection.saving import DETECTOR_AUDIO_S_PER_S, Saving, predict_saving
from engine.training.loop import planned_steps


@dataclass(frozen=True, slots=True)
class Pool:
    """The training utterances and the cost of one pass over them."""

    utterances: list[Utterance]
    """Training utterances, in an order that does not depend on the manifest's."""
    audio_s: float
    """Their length, in seconds."""
    encoder_s: float
    """Seconds that the encoder runs over in one pass."""
    steps: int
    """Optimizer steps of the run over them."""
    epochs: float
    """Passes of the run over them."""


def training_pool(data: Path, training: TrainingConfig, window_s: float) -> Pool:
    """The utterances that a run with this config trains on.

    Args:
        data: dataset version: a folder with `manifest.jsonl`.
        training: the run.
        window_s: the model's window, in seconds.

    Raises:
        ManifestError: the manifest cannot be read.
        ConfigError: the split leaves no training utterances.
    """
    splits = divide(read_manifest(data / MANIFEST_NAME), training.split, training.seed)
    utterances = canonical(splits.train)
    durations_s = [u.input.duration_s for u in utterances]
    costs = Costs(durations_s, [padded_s(duration_s, training.context, window_s) for duration_s in durations_s])
    steps = planned_steps(training, costs)
    once = planned_steps(training.model_copy(update={"max_steps": None, "epochs": 1.0}), costs)
    return Pool(
        utterances,
        audio_s=math.fsum(durations_s),
        encoder_s=encoder_s(durations_s, training, window_s),
        steps=steps,
        epochs=steps / once,
    )


def encoder_s(durations_s: Sequence[float], training: TrainingConfig, window_s: float) -> float:
    """Seconds that the encoder runs over for audio of these lengths; longer audio takes several windows."""
    total_s = 0.0
    for duration_s in durations_s:
        windows = max(0, math.ceil(round(duration_s / window_s, 6)) - 1)
        total_s += windows * window_s + padded_s(duration_s - windows * window_s, training.context, window_s)
    return total_s


def budget_s(config: SelectionConfig, pool: Pool) -> float:
    """The budget in encoder seconds."""
    if isinstance(config.budget, ShareBudgetConfig):
        return config.budget.fraction * pool.encoder_s
    return config.budget.encoder_s


def looks_at_audio(config: SelectionConfig, utterances: Sequence[Utterance], longest_s: float) -> bool:
    """Whether speech detection is needed: to trim, to cut, or for the strata of the draw."""
    wants = isinstance(config.trim, SpeechTrimConfig) or isinstance(config.method, SamplerFields)
    return wants or any(u.input.duration_s > longest_s for u in utterances)


def dry_run(
    data: Path,
    config: SelectionConfig,
    training: TrainingConfig,
    *,
    encoder_s_per_s: float,
    trained_context: TrainedContext,
    window_s: float = 30.0,
    detector_audio_s_per_s: float = DETECTOR_AUDIO_S_PER_S,
) -> Saving:
    """Predict a selection's savings from the manifest alone, without reading audio or loading a model.

    The effect of trimming is not known yet: the whole pool counts as scored, and the selection as large as its budget,
    so the true saving is slightly higher. Packing is not counted either.

    Args:
        data: dataset version.
        config: the selection.
        training: the run.
        encoder_s_per_s: encoder seconds trained on per second, measured or estimated.
        trained_context: the context that the model was trained in.
        window_s: the model's window, in seconds.
        detector_audio_s_per_s: seconds of audio that speech detection processes per second.

    Raises:
        EngineError: the manifest cannot be read, or selection, training and split do not fit together.
    """
    config = selection_for(config, training)
    context = resolve_context(training.context, trained_context)
    training = training.model_copy(update={"context": context})
    pool = training_pool(data, training, window_s)
    takes_all = config.method.type == "full"
    return predict_saving(
        config,
        epochs=pool.epochs,
        encoder_s_per_s=encoder_s_per_s,
        pool_audio_s=pool.audio_s,
        pool_encoder_s=pool.encoder_s,
        scored_encoder_s=pool.encoder_s,
        selected_encoder_s=pool.encoder_s if takes_all else min(pool.encoder_s, budget_s(config, pool)),
        detects_speech=looks_at_audio(config, pool.utterances, min(window_s, config.cut.longest_s or window_s)),
        detector_audio_s_per_s=detector_audio_s_per_s,
    )
