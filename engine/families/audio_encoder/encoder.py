"""What all audio encoders with a classification head have in common.

Legend: B recordings, T samples, M mel bands, F frames of 10 ms, C labels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from engine.audio.augmentation import Mel
from engine.audio.reading import Wave
from engine.config.context import ContextConfig, ResolvedContext, ShortContextConfig
from engine.data.padding import padded_s
from engine.errors import ConfigError, Fault
from engine.run.result import Fact

AugmentMel = Callable[[Mel], Mel]
"""A random variation of mel_MF, of the same shape."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recording as the model's input, padded."""

    values: torch.Tensor
    """mel_MF, wave_T or fbank_FM, depending on the model."""
    filled: int
    """How much of it counts, in the model's own unit: encoder positions, samples or frames."""


class AudioEncoder(ABC):
    """A loaded audio encoder with a classification head: a base that turns recordings into logits.

    Args:
        model: of transformers.
        extractor: its feature extractor.
        has_new_head: whether the head has random weights.
    """

    heads: ClassVar[tuple[str, ...]]
    groups: tuple[str, ...] = ("audio_encoder",)
    targets: ClassVar[tuple[str, ...]]
    """The linear layers of attention and feed-forward."""
    unquantized: ClassVar[tuple[str, ...]] = ()
    """Linear layers besides the heads that are never kept in 4 bits."""
    constants: ClassVar[tuple[str, ...]] = ()
    """Modules whose parameters the architecture defines as constant."""
    window_s: float
    """Longest recording that the model takes in one piece, in seconds."""

    def __init__(self, model: Any, extractor: Any, *, has_new_head: bool = True) -> None:
        self.model: nn.Module = model
        self._model = model  # adapters replace its layers in place
        self._extractor = extractor
        self.has_new_head = has_new_head

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels, in the order of the outputs."""
        names = self._model.config.id2label
        return tuple(names[index] for index in range(len(names)))

    # ---- the base ----------------------------------------------------------------------------------------

    def default_targets(self) -> list[str]:
        """Every linear layer of attention and feed-forward."""
        return list(self.targets)

    def group_of(self, module_name: str) -> str | None:
        """The encoder is one part; the heads belong to none."""
        return None if set(module_name.split(".")) & set(self.heads) else "audio_encoder"

    def freeze_constants(self) -> None:
        """Freeze the parameters that the architecture defines as constant."""
        for name in self.constants:
            self._model.get_submodule(name).requires_grad_(False)

    def save(self, folder: Path) -> None:
        """Write the whole model and its feature extractor in transformers' format."""
        self._model.save_pretrained(str(folder))
        self.save_processor(folder)

    def save_processor(self, folder: Path) -> None:
        """Write the feature extractor."""
        self._extractor.save_pretrained(str(folder))

    def facts(self) -> Mapping[str, Fact]:
        """Architecture, number of labels, window."""
        return {"architecture": type(self._model).__name__, "labels": len(self.labels), "window_s": self.window_s}

    def describe_training(self, context: ResolvedContext, *, multi_label: bool) -> None:
        """Record in the model's config how it is trained, for a later load and for transformers' pipeline."""
        kind = "multi_label_classification" if multi_label else "single_label_classification"
        self._model.config.problem_type = kind

    # ---- context and inputs ------------------------------------------------------------------------------

    def resolve(self, context: ContextConfig) -> ResolvedContext:
        """The context that `context` means for this model.

        Raises:
            ConfigError: the model cannot do it.
        """
        if isinstance(context, ShortContextConfig) and context.whole_window_share:
            message = (
                f"found {context.whole_window_share:g}; classification has one padding for all recordings: set 0, or "
                "context.type to full"
            )
            raise ConfigError([Fault("training.context.whole_window_share", message)])
        return self._resolve(context)

    @abstractmethod
    def _resolve(self, context: ContextConfig) -> ResolvedContext: ...

    def padded_s(self, duration_s: float, context: ResolvedContext) -> float:
        """Seconds that the encoder runs over for audio of this length, at most the window."""
        return padded_s(duration_s, context, self.window_s)

    @abstractmethod
    def prepare(self, wave_T: Wave, context: ResolvedContext, augment: AugmentMel | None) -> Prepared:
        """Features of a recording, padded; they depend on nothing but the arguments.

        Args:
            wave_T: at least one sample at 16 kHz; what is beyond the window is cut off.
            context: resolved for the model.
            augment: changes mel features of the frames that hold audio; ignored by a model that reads waves.
        """

    def frames(self, prepared: Sequence[Prepared]) -> tuple[int, list[int]]:
        """The encoder's frames for recordings of one padded length: of all, and of each without padding.

        For encoders whose layers follow the audio frame by frame.
        """
        raise NotImplementedError

    @abstractmethod
    def logits(self, values: torch.Tensor, filled_B: torch.Tensor) -> torch.Tensor:
        """logits_BC of recordings of one padded length. What their padding holds makes no difference.

        Args:
            values: their inputs, stacked, on the model's device.
            filled_B: how much of each counts, on the CPU.
        """
