"""Learn to answer about a recording: what transcribing and captioning have in common.

Legend: B rows of a batch (a recording and an answer each), U tokens of a row, W windows of audio, M mel bands, F frames
of 10 ms, N predicted tokens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from engine.audio.features import RATE_HZ
from engine.config.context import FullContextConfig, ShortContextConfig
from engine.config.training import TrainingConfig
from engine.data.batching import evaluation_batches
from engine.data.example import AnyExample
from engine.errors import ConfigError, Fault
from engine.families.audio_llm.base import AudioLlmBase
from engine.families.audio_llm.hearing import Heard, hear
from engine.families.audio_llm.loading import KEPT_IN_FULL_PRECISION
from engine.families.audio_llm.prompt import Prompt
from engine.families.contract import Prediction, Seeds
from engine.families.usage import Usage
from engine.run.result import Fact

IGNORED: Final = -100
"""Label at positions that do not count in the loss."""


@dataclass(frozen=True, slots=True)
class AnswerBatch:
    """Input of one forward pass; rows are padded on the right."""

    ids_BU: torch.Tensor
    mask_BU: torch.Tensor
    """1 at tokens, 0 at padding."""
    labels_BU: torch.Tensor
    """The answer and its end at their own places, as transformers takes labels; -100 elsewhere."""
    heard: tuple[Heard, ...]
    """Each recording once."""
    recording_B: tuple[int, ...]
    """The recording of each row."""
    cost: float
    """Seconds of audio of all rows, without padding."""
    target_count: int
    weights_B: torch.Tensor | None = None
    """Factor on each row's loss; None if all are 1."""


