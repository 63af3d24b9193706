"""Speech to text with a CTC model.

Legend: B utterances, T samples at 16 kHz, F frames, D width, U labels, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from engine.audio.augmentation import augment_wave
from engine.audio.features import RATE_HZ, stack_padded
from engine.audio.reading import Wave, read_audio
from engine.config.augmentation import AugmentationConfig
from engine.config.tasks.decoding import CtcDecodingConfig
from engine.config.tasks.speech_to_text import SpeechToTextConfig
from engine.config.training import TrainingConfig
from engine.data.batching import evaluation_batches
from engine.data.example import TimedText, Utterance
from engine.data.padding import padded_s
from engine.errors import ConfigError, Fault
from engine.families.contract import Prediction, Seeds
from engine.families.ctc.base import CtcBase, FeatureMasks
from engine.families.ctc.costs import run_context
from engine.families.ctc.loading import KEPT_IN_FULL_PRECISION
from engine.families.ctc.ngrams import read_ngrams
from engine.families.ctc.paths import words_of
from engine.families.ctc.search import PrefixSearch
from engine.families.ctc.spelling import frames_needed, target_normalizer
from engine.families.usage import Usage
from engine.run.result import Fact
from engine.temporal.frames import FrameBatch, Heard

_SLACK_S: Final = 0.002
"""A file may be shorter than its manifest says by as much as this."""
_GREEDY: Final = CtcDecodingConfig()
_LABEL_SMOOTHING: Final = "CTC has no target in a frame that could be smoothed; remove it"


@dataclass(frozen=True, slots=True)
class CtcBatch:
    """Input of one forward pass, on the CPU."""

    wave_BT: torch.Tensor
    """Normalised waves, padded with zeros."""
    samples: tuple[int, ...]
    """Number of samples of each wave, without padding."""
    labels: tuple[tuple[int, ...], ...]
    """Labels of each text."""
    cost: float
    """Seconds of speech, without padding."""
    masks: FeatureMasks | None = None
    """What SpecAugment hides."""
    weights_B: torch.Tensor | None = None
    """Factor on each utterance's loss; None if all are 1."""
    frames: FrameBatch | None = None
    """Features of the encoder's frames, if adapters follow them."""

    @property
    def target_count(self) -> int:
        """Number of labels."""
        return sum(map(len, self.labels))


