"""Whisper's encoder with a classification head.

Legend: B recordings, T samples, M mel bands, F frames of 10 ms, S encoder positions (F / 2), D width, P width of the
projection, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from engine.audio.features import HOP_SAMPLES, RATE_HZ, log_mel, stack_padded
from engine.audio.reading import Wave
from engine.config.context import (
    ContextConfig,
    FullContextConfig,
    ResolvedContext,
    TrainedContext,
)
from engine.families.audio_encoder.costs import whisper_context
from engine.families.audio_encoder.encoder import AudioEncoder, AugmentMel, Prepared
from engine.models.catalogue import CONTEXT_KEY, trained_context
from engine.temporal.gates import Follows
from engine.temporal.timeline import Timeline

_POSITION_SAMPLES = 2 * HOP_SAMPLES


class WhisperClassifier(AudioEncoder):
    """`WhisperForAudioClassification`, also in short context.

    In full context all is as in plain transformers: a window of 30 s, whose positions are averaged, silence included. In
    short context the encoder runs over the recording's own frames, and only positions that hold audio are averaged.
    Both give the same logits for a recording that fills the window.
    """

    heads = ("projector", "classifier")
    targets = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
    constants = ("encoder.embed_positions",)  # sinusoids

    def __init__(self, model: Any, extractor: Any, *, has_new_head: bool = True) -> None:
        super().__init__(model, extractor, has_new_head=has_new_head)
        self.window_s = model.config.max_source_positions * _POSITION_SAMPLES / RATE_HZ
        self.trained_context: TrainedContext = trained_context(model.config.to_dict())
        self.timeline = Timeline(
            model, hop_samples=_POSITION_SAMPLES, width=model.config.d_model, first_layer="encoder.layers.0"
        )

    def follows(self, module_name: str) -> Follows | None:
        """Frames in every layer of the encoder."""
        return "frame" if "encoder.layers." in module_name else None

    @staticmethod
    def adjust(config: Any) -> None:
        """Switch off masks and layer drop, which would ignore the run's seed."""
        config.apply_spec_augment = False
        config.encoder_layerdrop = 0.0

    def describe_training(self, context: ResolvedContext, *, multi_label: bool) -> None:
        """As every encoder; and the context, which a later load takes from there."""
        super().describe_training(context, multi_label=multi_label)
        setattr(self._model.config, CONTEXT_KEY, context.type)

    def _resolve(self, context: ContextConfig) -> ResolvedContext:
        return whisper_context(context, self.trained_context)

    def prepare(self, wave_T: Wave, context: ResolvedContext, augment: AugmentMel | None) -> Prepared:
        """Log-mel features mel_MF; positions count."""
        wave_T = wave_T[: round(self.window_s * RATE_HZ)]
        length_s = self.padded_s(len(wave_T) / RATE_HZ, context)
        positions = max(1, round(length_s * RATE_HZ / _POSITION_SAMPLES))
        mel_MF = log_mel(stack_padded([wave_T], positions * _POSITION_SAMPLES), self._model.config.num_mel_bins)[0]
        if augment is not None:
            frames = -(-len(wave_T) // HOP_SAMPLES)
            mel_MF[:, :frames] = torch.from_numpy(augment(mel_MF[:, :frames].numpy()))
        held = positions if isinstance(context, FullContextConfig) else -(-len(wave_T) // _POSITION_SAMPLES)
        return Prepared(mel_MF, min(held, positions))

    def frames(self, prepared: Sequence[Prepared]) -> tuple[int, list[int]]:
        """Positions of the encoder."""
        return prepared[0].values.shape[-1] // 2, [each.filled for each in prepared]

    def logits(self, values: torch.Tensor, filled_B: torch.Tensor) -> torch.Tensor:
        """logits_BC of mel_BMF; the mean is over the first `filled_B` positions of each."""
        projected_BSP = self._model.projector(self.states(values))
        logits_BC: torch.Tensor = self._model.classifier(_mean(projected_BSP, filled_B))
        return logits_BC

    def states(self, mel_BMF: torch.Tensor) -> torch.Tensor:
        """What is projected: states_BSD of F frames (F even, at most the window).

        The forward of `WhisperEncoder` without the requirement of a whole window: position s means the same 20 ms
        whether or not silence follows.
        """
        encoder = self._model.encoder
        hidden_BDS = nn.functional.gelu(encoder.conv1(mel_BMF))
        hidden_BDS = nn.functional.gelu(encoder.conv2(hidden_BDS))
        hidden_BSD = hidden_BDS.transpose(1, 2)
        hidden_BSD = hidden_BSD + encoder.embed_positions.weight[: hidden_BSD.shape[1]].to(hidden_BSD.dtype)
        hidden_BSD = nn.functional.dropout(hidden_BSD, p=encoder.dropout, training=encoder.training)
        depths = [hidden_BSD]
        for layer in encoder.layers:
            hidden_BSD = layer(hidden_BSD, None)
            depths.append(hidden_BSD)
        states_BSD: torch.Tensor = encoder.layer_norm(hidden_BSD)
        if not self._model.config.use_weighted_layer_sum:
            return states_BSD
        depths[-1] = states_BSD
        shares = self._model.layer_weights.softmax(dim=-1)
        weighted_BSD: torch.Tensor = (torch.stack(depths, dim=-1) * shares).sum(dim=-1)
        return weighted_BSD


def _mean(values_BSP: torch.Tensor, filled_B: torch.Tensor) -> torch.Tensor:
    """Mean over the first positions of each row."""
    positions = values_BSP.shape[1]
    if bool((filled_B == positions).all()):
        return values_BSP.mean(dim=1)
    filled_B = filled_B.to(values_BSP.device)
    held_BS = torch.arange(positions, device=values_BSP.device) < filled_B[:, None]
    return values_BSP.masked_fill(~held_BS[..., None], 0.0).sum(dim=1) / filled_B[:, None]
