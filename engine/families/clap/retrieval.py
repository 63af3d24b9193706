"""Retrieval: embeddings in which a recording is close to its texts.

A recording's loss compares it with the other recordings of its group. The groups are runs of `unit` consecutive examples
of an optimizer step, and a loop that splits a step splits it between groups only; then neither micro-batches nor workers
change loss, count and gradient.

Legend: B recordings, K recordings of a group, F frames, M mel bands, U tokens, D width of the embeddings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from engine.audio.augmentation import augment_wave, mask
from engine.audio.reading import Wave
from engine.config.context import FullContextConfig, ShortContextConfig
from engine.config.tasks.retrieval import RetrievalConfig
from engine.config.training import TrainingConfig
from engine.data.batching import evaluation_batches
from engine.data.example import AnyExample, AudioInput, Captions, Example
from engine.errors import ConfigError, Fault
from engine.families.clap.base import ClapBase
from engine.families.clap.contrast import contrastive_losses
from engine.families.clap.features import read_window
from engine.families.contract import Prediction, Seeds
from engine.families.usage import Usage
from engine.run.result import Fact

Captioned = Example[AudioInput, Captions]
_DIGITS: Final = 6
_HIGHEST_SCALE: Final = math.log(100.0)
"""Largest logarithm of a trained factor on the similarities, as in CLIP and LAION's CLAP."""
_TEXT_BATCH_TOKENS: Final = 8192
_DEFAULT: Final = RetrievalConfig()


@dataclass(frozen=True, slots=True)
class RetrievalBatch:
    """Input of one forward pass: whole groups."""

    mel_B1FM: torch.Tensor
    ids_BU: torch.Tensor
    mask_BU: torch.Tensor
    right_BB: torch.Tensor
    """Whether text j is right for recording i."""
    group_size: int
    cost: float
    """Seconds of audio that the model hears."""
    weights_B: torch.Tensor | None = None
    """Factor on each recording's loss; None if all are 1."""


