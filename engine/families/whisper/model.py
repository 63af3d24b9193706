"""The Whisper family: load a model, encode in short or full context, transcribe.

Legend: B utterances, T samples, M mel bands, F frames, S encoder positions (F / 2), D width, U tokens, V vocabulary.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    GenerationConfig,
    StoppingCriteriaList,
    WhisperConfig,
    WhisperForConditionalGeneration,
    WhisperProcessor,
)
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import logging as transformers_logging

from engine.audio.features import HOP_SAMPLES, RATE_HZ, log_mel
from engine.config.context import TrainedContext
from engine.errors import ModelError
from engine.families.contract import LoadOptions
from engine.families.pretrained import load_weights
from engine.families.registry import family_of
from engine.families.whisper.codec import WhisperCodec, complete_generation, language_token
from engine.families.whisper.repetition import StopsRepeating
from engine.families.whisper.speech import Search, SpeechTask
from engine.models.catalogue import CONTEXT_KEY, trained_context
from engine.models.four_bit import keep_layout
from engine.temporal.gates import Follows
from engine.temporal.timeline import Timeline

# Cross-attention before its parent prefix: the first match decides.
_GROUPS: tuple[tuple[str, str], ...] = (
    ("encoder_attn.", "fusion"),
    ("encoder.", "audio_encoder"),
    ("decoder.", "text_decoder"),
)
_TARGETS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
# The output layer shares its weight with the token embedding, which stays in full precision.
KEPT_IN_FULL_PRECISION = ("proj_out",)
# OpenAI's thresholds; compression is counted over tokens, as transformers does. Source: the Whisper paper, 4.5, and
# `WhisperGenerationMixin.generate`.
_FALLBACK: dict[str, Any] = {
    "temperature": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    "compression_ratio_threshold": 1.35,
    "logprob_threshold": -1.0,
    "do_sample": True,
}


class WhisperSpeech:
    """A loaded Whisper model."""

    heads: tuple[str, ...] = ()
    has_new_head = False
    groups: tuple[str, ...] = ("audio_encoder", "fusion", "text_decoder")

    def __init__(
        self,
        model: WhisperForConditionalGeneration,
        processor: Any,
        source: str,
    ) -> None:
        self.model: nn.Module = model
        self.processor = processor
        self.source = source
        self._whisper = model  # adapters replace its layers in place
        config = model.config
        self.codec = self._codec(None)
        self.mel_bands: int = config.num_mel_bins
        self.window_s: float = config.max_source_positions * 2 * HOP_SAMPLES / RATE_HZ
        self.max_text_tokens: int = config.max_target_positions - len(self.codec.prefix)
        self.trained_context: TrainedContext = trained_context(config.to_dict())
        self.timeline = Timeline(
            model, hop_samples=2 * HOP_SAMPLES, width=config.d_model, first_layer="model.encoder.layers.0"
        )

    def _codec(self, language: str | None, task: SpeechTask = "transcribe") -> WhisperCodec:
        return WhisperCodec(self.processor, self._whisper.config, self._whisper.generation_config, language, task)

    @property
    def spellings(self) -> Mapping[str, str]:
        """American spellings by British spelling, as the model's publisher counts errors; may be empty."""
        return self.codec.spellings

    def use_language(self, language: str | None, task: SpeechTask | None = None) -> None:
        """Set the language and the task in the decoder's prefix.

        Args:
            language: code or name; None: the model's own.
            task: transcribe or translate; None leaves it.

        Raises:
            ModelError: the model does not know the language, or cannot do the task.
        """
        self.codec = self._codec(language, task or self.codec.task)

    def features(self, wave_BT: torch.Tensor) -> torch.Tensor:
        """Log-mel features mel_BMF."""
        return log_mel(wave_BT, self.mel_bands)

    def encode(self, mel_BMF: torch.Tensor) -> torch.Tensor:
        """Encoder states states_BSD of F frames (F even, at most the model's window).

        The forward of `WhisperEncoder` without the requirement of a whole window: position s means the same 20 ms
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
    def generate(
        self,
        mel_BMF: torch.Tensor,
        max_new_tokens: int | None = None,
        languages: Sequence[str] | None = None,
        search: Search = "greedy",
    ) -> list[list[int]]:
        """Transcripts from transformers' own `generate`, as ids without prefix and end.

        Args:
            mel_BMF: features of any length up to the window; with fallback, of a whole window.
            max_new_tokens: maximum tokens of a transcript; None: as many as the model can write.
            languages: one for each utterance; None: the prefix's language for all.
            search: how to choose tokens.
        """
        told: dict[str, Any]
        if search == "fallback":
            told = {"input_features": mel_BMF, **_FALLBACK}
        else:
            states_BSD = self.encode(mel_BMF)
            told = {"encoder_outputs": BaseModelOutput(last_hidden_state=states_BSD), "do_sample": False}
        if search == "guarded":
            told["stopping_criteria"] = StoppingCriteriaList([StopsRepeating(len(self.codec.prefix))])
        if self.codec.languages:
            told["language"] = [language_token(code) for code in languages or [str(self.codec.language)] * len(mel_BMF)]
            told["task"] = self.codec.task
        ids_BU = self._whisper.generate(
            max_new_tokens=min(max_new_tokens or self.max_text_tokens, self.max_text_tokens),
            return_timestamps=False,
            **told,
        )
        padding = self._whisper.generation_config.pad_token_id
        return [_before(row, {self.codec.end, padding}) for row in ids_BU.tolist()]

    @torch.inference_mode()
    def detect_languages(self, mel_BMF: torch.Tensor, among: Sequence[str]) -> list[str]:
        """The most likely language of each utterance among `among`."""
        generation: Any = copy.copy(self._whisper.generation_config)
        generation.lang_to_id = {language_token(code): generation.lang_to_id[language_token(code)] for code in among}
        codes = {index: token.strip("<|>") for token, index in generation.lang_to_id.items()}
        found = self._whisper.detect_language(
            encoder_outputs=BaseModelOutput(last_hidden_state=self.encode(mel_BMF)), generation_config=generation
        )
        return [codes[index] for index in found.tolist()]

    def freeze_constants(self) -> None:
        """Freeze the encoder's position embeddings, which are sinusoids by definition, even in full fine-tuning."""
        self._whisper.model.encoder.embed_positions.requires_grad_(False)

    def save(self, folder: Path, context: TrainedContext) -> None:
        """Write the whole model and its processor in transformers' format.

        Args:
            folder: target.
            context: the context that it was trained in, recorded in its config.json.
        """
        setattr(self._whisper.config, CONTEXT_KEY, context)
        generation: Any = self._whisper.generation_config
        if self.codec.language is not None:  # plain transformers then uses the prefix of the training
            generation.language, generation.task = self.codec.language, self.codec.task
        self._whisper.save_pretrained(str(folder))
        self.processor.save_pretrained(str(folder))

    def save_processor(self, folder: Path) -> None:
        """Write the tokenizer and the feature extractor."""
        self.processor.save_pretrained(str(folder))

    def default_targets(self) -> list[str]:
        """Every linear layer of attention and feed-forward, in encoder and decoder."""
        return list(_TARGETS)

    def group_of(self, module_name: str) -> str | None:
        """Audio encoder, fusion (cross-attention) or text decoder."""
        return next((group for part, group in _GROUPS if part in module_name), None)

    def follows(self, module_name: str) -> Follows | None:
        """Frames in the encoder and in the keys and values of cross-attention; utterances in the decoder's self-attention."""
        if "encoder.layers." in module_name or module_name.endswith(("encoder_attn.k_proj", "encoder_attn.v_proj")):
            return "frame"
        return "utterance" if ".self_attn." in module_name else None


