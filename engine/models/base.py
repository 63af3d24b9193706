"""The base model of a run, loaded as its config says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from engine.config.training import PretrainConfig, QloraConfig, TrainingConfig
from engine.models.catalogue import find_model
from engine.models.family import Quantization, SpeechSeq2Seq, load_model, read_width
from engine.models.precision import best_device, choose_dtype


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A loaded base model, where it is, and the type it computes in."""

    speech: SpeechSeq2Seq
    """Model, tokenizer, features."""
    device: torch.device
    dtype: torch.dtype

    def checkpoint_activations(self) -> None:
        """Recompute activations in the backward pass: less memory, more time."""
        model: Any = self.speech.model
        model.activation_checkpointing_enable({"use_reentrant": False})


def load_base(model: str, config: TrainingConfig, *, full_precision: bool = False) -> BaseModel:
    """Load a base model.

    Args:
        model: id in the catalogue, a folder, or a hub id.
        config: of the run; its method says how the base is kept.
        full_precision: not in 4 bits, whatever the method says.

    Raises:
        ModelError: no such model, or one that cannot be loaded.
    """
    card = find_model(model)
    device = best_device()
    dtype = choose_dtype(config.precision, device, read_width(card.family, card.location()))
    four_bit = None
    if isinstance(config.method, QloraConfig) and not full_precision:
        four_bit = Quantization(config.method.quantization, config.method.double_quantization)
    speech = load_model(
        card.family,
        card.location(),
        quantization=four_bit,
        from_scratch=isinstance(config.method, PretrainConfig),
        compute_dtype=dtype,
        device=device,
        language=config.task.language,
    )
    return BaseModel(speech, device, dtype)
