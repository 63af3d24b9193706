"""The contract of a model family: a loaded base, and a learner for each task that the family can do.

Legend: B examples in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import nn

from engine.audio.reading import Wave
from engine.config.quantization import Quantization
from engine.config.training import TrainingConfig
from engine.data.example import AnyExample
from engine.families.usage import Usage
from engine.run.result import Fact
from engine.temporal.frames import FrameBatch
from engine.temporal.gates import Follows
from engine.temporal.timeline import Timeline

Prediction = str | dict[str, Any]
"""A prediction as JSON, so that workers can exchange it: a text, or an object that the task describes."""
Seeds = Sequence[Sequence[int]]
"""For each example, the seed of its random changes; they depend only on the position in the run."""


@dataclass(frozen=True, slots=True)
class TargetSpace:
    """What the data decide about a model's output, so that its head fits; stored with what was trained."""

    labels: tuple[str, ...] = ()
    """Classes, in the order of the head's outputs."""
    alphabet: tuple[str, ...] = ()
    """Characters of the texts, for a model that spells them."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a base is loaded."""

    device: torch.device
    compute_dtype: torch.dtype = torch.float32
    """Type in which 4-bit layers compute."""
    quantization: Quantization | None = None
    """Keep linear layers in 4 bits; None keeps them in full precision."""
    from_scratch: bool = False
    """Take only the architecture, and start from random weights."""
    space: TargetSpace = TargetSpace()
    """What the head must be able to give, for a base that has no head for it."""
    revision: str = "main"
    """Commit or branch of a hub model."""


class Base(Protocol):
    """A loaded model with all that turns its inputs and outputs into tensors and back."""

    @property
    def model(self) -> nn.Module:
        """A model of transformers, in evaluation mode; adapters replace its layers in place."""
        ...

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the modules that are new for the task: every method trains them whole, in float32."""
        ...

    @property
    def has_new_head(self) -> bool:
        """Whether a head has random weights, so that the base predicts nothing before it is trained."""
        ...

    @property
    def groups(self) -> tuple[str, ...]:
        """Its parts, from the input to the output; names that its family has in the registry."""
        ...

    def default_targets(self) -> list[str]:
        """Names (suffixes) of the linear layers that get an adapter by default; no head is among them."""
        ...

    def group_of(self, module_name: str) -> str | None:
        """The part that a module belongs to."""
        ...

    def freeze_constants(self) -> None:
        """Freeze the parameters that the architecture defines as constant."""

    def save_processor(self, folder: Path) -> None:
        """Write what turns inputs and outputs into tensors and back; an adapter with a new head needs it too."""


@runtime_checkable
class FollowsFrames(Protocol):
    """A base whose layers follow the audio frame by frame, so that their adapters can too."""

    @property
    def timeline(self) -> Timeline:
        """The frames of its encoder; the learner tells it which batch the model computes."""
        ...

    def follows(self, module_name: str) -> Follows | None:
        """What the inputs of a linear layer follow: the frames of the audio, an utterance as a whole, or neither."""
        ...


class Batch(Protocol):
    """Input of one forward pass, on the CPU."""

    @property
    def cost(self) -> float:
        """Cost of its examples in the learner's unit, without padding."""
        ...


BatchT = TypeVar("BatchT", bound=Batch)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a learner is bound to besides the base."""

    config: TrainingConfig
    device: torch.device
    """Device that the model is on."""
    dtype: torch.dtype
    """Type in which it computes."""
    training: Sequence[AnyExample] = ()
    """The training examples of the whole run, for what is counted over them, such as the weights of classes."""


class Learner(Protocol[BatchT]):
    """A task bound to a loaded base and a config: turns examples into batches, a loss and predictions."""

    @property
    def config(self) -> TrainingConfig:
        """The run's config, with everything resolved that the model decides."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Warnings about settings that suit the model badly."""
        ...

    def facts(self) -> Mapping[str, Fact]:
        """What a result says about the model, such as the language that it was told."""
        ...

    def save(self, folder: Path) -> None:
        """Write the whole model with its processor in transformers' format, as safetensors."""

    def usage(self) -> Usage:
        """How plain transformers loads and runs what was trained."""
        ...

    @property
    def cost_unit(self) -> str:
        """Unit of costs: `audio_s`, `tokens`, `pixels`."""
        ...

    def costs(self, examples: Sequence[AnyExample]) -> list[float]:
        """Cost of each example, without padding."""
        ...

    def padded_costs(self, examples: Sequence[AnyExample]) -> list[float]:
        """Cost of each example in a batch of such as it, padding included: what batches are filled by."""
        ...

    def misfits(self, examples: Sequence[AnyExample]) -> dict[str, str]:
        """Why examples do not fit the model, by id."""
        ...

    def collate(self, examples: Sequence[AnyExample], folder: Path, seeds: Seeds | None = None) -> BatchT:
        """Read the inputs and build a batch on the CPU, in any thread.

        Args:
            examples: at least one.
            folder: of the dataset version.
            seeds: of the random changes to each input; None: none are made.
        """
        ...

    def loss(self, batch: BatchT) -> tuple[torch.Tensor, int]:
        """Sum of the loss over targets in float32, and the number of targets; the training loop divides once per step.

        Each example's loss is multiplied by its weight, which the number ignores.
        """
        ...

    def target_count(self, examples: Sequence[AnyExample]) -> int:
        """Number of targets of these examples, without reading their inputs."""
        ...

    def predict(
        self, examples: Sequence[AnyExample], folder: Path, on_progress: Callable[[int], None] | None = None
    ) -> list[Prediction]:
        """A prediction for each example, in their order; none depends on which others there are."""
        ...


