"""The contract of a model family, and loading a model by its reference."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import nn

from engine.config.context import TrainedContext
from engine.config.training import Group
from engine.models.catalogue import reference_to
from engine.models.reference import NEWEST, ModelReference
from engine.models.registry import FAMILIES

SpeechTask = Literal["transcribe", "translate"]
"""Language of the transcript: `transcribe` keeps the language of the speech, `translate` writes English."""


Search = Literal["greedy", "guarded", "fallback"]
"""How to choose the tokens of a transcript. `greedy`: the most likely ones. `guarded`: greedy, stopped once the
transcript repeats itself. `fallback`: greedy, retried at rising temperatures if the transcript repeats itself or is
improbable."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """How the base's linear layers are kept in 4 bits."""

    kind: Literal["nf4", "fp4"] = "nf4"
    double: bool = True


class TextCodec(Protocol):
    """Text to token ids and back."""

    def encode(self, text: str) -> list[int]:
        """Ids of the text alone, without prefix and end."""
        ...

    def decode(self, ids: list[int]) -> str:
        """Text of ids, without special tokens."""
        ...

    @property
    def prefix(self) -> list[int]:
        """Ids that precede the text in the decoder's input."""
        ...

    @property
    def end(self) -> int:
        """Id that ends a text."""
        ...

    @property
    def spellings(self) -> Mapping[str, str]:
        """American spellings by British spelling, for counting errors as the model's publisher does; may be empty."""
        ...

    @property
    def languages(self) -> Sequence[str]:
        """Codes of the languages that the prefix can name; empty for a model of one language."""
        ...

    @property
    def language(self) -> str | None:
        """The language in the prefix."""
        ...

    @property
    def own_language(self) -> str | None:
        """The language that a multilingual model was fine-tuned for, if its files name one."""
        ...


class SpeechSeq2Seq(Protocol):
    """A loaded speech-to-text model with its codec and features."""

    model: nn.Module
    codec: TextCodec
    mel_bands: int
    window_s: float
    max_text_tokens: int
    source: str
    trained_context: TrainedContext

    def use_language(self, language: str) -> None:
        """Set the language in the codec's prefix."""

    def features(self, wave_BT: torch.Tensor) -> torch.Tensor:
        """mel_BMF of padded waves."""
        ...

    def encode(self, mel_BMF: torch.Tensor) -> torch.Tensor:
        """Encoder states of features of any length up to the window."""
        ...

    def logits(self, states_BSD: torch.Tensor, ids_BU: torch.Tensor) -> torch.Tensor:
        """logits_BUV of the decoder under teacher forcing."""
        ...

    def generate(
        self,
        mel_BMF: torch.Tensor,
        max_new_tokens: int | None = None,
        languages: Sequence[str] | None = None,
        search: Search = "greedy",
    ) -> list[list[int]]:
        """Transcripts, as ids without prefix and end.

        Args:
            mel_BMF: features of any length up to the window; with fallback, of a whole window.
            max_new_tokens: maximum tokens of a transcript; None: as many as the model can write.
            languages: one for each utterance; None: the prefix's language for all.
            search: how to choose tokens.
        """
        ...

    def detect_languages(self, mel_BMF: torch.Tensor, among: Sequence[str]) -> list[str]:
        """The most likely language of each utterance among `among`."""
        ...

    def freeze_constants(self) -> None:
        """Freeze the parameters that the architecture defines as constant."""

    def save(self, folder: Path, context: TrainedContext) -> None:
        """Write the whole model and its processor in transformers' format, with the context that it was trained in."""

    def default_targets(self) -> list[str]:
        """Names (suffixes) of the linear layers that get an adapter by default."""
        ...

    def group_of(self, module_name: str) -> Group | None:
        """The part of the model that a module belongs to."""
        ...


def read_width(model: ModelReference) -> int:
    """Width of a base model's hidden states, from its config alone.

    Raises:
        ModelError: as `load_model`.
    """
    width: int = _module(model).read_width(model.location(), model.revision or NEWEST)
    return width


def read_language(model: ModelReference) -> str | None:
    """The language that a multilingual model was fine-tuned for, if its files name one.

    Raises:
        ModelError: as `load_model`.
    """
    language: str | None = _module(model).read_language(model.location(), model.revision or NEWEST)
    return language


def load_model(
    model: str | ModelReference,
    *,
    quantization: Quantization | None = None,
    from_scratch: bool = False,
    compute_dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
    language: str | None = None,
    task: SpeechTask = "transcribe",
) -> Any:
    """Load a base model.

    Args:
        model: reference to it, or a name that `find_model` knows.
        quantization: keep linear layers in 4 bits; None keeps them in full precision.
        from_scratch: take only the architecture and start from random weights.
        compute_dtype: type in which 4-bit layers compute.
        device: target; default CPU.
        language: for multilingual models: a code or a name.
        task: transcribe or translate.

    Raises:
        ModelError: a source that cannot be loaded, or a language or task that the model lacks.
    """
    model = reference_to(model)
    return _module(model).load(
        model.location(),
        revision=model.revision or NEWEST,
        quantization=quantization,
        from_scratch=from_scratch,
        compute_dtype=compute_dtype,
        device=device or torch.device("cpu"),
        language=language,
        task=task,
    )


def _module(model: ModelReference) -> Any:
    return importlib.import_module(FAMILIES[model.family].module)
