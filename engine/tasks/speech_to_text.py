"""Speech to text with a sequence-to-sequence model.

Legend: B utterances, T samples, M mel bands, F frames, U tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from engine.audio.augmentation import augment_mel, augment_wave
from engine.audio.features import HOP_SAMPLES, RATE_HZ, stack_padded
from engine.config.training import TrainingConfig
from engine.data.batching import evaluation_batches
from engine.data.manifest import Utterance
from engine.data.padding import padded_s
from engine.data.waves import read_wave
from engine.errors import TrainingError
from engine.evaluation.text import normalizer
from engine.evaluation.word_errors import ErrorCounts, count_errors
from engine.models.family import SpeechSeq2Seq

IGNORED = -100
"""Target where nothing is to be learned."""


@dataclass(frozen=True, slots=True)
class SpeechBatch:
    """What one forward pass takes."""

    mel_BMF: torch.Tensor
    ids_BU: torch.Tensor
    """Decoder input: prefix and text."""
    targets_BU: torch.Tensor
    """What follows each input token; -100 where nothing is to be learned."""
    audio_s: float
    """Seconds of speech, without padding."""
    target_count: int
    weights_B: torch.Tensor | None = None
    """Factor on each utterance's loss; None where all are 1."""


class SpeechToText:
    """The task bound to a loaded model and a config."""

    def __init__(self, config: TrainingConfig, speech: SpeechSeq2Seq, device: torch.device, dtype: torch.dtype) -> None:
        self._config = config
        self._speech = speech
        self._device = device
        self._dtype = dtype
        self._normalize = normalizer(config.task.normalizer, speech.codec.spellings)
        self._augments = config.augmentation != type(config.augmentation)()

    def lengths_s(self, utterances: Sequence[Utterance]) -> list[float]:
        """Seconds that the encoder runs over for each utterance."""
        return [self._padded_s(u.duration_s) for u in utterances]

    def check(self, utterances: Sequence[Utterance]) -> None:
        """Refuse what the model cannot take.

        Raises:
            TrainingError: naming every utterance whose audio or text is too long for the model.
        """
        faults = []
        for u in utterances:
            if u.duration_s > self._speech.window_s + 1e-3:
                faults.append(f"{u.id}: {u.duration_s:.1f} s of audio; at most {self._speech.window_s:.1f} s fit")
            tokens = len(self._speech.codec.encode(u.text)) + 1
            if tokens > self._speech.max_text_tokens:
                faults.append(f"{u.id}: {tokens} tokens of text; at most {self._speech.max_text_tokens} fit")
        if faults:
            shown = "\n".join(faults[:20])
            more = f"\n... and {len(faults) - 20} more" if len(faults) > 20 else ""
            raise TrainingError(f"{len(faults)} utterances do not fit the model; cut or remove them:\n{shown}{more}")

    def collate(
        self,
        utterances: Sequence[Utterance],
        folder: Path,
        seeds: Sequence[Sequence[int]] | None = None,
        *,
        whole_window: bool = False,
    ) -> SpeechBatch:
        """Read, change at random, and pad the audio; tokenise the text. Runs on the CPU, in any thread."""
        waves, generators = [], []
        for row, u in enumerate(utterances):
            wave_T = read_wave(folder, u)
            if seeds is not None and self._augments:
                generator = np.random.default_rng(list(seeds[row]))
                generators.append(generator)
                wave_T = augment_wave(wave_T, RATE_HZ, self._config.augmentation, generator)
            waves.append(wave_T)
        mel_BMF = self._features(waves, self._speech.window_s if whole_window else self._longest_s(waves))
        if generators:
            mels = [
                torch.from_numpy(augment_mel(mel.numpy(), self._config.augmentation, generator))
                for mel, generator in zip(mel_BMF, generators, strict=True)
            ]
            mel_BMF = torch.stack(mels)
        ids_BU, targets_BU, target_count = self._tokens([u.text for u in utterances])
        audio_s = sum(u.duration_s for u in utterances)
        return SpeechBatch(mel_BMF, ids_BU, targets_BU, audio_s, target_count, _weights(utterances))

    def logits(self, batch: SpeechBatch) -> torch.Tensor:
        """logits_BUV under teacher forcing."""
        mel_BMF = batch.mel_BMF.to(self._device)
        with torch.autocast(self._device.type, dtype=self._dtype, enabled=self._dtype != torch.float32):
            states_BSD = self._speech.encode(mel_BMF)
            return self._speech.logits(states_BSD, batch.ids_BU.to(self._device))

    def loss(self, batch: SpeechBatch) -> tuple[torch.Tensor, int]:
        """Sum of the cross-entropy over target tokens, in float32, each times its utterance's weight; their number.

        The number is that of the tokens, whatever their weights. With weights c / pi (pi: the probability with which
        the utterance was drawn) the sum over a sample estimates c times the sum over the pool, and
        sum(n c / pi) / c the pool's number of tokens, n being an utterance's. The c for which the weighted number of
        tokens is their number, sum(n c / pi) = sum(n), thus makes (weighted sum) / (number) the estimate of the
        pool's loss per token: the scale of loss and gradient is that of training on everything.
        Weights that are all 1 take the plain sum, to the last bit.
        """
        logits_BUV = self.logits(batch)
        weights_B = batch.weights_B
        losses = torch.nn.functional.cross_entropy(
            logits_BUV.float().flatten(0, 1),
            batch.targets_BU.to(self._device).flatten(),
            ignore_index=IGNORED,
            reduction="sum" if weights_B is None else "none",
            label_smoothing=self._config.label_smoothing if self._speech.model.training else 0.0,
        )
        if weights_B is not None:
            losses = (losses.view(batch.targets_BU.shape).sum(dim=1) * weights_B.to(self._device)).sum()
        return losses, batch.target_count

    def target_count(self, utterances: Sequence[Utterance]) -> int:
        """Number of targets in these utterances: their tokens and an end each."""
        return sum(len(self._speech.codec.encode(u.text)) + 1 for u in utterances)

    def predict(
        self, utterances: Sequence[Utterance], folder: Path, on_progress: Callable[[int], None] | None = None
    ) -> list[str]:
        """A transcript for each utterance, in their order."""
        texts = [""] * len(utterances)
        for rows, waves in self._evaluation_waves(utterances, folder):
            for row, text in zip(rows, self.transcribe(waves), strict=True):
                texts[row] = text
            if on_progress is not None:
                on_progress(len(rows))
        return texts

    def transcribe(self, waves: list[np.ndarray]) -> list[str]:
        """Transcripts of waves at 16 kHz that pad to one length."""
        mel_BMF = self._features(waves, self._longest_s(waves)).to(self._device)
        with torch.autocast(self._device.type, dtype=self._dtype, enabled=self._dtype != torch.float32):
            ids = self._speech.generate(mel_BMF, self._config.task.max_new_tokens)
        return [self._speech.codec.decode(row) for row in ids]

    def score(self, references: Sequence[str], hypotheses: Sequence[str]) -> ErrorCounts:
        """Errors after normalisation."""
        return count_errors([self._normalize(r) for r in references], [self._normalize(h) for h in hypotheses])

    def _evaluation_waves(
        self, utterances: Sequence[Utterance], folder: Path
    ) -> Iterator[tuple[list[int], list[np.ndarray]]]:
        lengths_s = self.lengths_s(utterances)
        for rows in evaluation_batches(lengths_s, self._config.evaluation.batch_audio_s):
            chosen = [utterances[row] for row in rows]
            yield rows, [read_wave(folder, u) for u in chosen]

    def _features(self, waves: list[np.ndarray], length_s: float) -> torch.Tensor:
        # The encoder halves the frames: an even number of them.
        samples = round(length_s * RATE_HZ / (2 * HOP_SAMPLES)) * 2 * HOP_SAMPLES
        return self._speech.features(stack_padded(waves, samples))

    def _longest_s(self, waves: list[np.ndarray]) -> float:
        return max(self._padded_s(len(wave) / RATE_HZ) for wave in waves)

    def _padded_s(self, duration_s: float) -> float:
        return padded_s(duration_s, self._config.context, self._speech.window_s)

    def _tokens(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor, int]:
        codec = self._speech.codec
        rows = [codec.encode(text) for text in texts]
        width = len(codec.prefix) + max(len(row) for row in rows)
        ids_BU = torch.full((len(rows), width), codec.end, dtype=torch.long)
        targets_BU = torch.full((len(rows), width), IGNORED, dtype=torch.long)
        learned_from = len(codec.prefix) - 1  # the last token of the prefix predicts the first of the text
        for i, row in enumerate(rows):
            ids = codec.prefix + row
            ids_BU[i, : len(ids)] = torch.tensor(ids)
            targets = [*row, codec.end]
            targets_BU[i, learned_from : learned_from + len(targets)] = torch.tensor(targets)
        return ids_BU, targets_BU, sum(len(row) + 1 for row in rows)


def _weights(utterances: Sequence[Utterance]) -> torch.Tensor | None:
    if all(u.weight == 1.0 for u in utterances):
        return None
    return torch.tensor([u.weight for u in utterances], dtype=torch.float32)
