"""Batches filled by seconds of audio: a pure function of the seed, so that any position can be restored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.config.context import ContextConfig, ShortContextConfig
from engine.config.training import BatchConfig
from engine.data.example import Utterance
from engine.data.padding import padded_s
from engine.errors import TrainingError

_POOL_BATCHES = 32  # number of batches sorted by length together; more means less padding and less mixing


@dataclass(frozen=True, slots=True)
class Position:
    """A run's position in the endless order of batches."""

    step: int = 0
    """Batches so far."""
    epoch: int = 0
    """Started passes over the current set (first the short utterances, then all)."""
    index: int = 0
    """Batches so far in this pass."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The utterances of one optimizer step over all workers, by their index."""

    indices: tuple[int, ...]
    whole_window: tuple[int, ...]
    """The `indices` padded to the model's whole window."""
    position: Position
    epoch: float
    """Passes over the training audio so far, with fraction."""


class BatchOrder:
    """The endless order of batches over `utterances`."""

    def __init__(
        self,
        utterances: Sequence[Utterance],
        batch: BatchConfig,
        context: ContextConfig,
        *,
        window_s: float,
        seed: int,
        position: Position = Position(),
    ) -> None:
        if not utterances:
            raise TrainingError("no utterance is left to train on; check the split and the data's report")
        self._lengths_s = np.array([padded_s(u.input.duration_s, context, window_s) for u in utterances])
        self._durations_s = np.array([u.input.duration_s for u in utterances])
        self._whole_window_share = context.whole_window_share if isinstance(context, ShortContextConfig) else 0.0
        self._batch = batch
        self._seed = seed
        self._position = position
        self._pass: list[tuple[int, ...]] = []
        self._pass_of: tuple[bool, int] | None = None

    @property
    def position(self) -> Position:
        """Position of the next batch."""
        return self._position

    def steps_per_epoch(self) -> int:
        """Batches in the first pass over all utterances."""
        return len(self._plan(short=False, epoch=0))

    def next(self) -> Batch:
        """The next batch."""
        at = self._position
        short = at.step < self._batch.short_first_steps
        if at.step == self._batch.short_first_steps and at.step > 0:
            at = Position(at.step)  # the curriculum ends; the first pass over everything starts
        plan = self._plan_cached(short, at.epoch)
        if at.index >= len(plan):
            at = Position(at.step, at.epoch + 1)
            plan = self._plan_cached(short, at.epoch)
        self._position = Position(at.step + 1, at.epoch, at.index + 1)
        indices = plan[at.index]
        return Batch(indices, self._whole_window(indices, at.step), at, at.epoch + (at.index + 1) / len(plan))

    def _whole_window(self, indices: tuple[int, ...], step: int) -> tuple[int, ...]:
        """A share of a batch, spread evenly over steps: with a share of 1/64, one of 16 in every fourth step."""
        expected = self._whole_window_share * len(indices)
        count = int((step + 1) * expected) - int(step * expected)
        generator = np.random.default_rng([self._seed, 2, step])
        return tuple(sorted(generator.permutation(indices)[:count].tolist()))

    def _plan_cached(self, short: bool, epoch: int) -> list[tuple[int, ...]]:
        if self._pass_of != (short, epoch):
            self._pass = self._plan(short, epoch)
            self._pass_of = (short, epoch)
        return self._pass

    def _plan(self, short: bool, epoch: int) -> list[tuple[int, ...]]:
        chosen = np.arange(len(self._lengths_s))
        if short:
            chosen = chosen[self._durations_s <= self._batch.short_first_max_s]
            if not len(chosen):
                raise TrainingError(
                    f"batch.short_first_max_s is {self._batch.short_first_max_s} s and no utterance is that short; "
                    f"the shortest has {self._durations_s.min():.2f} s"
                )
        generator = np.random.default_rng([self._seed, int(short), epoch])
        generator.shuffle(chosen)
        per_batch = min(self._batch.max_utterances, max(1, int(self._batch.audio_s / self._lengths_s[chosen].mean())))
        pool = _POOL_BATCHES * per_batch
        batches: list[tuple[int, ...]] = []
        for start in range(0, len(chosen), pool):
            part = chosen[start : start + pool]
            batches += self._filled(part[np.argsort(self._lengths_s[part], kind="stable")])
        order = generator.permutation(len(batches))
        return [batches[i] for i in order]

    def _filled(self, ordered: np.ndarray) -> list[tuple[int, ...]]:
        batches: list[tuple[int, ...]] = []
        current: list[int] = []
        seconds = 0.0
        for index in ordered.tolist():
            length_s = float(self._lengths_s[index])
            full = len(current) == self._batch.max_utterances or seconds + length_s > self._batch.audio_s + 1e-6
            if current and full:
                batches.append(tuple(current))
                current, seconds = [], 0.0
            current.append(index)
            seconds += length_s
        if current:
            batches.append(tuple(current))
        return batches


def micro_batches(
    indices: Sequence[int],
    lengths_s: Sequence[float],
    *,
    micro_batch_audio_s: float,
    rank: int,
    world_size: int,
) -> list[list[int]]:
    """One worker's part of a batch, in pieces that fit `micro_batch_audio_s`.

    The pieces are distributed evenly over the workers; a worker without work gets an empty list. The assignment changes
    only the rounding of the gradients' sum.
    """
    mine = list(indices)[rank::world_size]
    pieces: list[list[int]] = []
    seconds = 0.0
    for index in mine:
        length_s = lengths_s[index]
        if not pieces or seconds + length_s > micro_batch_audio_s + 1e-6:
            pieces.append([])
            seconds = 0.0
        pieces[-1].append(index)
        seconds += length_s
    return pieces


def evaluation_batches(lengths_s: Sequence[float], audio_s: float) -> list[list[int]]:
    """Indices in batches of one padded length each, so that no utterance's result depends on its neighbours."""
    batches: list[list[int]] = []
    by_length: dict[float, list[int]] = {}
    for index, length_s in enumerate(lengths_s):
        by_length.setdefault(length_s, []).append(index)
    for length_s in sorted(by_length):
        per_batch = max(1, int(audio_s / length_s))
        rows = by_length[length_s]
        batches += [rows[i : i + per_batch] for i in range(0, len(rows), per_batch)]
    return batches
