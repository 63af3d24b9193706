"""The steps of a selection that read audio, segmenting and scoring, and their implementation in this process.

A driver on a cluster passes its own steps to `select`. They map the same functions over its workers: `segment_batch`,
and a `Scorer` that each worker loads once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.data.example import Utterance
from engine.families.binding import Bound, bind
from engine.models.reference import ModelReference
from engine.segments.segment import Segment
from engine.segments.segmenting import SegmentLimits, reading_batches, segment_batch
from engine.selection.scorer import Loss, Scorer, Transcribed, scoring_batches


class Steps(Protocol):
    """The steps that read audio. Results may arrive in any order: they are matched by id."""

    def segment(self, utterances: Sequence[Utterance], limits: SegmentLimits) -> Iterable[Segment]:
        """Cut and trim utterances."""
        ...

    def losses(self, utterances: Sequence[Utterance], adapter: Path | None, full_precision: bool) -> Iterable[Loss]:
        """Score utterances under teacher forcing.

        Args:
            utterances: segments.
            adapter: folder of the model's current adapter; None without one.
            full_precision: whether to measure the divergence from the base in full precision too.
        """
        ...

    def transcripts(self, utterances: Sequence[Utterance], adapter: Path) -> Iterable[Transcribed]:
        """Count word errors of transcripts."""
        ...


class LocalSteps:
    """Steps in this process, on the live model that the warm-up trains; adapters are not read from disk."""

    def __init__(
        self, data: Path, config: SelectionConfig, model: ModelReference, training: TrainingConfig, bound: Bound
    ) -> None:
        self._data, self._config = data, config
        self._model, self._training = model, training
        self._bound = bound

    def segment(self, utterances: Sequence[Utterance], limits: SegmentLimits) -> Iterable[Segment]:
        """Cut and trim utterances."""
        for batch in reading_batches(utterances, self._config.batch_audio_s):
            yield from segment_batch(batch, self._data, self._config, limits)

    def losses(self, utterances: Sequence[Utterance], adapter: Path | None, full_precision: bool) -> Iterable[Loss]:
        """Score utterances under teacher forcing."""
        full = bind(self._model, self._training, full_precision=True) if full_precision else None
        scorer = Scorer(self._bound, self._data, full)
        for batch in scoring_batches(self._bound.learner, utterances, self._config.batch_audio_s):
            yield from scorer.losses(batch)

    def transcripts(self, utterances: Sequence[Utterance], adapter: Path) -> Iterable[Transcribed]:
        """Count word errors of transcripts."""
        scorer = Scorer(self._bound, self._data)
        for batch in scoring_batches(self._bound.learner, utterances, self._config.batch_audio_s):
            yield from scorer.transcripts(batch)
