"""The arms of the study: ways to distribute about as many trained parameters over the layers. Does not import torch."""

from __future__ import annotations

from typing import Final

from tuning.studies.trials import RATE, Arm, Dial

UNIFORM: Final = "uniform"
SKETCH: Final = "sketch"
SHUFFLED: Final = ("shuffled-0", "shuffled-1")
GROUPS: Final = {"encoder-only": "audio_encoder", "fusion-only": "fusion", "decoder-only": "text_decoder"}
TYPE_ONLY: Final = "type-only"
EVA: Final = "eva"
ADALORA_TARGET: Final = "adalora-target"
ADALORA_PEAK: Final = "adalora-peak"
_DIALS: Final = (Dial(RATE, (1e-3, 2e-3, 4e-3, 8e-3), 2e-3),)

ARMS: Final = (
    Arm(UNIFORM, _DIALS, is_primary=True),
    Arm(SKETCH, _DIALS, is_primary=True),
    Arm(SHUFFLED[0], _DIALS, is_primary=True),
    Arm(SHUFFLED[1], tuned_like=SHUFFLED[0], is_primary=True),
    *(Arm(name, _DIALS) for name in (*GROUPS, TYPE_ONLY, EVA, ADALORA_TARGET, ADALORA_PEAK)),
)
DESCRIPTIONS: Final = {
    UNIFORM: "the same rank everywhere",
    SKETCH: "`allocation: sketch`, all weights 1",
    SHUFFLED[0]: "the ranks of `sketch`, permuted among layers of one shape (`shuffle_seed: 0`)",
    SHUFFLED[1]: "the same with `shuffle_seed: 1`, at the learning rate of the first permutation",
    "encoder-only": "one rank in the audio encoder, none elsewhere",
    "fusion-only": "one rank in cross-attention, none elsewhere",
    "decoder-only": "one rank in the text decoder, none elsewhere",
    TYPE_ONLY: "one rank for queries and values of attention, none elsewhere",
    EVA: "peft's EVA: ranks by the explained variance of each layer's inputs (rho 2), A from their singular vectors",
    ADALORA_TARGET: "peft's AdaLoRA, which ends with the rank budget of `uniform` and begins with half as many ranks again",
    ADALORA_PEAK: "peft's AdaLoRA, which begins with the ranks of `uniform` and ends with three quarters of them, or less",
}
NAMES: Final = tuple(arm.name for arm in ARMS)
