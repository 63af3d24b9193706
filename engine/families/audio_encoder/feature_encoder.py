"""The convolutions of wav2vec 2.0 and HuBERT, apart from what follows them.

Legend: B recordings, T samples, K channels, F frames of 20 ms.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class FeatureEncoder(nn.Module):
    """A model's feature encoder with the same parameters, which also takes its own output and returns it unchanged.

    The base models have a group norm over time, which would count padding. With this module their features can be
    computed for each recording alone, and the rest of the model for all of them, with a mask.

    Unlike the original, it does not ask for the gradient of the wave, which would keep all activations below the first
    trained layer.
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.conv_layers: nn.ModuleList = encoder.conv_layers

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """features_BKF of wave_BT, or features_BKF as they are."""
        if values.dim() == 3:
            return values
        hidden_BKF = values[:, None]
        for layer in self.conv_layers:
            hidden_BKF = layer(hidden_BKF)
        return hidden_BKF

    def alone(self, wave_BT: torch.Tensor, filled_B: torch.Tensor) -> torch.Tensor:
        """features_BKF, each computed from a recording's own samples, and zero after its last frame."""
        features = [self(wave_T[None, :filled])[0].T for wave_T, filled in zip(wave_BT, filled_B.tolist(), strict=True)]
        return nn.utils.rnn.pad_sequence(features, batch_first=True).transpose(1, 2)