class Retrieval:
    """The task bound to a loaded CLAP model and a config."""

    cost_unit: Final = "audio_s"
    notes: tuple[str, ...] = ()
    """Warnings about the config: there are none."""

    def __init__(
        self,
        base: ClapBase,
        config: TrainingConfig,
        device: torch.device,
        dtype: torch.dtype,
        task: RetrievalConfig = _DEFAULT,
    ) -> None:
        self._base, self._task = base, task
        self._config = config.model_copy(update={"context": FullContextConfig()})
        self._device, self._dtype = device, dtype
        self._augments = config.augmentation != type(config.augmentation)()
        if faults := self._faults(config):
            raise ConfigError(faults)
        base.trains_scales = task.train_temperature

    @property
    def config(self) -> TrainingConfig:
        """The run's config, in the context that CLAP models have: a whole window."""
        return self._config

    def facts(self) -> Mapping[str, Fact]:
        """Those of the base."""
        return self._base.facts()

    def save(self, folder: Path) -> None:
        """Write the whole model with its processor in transformers' format."""
        self._base.save(folder)

    def usage(self) -> Usage:
        """How well texts describe a recording."""
        rate_hz = self._base.features.rate_hz
        return Usage(
            "ClapModel",
            "ClapProcessor",
            (
                'texts = processor.tokenizer(["a dog barks", "rain falls"], padding=True, return_tensors="pt")',
                "extractor = processor.feature_extractor",
                f'sound = extractor(wave_at_{rate_hz // 1000}_khz, sampling_rate={rate_hz}, return_tensors="pt")',
                "print(model(**texts, **sound).logits_per_audio.softmax(dim=-1))",
            ),
        )

    @property
    def unit(self) -> int:
        """Examples of a group: consecutive runs of so many examples of a step stay together, in their order."""
        return self._task.group_size

    def costs(self, examples: Sequence[Captioned]) -> list[float]:
        """Seconds of each recording that the model hears."""
        return [min(e.input.duration_s, self._base.features.window_s) for e in examples]

    def padded_costs(self, examples: Sequence[Captioned]) -> list[float]:
        """Seconds that the encoder runs over: always a whole window."""
        return [self._base.features.window_s] * len(examples)

    def misfits(self, examples: Sequence[Captioned]) -> dict[str, str]:
        """Why examples do not fit the model, by id: no text, or one that is too long."""
        most = self._base.max_text_tokens
        reasons = {}
        for e in examples:
            longest = max((len(self._base.tokens(text)) for text in self._texts(e)), default=0)
            if not longest:
                reasons[e.id] = "no caption; at least one is needed"
            elif longest > most:
                reasons[e.id] = f"{longest} tokens of text; at most {most} fit"
        return reasons

    def collate(self, examples: Sequence[Captioned], folder: Path, seeds: Seeds | None = None) -> RetrievalBatch:
        """Read, crop and augment the audio, choose a text of each recording. Runs on the CPU, in any thread.

        With seeds, the text and the place of the crop are drawn; without, they are the first and the middle.

        Args:
            examples: whole groups, in the order of the step.
            folder: of the dataset version.
            seeds: of the random changes to each input.
        """
        texts, mels = [], []
        for row, e in enumerate(examples):
            generator = np.random.default_rng(list(seeds[row])) if seeds is not None else None
            choice = 0 if generator is None else int(generator.integers(len(e.target.captions)))
            texts.append(self._texts(e)[choice])
            mels.append(self._mel(e.input, folder, generator))
        ids_BU, mask_BU = self._base.stack([self._base.tokens(text) for text in texts])
        right = [[text in every for text in texts] for every in map(self._texts, examples)]
        audio_s = sum(self.costs(examples))
        return RetrievalBatch(
            _stacked(mels), ids_BU, mask_BU, torch.tensor(right), self.unit, audio_s, _weights(examples)
        )

    def loss(self, batch: RetrievalBatch) -> tuple[torch.Tensor, int]:
        """Weighted sum over recordings of the contrastive loss in their group, in float32, and the number of recordings.

        See `contrastive_losses`. A group of one, which only the last of a step can be, has a loss of zero.
        """
        with self._computing():
            audio_BD = self._base.embed_audio(batch.mel_B1FM.to(self._device))
            text_BD = self._base.embed_texts(batch.ids_BU.to(self._device), batch.mask_BU.to(self._device))
        audio_BD, text_BD = audio_BD.float(), text_BD.float()
        audio_scale, text_scale = self._scales()
        right_BB = batch.right_BB.to(self._device)
        losses = []
        for start in range(0, len(audio_BD), batch.group_size):
            group = slice(start, start + batch.group_size)
            losses.append(
                contrastive_losses(audio_BD[group], text_BD[group], audio_scale, text_scale, right_BB[group, group])
            )
        losses_B = torch.cat(losses)
        if batch.weights_B is not None:
            losses_B = losses_B * batch.weights_B.to(self._device)
        return losses_B.sum(), len(losses_B)

    def target_count(self, examples: Sequence[AnyExample]) -> int:
        """Number of targets: one for each recording."""
        return len(examples)

    def predict(
        self, examples: Sequence[Captioned], folder: Path, on_progress: Callable[[int], None] | None = None
    ) -> list[Prediction]:
        """Unit embeddings of each recording and of all its texts, in the order of the examples.

        Returns:
            For each example `{"audio": [...], "texts": [[...], ...]}`, rounded to 6 digits.
        """
        embedding_of = self._embed_texts(dict.fromkeys(text for e in examples for text in self._texts(e)))
        predictions: list[dict[str, Any]] = [{} for _ in examples]
        for rows in evaluation_batches(self.padded_costs(examples), self._config.evaluation.batch_cost):
            mel_B1FM = _stacked([self._mel(examples[row].input, folder, None) for row in rows])
            with torch.inference_mode(), self._computing():
                audio_BD = self._base.embed_audio(mel_B1FM.to(self._device))
            for row, embedding in zip(rows, _rounded(audio_BD), strict=True):
                texts = [embedding_of[text] for text in self._texts(examples[row])]
                predictions[row] = {"audio": embedding, "texts": texts}
            if on_progress is not None:
                on_progress(len(rows))
        return list(predictions)

    def _embed_texts(self, texts: dict[str, None]) -> dict[str, list[float]]:
        rows_of = {text: self._base.tokens(text) for text in texts}
        found: dict[str, list[float]] = {}
        every = list(rows_of)
        for rows in evaluation_batches([float(len(rows_of[text])) for text in every], _TEXT_BATCH_TOKENS):
            chosen = [every[row] for row in rows]
            ids_BU, mask_BU = self._base.stack([rows_of[text] for text in chosen])
            with torch.inference_mode(), self._computing():
                text_BD = self._base.embed_texts(ids_BU.to(self._device), mask_BU.to(self._device))
            found.update(zip(chosen, _rounded(text_BD), strict=True))
        return found

    def _texts(self, example: Captioned) -> list[str]:
        """All texts of a recording, in the prompt."""
        prompt = self._task.prompt
        captions = example.target.captions
        return [prompt.replace("{}", caption) for caption in captions] if prompt else list(captions)

    def _mel(self, audio: AudioInput, folder: Path, generator: np.random.Generator | None) -> np.ndarray:
        """mel_MF of the part of a recording that the model hears."""
        features, changes = self._base.features, self._config.augmentation
        place = 0.5 if generator is None else float(generator.random())
        wave_T: Wave = read_window(folder, audio, features, place)
        if generator is None or not self._augments:
            return features.log_mel(features.fill(wave_T))
        wave_T = augment_wave(wave_T, features.rate_hz, changes, generator)
        mel_MF = features.log_mel(features.fill(wave_T))
        frames_per_s = features.rate_hz / features.hop_samples
        return mask(
            mel_MF,
            changes.mask_frequencies,
            round(changes.mask_frequency_share * mel_MF.shape[0]),
            changes.mask_times,
            min(round(changes.mask_time_s * frames_per_s), mel_MF.shape[1] // 5),
            generator,
        )

    def _scales(self) -> list[torch.Tensor]:
        """Factors on the similarities."""
        highest = _HIGHEST_SCALE if self._task.train_temperature else math.inf
        return [scale.float().clamp(max=highest).exp() for scale in self._base.scales]

    def _computing(self) -> torch.autocast:
        return torch.autocast(self._device.type, dtype=self._dtype, enabled=self._dtype != torch.float32)

    def _faults(self, config: TrainingConfig) -> list[Fault]:
        batch, unit = config.batch, self.unit
        faults = []
        group_s = unit * self._base.features.window_s
        for path, found in (("cost", batch.cost), ("micro_batch_cost", batch.micro_batch_cost)):
            if found < group_s:
                message = f"found {found:g}; a group of {unit} recordings takes {group_s:g} s: set it to at least that"
                faults.append(Fault(f"batch.{path}", f"{message}, or lower group_size"))
        if batch.max_examples < unit:
            message = f"found {batch.max_examples}, less than the group_size {unit}: set it to at least that"
            faults.append(Fault("batch.max_examples", message))
        if self._task.train_temperature and config.method.output == "adapter":
            message = f"found true with the method {config.method.type}, whose adapter has no room for the temperature"
            faults.append(Fault("task.train_temperature", f"{message}; set it to false, or the method to full"))
        if isinstance(config.context, ShortContextConfig):
            message = "found short; CLAP models hear a whole window of every recording: set it to auto"
            faults.append(Fault("context.type", message))
        if config.gradient_checkpointing:
            message = "found true, which CLAP models of transformers do not support; set it to false"
            faults.append(Fault("gradient_checkpointing", message))
        if config.augmentation.vocal_tract_probability:
            message = (
                f"found {config.augmentation.vocal_tract_probability:g}; it is defined on Whisper's mel scale up to"
            )
            faults.append(Fault("augmentation.vocal_tract_probability", f"{message} 8 kHz, not on CLAP's; set it to 0"))
        if config.label_smoothing:
            message = f"found {config.label_smoothing:g}; the contrastive loss has none: set it to 0"
            faults.append(Fault("label_smoothing", message))
        return faults


def _stacked(mels: Sequence[np.ndarray]) -> torch.Tensor:
    """mel_B1FM of mel_MF."""
    return torch.from_numpy(np.stack([mel_MF.T for mel_MF in mels])).unsqueeze(1)


def _rounded(embeddings_BD: torch.Tensor) -> list[list[float]]:
    rows: list[list[float]] = embeddings_BD.double().cpu().tolist()
    return [[round(value, _DIGITS) for value in row] for row in rows]


def _weights(examples: Sequence[AnyExample]) -> torch.Tensor | None:
    if all(e.weight == 1.0 for e in examples):
        return None
    return torch.tensor([e.weight for e in examples], dtype=torch.float32)
