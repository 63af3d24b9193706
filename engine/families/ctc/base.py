"""A loaded CTC model: waves to logits, with every utterance computed as if it were alone.

Legend: B utterances, T samples at 16 kHz, F frames (20 ms in published models), C channels of the convolutions, D width,
V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor

from engine.audio.features import RATE_HZ
from engine.audio.reading import Wave
from engine.families.ctc.costs import mixes_padding, shortened
from engine.families.ctc.spelling import Spelling
from engine.run.result import Fact
from engine.temporal.gates import Follows
from engine.temporal.timeline import Timeline

HEAD: Final = "lm_head"
_FORWARD: Final = ("intermediate_dense", "output_dense")
TARGETS: Final[Mapping[str, tuple[str, ...]]] = {
    "wav2vec2": ("q_proj", "k_proj", "v_proj", "out_proj", *_FORWARD),
    "hubert": ("q_proj", "k_proj", "v_proj", "out_proj", *_FORWARD),
    "wav2vec2-conformer": ("linear_q", "linear_k", "linear_v", "linear_out", *_FORWARD),
}
"""Linear layers of attention and feed-forward, by `model_type`."""


@dataclass(frozen=True, slots=True)
class FeatureMasks:
    """What SpecAugment hides of the encoder's input."""

    times_BF: torch.Tensor
    """Frames that the model's mask vector replaces."""
    channels_BD: torch.Tensor
    """Channels that are zero in all frames."""


