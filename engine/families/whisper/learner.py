"""Speech to text with Whisper.

Legend: B utterances, T samples, M mel bands, F frames, U tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from engine.audio.augmentation import augment_mel, augment_wave
from engine.audio.features import HOP_SAMPLES, RATE_HZ, stack_padded
from engine.config.context import ShortContextConfig, resolve_context
from engine.config.methods.base import MethodFields
from engine.config.tasks.speech_to_text import DETECTED, SpeechToTextConfig
from engine.config.training import TrainingConfig
from engine.data.batching import evaluation_batches
from engine.data.example import Utterance
from engine.data.padding import padded_s
from engine.data.waves import read_wave
from engine.families.contract import Decision, Prediction, Seeds
from engine.families.usage import Usage
from engine.families.whisper.codec import WhisperCodec
from engine.families.whisper.language import spoken_language
from engine.families.whisper.model import KEPT_IN_FULL_PRECISION, WhisperSpeech
from engine.families.whisper.repetition import repeats
from engine.families.whisper.speech import Search
from engine.run.result import Fact
from engine.temporal.frames import FrameBatch, Heard

IGNORED = -100
"""Target at positions that do not count in the loss."""


@dataclass(frozen=True, slots=True)
class SpeechBatch:
    """Input of one forward pass."""

    mel_BMF: torch.Tensor
    ids_BU: torch.Tensor
    """Decoder input: prefix and text."""
    targets_BU: torch.Tensor
    """Target for each input token; -100 at positions that do not count in the loss."""
    cost: float
    """Seconds of speech, without padding."""
    target_count: int
    weights_B: torch.Tensor | None = None
    """Factor on each utterance's loss; None if all are 1."""
    frames: FrameBatch | None = None
    """Features of the encoder's frames, if adapters follow them."""


