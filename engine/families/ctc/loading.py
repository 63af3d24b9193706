"""Load a CTC model: architecture, weights, vocabulary."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from transformers import (
    HubertConfig,
    HubertForCTC,
    PreTrainedConfig,
    Wav2Vec2Config,
    Wav2Vec2ConformerConfig,
    Wav2Vec2ConformerForCTC,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
)
from transformers.models.auto.tokenization_auto import get_tokenizer_config
from transformers.utils import logging as transformers_logging

from engine.audio.features import RATE_HZ
from engine.errors import ModelError
from engine.families.contract import LoadOptions
from engine.families.ctc.base import HEAD, CtcBase
from engine.families.ctc.spelling import DELIMITER, PAD, UNKNOWN, vocabulary_of
from engine.families.pretrained import in_four_bits, leave_file
from engine.models.four_bit import keep_layout

TASKS: Final = ("speech_to_text",)
_CLASSES: Final[Mapping[str, tuple[Any, Any]]] = {
    "wav2vec2": (Wav2Vec2Config, Wav2Vec2ForCTC),
    "hubert": (HubertConfig, HubertForCTC),
    "wav2vec2-conformer": (Wav2Vec2ConformerConfig, Wav2Vec2ConformerForCTC),
}
# Small, and every layer after them sees their error: the head, the projection of the convolutions' features, the
# attention adapters of multilingual models and the projection of a stacked adapter.
KEPT_IN_FULL_PRECISION: Final = (HEAD, "feature_projection.projection", "linear_1", "linear_2", "adapter.proj")
_MASK_VECTOR: Final = "masked_spec_embed"


def load(source: str, task: str, options: LoadOptions) -> CtcBase:
    """Load a wav2vec 2.0, HuBERT or Wav2Vec2-Conformer model from a folder or a hub id.

    A model with a CTC head keeps its head and vocabulary. One without gets a new head over `options.space.alphabet`. A
    model from scratch has the alphabet's vocabulary, or that of a `vocab.json` beside its config.

    Args:
        source: folder with config.json, preprocessor_config.json and, unless from scratch, model.safetensors; or a hub
            id.
        task: name of the task; `speech_to_text`.
        options: how to load it.

    Raises:
        ModelError: another task or architecture, missing files or weights, or no alphabet for a new head.
    """
    if task not in TASKS:
        raise ModelError(f"a CTC model cannot be trained for {task!r}; its task is {', '.join(TASKS)}")
    transformers_logging.disable_progress_bar()
    # transformers warns about new heads, which are reported here, and about unused parts of pre-training.
    transformers_logging.set_verbosity_error()
    try:
        config = _read_config(source, options.revision)
        extractor = Wav2Vec2FeatureExtractor.from_pretrained(source, revision=options.revision)
        has_head = _has_head(config)
        has_new_head = options.from_scratch or not has_head
        tokenizer = _tokenizer(source, options, has_head=has_head)
        model = _model(source, config, tokenizer, options, has_new_head=has_new_head)
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"cannot load {source!r} as a CTC model: {error}. Give a folder with config.json, preprocessor_config.json "
            "and model.safetensors, or a hub id that can be reached"
        ) from error
    if extractor.sampling_rate != RATE_HZ:
        raise ModelError(f"{source!r} takes audio at {extractor.sampling_rate} Hz; only {RATE_HZ} Hz is supported")
    keep_layout(model)
    model.eval()
    return CtcBase(model, extractor, tokenizer, source, has_new_head=has_new_head, from_scratch=options.from_scratch)


def _read_config(source: str, revision: str) -> PreTrainedConfig:
    """The model's config, without the randomness that training does not control."""
    values, _ = PreTrainedConfig.get_config_dict(source, revision=revision)
    kind = str(values.get("model_type") or "")
    if kind not in _CLASSES:
        found = f"the model_type {kind!r}" if kind else "no model_type"
        raise ModelError(f"the config.json of {source} names {found}; CTC models here are {', '.join(_CLASSES)}")
    config: PreTrainedConfig = _CLASSES[kind][0].from_dict(values)
    # Training masks features from the run's own seed; a dropped layer would make resumed runs and workers differ.
    config.apply_spec_augment = False
    config.layerdrop = 0.0
    return config


