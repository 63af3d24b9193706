"""Audio classification with an audio encoder and a head.

Legend: B examples, T samples, C labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from engine.audio.augmentation import Mel, augment_mel, augment_wave
from engine.audio.features import RATE_HZ
from engine.audio.reading import Wave
from engine.config.tasks.audio_classification import AudioClassificationConfig
from engine.config.training import TrainingConfig
from engine.data.batching import evaluation_batches
from engine.data.example import AnyExample, AudioInput, Label, Labels
from engine.errors import ModelError, TrainingError
from engine.families.audio_encoder.encoder import AudioEncoder, Prepared
from engine.families.audio_encoder.labels import ClassWeights
from engine.families.audio_encoder.windows import draw_window, read_window, windows
from engine.families.contract import FollowsFrames, Prediction, Seeds
from engine.families.usage import Usage
from engine.run.result import Fact
from engine.tasks.audio_classification import labels_of
from engine.temporal.frames import FrameBatch, Heard

_SHOWN: Final = 5
"""Labels in a prediction of one label, and in a message."""


@dataclass(frozen=True, slots=True)
class Part:
    """The recordings of a batch that are padded to one length: one forward pass."""

    rows: tuple[int, ...]
    """Their places in the batch."""
    values: torch.Tensor
    """Their inputs, as `Prepared`, stacked."""
    filled_B: torch.Tensor
    """How much of each counts."""
    frames: FrameBatch | None = None
    """Features of the encoder's frames, if adapters follow them."""


@dataclass(frozen=True, slots=True)
class ClassificationBatch:
    """Input of one step."""

    parts: tuple[Part, ...]
    targets: torch.Tensor
    """Index of each label, or targets_BC of 1 and 0 if there may be several."""
    cost: float
    """Seconds of audio, without padding."""
    target_count: int
    weights_B: torch.Tensor | None = None
    """Factor on each example's loss; None if all are 1."""


