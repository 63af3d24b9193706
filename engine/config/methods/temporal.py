"""The config of adapters whose ranks follow the audio."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, get_args

from pydantic import Field

from engine.config.methods.lora import FourBitFields
from engine.config.quantization import Quantization

FeatureName = Literal["speech", "speaker_change", "snr"]
FEATURES: Final[tuple[FeatureName, ...]] = get_args(FeatureName)
Gate = Literal["learned", "constant", "utterance_mean", "shuffled", "speech", "masked_input", "embedding"]


class TemporalConfig(FourBitFields):
    """LoRA whose ranks are gated at each frame by what the audio says there: y = W x + s B (g A x).

    g = 2 sigmoid(G phi + c) lies in (0, 2) for each rank of each layer, and is 1 before training. phi are features of the
    frame. Gated are the layers of the audio encoder and the keys and values of cross-attention. Our study did not show that
    gates make fewer errors than plain LoRA: docs/studies/temporal.md.
    """

    code: ClassVar[str] = "engine.methods.temporal:Temporal"

    type: Literal["temporal"] = "temporal"
    four_bit_base: bool = True
    """Keep the base in 4 bits, as `qlora` does; otherwise in full precision, as `lora` does."""
    gate: Gate = "learned"
    """What the gates follow. `learned` is the method; the others are its baselines, with as many trained parameters
    (`embedding`: nearly as many). `constant`: nothing. `utterance_mean`: the mean of the features over the utterance.
    `shuffled`: the features of other frames of the utterance. `speech`: a constant times the probability of speech.
    `masked_input`: constant, and the model does not hear what is not speech. `embedding`: no gates; the features are
    projected and added to the input of the encoder's first layer."""
    features: Annotated[list[FeatureName], Field(min_length=1, max_length=len(FEATURES))] = list(FEATURES)
    """Features of a frame: probability of speech, change of the voice, local signal-to-noise ratio."""
    gate_learning_rate: Annotated[float, Field(gt=0.0, le=1000.0)] = 1.0
    """Learning rate of the gates, as a multiple of the optimizer's. At 1 gates hardly move in short runs; larger values move
    them, and our study did not show that this makes fewer errors."""
    gate_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.3
    """Share of the training examples whose gates are replaced by their mean over speech, which plain peft loads."""
    gate_penalty: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.01
    """Factor of the mean gate in frames without speech, added to the loss per target."""
    decoder_gate: bool = True
    """Gate the decoder's self-attention too, once per utterance, by the share of its frames that are speech."""
    gate_states: Annotated[int, Field(ge=0, le=64)] = 0
    """Number of states that the gates are summarised to; each is saved as a plain adapter. 0: none."""

    @property
    def four_bit(self) -> Quantization | None:
        """The type of the base's weights; None in full precision."""
        return super().four_bit if self.four_bit_base else None
