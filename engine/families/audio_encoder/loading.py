"""Load an audio encoder with a classification head, also from a checkpoint that has only the encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import nn
from transformers import (
    ASTForAudioClassification,
    AutoConfig,
    AutoFeatureExtractor,
    HubertForSequenceClassification,
    PreTrainedConfig,
    Wav2Vec2ForSequenceClassification,
    WhisperForAudioClassification,
)
from transformers.utils import logging as transformers_logging

from engine.audio.features import RATE_HZ
from engine.errors import ModelError
from engine.families.audio_encoder.spectrogram import SpectrogramClassifier
from engine.families.audio_encoder.wave import WaveClassifier
from engine.families.audio_encoder.whisper import WhisperClassifier
from engine.families.contract import LoadOptions
from engine.families.pretrained import in_four_bits, leave_file
from engine.models.four_bit import keep_layout

Classifier = WhisperClassifier | WaveClassifier | SpectrogramClassifier
TASK: Final = "audio_classification"


@dataclass(frozen=True, slots=True)
class _Architecture:
    """A model of transformers, and the encoder that runs it."""

    model: Any
    encoder: type[Classifier]


_ARCHITECTURES: Final[Mapping[str, _Architecture]] = {
    "whisper": _Architecture(WhisperForAudioClassification, WhisperClassifier),
    "wav2vec2": _Architecture(Wav2Vec2ForSequenceClassification, WaveClassifier),
    "hubert": _Architecture(HubertForSequenceClassification, WaveClassifier),
    "audio-spectrogram-transformer": _Architecture(ASTForAudioClassification, SpectrogramClassifier),
}
MODEL_TYPES: Final = tuple(_ARCHITECTURES)
"""`model_type` in the config.json of the models that load."""


def load(source: str, task: str, options: LoadOptions) -> Classifier:
    """Load an encoder with a head for `options.space.labels`.

    A head that the source has for other labels is replaced by a new one. New heads are drawn from torch's global
    generator. Of a Whisper only the encoder is loaded.

    Args:
        source: folder or hub id.
        task: `audio_classification`.
        options: without labels, the source must be a classifier, and keeps its own.

    Raises:
        ModelError: the source does not load as such a model, lacks weights, or has no labels.
    """
    if task != TASK:
        raise ModelError(f"audio encoders cannot be loaded for the task {task!r}; they do {TASK}")
    transformers_logging.disable_progress_bar()
    # transformers warns about weights that are not needed, such as a decoder's.
    transformers_logging.set_verbosity_error()
    try:
        config, architecture = _read_config(source, options.revision)
        extractor = AutoFeatureExtractor.from_pretrained(source, revision=options.revision)
        if extractor.sampling_rate != RATE_HZ:
            raise ModelError(f"{source!r} takes audio at {extractor.sampling_rate} Hz; only {RATE_HZ} Hz is supported")
        keeps_head = _choose_labels(config, architecture.model, source, options.space.labels)
        architecture.encoder.adjust(config)
        if options.from_scratch:
            model = architecture.model(config).to(device=options.device, dtype=torch.float32)
        else:
            model = _load_weights(source, config, architecture, options, keeps_head=keeps_head)
        model.eval()
        return architecture.encoder(model, extractor, has_new_head=options.from_scratch or not keeps_head)
    except (OSError, ValueError, RuntimeError, StrictDataclassError) as error:
        raise ModelError(
            f"cannot load {source!r} as an audio encoder: {error}. Give a folder with config.json, "
            "preprocessor_config.json and model.safetensors, or a hub id that can be reached"
        ) from error


def _read_config(source: str, revision: str) -> tuple[Any, _Architecture]:
    values, _ = PreTrainedConfig.get_config_dict(source, revision=revision)
    kind = str(values.get("model_type", ""))
    if kind not in _ARCHITECTURES:
        found = f"the model_type {kind!r}" if kind else "no model_type"
        raise ModelError(
            f"the config.json of {source!r} names {found}; audio encoders that can be used here: {', '.join(MODEL_TYPES)}"
        )
    return AutoConfig.from_pretrained(source, revision=revision), _ARCHITECTURES[kind]


def _choose_labels(config: Any, model_class: Any, source: str, wanted: Sequence[str]) -> bool:
    """Write the labels into the config; return whether the source's own head gives them."""
    is_classifier = model_class.__name__ in (config.architectures or ())
    own = tuple(config.id2label[index] for index in range(len(config.id2label))) if is_classifier else ()
    labels = tuple(wanted) or own
    if not labels:
        raise ModelError(
            f"{source!r} is {', '.join(config.architectures or ['no classifier'])}, which has no labels; give the labels that "
            "its new head is to have"
        )
    if len(set(labels)) < len(labels):
        repeated = next(label for index, label in enumerate(labels) if label in labels[:index])
        raise ModelError(f"the label {repeated!r} is given more than once; name each label once")
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    return labels == own


def _load_weights(
    source: str, config: Any, architecture: _Architecture, options: LoadOptions, *, keeps_head: bool
) -> Any:
    heads = architecture.encoder.heads
    loaded: Any = architecture.model.from_pretrained(
        source,
        config=config,
        dtype=torch.float32,
        quantization_config=in_four_bits(options, (*heads, *architecture.encoder.unquantized)),
        device_map={"": options.device},
        use_safetensors=True,
        ignore_mismatched_sizes=True,  # reported below, unless they are heads
        output_loading_info=True,
        revision=options.revision,
    )
    model, report = loaded
    leave_file(model, options)
    new = tuple(f"{head}." for head in heads) if options.space.labels else ()
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(new))
    if missing:
        raise ModelError(
            f"{source!r} lacks {len(missing)} of the model's weights: {_shown(missing)}; take its whole folder"
        )
    shapes = {name: (tuple(found), tuple(wanted)) for name, found, wanted in report["mismatched_keys"]}
    wrong = sorted(name for name in shapes if not name.startswith(new))
    if wrong:
        shown = _shown([f"{name} is {shapes[name][0]}, its config says {shapes[name][1]}" for name in wrong])
        raise ModelError(f"{len(wrong)} weights of {source!r} have the wrong shape: {shown}; take its whole folder")
    is_new = any(name.startswith("classifier.") for name in (*report["missing_keys"], *shapes))
    if not keeps_head and not is_new:
        _draw(model.classifier, getattr(config, "initializer_range", None) or config.init_std)
    keep_layout(model)
    return model


def _draw(head: nn.Module, deviation: float) -> None:
    """New weights for a head, as transformers draws them."""
    for module in head.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=deviation)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            module.reset_parameters()


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