class CtcBase:
    """A `Wav2Vec2ForCTC`, `HubertForCTC` or `Wav2Vec2ConformerForCTC`, and how it spells."""

    groups: tuple[str, ...] = ("audio_encoder",)

    def __init__(
        self,
        model: Any,
        extractor: Wav2Vec2FeatureExtractor,
        tokenizer: Wav2Vec2CTCTokenizer,
        source: str,
        *,
        has_new_head: bool,
        from_scratch: bool,
    ) -> None:
        self.model: nn.Module = model
        self.source = source
        self.has_new_head = has_new_head
        self.heads: tuple[str, ...] = (HEAD,) if has_new_head else ()
        self._ctc = model  # adapters replace its layers in place
        self._extractor, self._tokenizer = extractor, tokenizer
        self._from_scratch = from_scratch
        config = model.config
        self.spelling = Spelling.of_tokenizer(tokenizer, int(config.pad_token_id))
        self.zero_infinity = bool(config.ctc_zero_infinity)
        # Group normalisation takes its statistics over time, so that padding would change every frame.
        self._normalizes_over_time: bool = config.feat_extract_norm == "group"
        self._mixes_padding = mixes_padding(config.to_dict())
        # Kernel and stride of each convolution that shortens the wave, and of those of the stacked adapter: padded by
        # one on each side, a kernel of 3 gives as many frames as one of 1 without padding.
        self._convolutions: list[tuple[int, int]] = list(zip(config.conv_kernel, config.conv_stride, strict=True))
        stacked = config.num_adapter_layers if getattr(config, "add_adapter", False) else 0
        self._adapter: list[tuple[int, int]] = [(1, config.adapter_stride)] * stacked if stacked else []
        _freeze_statistics(model)
        # The feature encoder would ask for the gradient of its input, and keep all of its activations, though frozen.
        self._encoder.feature_extractor._requires_grad = False
        self.freeze_constants()
        self.timeline = Timeline(
            model,
            hop_samples=round(self.hop_s * RATE_HZ),
            width=self.width,
            first_layer=f"{model.base_model_prefix}.encoder.layers.0",
        )

    # ---- audio ---------------------------------------------------------------------------------------------

    @property
    def frame_s(self) -> float:
        """Seconds between frames of the output."""
        return math.prod(stride for _, stride in self._convolutions + self._adapter) / RATE_HZ

    @property
    def hop_s(self) -> float:
        """Seconds between frames of the encoder's input; a stacked adapter gives fewer than it gets."""
        return math.prod(stride for _, stride in self._convolutions) / RATE_HZ

    @property
    def width(self) -> int:
        """Width D of the encoder's input."""
        return int(self._ctc.config.hidden_size)

    @property
    def pads(self) -> bool:
        """Whether an encoder's batch may hold utterances of several lengths."""
        return not self._mixes_padding

    def frames_of(self, samples: int) -> int:
        """Number of frames of a wave with this number of samples; 0 if it is too short for one."""
        return shortened(samples, self._convolutions + self._adapter)

    def frames_before_adapter(self, samples: int) -> int:
        """Number of frames F of the encoder's input; those of the output, unless the model has a stacked adapter."""
        return shortened(samples, self._convolutions)

    def samples_for(self, frames: int) -> int:
        """Least number of samples that give this number of frames."""
        length = frames
        for kernel, stride in reversed(self._convolutions + self._adapter):
            length = (length - 1) * stride + kernel
        return length

    def normalized(self, wave_T: Wave) -> Wave:
        """The wave as the model expects it: of zero mean and unit variance, if its feature extractor says so.

        Source: `Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm`, which a test compares with.
        """
        if not self._extractor.do_normalize:
            return wave_T
        normalized_T: Wave = (wave_T - wave_T.mean()) / np.sqrt(wave_T.var() + 1e-7)
        return normalized_T.astype(np.float32)

    # ---- computation ---------------------------------------------------------------------------------------

    def logits(self, wave_BT: torch.Tensor, samples: Sequence[int], masks: FeatureMasks | None = None) -> torch.Tensor:
        """logits_BFV; those of frames after an utterance's own mean nothing.

        The forward of transformers' models, except that an utterance's logits never depend on its neighbours or on the
        padding, up to rounding:

        - with layer normalisation in the convolutions, padded waves give the same frames as unpadded ones, and the
          attention mask hides the frames of the padding;
        - with group normalisation each wave passes the convolutions alone, unpadded; its frames are then padded and
          masked in the same way;
        - encoders that mix frames with the padding behind them run over the utterances of each number of frames apart.

        Args:
            wave_BT: normalised waves, padded with zeros.
            samples: number of samples of each, without padding.
            masks: what SpecAugment hides; None: nothing.
        """
        features_BFC = self._features(wave_BT, samples)
        hidden_BFD = self._encoder.feature_projection(features_BFC)
        if isinstance(hidden_BFD, tuple):  # HuBERT's projection gives no features for a quantiser
            hidden_BFD = hidden_BFD[0]
        if masks is not None:
            hidden_BFD = self._masked(hidden_BFD, masks)
        states_BFD = self._encode(hidden_BFD, [self.frames_before_adapter(count) for count in samples])
        logits_BFV: torch.Tensor = self._ctc.lm_head(self._ctc.dropout(states_BFD))
        return logits_BFV

    @property
    def _encoder(self) -> Any:
        """The model without its head."""
        return self._ctc.base_model

    def _features(self, wave_BT: torch.Tensor, samples: Sequence[int]) -> torch.Tensor:
        """features_BFC of the convolutions."""
        convolutions = self._encoder.feature_extractor
        if not self._normalizes_over_time:
            features_BFC: torch.Tensor = convolutions(wave_BT).transpose(1, 2)
            return features_BFC
        rows = [convolutions(wave_T[None, :count])[0].T for wave_T, count in zip(wave_BT, samples, strict=True)]
        features_BFC = pad_sequence(rows, batch_first=True)
        padding = self.frames_before_adapter(wave_BT.shape[1]) - features_BFC.shape[1]
        return nn.functional.pad(features_BFC, (0, 0, 0, padding))

    def _masked(self, hidden_BFD: torch.Tensor, masks: FeatureMasks) -> torch.Tensor:
        hidden_BFD = hidden_BFD.masked_fill(masks.channels_BD[:, None], 0.0)
        vector = getattr(self._encoder, "masked_spec_embed", None)
        value_D = hidden_BFD.new_zeros(self.width) if vector is None else vector.to(hidden_BFD.dtype)
        return torch.where(masks.times_BF[..., None], value_D, hidden_BFD)

    def _encode(self, hidden_BFD: torch.Tensor, frames: Sequence[int]) -> torch.Tensor:
        """states_BFD of the transformer, and of the stacked adapter if there is one."""
        longest = hidden_BFD.shape[1]
        if self._mixes_padding:
            rows: list[torch.Tensor] = [hidden_BFD[0]] * len(frames)
            for count in sorted(set(frames)):
                chosen = [row for row, own in enumerate(frames) if own == count]
                with self.timeline.rows(chosen, count):
                    states_BFD = self._states(hidden_BFD[chosen, :count], None)
                for row, states_FD in zip(chosen, states_BFD, strict=True):
                    rows[row] = states_FD
            return pad_sequence(rows, batch_first=True)
        if min(frames) == longest:
            return self._states(hidden_BFD, None)
        counts_B1 = torch.tensor(frames, device=hidden_BFD.device)[:, None]
        return self._states(hidden_BFD, torch.arange(longest, device=hidden_BFD.device) < counts_B1)

    def _states(self, hidden_BFD: torch.Tensor, mask_BF: torch.Tensor | None) -> torch.Tensor:
        self._forget_positions()
        states_BFD: torch.Tensor = self._encoder.encoder(hidden_BFD, attention_mask=mask_BF).last_hidden_state
        adapter = getattr(self._encoder, "adapter", None)
        if adapter is not None:
            states_BFD = adapter(states_BFD)
        return states_BFD

    def _forget_positions(self) -> None:
        """Drop position embeddings that the conformer keeps from an earlier call.

        Those of a call in inference mode cannot take part in a backward pass, and those of another compute type would
        be used as they are.
        """
        positions: Any = getattr(self._encoder.encoder, "embed_positions", None)
        if hasattr(positions, "cached_sequence_length"):
            positions.cached_sequence_length = None
        elif positions is not None and positions.pe.is_inference():
            positions.pe = positions.pe.clone()

    # ---- the contract of a base ------------------------------------------------------------------------------

    def default_targets(self) -> list[str]:
        """Every linear layer of attention and feed-forward."""
        return list(TARGETS[self._ctc.config.model_type])

    def group_of(self, module_name: str) -> str | None:
        """The audio encoder, for everything but the head."""
        return None if HEAD in module_name.split(".") else "audio_encoder"

    def follows(self, module_name: str) -> Follows | None:
        """Frames in every layer of the encoder."""
        return "frame" if "encoder.layers." in module_name else None

    def freeze_constants(self) -> None:
        """Freeze what no method trains: the convolutions, unless training starts from scratch, and unused parameters.

        Fine-tuning freezes the convolutional feature encoder, as Baevski et al. 2020 do (section 4.2). The mask vector
        only marks hidden frames. The conformer inherits a convolution over positions that its forward pass leaves out.
        """
        if not self._from_scratch:
            self._encoder.feature_extractor.requires_grad_(False)
        vector = getattr(self._encoder, "masked_spec_embed", None)
        if vector is not None:
            vector.requires_grad_(False)
        if self._ctc.config.model_type == "wav2vec2-conformer":
            self._encoder.encoder.pos_conv_embed.requires_grad_(False)

    def save(self, folder: Path) -> None:
        """Write the whole model and its processor in transformers' format, as safetensors."""
        self._ctc.save_pretrained(str(folder))
        self.save_processor(folder)

    def save_processor(self, folder: Path) -> None:
        """Write the feature extractor and the vocabulary; an adapter with a new head needs them too."""
        Wav2Vec2Processor(self._extractor, self._tokenizer).save_pretrained(str(folder))
        # Versions of transformers before 5 look for the settings here.
        self._extractor.save_pretrained(str(folder))

    def facts(self) -> Mapping[str, Fact]:
        """Architecture, vocabulary, length of a frame."""
        return {
            "architecture": str(self._ctc.config.model_type),
            "vocabulary": int(self._ctc.config.vocab_size),
            "frame_s": self.frame_s,
        }


def _freeze_statistics(model: nn.Module) -> None:
    """Make batch normalisation use its stored statistics in training too.

    Statistics of a batch would make an utterance's loss depend on its neighbours, and those that are stored would differ
    between workers. A model from scratch keeps mean 0 and variance 1: what is left is a learned scale and shift.
    """

    def stay(module: nn.Module, _: Any) -> None:
        module.eval()

    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.register_forward_pre_hook(stay)
