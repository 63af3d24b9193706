"""Predict a run's amount of audio and number of steps without reading audio."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.config.context import ContextConfig, ShortContextConfig
from engine.config.training import SplitConfig, TrainingConfig
from engine.data.padding import padded_s

_WINDOW_S = 30.0
_DEFAULT_EPOCHS = 10.0
_TEST_SHARE = 0.1  # if the run draws its own test set


@dataclass(frozen=True, slots=True)
class Pool:
    """The training data of a run."""

    utterances: int
    audio_s: float


@dataclass(frozen=True, slots=True)
class Amount:
    """The amount of work of a run."""

    steps: int
    audio_s: float | None
    """Seconds of speech without padding; None if it depends on a dataset and none was given."""
    encoder_s: float
    """Seconds of encoder input, including padding and whole windows; the run time is proportional to it."""


def training_pool(utterances: int, audio_s: float, statistics: Mapping[str, Any], split: SplitConfig) -> Pool:
    """Approximate training part of a dataset version.

    Args:
        utterances: number of utterances of the version.
        audio_s: their total length in seconds.
        statistics: statistics of the version, with the number of utterances by speaker and by split.
        split: split config of the run.
    """
    splits, speakers = statistics.get("splits") or {}, statistics.get("speakers") or {}
    # A dataset without a training part is split again (`engine.data.splits`).
    if not splits.get("train") and sum(splits.values()) >= utterances:
        splits = {}
    left = float(utterances)
    if split.test_groups:
        left -= sum(speakers.get(name, 0) for name in split.test_groups)
    elif splits:
        left -= splits.get("test", 0)
    else:
        left -= _TEST_SHARE * utterances
    if split.validation_groups:
        left -= sum(speakers.get(name, 0) for name in split.validation_groups)
    elif splits.get("validation"):
        left -= splits["validation"]
    else:
        left -= split.validation_fraction * left
    count = max(1, round(left))
    return Pool(count, audio_s * count / max(1, utterances))


def encoder_s_per_utterance(context: ContextConfig, mean_s: float) -> float:
    """Mean seconds of encoder input for an utterance of this length, including the share padded to a whole window."""
    short_s = padded_s(mean_s, context, _WINDOW_S)
    share = context.whole_window_share if isinstance(context, ShortContextConfig) else 0.0
    return (1 - share) * short_s + share * _WINDOW_S


def amount(config: TrainingConfig, pool: Pool | None) -> Amount | None:
    """Steps and audio of a run; None if it depends on a dataset and none was given.

    The context is resolved for the model. All utterances count as having the mean length.
    """
    batch = config.batch
    if pool is None or not pool.utterances:
        if config.max_steps is None:
            return None
        # A step takes one utterance at least, however short the batch is.
        step_s = max(batch.cost, padded_s(0.0, config.context, _WINDOW_S))
        return Amount(config.max_steps, None, config.max_steps * step_s)
    mean_s = pool.audio_s / pool.utterances
    # Batches are filled as if no utterance were padded to a whole window.
    fit = math.floor(batch.cost / padded_s(mean_s, config.context, _WINDOW_S))
    at_once = max(1, min(batch.max_examples, fit, pool.utterances))
    steps = config.max_steps
    if steps is None:
        epochs = config.epochs or _DEFAULT_EPOCHS
        steps = max(1, round(epochs * math.ceil(pool.utterances / at_once)))
    # The last batch of a pass is smaller: a pass goes through each utterance once.
    passes = steps / math.ceil(pool.utterances / at_once)
    return Amount(
        steps,
        passes * pool.utterances * mean_s,
        passes * pool.utterances * encoder_s_per_utterance(config.context, mean_s),
    )