def _before(ids: list[int], ends: set[int]) -> list[int]:
    return next((ids[:place] for place, index in enumerate(ids) if index in ends), ids)


def _read_config(source: str, revision: str) -> WhisperConfig:
    """The model's config.

    Raises:
        ModelError: the config is missing or belongs to another family.
    """
    try:
        values, _ = WhisperConfig.get_config_dict(source, revision=revision)
        if values:
            family_of(values, source)
        return WhisperConfig.from_dict(values)
    except (OSError, ValueError, RuntimeError) as error:
        raise _cannot_load(source, error) from error


def _cannot_load(source: str, error: Exception) -> ModelError:
    return ModelError(
        f"cannot load {source!r} as a Whisper model: {error}. Give a folder with config.json and "
        "model.safetensors, or a hub id that can be reached"
    )


def load(source: str, options: LoadOptions) -> WhisperSpeech:
    """Load a Whisper model from a folder or a hub id.

    Raises:
        ModelError: the source does not load as a Whisper model.
    """
    transformers_logging.disable_progress_bar()
    # transformers warns about things that do not apply here: duplicate options, attention masks that Whisper does not use.
    transformers_logging.set_verbosity_error()
    revision = options.revision
    config = _read_config(source, revision)
    try:
        processor = WhisperProcessor.from_pretrained(source, revision=revision)
        model: Any
        if options.from_scratch:
            model = WhisperForConditionalGeneration(config)
            model.generation_config = GenerationConfig.from_pretrained(source, revision=revision)
            model.to(device=options.device, dtype=torch.float32)
        else:
            model = load_weights(
                WhisperForConditionalGeneration,
                source,
                options,
                kept=KEPT_IN_FULL_PRECISION,
                constants=("proj_out.weight",),  # the token embeddings
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise _cannot_load(source, error) from error
    keep_layout(model)
    # Training masks features in engine.audio.augmentation, from the run's own seed.
    model.config.apply_spec_augment = False
    model.eval()
    complete_generation(model.generation_config, model.config, processor.tokenizer)
    return WhisperSpeech(model, processor, source)
