"""Scoring batches of segments: one forward pass each, audio read and let go.

A pure function of model and batch, so that a worker of a pipeline can hold a scorer and map batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.data.batching import evaluation_batches
from engine.data.manifest import Utterance
from engine.selection.scores import divergence_per_token, el2n_per_token, nll_per_token
from engine.tasks.speech_to_text import SpeechToText


@dataclass(frozen=True, slots=True)
class Loss:
    """What a forward pass tells of an utterance."""

    id: str
    nll: float
    """Nats per token."""
    el2n: float
    """Length of the error vector, per token."""
    disagreement: float | None = None
    """Divergence from the model in full precision, in nats per token, if there is one."""


@dataclass(frozen=True, slots=True)
class Transcribed:
    """Word errors of an utterance's transcript."""

    id: str
    word_errors: int
    words: int


def scoring_batches(task: SpeechToText, utterances: Sequence[Utterance], audio_s: float) -> Iterator[list[Utterance]]:
    """Batches of one padded length each; which utterances share one depends on the set alone, not on its order."""
    ordered = sorted(utterances, key=lambda u: u.id)
    for rows in evaluation_batches(task.lengths_s(ordered), audio_s):
        yield [ordered[row] for row in rows]


@torch.inference_mode()
def score_losses(
    task: SpeechToText, utterances: Sequence[Utterance], folder: Path, full_precision: SpeechToText | None = None
) -> list[Loss]:
    """Loss and error of a batch under teacher forcing, without random changes to the audio or label smoothing.

    Args:
        task: bound to the model, which must be in evaluation mode.
        utterances: a batch.
        folder: of the dataset version.
        full_precision: the same task bound to the base in full precision; its divergence is then measured too.

    Raises:
        AudioError: a file that cannot be read.
    """
    batch = task.collate(utterances, folder)
    logits_BUV = task.logits(batch)
    nll_B = nll_per_token(logits_BUV, batch.targets_BU)
    el2n_B = el2n_per_token(logits_BUV, batch.targets_BU)
    divergence_B: Sequence[float | None] = [None] * len(nll_B)
    if full_precision is not None:
        divergence_B = divergence_per_token(full_precision.logits(batch), logits_BUV, batch.targets_BU)
    rows = zip(utterances, nll_B, el2n_B, divergence_B, strict=True)
    return [Loss(u.id, nll, el2n, divergence) for u, nll, el2n, divergence in rows]


def score_transcripts(task: SpeechToText, utterances: Sequence[Utterance], folder: Path) -> list[Transcribed]:
    """Word errors of each utterance of a batch, after normalisation.

    Raises:
        AudioError: a file that cannot be read.
    """
    scored = []
    for u, text in zip(utterances, task.predict(utterances, folder), strict=True):
        counts = task.score([u.text], [text])
        scored.append(Transcribed(u.id, counts.word_errors, counts.words))
    return scored