def _has_head(config: PreTrainedConfig) -> bool:
    return any(name.endswith("ForCTC") for name in config.architectures or [])


def _tokenizer(source: str, options: LoadOptions, *, has_head: bool) -> Wav2Vec2CTCTokenizer:
    alphabet, revision = options.space.alphabet, options.revision
    if alphabet and (options.from_scratch or not has_head):
        return tokenizer_over(alphabet)
    if not options.from_scratch and not has_head:
        return tokenizer_over(())
    if get_tokenizer_config(source, revision=revision).get("tokenizer_class") == "Wav2Vec2PhonemeCTCTokenizer":
        raise ModelError(f"{source!r} writes phonemes, which transcripts do not hold; take a model that writes letters")
    try:
        tokenizer: Wav2Vec2CTCTokenizer = Wav2Vec2CTCTokenizer.from_pretrained(source, revision=revision)
    except (OSError, TypeError) as error:  # TypeError: transformers finds no file, or a vocabulary for each language
        cure = "give the characters of its texts (alphabet_of)" if options.from_scratch else "take its whole folder"
        raise ModelError(
            f"{source!r} has no vocab.json of one language, which says what its CTC head writes; {cure}, or name the "
            "language as target_lang in its tokenizer_config.json if it has several"
        ) from error
    return tokenizer


def tokenizer_over(alphabet: Sequence[str]) -> Wav2Vec2CTCTokenizer:
    """A tokenizer of single characters.

    Raises:
        ModelError: an alphabet that `vocabulary_of` rejects.
    """
    vocabulary = vocabulary_of(alphabet)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.json"
        path.write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
        return Wav2Vec2CTCTokenizer(
            str(path),
            bos_token=None,
            eos_token=None,
            unk_token=UNKNOWN,
            pad_token=PAD,
            word_delimiter_token=DELIMITER,
        )


def _model(source: str, config: Any, tokenizer: Any, options: LoadOptions, *, has_new_head: bool) -> Any:
    kind = _CLASSES[config.model_type][1]
    size = max(tokenizer.encoder.values()) + 1
    blank = tokenizer.encoder.get(tokenizer.pad_token)
    if blank is None:
        raise ModelError(f"the vocab.json of {source!r} lacks {tokenizer.pad_token!r}, which is CTC's blank; add it")
    if has_new_head or config.pad_token_id is None:
        config.pad_token_id = blank
    if has_new_head:
        config.vocab_size = size
        config.bos_token_id = config.eos_token_id = None
        config.architectures = [kind.__name__]
    elif size > config.vocab_size:
        raise ModelError(
            f"the vocab.json of {source!r} has {size} labels, its head {config.vocab_size}; they must agree"
        )
    if options.from_scratch:
        return kind(config).to(device=options.device, dtype=torch.float32)
    loaded: Any = kind.from_pretrained(
        source,
        config=config,
        dtype=torch.float32,
        quantization_config=in_four_bits(options, KEPT_IN_FULL_PRECISION),
        device_map={"": options.device},
        use_safetensors=True,
        ignore_mismatched_sizes=True,  # to name them
        output_loading_info=True,
        revision=options.revision,
    )
    model, report = loaded
    leave_file(model, options)
    if report["mismatched_keys"]:
        name, saved, own = sorted(report["mismatched_keys"])[0]
        raise ModelError(
            f"{source!r} has {len(report['mismatched_keys'])} weights of another size than its config.json says: {name} is "
            f"{tuple(saved)}, not {tuple(own)}; take its whole folder"
        )
    missing = set(report["missing_keys"])
    _check_weights(source, missing, has_new_head=has_new_head)
    if any(name.endswith(_MASK_VECTOR) for name in missing):
        # Some published models lack it, such as wav2vec2-base-960h; zeros stand for "nothing heard".
        with torch.no_grad():
            model.base_model.masked_spec_embed.zero_()
    return model


def _check_weights(source: str, missing: set[str], *, has_new_head: bool) -> None:
    lacking = sorted(
        name
        for name in missing
        if not name.endswith(_MASK_VECTOR) and not (has_new_head and name.startswith(f"{HEAD}."))
    )
    if lacking:
        shown = ", ".join(lacking[:5]) + (", ..." if len(lacking) > 5 else "")
        raise ModelError(f"{source!r} lacks {len(lacking)} of the model's weights: {shown}; take its whole folder")