AnyLearner = Learner[Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded base, and how it learns the task that it was loaded for."""

    base: Base
    learner: Callable[[Setting], AnyLearner]
    """Binds the task to the base and a config; may be called again for another config."""


class Family(Protocol):
    """A family of models: a module with these functions."""

    def load(self, source: str, task: str, options: LoadOptions) -> Loaded:
        """Load a base.

        Args:
            source: folder or hub id.
            task: name of the task.
            options: how to load it.

        Raises:
            ModelError: the source does not load.
        """
        ...

    def space(self, training: Sequence[AnyExample], config: TrainingConfig) -> TargetSpace:
        """What the training examples decide about a new head."""
        ...


# ---- what a learner may offer besides ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Decision:
    """What a learner chose by the data, such as the language of the recordings."""

    value: str
    note: str | None = None
    """Message for the user, if any."""


@runtime_checkable
class HearsFrames(Learner[Any], Protocol):
    """A learner whose batches carry features of frames, if its base has gates that follow them."""

    def frames_of(self, batch: Any) -> Sequence[FrameBatch]:
        """The features of each forward pass of a batch; none without gates."""
        ...


@runtime_checkable
class DecidesByData(Protocol):
    """A learner that needs to know something of the whole dataset. All workers, and a resumed run, use one decision."""

    @property
    def is_told(self) -> bool:
        """Whether the config says it already."""
        ...

    def decide(self, examples: Sequence[AnyExample], folder: Path) -> Decision | None:
        """Decide by the data; None: there is nothing to decide for this model."""
        ...

    def follow(self, decision: Decision) -> None:
        """Use a decision from now on, and record it in the config."""


@runtime_checkable
class CutsAnswers(Protocol):
    """A learner whose config limits the length of its answers."""

    @property
    def max_new_tokens(self) -> int | None:
        """The limit in tokens; None: there is none."""
        ...

    def cut_references(self, examples: Sequence[AnyExample]) -> int:
        """Number of targets that no answer can match, because they are longer."""
        ...


@runtime_checkable
class PadsSomeWhole(Protocol):
    """A learner that pads a share of the training examples to the model's whole window."""

    @property
    def whole_window_share(self) -> float:
        """The share."""
        ...

    @property
    def whole_window_cost(self) -> float:
        """Cost of such an example, padding included."""
        ...

    def collate_whole(self, examples: Sequence[AnyExample], folder: Path, seeds: Seeds | None = None) -> Any:
        """As `collate`, padded to the whole window."""
        ...


@runtime_checkable
class PadsToLongest(Protocol):
    """A learner that pads to the longest example of a batch, and whose results depend on the padding."""

    def part(self, batch: Any, rows: slice, cost: float) -> Any:
        """Some consecutive examples of a batch, padded as they are in it.

        Args:
            batch: from `collate`.
            rows: of the examples.
            cost: of the examples, without padding.
        """
        ...


@runtime_checkable
class Indivisible(Protocol):
    """A learner whose loss compares examples: runs of `unit` consecutive ones of a step are computed together."""

    @property
    def unit(self) -> int:
        """Examples of a run."""
        ...


@runtime_checkable
class Transcribes(Protocol):
    """A learner that writes down waves which are not part of a dataset."""

    @property
    def window_s(self) -> float:
        """Longest wave, in seconds."""
        ...

    def padded_lengths_s(self, durations_s: Sequence[float]) -> list[float]:
        """Seconds that the model runs over for audio of these lengths."""
        ...

    def transcribe(self, waves: list[Wave], languages: Sequence[str] | None = None) -> list[str]:
        """Texts of waves at 16 kHz.

        Args:
            waves: wave_T of each recording.
            languages: language of each; None: the model's for all.
        """
        ...

    def follows_audio(self, text: str) -> bool:
        """Whether a text shows no sign that the model stopped following the audio."""
        ...


@runtime_checkable
class DetectsLanguages(Protocol):
    """A learner of several languages that tells which one is spoken."""

    @property
    def languages(self) -> Sequence[str]:
        """Codes of the languages that it knows; none for a model of one language."""
        ...

    @property
    def language(self) -> str | None:
        """The language that it was told."""
        ...

    @property
    def own_language(self) -> str | None:
        """The language that it was fine-tuned for, if its files name one."""
        ...

    def detect(self, waves: list[Wave], among: Sequence[str]) -> list[str]:
        """The language of each wave, among `among`."""
        ...


@runtime_checkable
class Translates(Protocol):
    """A learner that can write English, whatever is spoken."""

    def translate(self) -> None:
        """Write English from now on.

        Raises:
            ModelError: this model cannot.
        """


class Codec(Protocol):
    """Text to token ids."""

    def encode(self, text: str) -> list[int]:
        """Ids of the text alone, without prefix and end."""
        ...


@runtime_checkable
class ScoresTokens(Protocol):
    """A learner that tells how probable each token of a text is, given its recording."""

    @property
    def window_s(self) -> float:
        """Longest recording, in seconds."""
        ...

    @property
    def codec(self) -> Codec:
        """The model's tokens."""
        ...

    @property
    def max_text_tokens(self) -> int:
        """Longest text, in tokens, its end included."""
        ...

    def logits(self, batch: Any) -> torch.Tensor:
        """logits_BUV under teacher forcing; `batch.targets_BU` are the right tokens, -100 where none counts."""
        ...
