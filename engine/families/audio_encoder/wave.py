"""wav2vec 2.0 and HuBERT with a classification head: they read the wave itself.

Legend: B recordings, T samples, C labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from engine.audio.features import RATE_HZ, stack_padded
from engine.audio.reading import Wave
from engine.config.context import (
    AutoContextConfig,
    ContextConfig,
    FullContextConfig,
    ResolvedContext,
    ShortContextConfig,
)
from engine.errors import ConfigError, Fault, ModelError
from engine.families.audio_encoder.costs import WAVE_WINDOW_S
from engine.families.audio_encoder.encoder import AudioEncoder, AugmentMel, Prepared
from engine.families.audio_encoder.feature_encoder import FeatureEncoder
from engine.families.ctc.costs import shortened
from engine.temporal.gates import Follows
from engine.temporal.timeline import Timeline


class WaveClassifier(AudioEncoder):
    """`Wav2Vec2ForSequenceClassification` or `HubertForSequenceClassification`.

    Recordings are padded to buckets, and masks keep the padding out of every result: a recording in a batch has the
    logits that plain transformers gives for it alone.

    Raises:
        ModelError: the model normalises over the batch.
    """

    heads = ("projector", "classifier")
    targets = ("q_proj", "k_proj", "v_proj", "out_proj", "intermediate_dense", "output_dense")
    # The model zeroes its output in place, which autograd refuses for the output of a 4-bit layer.
    unquantized = ("feature_projection.projection",)
    window_s = WAVE_WINDOW_S

    def __init__(self, model: Any, extractor: Any, *, has_new_head: bool = True) -> None:
        super().__init__(model, extractor, has_new_head=has_new_head)
        config = model.config
        if getattr(config, "conv_pos_batch_norm", False):
            raise ModelError(
                "the model's config has conv_pos_batch_norm: batch norm makes a recording's result depend on its "
                "neighbours; only models without it can be trained: take another"
            )
        inner = getattr(model, model.base_model_prefix)
        self._features = inner.feature_extractor = FeatureEncoder(inner.feature_extractor)
        self._normalises_over_time = config.feat_extract_norm == "group"
        self._shortest = 1
        for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
            self._shortest = (self._shortest - 1) * stride + kernel
        self._convolutions = list(zip(config.conv_kernel, config.conv_stride, strict=True))
        self.timeline = Timeline(
            model,
            hop_samples=math.prod(config.conv_stride),
            width=config.hidden_size,
            first_layer=f"{model.base_model_prefix}.encoder.layers.0",
        )

    def follows(self, module_name: str) -> Follows | None:
        """Frames in every layer of the encoder."""
        return "frame" if "encoder.layers." in module_name else None

    def frames(self, prepared: Sequence[Prepared]) -> tuple[int, list[int]]:
        """Frames of the convolutions."""
        own = [shortened(each.filled, self._convolutions) for each in prepared]
        padded = shortened(len(prepared[0].values), self._convolutions)
        return max(own) if self._normalises_over_time else padded, own

    @staticmethod
    def adjust(config: Any) -> None:
        """Switch off masks and layer drop, which would ignore the run's seed."""
        config.apply_spec_augment = False
        config.mask_time_prob = config.mask_feature_prob = 0.0  # else an unused parameter is created
        config.layerdrop = 0.0

    def _resolve(self, context: ContextConfig) -> ResolvedContext:
        if isinstance(context, FullContextConfig):
            message = (
                "found full; the model has no fixed window, it runs over each recording's own length: leave it auto"
            )
            raise ConfigError([Fault("training.context.type", message)])
        if isinstance(context, AutoContextConfig):
            context = ShortContextConfig()
        if context.tail_s:
            message = (
                f"found {context.tail_s:g}; the model ignores padding, so that a tail has no effect: leave it unset"
            )
            raise ConfigError([Fault("training.context.tail_s", message)])
        return context.model_copy(update={"tail_s": 0.0})

    def prepare(self, wave_T: Wave, context: ResolvedContext, augment: AugmentMel | None) -> Prepared:
        """The wave, normalised as the model's feature extractor does; samples count."""
        wave_T = wave_T[: round(self.window_s * RATE_HZ)]
        padded = round(self.padded_s(len(wave_T) / RATE_HZ, context) * RATE_HZ)
        if self._extractor.do_normalize:
            wave_T = (wave_T - wave_T.mean()) / np.sqrt(wave_T.var() + 1e-7)
        filled = max(len(wave_T), self._shortest)
        return Prepared(stack_padded([wave_T], max(padded, filled))[0], filled)

    def logits(self, values: torch.Tensor, filled_B: torch.Tensor) -> torch.Tensor:
        """logits_BC of wave_BT; the first `filled_B` samples of each count."""
        if bool((filled_B == values.shape[1]).all()):
            plain_BC: torch.Tensor = self._model(values).logits
            return plain_BC
        mask_BT = (torch.arange(values.shape[1]) < filled_B[:, None]).long().to(values.device)
        inputs = self._features.alone(values, filled_B) if self._normalises_over_time else values
        logits_BC: torch.Tensor = self._model(inputs, attention_mask=mask_BT).logits
        return logits_BC
