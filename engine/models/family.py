"""The contract of a model family, and the registry of families."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import nn

from engine.config.training import Group
from engine.errors import ModelError


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
        """Text of ids, special tokens left out."""
        ...

    @property
    def prefix(self) -> list[int]:
        """Ids that the decoder is given before the text."""
        ...

    @property
    def end(self) -> int:
        """Id that ends a text."""
        ...

    @property
    def spellings(self) -> Mapping[str, str]:
        """British spellings and their American ones, as the model's publisher counts errors; empty if it has none."""
        ...


class SpeechSeq2Seq(Protocol):
    """A loaded speech-to-text model with what belongs to it."""

    model: nn.Module
    codec: TextCodec
    mel_bands: int
    window_s: float
    max_text_tokens: int
    source: str

    def features(self, wave_BT: torch.Tensor) -> torch.Tensor:
        """mel_BMF of waves that are padded already."""
        ...

    def encode(self, mel_BMF: torch.Tensor) -> torch.Tensor:
        """Encoder states of features of any length up to the window."""
        ...

    def logits(self, states_BSD: torch.Tensor, ids_BU: torch.Tensor) -> torch.Tensor:
        """logits_BUV of the decoder under teacher forcing."""
        ...

    def generate(self, mel_BMF: torch.Tensor, max_new_tokens: int) -> list[list[int]]:
        """Greedy transcripts, as ids without prefix and end."""
        ...

    def freeze_constants(self) -> None:
        """Take out of training what is constant by the architecture."""

    def save(self, folder: Path) -> None:
        """Write the whole model and its processor, as transformers loads them."""

    def default_targets(self) -> list[str]:
        """Names (suffixes) of the linear layers that get an adapter by default."""
        ...

    def group_of(self, module_name: str) -> Group | None:
        """Which part of the model a module belongs to."""
        ...


# Lazy: a family's libraries are imported only when it is used. Its module has `load` and `read_width`.
FAMILIES: dict[str, str] = {"whisper": "engine.models.whisper"}


def read_width(family: str, source: str) -> int:
    """Width of a base model's hidden states, from its config alone.

    Raises:
        ModelError: as `load_model`.
    """
    width: int = _module(family).read_width(source)
    return width


def load_model(
    family: str,
    source: str,
    *,
    quantization: Quantization | None = None,
    from_scratch: bool = False,
    compute_dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
    language: str | None = None,
) -> Any:
    """Load a base model.

    Args:
        family: key of `FAMILIES`.
        source: folder or hub id.
        quantization: keep linear layers in 4 bits; None keeps them in full precision.
        from_scratch: take only the architecture and start from random weights.
        compute_dtype: type in which 4-bit layers compute.
        device: where to; default CPU.
        language: for multilingual models.

    Raises:
        ModelError: an unknown family, or a source that cannot be loaded.
    """
    return _module(family).load(
        source,
        quantization=quantization,
        from_scratch=from_scratch,
        compute_dtype=compute_dtype,
        device=device or torch.device("cpu"),
        language=language,
    )


def _module(family: str) -> Any:
    path = FAMILIES.get(family)
    if path is None:
        raise ModelError(f"no model family {family!r}; there are {', '.join(FAMILIES)}")
    return importlib.import_module(path)
