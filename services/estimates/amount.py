"""How much audio a run goes through, and in how many steps, before any of it is read."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.config.training import ShortContextConfig, TrainingConfig

_WINDOW_S = 30.0
_DEFAULT_EPOCHS = 10.0


@dataclass(frozen=True, slots=True)
class Pool:
    """What there is to train on, held-out utterances included."""

    utterances: int
    audio_s: float


@dataclass(frozen=True, slots=True)
class Amount:
    """What a run goes through."""

    steps: int
    audio_s: float
    """Seconds of speech, padding left out."""


def amount(config: TrainingConfig, pool: Pool | None) -> Amount | None:
    """Steps and audio of a run; None: that depends on a dataset, and none was given.

    All utterances are taken to be of the mean length, and those that the run holds out are counted too.
    """
    batch = config.batch
    if pool is None or not pool.utterances:
        return Amount(config.max_steps, config.max_steps * batch.audio_s) if config.max_steps is not None else None
    mean_s = pool.audio_s / pool.utterances
    padded_s = _WINDOW_S
    if isinstance(config.context, ShortContextConfig):
        bucket_s = config.context.bucket_s
        padded_s = min(_WINDOW_S, math.ceil((mean_s + config.context.tail_s) / bucket_s) * bucket_s)
    at_once = max(1, min(batch.max_utterances, math.floor(batch.audio_s / padded_s), pool.utterances))
    steps = config.max_steps
    if steps is None:
        epochs = config.epochs or _DEFAULT_EPOCHS
        steps = math.ceil(epochs * pool.utterances / at_once)
    return Amount(steps, steps * at_once * mean_s)
