"""Load the base model of a run, and resolve the config fields that the model decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch

from engine.config.context import AutoContextConfig, ResolvedContext, resolve_context
from engine.config.training import PretrainConfig, QloraConfig, TrainingConfig
from engine.models.catalogue import reference_to
from engine.models.family import Quantization, SpeechSeq2Seq, SpeechTask, load_model, read_width
from engine.models.precision import best_device, choose_dtype
from engine.models.reference import ModelReference
from engine.process.heap import keep_few_kernels

keep_few_kernels()  # must run before any model computes

DETECTED: Final = "auto"
"""Value of `task.language` that requests language detection."""


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A loaded base model, its device and its compute type."""

    speech: SpeechSeq2Seq
    """The model with its tokenizer and features."""
    reference: ModelReference
    device: torch.device
    dtype: torch.dtype
    config: TrainingConfig
    """The run's config with the audio context resolved, and the language as the model spells it."""
    context: ResolvedContext
    """The resolved audio context."""
    notes: tuple[str, ...] = ()
    """Warnings about settings of the config that suit the model badly."""

    def checkpoint_activations(self) -> None:
        """Recompute activations in the backward pass: less memory, more time."""
        model: Any = self.speech.model
        model.activation_checkpointing_enable({"use_reentrant": False})


def load_base(
    model: str | ModelReference,
    config: TrainingConfig,
    *,
    full_precision: bool = False,
    published: bool = False,
    task: SpeechTask = "transcribe",
) -> BaseModel:
    """Load a base model.

    Args:
        model: reference, or a name that `find_model` knows.
        config: of the run; its method decides whether the base is kept in 4 bits.
        full_precision: do not load in 4 bits, regardless of the method.
        published: load the model as published, overriding the config: not in 4 bits, computed in float32, in the
            context that it was trained in.
        task: transcribe or translate.

    Raises:
        ModelError: the model does not exist, cannot be loaded, or does not know the language.
    """
    model = reference_to(model)
    device = best_device()
    precision = "float32" if published else config.precision
    dtype = choose_dtype(precision, device, read_width(model))
    four_bit = None
    if isinstance(config.method, QloraConfig) and not (full_precision or published):
        four_bit = Quantization(config.method.quantization, config.method.double_quantization)
    asked = config.task.language
    speech: SpeechSeq2Seq = load_model(
        model,
        quantization=four_bit,
        from_scratch=isinstance(config.method, PretrainConfig),
        compute_dtype=dtype,
        device=device,
        language=None if asked == DETECTED else asked,
        task=task,
    )
    notes = []
    context = resolve_context(AutoContextConfig() if published else config.context, speech.trained_context)
    pretrained = not isinstance(config.method, PretrainConfig)
    if context.type == "short" and speech.trained_context == "full" and pretrained:
        notes.append(
            f"context short: {model.id} was trained on whole windows; in short context it repeats itself or breaks off until it "
            "has been adapted. Transcripts that repeat are retried in the whole window; context full matches its "
            "training"
        )
    language = asked
    if speech.codec.languages:
        language = asked if asked in {None, DETECTED} else speech.codec.language
    elif asked is not None:
        language = None
        notes.append(f"task.language {asked}: {model.id} supports only one language; remove the setting")
    resolved = config.model_copy(
        update={"context": context, "task": config.task.model_copy(update={"language": language})}
    )
    return BaseModel(speech, model, device, dtype, resolved, context, tuple(notes))
