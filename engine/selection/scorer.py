"""Score batches of segments with one forward pass each; audio is read and not kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.adapters import loading
from engine.config.training import TrainingConfig
from engine.data.batching import evaluation_batches
from engine.data.example import Utterance
from engine.errors import ConfigError, Fault
from engine.families.binding import Bound, bind
from engine.families.contract import AnyLearner, ScoresTokens
from engine.families.registry import selectable
from engine.metrics.primary import primary_rate
from engine.models.reference import ModelReference
from engine.selection.scores import contradiction, divergence_per_token, el2n_per_token, nll_per_token
from engine.tasks.speech_to_text import SpeechToText


@dataclass(frozen=True, slots=True)
class Loss:
    """An utterance's scores from a forward pass."""

    id: str
    nll: float
    """Nats per token."""
    el2n: float
    """Length of the error vector, per token."""
    contradiction: float
    """Largest margin, over the tokens of the text, by which the model prefers another token, in nats."""
    disagreement: float | None = None
    """Divergence from the model in full precision, in nats per token, if measured."""


@dataclass(frozen=True, slots=True)
class Transcribed:
    """Errors of an utterance's transcript: in words, or in characters for scripts without spaces between words."""

    id: str
    word_errors: int
    words: int


def token_scores(bound: Bound) -> ScoresTokens:
    """The learner, if it can be selected with.

    Raises:
        ConfigError: it gives no probabilities of tokens.
    """
    learner = bound.learner
    if not isinstance(learner, ScoresTokens):
        family, task = bound.reference.family, bound.config.task.type
        message = (
            f"found {bound.reference.id}: {family} models do not score the tokens of a text for {task}; a selection needs "
            f"models that do: {', '.join(selectable())}"
        )
        raise ConfigError([Fault("model", message)])
    return learner


def scoring_batches(learner: AnyLearner, utterances: Sequence[Utterance], audio_s: float) -> Iterator[list[Utterance]]:
    """Batches of one padded length each; the grouping depends on the set of utterances, not on its order."""
    ordered = sorted(utterances, key=lambda u: u.id)
    for rows in evaluation_batches(learner.padded_costs(ordered), audio_s):
        yield [ordered[row] for row in rows]


class Scorer:
    """A model that scores batches; each worker of a pipeline loads it once."""

    def __init__(self, bound: Bound, data: Path, full_precision: Bound | None = None) -> None:
        """Score with loaded models.

        Args:
            bound: the model, in evaluation mode.
            data: folder of the dataset version.
            full_precision: the same base in full precision; the divergence from it is then measured too.

        Raises:
            ConfigError: as `token_scores`.
        """
        self.bound, self._data, self._full = bound, data, full_precision
        self._scores = token_scores(bound)

    @classmethod
    def load(
        cls, model: ModelReference, training: TrainingConfig, data: Path, *, adapter: Path | None, full_precision: bool
    ) -> Scorer:
        """Load a worker's models.

        Args:
            model: reference to the base model.
            training: the run's config, which determines the precision of the base.
            data: folder of the dataset version.
            adapter: folder of an adapter for the base; None without one.
            full_precision: whether to load the base in full precision too.

        Raises:
            ModelError: a model or adapter cannot be loaded.
        """
        bound = bind(model, training)
        if adapter is not None:
            loading.load(bound.base, adapter)
        bound.base.model.eval()
        return cls(bound, data, bind(model, training, full_precision=True) if full_precision else None)

    @torch.inference_mode()
    def losses(self, utterances: Sequence[Utterance]) -> list[Loss]:
        """Loss and error of a batch under teacher forcing, without augmentation or label smoothing.

        Raises:
            AudioError: a file cannot be read.
        """
        batch = self.bound.learner.collate(utterances, self._data)
        logits_BUV = self._scores.logits(batch)
        nll_B = nll_per_token(logits_BUV, batch.targets_BU)
        el2n_B = el2n_per_token(logits_BUV, batch.targets_BU)
        contradiction_B = contradiction(logits_BUV, batch.targets_BU)
        divergence_B: Sequence[float | None] = [None] * len(nll_B)
        if self._full is not None:
            divergence_B = divergence_per_token(token_scores(self._full).logits(batch), logits_BUV, batch.targets_BU)
        rows = zip(utterances, nll_B, el2n_B, contradiction_B, divergence_B, strict=True)
        return [Loss(u.id, nll, el2n, lead, divergence) for u, nll, el2n, lead, divergence in rows]

    def transcripts(self, utterances: Sequence[Utterance]) -> list[Transcribed]:
        """Transcription errors of each utterance of a batch, after normalisation.

        Raises:
            AudioError: a file cannot be read.
        """
        scored = []
        judge = self.bound.task
        assert isinstance(judge, SpeechToText)  # only its learners score tokens
        for u, text in zip(utterances, self.bound.learner.predict(utterances, self._data), strict=True):
            counts = judge.errors([u], [text])
            if primary_rate([u.target.text]) == "cer":
                scored.append(Transcribed(u.id, counts.character_errors, counts.characters))
            else:
                scored.append(Transcribed(u.id, counts.word_errors, counts.words))
        return scored