class Answering(ABC):
    """Answer one prompt about every recording."""

    cost_unit: Final = "audio_s"
    notes: tuple[str, ...] = ()
    """Warnings about the config: there are none."""

    def __init__(
        self, base: AudioLlmBase, config: TrainingConfig, device: torch.device, dtype: torch.dtype, prompt: Prompt
    ) -> None:
        if isinstance(config.context, ShortContextConfig):
            message = "found short; these models hear whole windows: set it to auto"
            raise ConfigError([Fault("context.type", message)])
        self._base, self._prompt = base, prompt
        self._config = config.model_copy(update={"context": FullContextConfig()})
        self._device, self._dtype = device, dtype
        self._augments = config.augmentation != type(config.augmentation)()

    @abstractmethod
    def _answers(self, example: Any) -> Sequence[str]:
        """All answers that are right for an example; the loss is that of each."""

    @abstractmethod
    def _max_new_tokens(self, windows: int) -> int:
        """Maximum tokens of an answer about a recording of so many windows."""

    @property
    def config(self) -> TrainingConfig:
        """The run's config, in the context that these models have: whole windows."""
        return self._config

    def facts(self) -> Mapping[str, Fact]:
        """Those of the base."""
        return self._base.facts()

    def save(self, folder: Path) -> None:
        """Write the whole model with its processor in transformers' format."""
        self._base.save(folder)

    def usage(self) -> Usage:
        """The answer about a recording."""
        return Usage(
            type(self._base.model).__name__,
            "AutoProcessor",
            (
                *self._prompt.usage,
                f"ids = model.generate(**inputs, max_new_tokens={self._max_new_tokens(1)})",
                "print(processor.tokenizer.batch_decode(ids[:, inputs['input_ids'].shape[1] :], skip_special_tokens=True))",
            ),
            kept_whole=KEPT_IN_FULL_PRECISION,
        )

    def costs(self, examples: Sequence[AnyExample]) -> list[float]:
        """Seconds of audio, once for each answer."""
        return [e.input.duration_s * len(self._answers(e)) for e in examples]

    def padded_costs(self, examples: Sequence[AnyExample]) -> list[float]:
        """Seconds that the encoder runs over: whole windows, once for each answer."""
        return [seconds * len(self._answers(e)) for seconds, e in zip(self._windows_s(examples), examples, strict=True)]

    def misfits(self, examples: Sequence[AnyExample]) -> dict[str, str]:
        """Why examples do not fit the model, by id: no answer, or audio or text that is too long."""
        hearing, most = self._base.hearing, self._base.most_positions
        longest_s = None if hearing.most_windows is None else hearing.most_windows * hearing.window_s
        reasons = {}
        for e in examples:
            answers, duration_s = self._answers(e), e.input.duration_s
            if not answers:
                reasons[e.id] = "no caption; at least one is needed"
            elif longest_s is not None and duration_s > longest_s + 1e-3:
                reasons[e.id] = f"{duration_s:.1f} s of audio; at most {longest_s:.1f} s fit"
            elif (positions := self._positions(e)) > most:
                reasons[e.id] = f"{positions} positions of prompt, audio and text; at most {most} fit"
        return reasons

    def collate(self, examples: Sequence[AnyExample], folder: Path, seeds: Seeds | None = None) -> AnswerBatch:
        """Read, augment and pad the audio; tokenise the answers. Runs on the CPU, in any thread."""
        heard, rows, recording_B, weights = [], [], [], []
        for recording, e in enumerate(examples):
            generator = np.random.default_rng(list(seeds[recording])) if seeds is not None and self._augments else None
            heard.append(hear(folder, e.input, self._base.hearing, self._config.augmentation, generator))
            prompt = self._base.prompt_ids(self._prompt, heard[-1])
            for answer in self._answers(e):
                rows.append((prompt, [*self._base.encode(answer), self._prompt.end]))
                recording_B.append(recording)
                weights.append(e.weight)
        width = max(len(prompt) + len(learned) for prompt, learned in rows)
        ids_BU = torch.full((len(rows), width), self._prompt.end, dtype=torch.long)
        mask_BU = torch.zeros_like(ids_BU)
        labels_BU = torch.full_like(ids_BU, IGNORED)
        for i, (prompt, learned) in enumerate(rows):
            length = len(prompt) + len(learned)
            ids_BU[i, :length] = torch.tensor(prompt + learned)
            mask_BU[i, :length] = 1
            labels_BU[i, len(prompt) : length] = torch.tensor(learned)
        return AnswerBatch(
            ids_BU,
            mask_BU,
            labels_BU,
            tuple(heard),
            tuple(recording_B),
            sum(self.costs(examples)),
            sum(len(learned) for _, learned in rows),
            None if all(weight == 1.0 for weight in weights) else torch.tensor(weights, dtype=torch.float32),
        )

    def loss(self, batch: AnswerBatch) -> tuple[torch.Tensor, int]:
        """Weighted sum of the cross-entropy over the tokens of the answers and their ends, in float32, and their number.

        Each token's loss is multiplied by its example's weight, which the number ignores. Logits are computed only where
        the next token counts.
        """
        mel_WMF = torch.cat([batch.heard[recording].mel_WMF for recording in batch.recording_B]).to(self._device)
        frames = [batch.heard[recording].frames for recording in batch.recording_B]
        labels_BU = batch.labels_BU.to(self._device)
        counts_BU = labels_BU[:, 1:] != IGNORED
        with self._computing():
            states_BUD = self._base.states(
                batch.ids_BU.to(self._device), batch.mask_BU.to(self._device), mel_WMF, frames
            )
            logits_NV = self._base.logits(states_BUD[:, :-1][counts_BU])
        losses = cross_entropy(
            logits_NV.float(),
            labels_BU[:, 1:][counts_BU],
            reduction="sum" if batch.weights_B is None else "none",
            label_smoothing=self._config.label_smoothing if self._base.model.training else 0.0,
        )
        if batch.weights_B is not None:
            row_N = counts_BU.nonzero()[:, 0]
            losses = (losses * batch.weights_B.to(self._device)[row_N]).sum()
        return losses, batch.target_count

    def target_count(self, examples: Sequence[AnyExample]) -> int:
        """Number of targets: the tokens of every answer and its end."""
        return sum(len(self._base.encode(answer)) + 1 for e in examples for answer in self._answers(e))

    def predict(
        self, examples: Sequence[AnyExample], folder: Path, on_progress: Callable[[int], None] | None = None
    ) -> list[Prediction]:
        """An answer about each recording, in the order of the examples."""
        texts = [""] * len(examples)
        for rows in evaluation_batches(self._windows_s(examples), self._config.evaluation.batch_cost):
            heard = [hear(folder, examples[row].input, self._base.hearing) for row in rows]
            with self._computing():
                answers = self._base.generate(self._prompt, heard, self._max_new_tokens(len(heard[0].mel_WMF)))
            for row, ids in zip(rows, answers, strict=True):
                texts[row] = self._base.decode(ids).strip()
            if on_progress is not None:
                on_progress(len(rows))
        return list(texts)

    def _windows_s(self, examples: Sequence[AnyExample]) -> list[float]:
        hearing = self._base.hearing
        return [hearing.windows(e.input.duration_s) * hearing.window_s for e in examples]

    def _positions(self, example: AnyExample) -> int:
        """Positions of the longest row of an example."""
        hearing, duration_s = self._base.hearing, example.input.duration_s
        frames = hearing.frames(round(duration_s * RATE_HZ))
        audio = self._base.architecture.positions(frames, hearing.windows(duration_s))
        longest = max(len(self._base.encode(answer)) for answer in self._answers(example))
        return self._prompt.text_tokens + audio + longest + 1

    def _computing(self) -> torch.autocast:
        return torch.autocast(self._device.type, dtype=self._dtype, enabled=self._dtype != torch.float32)