class CtcLearner:
    """Speech to text, bound to a loaded CTC model and a config.

    Texts are normalised as `task.normalizer` says before they are spelt (`target_normalizer`), in training as in the
    alphabet of a new head. Of the augmentation, the changes to the wave apply as they are; SpecAugment's masks hide
    frames and channels of the encoder's input, as in wav2vec 2.0; the warp of the mel axis has nothing to warp.
    """

    cost_unit: Final = "audio_s"
    notes: tuple[str, ...] = ()
    """Warnings about the config: there are none."""

    def __init__(
        self,
        base: CtcBase,
        config: TrainingConfig,
        device: torch.device,
        dtype: torch.dtype,
        decoding: CtcDecodingConfig = _GREEDY,
    ) -> None:
        """Bind the task.

        Raises:
            ConfigError: a setting that CTC does not have, or a language model that cannot be read.
        """
        if config.label_smoothing:
            raise ConfigError([Fault("label_smoothing", f"found {config.label_smoothing:g}; {_LABEL_SMOOTHING}")])
        self._context = run_context(config)
        self._config = config.model_copy(update={"context": self._context})
        self._base = base
        self._device, self._dtype = device, dtype
        self._normalize = target_normalizer(config.task_as(SpeechToTextConfig).normalizer)
        self._augments = config.augmentation != AugmentationConfig()
        model = decoding.language_model
        ngrams = None if model is None else read_ngrams(Path(model))
        self._search = None if decoding.beams == 1 else PrefixSearch(base.spelling, decoding, ngrams)

    @property
    def config(self) -> TrainingConfig:
        """The run's config, with the context that a CTC model has: short, and padded only up to the next bucket."""
        return self._config

    def facts(self) -> Mapping[str, Fact]:
        """Those of the base."""
        return self._base.facts()

    def save(self, folder: Path) -> None:
        """Write the whole model with its processor in transformers' format."""
        self._base.save(folder)

    def usage(self) -> Usage:
        """The greedy text of a recording."""
        config: Any = self._base.model.config
        head = f"vocab_size={config.vocab_size}, pad_token_id={config.pad_token_id}" if self._base.has_new_head else ""
        return Usage(
            type(self._base.model).__name__,
            "Wav2Vec2Processor",
            (
                'inputs = processor(wave_at_16_khz, sampling_rate=16000, return_tensors="pt")',
                "print(processor.batch_decode(model(**inputs).logits.argmax(dim=-1)))",
            ),
            kept_whole=KEPT_IN_FULL_PRECISION,
            new_head=head,
            command="lim transcribe recording.wav {option}",
        )

    # ---- examples ------------------------------------------------------------------------------------------

    def costs(self, examples: Sequence[Utterance]) -> list[float]:
        """Seconds of audio of each example."""
        return [example.input.duration_s for example in examples]

    def padded_costs(self, examples: Sequence[Utterance]) -> list[float]:
        """Seconds that the encoder runs over: up to the next bucket, or those of its own frames if the model cannot pad."""
        return [self._padded_s(example.input.duration_s) for example in examples]

    def misfits(self, examples: Sequence[Utterance]) -> dict[str, str]:
        """Why examples do not fit the model, by id: their texts cannot be spelt, or need more frames than there are."""
        reasons = {}
        for example in examples:
            reason = self._misfit(example)
            if reason is not None:
                reasons[example.id] = reason
        return reasons

    def target_count(self, examples: Sequence[Utterance]) -> int:
        """Number of labels: characters and spaces of the normalised texts."""
        return sum(len(self._labels_of(example)) for example in examples)

    def collate(self, examples: Sequence[Utterance], folder: Path, seeds: Seeds | None = None) -> CtcBatch:
        """Read, augment, normalise and pad the audio; spell the texts. Runs on the CPU, in any thread.

        An augmentation that leaves fewer frames than the text needs, such as a higher speed, is not made.

        Args:
            examples: at least one.
            folder: of the dataset version.
            seeds: of the random changes to each example; None: none are made.
        """
        labels = tuple(tuple(self._labels_of(example)) for example in examples)
        waves, generators = [], []
        for row, example in enumerate(examples):
            wave_T = _read(folder, example)
            if seeds is not None and self._augments:
                generator = np.random.default_rng(list(seeds[row]))
                generators.append(generator)
                changed_T = augment_wave(wave_T, RATE_HZ, self._config.augmentation, generator)
                if self._base.frames_of(len(changed_T)) >= max(1, frames_needed(labels[row])):
                    wave_T = changed_T
            waves.append(wave_T)
        heard = self._base.timeline.hear(waves, seeds)
        waves = [self._base.normalized(wave_T) for wave_T in heard.waves]
        masks = self._masks([len(wave) for wave in waves], generators) if generators else None
        cost = sum(example.input.duration_s for example in examples)
        wave_BT = stack_padded(waves, max(map(len, waves)))
        frames = self._frames(heard, wave_BT.shape[1])
        return CtcBatch(wave_BT, tuple(map(len, waves)), labels, cost, masks, _weights(examples), frames)

    def frames_of(self, batch: CtcBatch) -> Sequence[FrameBatch]:
        """The features of the batch's one forward pass."""
        return [] if batch.frames is None else [batch.frames]

    def _frames(self, heard: Heard, samples: int) -> FrameBatch | None:
        own = [self._base.frames_before_adapter(len(wave_T)) for wave_T in heard.waves]
        return heard.batch(self._base.frames_before_adapter(samples), own)

    # ---- training ------------------------------------------------------------------------------------------

    def logs(self, batch: CtcBatch) -> torch.Tensor:
        """Log-probabilities logs_BFV in float32; those of frames after an utterance's own mean nothing."""
        masks = batch.masks
        if masks is not None:
            masks = FeatureMasks(masks.times_BF.to(self._device), masks.channels_BD.to(self._device))
        self._base.timeline.begin(batch.frames)
        with torch.autocast(self._device.type, dtype=self._dtype, enabled=self._dtype != torch.float32):
            logits_BFV = self._base.logits(batch.wave_BT.to(self._device), batch.samples, masks)
        return logits_BFV.float().log_softmax(dim=-1)

    def loss(self, batch: CtcBatch) -> tuple[torch.Tensor, int]:
        """Weighted sum of the CTC loss over utterances, in float32, and the number of labels.

        An utterance's loss is minus the log-probability of its text, summed over all paths that spell it; it is
        multiplied by the utterance's weight, which the number ignores. If all weights are 1, the result is bit-identical
        to the plain sum. Infinite losses count as zero if the model's config says so (`ctc_zero_infinity`); `misfits`
        names the examples that have one.

        Source: `ForCTCLoss` in transformers with the reduction `sum`, which a test compares with.
        """
        frames = torch.tensor([self._base.frames_of(count) for count in batch.samples])
        lengths = torch.tensor([len(row) for row in batch.labels])
        labels = torch.tensor([label for row in batch.labels for label in row], dtype=torch.long)
        logs_FBV = self.logs(batch).transpose(0, 1)
        weights_B = batch.weights_B
        with torch.backends.cudnn.flags(enabled=False):  # cuDNN's rejects a blank other than 0, and empty texts
            losses = torch.nn.functional.ctc_loss(
                logs_FBV,
                labels.to(self._device),
                frames,
                lengths,
                blank=self._base.spelling.blank,
                reduction="sum" if weights_B is None else "none",
                zero_infinity=self._base.zero_infinity,
            )
        if weights_B is not None:
            losses = (losses * weights_B.to(self._device)).sum()
        losses = self._base.timeline.penalised(losses, batch.frames, lengths.tolist(), weights_B)
        return losses, batch.target_count

    # ---- prediction ----------------------------------------------------------------------------------------

    def predict(
        self, examples: Sequence[Utterance], folder: Path, on_progress: Callable[[int], None] | None = None
    ) -> list[Prediction]:
        """A transcript for each example, in their order."""
        texts: list[Prediction] = [""] * len(examples)
        for rows, outputs in self._outputs(examples, folder):
            for row, logs_FV in zip(rows, outputs, strict=True):
                texts[row] = self._text(logs_FV)
            if on_progress is not None:
                on_progress(len(rows))
        return texts

    window_s: Final = 60.0
    """Longest wave to transcribe at once, in seconds; the memory of attention grows with the square of the length."""

    def padded_lengths_s(self, durations_s: Sequence[float]) -> list[float]:
        """Seconds that the encoder runs over for audio of these lengths."""
        return [self._padded_s(duration_s) for duration_s in durations_s]

    def transcribe(self, waves: list[Wave], languages: Sequence[str] | None = None) -> list[str]:
        """Texts of waves at 16 kHz of one padded length; the model has one language.

        Args:
            waves: wave_T of each recording.
            languages: not used.
        """
        longest_s = max(self._padded_s(len(wave_T) / RATE_HZ) for wave_T in waves)
        samples = max(round(longest_s * RATE_HZ), *map(len, waves)) if self._base.pads else 0
        return [self._text(logs_FV) for logs_FV in self._recognise(waves, samples)]

    def follows_audio(self, text: str) -> bool:
        """Always: each frame writes for itself."""
        return True

    def word_times(self, examples: Sequence[Utterance], folder: Path) -> list[tuple[TimedText, ...]]:
        """The words of the greedy transcripts with their times in the audio, for each example in their order.

        A CTC model marks a character in one or a few frames somewhere within its sound, so that a word seems to start late and
        end early.
        """
        times: list[tuple[TimedText, ...]] = [()] * len(examples)
        for rows, outputs in self._outputs(examples, folder):
            for row, logs_FV in zip(rows, outputs, strict=True):
                path = logs_FV.argmax(dim=-1).tolist()
                times[row] = words_of(path, self._base.spelling, self._base.frame_s)
        return times

    def _outputs(self, examples: Sequence[Utterance], folder: Path) -> Iterator[tuple[list[int], list[torch.Tensor]]]:
        """Rows of each batch, and logs_FV of their own frames, on the CPU."""
        lengths_s = self.padded_costs(examples)
        for rows in evaluation_batches(lengths_s, self._config.evaluation.batch_cost):
            waves = [_read(folder, examples[row]) for row in rows]
            samples = max(round(lengths_s[rows[0]] * RATE_HZ), *map(len, waves)) if self._base.pads else 0
            yield rows, self._recognise(waves, samples)

    @torch.no_grad()
    def _recognise(self, waves: list[Wave], samples: int) -> list[torch.Tensor]:
        lengths = tuple(map(len, waves))
        heard = self._base.timeline.hear(waves)
        wave_BT = stack_padded([self._base.normalized(wave_T) for wave_T in heard.waves], max(samples, *lengths))
        batch = CtcBatch(wave_BT, lengths, ((),) * len(waves), 0.0, frames=self._frames(heard, wave_BT.shape[1]))
        logs_BFV = self.logs(batch).cpu()
        return [row[: self._base.frames_of(count)] for row, count in zip(logs_BFV, lengths, strict=True)]

    def _text(self, logs_FV: torch.Tensor) -> str:
        if self._search is None:
            return self._base.spelling.decode(logs_FV.argmax(dim=-1).tolist())
        return self._search.text(logs_FV.numpy())

    # ---- details -------------------------------------------------------------------------------------------

    def _labels_of(self, example: Utterance) -> list[int]:
        return self._base.spelling.encode(self._normalize(example.target.text))

    def _misfit(self, example: Utterance) -> str | None:
        seconds = example.input.duration_s
        slack_s = _SLACK_S * len(example.input.stretches())
        frames = self._base.frames_of(int((seconds - slack_s) * RATE_HZ))
        labels = self._labels_of(example)
        if not any(map(self._base.spelling.is_known, labels)):
            return f"the vocabulary has none of the characters of its text {example.target.text[:40]!r}"
        needed = frames_needed(labels)
        if needed <= frames:
            return None
        if not frames:
            least_s = self._base.samples_for(1) / RATE_HZ
            return f"{seconds:.3f} s of audio; the model needs at least {least_s + slack_s:.3f} s"
        return (
            f"its text needs {needed} frames ({len(labels)} labels, {needed - len(labels)} repeated); its {seconds:.2f} s "
            f"of audio have {frames}"
        )

    def _padded_s(self, duration_s: float) -> float:
        if not self._base.pads:  # utterances of as many frames share a batch
            return max(1, self._base.frames_before_adapter(round(duration_s * RATE_HZ))) * self._base.hop_s
        return padded_s(duration_s, self._context, window_s=float("inf"))

    def _masks(self, samples: Sequence[int], generators: Sequence[np.random.Generator]) -> FeatureMasks | None:
        config = self._config.augmentation
        if not (config.mask_times or config.mask_frequencies):
            return None
        own = [self._base.frames_before_adapter(count) for count in samples]
        times_BF = np.zeros((len(own), max(own)), dtype=np.bool_)
        channels_BD = np.zeros((len(own), self._base.width), dtype=np.bool_)
        widest = round(config.mask_frequency_share * self._base.width)
        for row, generator in enumerate(generators):
            longest = min(round(config.mask_time_s / self._base.hop_s), own[row] // 5)
            _hide(channels_BD[row], config.mask_frequencies, widest, generator)
            _hide(times_BF[row, : own[row]], config.mask_times, longest, generator)
        return FeatureMasks(torch.from_numpy(times_BF), torch.from_numpy(channels_BD))


def _hide(places: np.ndarray, count: int, widest: int, generator: np.random.Generator) -> None:
    """Set random stretches; widths are uniform from 0 to the maximum, positions uniform, as in `augmentation.mask`."""
    for _ in range(count):
        width = int(generator.integers(min(widest, len(places)) + 1))
        start = int(generator.integers(len(places) - width + 1))
        places[start : start + width] = True


def _read(folder: Path, example: Utterance) -> Wave:
    """wave_T of an example: its stretches of audio, joined.

    Raises:
        AudioError: a file cannot be read, or lacks the stretch.
    """
    waves = [read_audio(folder / p.audio, RATE_HZ, p.start_s, p.duration_s) for p in example.input.stretches()]
    return waves[0] if len(waves) == 1 else np.concatenate(waves)


def _weights(examples: Sequence[Utterance]) -> torch.Tensor | None:
    if all(example.weight == 1.0 for example in examples):
        return None
    return torch.tensor([example.weight for example in examples], dtype=torch.float32)
