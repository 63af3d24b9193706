"""Sizes of a base model that determine its memory, from its config or its number of weights. Does not import torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.config.context import TrainedContext
from engine.errors import ModelError
from engine.families.memory import base_weights
from engine.families.registry import FAMILIES, family_of
from engine.models.catalogue import ModelCard, read_model_config, trained_context

MEL_FRAMES_PER_S: Final = 100
POSITIONS_PER_S: Final = 50
"""Positions per second of Whisper's encoder, half the mel frames: its second convolution has a stride of two."""
_TOKENS_PER_S: Final = 4.0
"""Tokens per second of Whisper's tokenizer on English speech."""
_BYTES_PER_S: Final = 15.0
"""Bytes per second of English speech; scripts with several bytes per letter need two to three times as many."""
_MOST_BYTE_TOKENS: Final = 1_000
"""Maximum size of a vocabulary that spells texts out: bytes or letters, and some special tokens."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A model's sizes, as those of a Whisper model."""

    width: int
    encoder_layers: int
    decoder_layers: int
    vocabulary: int
    mel_bands: int = 80
    source_positions: int = 1500
    target_positions: int = 448
    inner_factor: int = 4
    """Width of the feed-forward layers, as a multiple of the model's."""
    trained_context: TrainedContext = "full"
    counted_linear: int | None = None
    """Number of weights in linear layers, for a family whose layers are not Whisper's; the layers above then stand for
    as many of Whisper's as have these weights."""
    counted_other: int | None = None
    """Number of other weights, likewise."""
    exact: bool = True
    """Whether the sizes come from the model's config; otherwise they are estimated from its number of weights."""

    @property
    def window_s(self) -> float:
        """Seconds that the encoder's positions cover."""
        return self.source_positions / POSITIONS_PER_S

    @property
    def tokens_per_s(self) -> float:
        """Text tokens per second of speech, derived from the size of the vocabulary."""
        return _BYTES_PER_S if self.vocabulary <= _MOST_BYTE_TOKENS else _TOKENS_PER_S

    @property
    def linear_parameters(self) -> int:
        """Number of weights in linear layers, which can be stored in 4 bits."""
        if self.counted_linear is not None:
            return self.counted_linear
        attention, forward = 4 * self.width**2, 2 * self.inner_factor * self.width**2
        return self.encoder_layers * (attention + forward) + self.decoder_layers * (2 * attention + forward)

    @property
    def other_parameters(self) -> int:
        """Number of weights in embeddings and convolutions, which keep the compute type; ignores norms and biases."""
        if self.counted_other is not None:
            return self.counted_other
        embeddings = (self.vocabulary + self.source_positions + self.target_positions) * self.width
        return embeddings + 3 * self.width * (self.mel_bands + self.width)


# Published sizes: weights in millions, width, encoder and decoder layers. Source: the models' config.json.
_PUBLISHED: Final = (
    (37.8e6, 384, 4, 4),
    (72.6e6, 512, 6, 6),
    (241.7e6, 768, 12, 12),
    (763.9e6, 1024, 24, 24),
    (808.9e6, 1280, 32, 4),
    (1543.5e6, 1280, 32, 32),
)
_VOCABULARY: Final = 51_865


def architecture_of(card: ModelCard) -> Architecture:
    """Sizes of a catalogue model: from a local `config.json`, else those of the published model of the nearest size.

    Raises:
        ModelError: its `config.json` cannot be used.
    """
    folder = Path(card.location())
    if (folder / "config.json").is_file():
        return _read(folder)
    *_, width, encoder, decoder = min(_PUBLISHED, key=lambda known: abs(math.log(known[0] / card.parameters)))
    return Architecture(width, encoder, decoder, _VOCABULARY, exact=False)


def _read(folder: Path) -> Architecture:
    config = read_model_config(folder)
    read = _READERS.get(str(config.get("model_type")), _whisper)
    try:
        return read(config)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the config.json in {folder} lacks the sizes of the model: {error!r}") from error


def _whisper(config: Mapping[str, Any]) -> Architecture:
    width = int(config["d_model"])
    return Architecture(
        width=width,
        encoder_layers=int(config["encoder_layers"]),
        decoder_layers=int(config["decoder_layers"]),
        vocabulary=int(config["vocab_size"]),
        mel_bands=int(config["num_mel_bins"]),
        source_positions=int(config["max_source_positions"]),
        target_positions=int(config["max_target_positions"]),
        inner_factor=max(1, int(config["encoder_ffn_dim"]) // width),
        trained_context=trained_context(config),
    )


def _audio_llm(config: Mapping[str, Any]) -> Architecture:
    text = config["text_config"]
    width, layers = int(text["hidden_size"]), int(text["num_hidden_layers"])
    sizes = _counted(config, width, int(text["intermediate_size"]))
    return dataclasses.replace(
        sizes,
        encoder_layers=max(1, sizes.encoder_layers - layers),
        decoder_layers=layers,
        vocabulary=int(text["vocab_size"]),
        trained_context="full",
    )


def _clap(config: Mapping[str, Any]) -> Architecture:
    width = int((config.get("text_config") or {}).get("hidden_size", 768))
    return _counted(config, width, 4 * width)


def _encoder(config: Mapping[str, Any]) -> Architecture:
    """A model of encoder layers alone, of its audio's own length."""
    sizes = _counted(config, int(config.get("hidden_size", 768)), int(config.get("intermediate_size", 3072)))
    return dataclasses.replace(sizes, vocabulary=int(config.get("vocab_size") or 1))


def _counted(config: Mapping[str, Any], width: int, inner: int) -> Architecture:
    """Sizes with as many encoder layers as have the weights of a model's linear layers."""
    family = family_of(config, "the model")
    linear, other = base_weights(config, family, FAMILIES[family].tasks[0])
    inner_factor = max(1, round(inner / width))
    return Architecture(
        width=width,
        encoder_layers=max(1, round(linear / (width**2 * (4 + 2 * inner_factor)))),
        decoder_layers=0,
        vocabulary=1,
        inner_factor=inner_factor,
        trained_context="short",
        counted_linear=linear,
        counted_other=other,
        exact=False,
    )


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Architecture]]] = {
    "whisper": _whisper,
    "wav2vec2": _encoder,
    "hubert": _encoder,
    "wav2vec2-conformer": _encoder,
    "audio-spectrogram-transformer": _encoder,
    "clap": _clap,
    "qwen2_audio": _audio_llm,
    "voxtral": _audio_llm,
}
