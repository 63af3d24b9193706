"""The Whisper family: loading, short-context encoding, greedy decoding.

Legend: B utterances, T samples, M mel bands, F frames, S encoder positions (F / 2), D width, U tokens, V vocabulary.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    BitsAndBytesConfig,
    GenerationConfig,
    WhisperConfig,
    WhisperForConditionalGeneration,
    WhisperProcessor,
)
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.utils import logging as transformers_logging

from engine.audio.features import HOP_SAMPLES, RATE_HZ, log_mel
from engine.config.training import Group
from engine.errors import ModelError
from engine.evaluation.text import normalize_basic
from engine.models.family import Quantization
from engine.models.four_bit import keep_layout

# Cross-attention before its parent prefix: the first match decides.
_GROUPS: tuple[tuple[str, Group], ...] = (
    ("encoder_attn.", "fusion"),
    ("encoder.", "audio_encoder"),
    ("decoder.", "text_decoder"),
)
_TARGETS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
# The output layer shares its weight with the token embedding, which stays in full precision.
_KEPT_IN_FULL_PRECISION = ["proj_out"]


class WhisperCodec:
    """Whisper's tokenizer with the prefix of a transcription without timestamps."""

    def __init__(self, processor: Any, model: WhisperForConditionalGeneration, language: str | None) -> None:
        self._tokenizer = processor.tokenizer
        self.spellings: dict[str, str] = self._tokenizer.english_spelling_normalizer or {}
        self._normalizes = self._tokenizer.init_kwargs.get("text_normalizer") == "basic"
        generation: Any = model.generation_config  # its fields differ from model to model
        config: Any = model.config
        self.end: int = int(config.eos_token_id)
        self.prefix: list[int] = [int(config.decoder_start_token_id)]
        if getattr(generation, "is_multilingual", False):
            languages = generation.lang_to_id
            token = f"<|{language or 'en'}|>"
            if token not in languages:
                known = ", ".join(sorted(languages)).replace("<|", "").replace("|>", "")
                raise ModelError(f"the model knows no language {language!r}; it knows {known}")
            self.prefix += [int(languages[token]), int(generation.task_to_id["transcribe"])]
        if getattr(generation, "no_timestamps_token_id", None) is not None:
            self.prefix.append(int(generation.no_timestamps_token_id))

    def encode(self, text: str) -> list[int]:
        """Ids of the text alone."""
        if self._normalizes:
            text = normalize_basic(text)
        ids: list[int] = self._tokenizer(text, add_special_tokens=False).input_ids
        return ids

    def decode(self, ids: list[int]) -> str:
        """Text of ids, special tokens left out."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text.strip()


class WhisperSpeech:
    """A loaded Whisper."""

    def __init__(
        self, model: WhisperForConditionalGeneration, processor: Any, source: str, language: str | None
    ) -> None:
        self.model: nn.Module = model
        self.processor = processor
        self.source = source
        self.codec = WhisperCodec(processor, model, language)
        config = model.config
        self.mel_bands: int = config.num_mel_bins
        self.window_s: float = config.max_source_positions * 2 * HOP_SAMPLES / RATE_HZ
        self.max_text_tokens: int = config.max_target_positions - len(self.codec.prefix)
        self._whisper = model  # the adapters replace layers inside it, in place
        generation = model.generation_config
        self._suppressed: list[int] = list(generation.suppress_tokens or [])
        self._suppressed_first: list[int] = list(generation.begin_suppress_tokens or [])

    def features(self, wave_BT: torch.Tensor) -> torch.Tensor:
        """Log-mel features mel_BMF."""
        return log_mel(wave_BT, self.mel_bands)

    def encode(self, mel_BMF: torch.Tensor) -> torch.Tensor:
        """Encoder states states_BSD over the F frames that are there (F even, at most the model's window).

        The forward of `WhisperEncoder` without its demand for a whole window: position s means the same 20 ms
        whether or not silence follows. On a whole window both give the same states, which a test asserts.
        """
        encoder = self._whisper.model.encoder
        hidden_BDS = nn.functional.gelu(encoder.conv1(mel_BMF))
        hidden_BDS = nn.functional.gelu(encoder.conv2(hidden_BDS))
        hidden_BSD = hidden_BDS.transpose(1, 2)
        hidden_BSD = hidden_BSD + encoder.embed_positions.weight[: hidden_BSD.shape[1]].to(hidden_BSD.dtype)
        hidden_BSD = nn.functional.dropout(hidden_BSD, p=encoder.dropout, training=encoder.training)
        for layer in encoder.layers:
            hidden_BSD = layer(hidden_BSD, None)
        states_BSD: torch.Tensor = encoder.layer_norm(hidden_BSD)
        return states_BSD

    def logits(self, states_BSD: torch.Tensor, ids_BU: torch.Tensor) -> torch.Tensor:
        """logits_BUV for the tokens after each of `ids_BU`."""
        decoded = self._whisper.model.decoder(
            input_ids=ids_BU, encoder_hidden_states=states_BSD, use_cache=False
        ).last_hidden_state
        logits_BUV: torch.Tensor = self._whisper.proj_out(decoded)
        return logits_BUV

    @torch.inference_mode()
    def generate(self, mel_BMF: torch.Tensor, max_new_tokens: int) -> list[list[int]]:
        """Greedy transcripts, as ids without prefix and end."""
        decoder, head, codec = self._whisper.model.decoder, self._whisper.proj_out, self.codec
        states_BSD = self.encode(mel_BMF)
        rows, device = states_BSD.shape[0], states_BSD.device
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        ids_BU = torch.tensor(codec.prefix, device=device).repeat(rows, 1)
        done_B = torch.zeros(rows, dtype=torch.bool, device=device)
        chosen: list[torch.Tensor] = []
        for step in range(min(max_new_tokens, self.max_text_tokens)):
            decoded = decoder(
                input_ids=ids_BU, encoder_hidden_states=states_BSD, past_key_values=cache, use_cache=True
            ).last_hidden_state
            logits_BV = head(decoded[:, -1]).float()
            if self._suppressed:
                logits_BV[:, self._suppressed] = -torch.inf
            if step == 0 and self._suppressed_first:
                logits_BV[:, self._suppressed_first] = -torch.inf
            next_B = logits_BV.argmax(dim=-1).masked_fill(done_B, codec.end)
            chosen.append(next_B)
            done_B = done_B | (next_B == codec.end)
            if bool(done_B.all()):
                break
            ids_BU = next_B[:, None]
        return [_before(row, codec.end) for row in torch.stack(chosen, dim=1).tolist()]

    def freeze_constants(self) -> None:
        """The encoder's positions are sinusoids by definition and stay so when every weight is trained."""
        self._whisper.model.encoder.embed_positions.requires_grad_(False)

    def save(self, folder: Path) -> None:
        """Write the whole model and its processor, as transformers loads them."""
        self._whisper.save_pretrained(str(folder))
        self.processor.save_pretrained(str(folder))

    def default_targets(self) -> list[str]:
        """Every linear layer of attention and feed-forward, in encoder and decoder."""
        return list(_TARGETS)

    def group_of(self, module_name: str) -> Group | None:
        """Audio encoder, fusion (cross-attention) or text decoder."""
        return next((group for part, group in _GROUPS if part in module_name), None)


def _before(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids


def read_width(source: str) -> int:
    """Width of the model's hidden states, from its config alone.

    Raises:
        ModelError: nothing there that is the config of a Whisper.
    """
    try:
        config = WhisperConfig.from_pretrained(source)
    except (OSError, ValueError, RuntimeError) as error:
        raise _cannot_load(source, error) from error
    return int(config.d_model)


def _cannot_load(source: str, error: Exception) -> ModelError:
    return ModelError(
        f"cannot load {source!r} as a Whisper model: {error}. Give a folder with config.json and "
        "model.safetensors, or a hub id that can be reached"
    )


def load(
    source: str,
    *,
    quantization: Quantization | None,
    from_scratch: bool,
    compute_dtype: torch.dtype,
    device: torch.device,
    language: str | None,
) -> WhisperSpeech:
    """Load a Whisper from a folder or a hub id.

    Raises:
        ModelError: nothing there that loads as a Whisper.
    """
    transformers_logging.disable_progress_bar()
    try:
        processor = WhisperProcessor.from_pretrained(source)
        model: Any
        if from_scratch:
            model = WhisperForConditionalGeneration(WhisperConfig.from_pretrained(source))
            model.generation_config = GenerationConfig.from_pretrained(source)
            model.to(device=device, dtype=torch.float32)
        else:
            four_bit = None
            if quantization is not None:
                four_bit = BitsAndBytesConfig(
                    load_in_4bit=True,
                    bnb_4bit_quant_type=quantization.kind,
                    bnb_4bit_use_double_quant=quantization.double,
                    bnb_4bit_compute_dtype=compute_dtype,
                    llm_int8_skip_modules=_KEPT_IN_FULL_PRECISION,
                )
            model = WhisperForConditionalGeneration.from_pretrained(
                source,
                dtype=torch.float32,
                quantization_config=four_bit,
                device_map={"": device},
                use_safetensors=True,
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise _cannot_load(source, error) from error
    keep_layout(model)
    # Training masks features in engine.audio.augmentation, from the run's own seed.
    model.config.apply_spec_augment = False
    model.eval()
    return WhisperSpeech(model, processor, source, language)
