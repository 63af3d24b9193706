"""Models of published sizes with random weights: what memory depends on is their shape."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

Writer = Callable[[Path], None]


def write(name: str, folder: Path) -> Path:
    """The folder of a model of `MODELS`, written unless it is there."""
    target = folder / name
    if not (target / "done").is_file():
        import torch

        target.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(0)
        MODELS[name](target)
        (target / "done").touch()
    return target


def _whisper(width: int, heads: int, layers: int) -> Writer:
    """A Whisper with the tokenizer of the bundled one, whose vocabulary is padded to the published size."""

    def to(folder: Path) -> None:
        from transformers import GenerationConfig, WhisperForConditionalGeneration

        from engine.recipes.whisper_pico import architecture

        config = architecture.build_config(width=width, heads=heads, encoder_layers=layers, decoder_layers=layers)
        config.vocab_size = 51_865
        architecture.write(folder, config)
        model = WhisperForConditionalGeneration(config)
        model.generation_config = GenerationConfig.from_pretrained(str(folder))
        model.save_pretrained(str(folder))

    return to


def _wave(**fields: Any) -> Writer:
    """A wav2vec 2.0 before its head is trained."""

    def to(folder: Path) -> None:
        from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

        config = Wav2Vec2Config(**fields)
        Wav2Vec2Model(config).save_pretrained(str(folder))
        masks = config.feat_extract_norm == "layer"
        Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=masks).save_pretrained(str(folder))

    return to


def _conformer(folder: Path) -> None:
    from transformers import Wav2Vec2ConformerConfig, Wav2Vec2ConformerModel, Wav2Vec2FeatureExtractor

    config = Wav2Vec2ConformerConfig(
        hidden_size=512,
        num_hidden_layers=8,
        num_attention_heads=8,
        intermediate_size=2048,
        position_embeddings_type="rotary",
        feat_extract_norm="layer",
        conv_bias=True,
    )
    Wav2Vec2ConformerModel(config).save_pretrained(str(folder))
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(str(folder))


def _spectrogram(folder: Path) -> None:
    from transformers import ASTConfig, ASTFeatureExtractor, ASTModel

    ASTModel(ASTConfig()).save_pretrained(str(folder))
    ASTFeatureExtractor().save_pretrained(str(folder))


def _clap(folder: Path) -> None:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor, RobertaTokenizer

    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(["one two three four five"], vocab_size=300, special_tokens=special)
    tokenizer.save_model(str(folder))
    extractor = ClapFeatureExtractor(feature_size=64, max_length_s=10, padding="repeatpad", truncation="rand_trunc")
    ClapProcessor(extractor, RobertaTokenizer.from_pretrained(str(folder))).save_pretrained(str(folder))
    ClapModel(ClapConfig()).save_pretrained(str(folder))


def _audio_llm(folder: Path) -> None:
    """A Qwen2-Audio with Whisper base's encoder and a decoder of 120 million weights."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import (
        GenerationConfig,
        Qwen2AudioConfig,
        Qwen2AudioForConditionalGeneration,
        Qwen2AudioProcessor,
        Qwen2Tokenizer,
        WhisperFeatureExtractor,
    )

    audio = {
        "model_type": "qwen2_audio_encoder",
        "d_model": 512,
        "encoder_layers": 6,
        "encoder_attention_heads": 8,
        "encoder_ffn_dim": 2048,
        "num_mel_bins": 128,
    }
    text = {
        "model_type": "qwen2",
        "hidden_size": 768,
        "intermediate_size": 2048,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "num_key_value_heads": 4,
        "vocab_size": 32_000,
    }
    config = Qwen2AudioConfig(audio_config=audio, text_config=text, audio_token_index=259)
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(["one"], vocab_size=256)
    tokens = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")
    tokenizer = Qwen2Tokenizer(vocab=json.loads(bpe.to_str())["model"]["vocab"], merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": list(tokens)})
    extractor = WhisperFeatureExtractor(feature_size=128, return_attention_mask=True)
    Qwen2AudioProcessor(extractor, tokenizer).save_pretrained(str(folder))
    model = Qwen2AudioForConditionalGeneration(config)
    model.generation_config = GenerationConfig(eos_token_id=[256, 258])
    model.save_pretrained(str(folder))


_LARGE: Final[Mapping[str, Any]] = {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}
MODELS: Final[Mapping[str, Writer]] = {
    "whisper-base": _whisper(512, 8, 6),
    "whisper-small": _whisper(768, 12, 12),
    "wav2vec2-base": _wave(),
    "wav2vec2-stable": _wave(
        hidden_size=512, num_hidden_layers=16, num_attention_heads=8, intermediate_size=2048, **_LARGE
    ),
    "conformer": _conformer,
    "ast": _spectrogram,
    "clap": _clap,
    "qwen2-audio": _audio_llm,
}
"""Each by its name; `whisper-pico` is bundled, and real weights are given by their folder."""