class AudioClassification:
    """The task bound to a loaded encoder and a config.

    A recording longer than the encoder's window is cut into windows: a prediction averages the logits of all of them;
    training takes one, which the example's seed draws, or the middle one without seeds.

    Args:
        base: the loaded encoder.
        config: of the run.
        device: that the model is on.
        dtype: in which it computes.
        task: config of the task.
        class_weights: `balanced_weights` of the training examples; only a loss with balanced weights needs them.

    Raises:
        ConfigError: a context that the encoder cannot do.
        ModelError: a model with one label, for a task in which each recording has exactly one.
    """

    cost_unit: Final = "audio_s"
    notes: tuple[str, ...] = ()
    """Warnings about the config: there are none."""

    def __init__(
        self,
        base: AudioEncoder,
        config: TrainingConfig,
        device: torch.device,
        dtype: torch.dtype,
        task: AudioClassificationConfig,
        class_weights: ClassWeights | None = None,
    ) -> None:
        self._labels = base.labels
        if len(self._labels) == 1 and not task.multi_label:
            raise ModelError(
                f"the model has one label, {self._labels[0]!r}; choosing one takes at least two: give another label, or set "
                "multi_label, so that each recording has it or not"
            )
        self._context = base.resolve(config.context)
        self._config = config.model_copy(update={"context": self._context})
        self._base, self._device, self._dtype, self._task = base, device, dtype, task
        self._index = {label: index for index, label in enumerate(self._labels)}
        self._timeline = base.timeline if isinstance(base, FollowsFrames) else None
        self._class_weights = class_weights
        self._augments = config.augmentation != type(config.augmentation)()

    @property
    def config(self) -> TrainingConfig:
        """The run's config, with the context that the model decides."""
        return self._config

    def facts(self) -> Mapping[str, Fact]:
        """Those of the base."""
        return self._base.facts()

    def save(self, folder: Path) -> None:
        """Write the whole model with its processor in transformers' format."""
        self._base.describe_training(self._context, multi_label=self._task.multi_label)
        self._base.save(folder)

    def usage(self) -> Usage:
        """The most likely label of a recording, or all that are likely enough."""
        score = "sigmoid()" if self._task.multi_label else "softmax(dim=-1)"
        names = 'json.loads(Path(DIR, "target_space.json").read_text())["labels"]'
        if self._config.method.output == "model":
            names = "list(model.config.id2label.values())"
        return Usage(
            type(self._base.model).__name__,
            "AutoFeatureExtractor",
            (
                *(["import json", "from pathlib import Path", ""] if "json" in names else []),
                f"labels = {names}",
                'inputs = processor(wave_at_16_khz, sampling_rate=16000, return_tensors="pt")',
                f"scores = model(**inputs).logits[0].{score}",
                "print(sorted(zip(scores.tolist(), labels), reverse=True)[:5])",
            ),
            kept_whole=(*self._base.heads, *self._base.unquantized),
            new_head=f"num_labels={len(self._labels)}, ignore_mismatched_sizes=True" if self._base.has_new_head else "",
        )

    # ---- examples ----------------------------------------------------------------------------------------

    def costs(self, examples: Sequence[AnyExample]) -> list[float]:
        """Seconds of audio that training reads of each example: at most one window."""
        return [min(example.input.duration_s, self._base.window_s) for example in examples]

    def padded_costs(self, examples: Sequence[AnyExample]) -> list[float]:
        """Seconds that the encoder runs over for each example in training."""
        return [self._base.padded_s(cost_s, self._context) for cost_s in self.costs(examples)]

    def misfits(self, examples: Sequence[AnyExample]) -> dict[str, str]:
        """Why examples do not fit, by id: no audio, another kind of target, a label that the model lacks."""
        reasons = {example.id: self._misfit(example) for example in examples}
        return {id: reason for id, reason in reasons.items() if reason}

    def _misfit(self, example: AnyExample) -> str | None:
        if not isinstance(example.input, AudioInput):
            return f"its input is {example.input.medium}; the model takes audio"
        if not isinstance(example.target, Labels if self._task.multi_label else Label):
            wanted = "any number of labels (type labels)" if self._task.multi_label else "one label (type label)"
            return f"its target is of type {example.target.type}; the task takes {wanted}"
        if unknown := [label for label in labels_of(example) if label not in self._index]:
            shown = ", ".join(self._labels[:_SHOWN]) + (", ..." if len(self._labels) > _SHOWN else "")
            return f"label {unknown[0]!r}; the model has {len(self._labels)} labels: {shown}"
        return None

    def target_count(self, examples: Sequence[AnyExample]) -> int:
        """Number of decisions: one for each example, or one for each example and label."""
        return len(examples) * (len(self._labels) if self._task.multi_label else 1)

    # ---- training ----------------------------------------------------------------------------------------

    def collate(self, examples: Sequence[AnyExample], folder: Path, seeds: Seeds | None = None) -> ClassificationBatch:
        """Read one window of each recording, augment it and compute its features."""
        waves, generators = [], []
        for row, example in enumerate(examples):
            generator = None if seeds is None else np.random.default_rng(list(seeds[row]))
            start_s, length_s = draw_window(example.input.duration_s, self._base.window_s, generator)
            wave_T = read_window(folder, example.input, start_s, length_s)
            if generator is not None and self._augments:
                wave_T = augment_wave(wave_T, RATE_HZ, self._config.augmentation, generator)
            waves.append(wave_T)
            generators.append(generator)
        weights = [example.weight for example in examples]
        return ClassificationBatch(
            parts=tuple(self._parts(waves, generators, seeds)),
            targets=self._targets(examples),
            cost=sum(self.costs(examples)),
            target_count=self.target_count(examples),
            weights_B=None if all(weight == 1.0 for weight in weights) else torch.tensor(weights, dtype=torch.float32),
        )

    def _parts(
        self, waves: Sequence[Wave], generators: Sequence[np.random.Generator | None], seeds: Seeds | None
    ) -> Iterator[Part]:
        """Recordings of the same padded length together, in the order in which the lengths first appear."""
        heard = Heard(tuple(waves)) if self._timeline is None else self._timeline.hear(waves, seeds)
        prepared = [self._prepare(*each) for each in zip(heard.waves, generators, strict=True)]
        rows_of: dict[torch.Size, list[int]] = {}
        for row, item in enumerate(prepared):
            rows_of.setdefault(item.values.shape, []).append(row)
        for rows in rows_of.values():
            values = torch.stack([prepared[row].values for row in rows])
            frames = None
            if heard.rows is not None:
                frames = heard.batch(*self._base.frames([prepared[row] for row in rows]), rows)
            yield Part(tuple(rows), values, torch.tensor([prepared[row].filled for row in rows]), frames)

    def _prepare(self, wave_T: Wave, generator: np.random.Generator | None) -> Prepared:
        """The input of a wave that is augmented already; its mel features are augmented here."""
        if generator is None or not self._augments:
            return self._base.prepare(wave_T, self._context, None)

        def augment(mel_MF: Mel) -> Mel:
            return augment_mel(mel_MF, self._config.augmentation, generator)

        return self._base.prepare(wave_T, self._context, augment)

    def frames_of(self, batch: ClassificationBatch) -> Sequence[FrameBatch]:
        """The features of each part."""
        return [part.frames for part in batch.parts if part.frames is not None]

    def _targets(self, examples: Sequence[AnyExample]) -> torch.Tensor:
        if not self._task.multi_label:
            return torch.tensor([self._index[example.target.label] for example in examples])
        targets_BC = torch.zeros(len(examples), len(self._labels))
        for row, example in enumerate(examples):
            targets_BC[row, [self._index[label] for label in example.target.labels]] = 1.0
        return targets_BC

    def logits(self, batch: ClassificationBatch) -> torch.Tensor:
        """logits_BC in float32, in the order of the batch's examples."""
        logits = [self._logits(part) for part in batch.parts]
        order = torch.tensor([row for part in batch.parts for row in part.rows], device=self._device)
        return torch.cat(logits)[order.argsort()]

    def _logits(self, part: Part) -> torch.Tensor:
        if self._timeline is not None:
            self._timeline.begin(part.frames)
        with torch.autocast(self._device.type, dtype=self._dtype, enabled=self._dtype != torch.float32):
            return self._base.logits(part.values.to(self._device), part.filled_B).float()

    def loss(self, batch: ClassificationBatch) -> tuple[torch.Tensor, int]:
        """Sum of the cross-entropy over examples, or over examples and labels; and the number of these decisions.

        Each decision's loss is multiplied by the weight of its class and by its example's weight, which the number
        ignores. Without weights, the loss per decision is the loss of transformers.

        Raises:
            TrainingError: class weights are to be balanced, and the learner was built without them.
        """
        logits_BC, targets = self.logits(batch), batch.targets.to(self._device)
        smoothing = self._config.label_smoothing if self._base.model.training else 0.0
        factors = self._factors(targets)
        if self._task.multi_label:
            smooth_BC = targets * (1.0 - smoothing) + smoothing / 2  # over the two classes yes and no
            losses = torch.nn.functional.binary_cross_entropy_with_logits(logits_BC, smooth_BC, reduction="none")
        else:
            losses = torch.nn.functional.cross_entropy(logits_BC, targets, reduction="none", label_smoothing=smoothing)
        if factors is not None:
            losses = losses * factors
        if batch.weights_B is not None:
            losses_B = losses.flatten(1).sum(dim=1) if self._task.multi_label else losses
            losses = losses_B * batch.weights_B.to(self._device)
        return self._penalised(losses.sum(), batch), batch.target_count

    def _penalised(self, loss: torch.Tensor, batch: ClassificationBatch) -> torch.Tensor:
        if self._timeline is None:
            return loss
        decisions = len(self._labels) if self._task.multi_label else 1
        for part in batch.parts:
            weights_B = None if batch.weights_B is None else batch.weights_B[list(part.rows)]
            loss = self._timeline.penalised(loss, part.frames, [decisions] * len(part.rows), weights_B)
        return loss

    def _factors(self, targets: torch.Tensor) -> torch.Tensor | None:
        """The weight of each decision's class, in the shape of the targets."""
        if self._task.class_weights == "none":
            return None
        if self._class_weights is None:
            raise TrainingError(
                "class_weights balanced: the learner has no weights; build it with balanced_weights(training examples)"
            )
        present_C = torch.tensor(self._class_weights.present, device=targets.device)
        if not self._task.multi_label:
            return present_C[targets]
        absent_C = torch.tensor(self._class_weights.absent, device=targets.device)
        return torch.where(targets > 0.5, present_C, absent_C)

    # ---- prediction --------------------------------------------------------------------------------------

    def predict(
        self, examples: Sequence[AnyExample], folder: Path, on_progress: Callable[[int], None] | None = None
    ) -> list[Prediction]:
        """The label of each recording with the five highest probabilities, or all labels that are likely enough.

        `{"label": "dog", "scores": {"dog": 0.9, ...}}`, or `{"labels": ["dog", "rain"], "scores": {...}}` with the
        probability of every label of the model.
        """
        logits_BC = self.mean_logits(examples, folder, on_progress)
        return [self._prediction(logits_C) for logits_C in logits_BC]

    @torch.inference_mode()
    def mean_logits(
        self, examples: Sequence[AnyExample], folder: Path, on_progress: Callable[[int], None] | None = None
    ) -> torch.Tensor:
        """logits_BC of each recording, the mean over its windows, in float32 on the CPU."""
        found: list[list[torch.Tensor]] = []
        of_windows: list[tuple[int, int, float, float]] = []
        for row, example in enumerate(examples):
            spans = windows(example.input.duration_s, self._base.window_s)
            of_windows += [(row, place, start_s, length_s) for place, (start_s, length_s) in enumerate(spans)]
            found.append([torch.empty(0)] * len(spans))
        missing = Counter(row for row, *_ in of_windows)
        lengths_s = [self._base.padded_s(length_s, self._context) for *_, length_s in of_windows]
        for chosen in evaluation_batches(lengths_s, self._config.evaluation.batch_cost):
            waves = []
            for index in chosen:
                row, _, start_s, length_s = of_windows[index]
                waves.append(read_window(folder, examples[row].input, start_s, length_s))
            for part in self._parts(waves, [None] * len(waves), None):
                for place_in_batch, logits_C in zip(part.rows, self._logits(part).cpu(), strict=True):
                    row, place, *_ = of_windows[chosen[place_in_batch]]
                    found[row][place] = logits_C
                    missing[row] -= 1
            finished = {of_windows[index][0] for index in chosen}
            if on_progress is not None:
                on_progress(sum(missing[row] == 0 for row in finished))
        if not found:
            return torch.empty(0, len(self._labels))
        return torch.stack([torch.stack(of_recording).mean(dim=0) for of_recording in found])

    def _prediction(self, logits_C: torch.Tensor) -> Prediction:
        if self._task.multi_label:
            scores = dict(zip(self._labels, logits_C.sigmoid().tolist(), strict=True))
            chosen = [label for label, score in scores.items() if score >= self._task.threshold]
            return {"labels": chosen, "scores": scores}
        probabilities = logits_C.softmax(dim=-1)
        best = probabilities.sort(descending=True, stable=True).indices[:_SHOWN].tolist()
        return {
            "label": self._labels[best[0]],
            "scores": {self._labels[index]: float(probabilities[index]) for index in best},
        }