class WhisperLearner:
    """Speech to text, bound to a loaded model and a config."""

    cost_unit: Final = "audio_s"

    def __init__(self, base: WhisperSpeech, config: TrainingConfig, device: torch.device, dtype: torch.dtype) -> None:
        """Bind the task.

        Raises:
            ModelError: the model does not know the language.
        """
        self._base = base
        self._device, self._dtype = device, dtype
        self._task = config.task_as(SpeechToTextConfig)
        self._context = resolve_context(config.context, base.trained_context)
        self.notes: tuple[str, ...] = tuple(self._notes(config.method))
        self._config = config.model_copy(update={"context": self._context})
        asked = self._task.language
        base.use_language(None if asked == DETECTED else asked)
        if asked not in {None, DETECTED} or not base.codec.languages:
            self._use(base.codec.language)
        # In short context a model trained on whole windows may loop; it then retries in the whole window.
        self._guards = self._context.type == "short" and base.trained_context == "full"
        self._augments = config.augmentation != type(config.augmentation)()

    def _notes(self, method: MethodFields) -> Iterator[str]:
        if self._context.type == "short" and self._base.trained_context == "full" and not method.from_scratch:
            yield (
                "context short: the model was trained on whole windows; in short context it repeats itself or breaks "
                "off until it has been adapted. Transcripts that repeat are retried in the whole window; context full "
                "matches its training"
            )
        if self._task.language is not None and not self._base.codec.languages:
            yield f"task.language {self._task.language}: the model supports only one language; remove the setting"

    def _use(self, language: str | None) -> None:
        """Record the language in the config."""
        self._task = self._task.model_copy(update={"language": language})
        self._config = self._config.model_copy(update={"task": self._task})

    @property
    def config(self) -> TrainingConfig:
        """The run's config with the audio context resolved, and the language as the model spells it."""
        return self._config

    def facts(self) -> dict[str, Fact]:
        """The audio context and the language."""
        facts: dict[str, Fact] = {"audio_context": self._context.type}
        return facts | ({"language": self._base.codec.language} if self._base.codec.language else {})

    def save(self, folder: Path) -> None:
        """Write the whole model with its processor, and the context that it was trained in."""
        self._base.save(folder, self._context.type)

    def usage(self) -> Usage:
        """As transformers' own examples."""
        language = self._base.codec.language
        spoken = f', language="{language}", task="transcribe"' if language else ""
        return Usage(
            "WhisperForConditionalGeneration",
            "WhisperProcessor",
            (
                'features = processor(wave_at_16_khz, sampling_rate=16000, return_tensors="pt").input_features',
                f"ids = model.generate(features{spoken})",
                "print(processor.batch_decode(ids, skip_special_tokens=True))",
            ),
            kept_whole=KEPT_IN_FULL_PRECISION,
            command="lim transcribe recording.wav {option}",
        )

    # ---- language ------------------------------------------------------------------------------------------

    @property
    def is_told(self) -> bool:
        """Whether the config names the language, or the model has only one."""
        return not self._base.codec.languages or self._task.language not in {None, DETECTED}

    def decide(self, examples: Sequence[Utterance], folder: Path) -> Decision | None:
        """The language of a dataset; see `spoken_language`."""
        return spoken_language(self, self._task.language, examples, folder)

    def follow(self, decision: Decision) -> None:
        """Set the language in the decoder's prefix and in the config."""
        self._base.use_language(decision.value)
        self._use(decision.value)

    @property
    def languages(self) -> Sequence[str]:
        """Codes of the languages that the model knows; none for a model of one language."""
        return self._base.codec.languages

    @property
    def language(self) -> str | None:
        """The language in the decoder's prefix."""
        return self._base.codec.language

    @property
    def own_language(self) -> str | None:
        """The language that the model was fine-tuned for, if its files name one."""
        return self._base.codec.own_language

    def translate(self) -> None:
        """Write English from now on.

        Raises:
            ModelError: the model knows one language.
        """
        self._base.use_language(self._base.codec.language, "translate")

    def follows_audio(self, text: str) -> bool:
        """Whether a text does not repeat itself."""
        return not repeats(self._base.codec.encode(text))

    @property
    def codec(self) -> WhisperCodec:
        """The tokenizer with the decoder's prefix."""
        return self._base.codec

    # ---- examples ------------------------------------------------------------------------------------------

    @property
    def window_s(self) -> float:
        """Longest recording, in seconds."""
        return self._base.window_s

    @property
    def max_text_tokens(self) -> int:
        """Longest text, in tokens."""
        return self._base.max_text_tokens

    @property
    def whole_window_share(self) -> float:
        """Share of the training utterances that are padded to the whole window."""
        return self._context.whole_window_share if isinstance(self._context, ShortContextConfig) else 0.0

    @property
    def whole_window_cost(self) -> float:
        """Seconds that the encoder then runs over."""
        return self._base.window_s

    def costs(self, examples: Sequence[Utterance]) -> list[float]:
        """Seconds of audio of each example."""
        return [example.input.duration_s for example in examples]

    def padded_costs(self, examples: Sequence[Utterance]) -> list[float]:
        """Seconds that the encoder runs over for each example."""
        return self.padded_lengths_s(self.costs(examples))

    def padded_lengths_s(self, durations_s: Sequence[float]) -> list[float]:
        """Seconds that the encoder runs over for audio of these lengths."""
        return [self._padded_s(duration_s) for duration_s in durations_s]

    def misfits(self, utterances: Sequence[Utterance]) -> dict[str, str]:
        """Why utterances do not fit the model, by id: the audio or the text is too long."""
        longest_s, most = self._base.window_s, self._base.max_text_tokens
        reasons = {}
        for u in utterances:
            if u.input.duration_s > longest_s + 1e-3:
                reasons[u.id] = f"{u.input.duration_s:.1f} s of audio; at most {longest_s:.1f} s fit"
            elif (tokens := self._tokens_of(u)) > most:
                reasons[u.id] = f"{tokens} tokens of text; at most {most} fit"
        return reasons

    @property
    def max_new_tokens(self) -> int | None:
        """Longest transcript, in tokens; None: as long as the model can write."""
        return self._task.max_new_tokens

    def cut_references(self, utterances: Sequence[Utterance]) -> int:
        """Number of texts longer than the config allows a transcript to be."""
        most = self.max_new_tokens
        # The end token counts too, but a transcript that lacks only the end token is complete.
        return 0 if most is None else sum(self._tokens_of(u) - 1 > most for u in utterances)

    def collate(self, examples: Sequence[Utterance], folder: Path, seeds: Seeds | None = None) -> SpeechBatch:
        """Read, augment and pad the audio; tokenise the text. Runs on the CPU, in any thread."""
        return self._collate(examples, folder, seeds, whole=False)

    def collate_whole(self, examples: Sequence[Utterance], folder: Path, seeds: Seeds | None = None) -> SpeechBatch:
        """As `collate`, padded to the model's whole window."""
        return self._collate(examples, folder, seeds, whole=True)

    def _collate(
        self, utterances: Sequence[Utterance], folder: Path, seeds: Seeds | None, *, whole: bool
    ) -> SpeechBatch:
        waves, generators = [], []
        for row, u in enumerate(utterances):
            wave_T = read_wave(folder, u)
            if seeds is not None and self._augments:
                generator = np.random.default_rng(list(seeds[row]))
                generators.append(generator)
                wave_T = augment_wave(wave_T, RATE_HZ, self._config.augmentation, generator)
            waves.append(wave_T)
        heard = self._base.timeline.hear(waves, seeds)
        mel_BMF = self._features(heard.waves, self._base.window_s if whole else self._longest_s(waves))
        if generators:
            mels = [
                torch.from_numpy(augment_mel(mel.numpy(), self._config.augmentation, generator))
                for mel, generator in zip(mel_BMF, generators, strict=True)
            ]
            mel_BMF = torch.stack(mels)
        ids_BU, targets_BU, target_count = self._tokens([u.target.text for u in utterances])
        audio_s = sum(u.input.duration_s for u in utterances)
        frames = self._frames(heard, mel_BMF)
        return SpeechBatch(mel_BMF, ids_BU, targets_BU, audio_s, target_count, _weights(utterances), frames)

    def part(self, batch: SpeechBatch, rows: slice, cost: float) -> SpeechBatch:
        """Some consecutive utterances of a batch, padded as they are in it: the encoder hears the padding."""
        targets_BU = batch.targets_BU[rows]
        return SpeechBatch(
            batch.mel_BMF[rows],
            batch.ids_BU[rows],
            targets_BU,
            cost,
            int((targets_BU != IGNORED).sum()),
            None if batch.weights_B is None else batch.weights_B[rows],
            None if batch.frames is None else batch.frames.part(rows),
        )

    def frames_of(self, batch: SpeechBatch) -> Sequence[FrameBatch]:
        """The features of the batch's one forward pass."""
        return [] if batch.frames is None else [batch.frames]

    def _frames(self, heard: Heard, mel_BMF: torch.Tensor) -> FrameBatch | None:
        positions = mel_BMF.shape[-1] // 2
        return heard.batch(positions, [positions] * len(mel_BMF))

    def detect_languages(self, utterances: Sequence[Utterance], folder: Path, among: Sequence[str]) -> list[str]:
        """The language that the model detects in each utterance, among `among`."""
        found = [""] * len(utterances)
        for rows, waves in self._evaluation_waves(utterances, folder):
            for row, language in zip(rows, self.detect(waves, among), strict=True):
                found[row] = language
        return found

    def detect(self, waves: list[np.ndarray], among: Sequence[str]) -> list[str]:
        """The language of each wave, among `among`; all waves are padded to one length."""
        mel_BMF = self._begin(waves, self._longest_s(waves))
        with self._computing():
            return self._base.detect_languages(mel_BMF, among)

    def logits(self, batch: SpeechBatch) -> torch.Tensor:
        """logits_BUV under teacher forcing."""
        mel_BMF = batch.mel_BMF.to(self._device)
        self._base.timeline.begin(batch.frames)
        with self._computing():
            states_BSD = self._base.encode(mel_BMF)
            return self._base.logits(states_BSD, batch.ids_BU.to(self._device))

    def loss(self, batch: SpeechBatch) -> tuple[torch.Tensor, int]:
        """Weighted sum of the cross-entropy over target tokens, in float32, and the number of tokens.

        Each token's loss is multiplied by its utterance's weight; the number ignores weights. With weights c / pi (pi:
        the utterance's probability in the draw) the sum over a sample estimates c times the sum over the pool, and
        sum(n c / pi) / c estimates the pool's number of tokens, where n is an utterance's number of tokens. Choosing c
        so that sum(n c / pi) = sum(n) makes (weighted sum) / (number) an estimate of the pool's loss per token: loss
        and gradient keep the scale of training on everything. If all weights are 1, the result is bit-identical to the
        plain sum.
        """
        logits_BUV = self.logits(batch)
        weights_B = batch.weights_B
        losses = torch.nn.functional.cross_entropy(
            logits_BUV.float().flatten(0, 1),
            batch.targets_BU.to(self._device).flatten(),
            ignore_index=IGNORED,
            reduction="sum" if weights_B is None else "none",
            label_smoothing=self._config.label_smoothing if self._base.model.training else 0.0,
        )
        if weights_B is not None:
            losses = (losses.view(batch.targets_BU.shape).sum(dim=1) * weights_B.to(self._device)).sum()
        counts = (batch.targets_BU != IGNORED).sum(dim=1).tolist()
        losses = self._base.timeline.penalised(losses, batch.frames, counts, weights_B)
        return losses, batch.target_count

    def target_count(self, utterances: Sequence[Utterance]) -> int:
        """Number of targets in these utterances: the tokens of each text and its end token."""
        return sum(self._tokens_of(u) for u in utterances)

    def predict(
        self, utterances: Sequence[Utterance], folder: Path, on_progress: Callable[[int], None] | None = None
    ) -> list[Prediction]:
        """A transcript for each utterance, in the order of the utterances."""
        texts: list[Prediction] = [""] * len(utterances)
        for rows, waves in self._evaluation_waves(utterances, folder):
            for row, text in zip(rows, self.transcribe(waves), strict=True):
                texts[row] = text
            if on_progress is not None:
                on_progress(len(rows))
        return texts

    def transcribe(self, waves: list[np.ndarray], languages: Sequence[str] | None = None) -> list[str]:
        """Transcribe waves at 16 kHz, all padded to one length.

        Args:
            waves: wave_T of each recording.
            languages: language of each wave; None: the model's language for all.
        """
        fallback = self._task.fallback
        in_window = self._longest_s(waves) == self._base.window_s
        first: Search = "guarded" if self._guards else "fallback" if fallback and in_window else "greedy"
        with self._computing(), self._drawing():
            ids = self._written(waves, self._longest_s(waves), languages, first)
            again = [row for row, written in enumerate(ids) if self._guards and repeats(written)]
            if again:
                spoken = [languages[row] for row in again] if languages is not None else None
                search: Search = "fallback" if fallback else "greedy"
                whole = self._written([waves[row] for row in again], self._base.window_s, spoken, search)
                for row, written in zip(again, whole, strict=True):
                    ids[row] = written
        return [self._base.codec.decode(row) for row in ids]

    def _written(
        self, waves: Sequence[np.ndarray], length_s: float, languages: Sequence[str] | None, search: Search
    ) -> list[list[int]]:
        """Ids of each wave's text, all padded to one length."""
        most = self._task.max_new_tokens
        if search == "fallback" and self._base.timeline.gates is not None and len(waves) > 1:
            # `generate` retries a part of a batch without saying which, so its gates would not be known.
            spoken: Sequence[str | None] = languages or [None] * len(waves)
            alone = [
                self._written([wave], length_s, None if code is None else [code], search)
                for wave, code in zip(waves, spoken, strict=True)
            ]
            return [ids for [ids] in alone]
        return self._base.generate(self._begin(waves, length_s), most, languages, search)

    def _begin(self, waves: Sequence[np.ndarray], length_s: float) -> torch.Tensor:
        """Features mel_BMF of the waves that the model computes next."""
        heard = self._base.timeline.hear(waves)
        mel_BMF = self._features(heard.waves, length_s)
        with torch.no_grad():
            self._base.timeline.begin(self._frames(heard, mel_BMF))
        return mel_BMF.to(self._device)

    def _evaluation_waves(
        self, utterances: Sequence[Utterance], folder: Path
    ) -> Iterator[tuple[list[int], list[np.ndarray]]]:
        lengths_s = self.padded_costs(utterances)
        for rows in evaluation_batches(lengths_s, self._config.evaluation.batch_cost):
            chosen = [utterances[row] for row in rows]
            yield rows, [read_wave(folder, u) for u in chosen]

    def _features(self, waves: Sequence[np.ndarray], length_s: float) -> torch.Tensor:
        # The encoder halves the number of frames, which must therefore be even.
        samples = round(length_s * RATE_HZ / (2 * HOP_SAMPLES)) * 2 * HOP_SAMPLES
        return self._base.features(stack_padded(waves, samples))

    def _computing(self) -> torch.autocast:
        return torch.autocast(self._device.type, dtype=self._dtype, enabled=self._dtype != torch.float32)

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """Seed sampling for fallback: the same audio gives the same tokens, and training's generators do not change."""
        with torch.random.fork_rng([self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(self._config.seed)
            yield

    def _tokens_of(self, utterance: Utterance) -> int:
        """Number of tokens of an utterance's text, end token included."""
        return len(self._base.codec.encode(utterance.target.text)) + 1

    def _longest_s(self, waves: list[np.ndarray]) -> float:
        return max(self._padded_s(len(wave) / RATE_HZ) for wave in waves)

    def _padded_s(self, duration_s: float) -> float:
        return padded_s(duration_s, self._context, self._base.window_s)

    def _tokens(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor, int]:
        codec = self._base.codec
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
