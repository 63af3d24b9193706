"""Configs and processors of small models, without weights: `pretrain` starts from random ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def write_small_ctc(folder: Path) -> Path:
    """A wav2vec 2.0 of four layers and about 1.3 million weights, which reads 16 kHz audio at 50 frames a second.

    Its alphabet comes from the training texts.
    """
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor

    config = Wav2Vec2Config(
        hidden_size=144,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=576,
        conv_dim=(64, 96, 128),
        conv_kernel=(20, 16, 8),
        conv_stride=(10, 8, 4),
        num_conv_pos_embeddings=32,
        num_conv_pos_embedding_groups=8,
        feat_extract_norm="layer",
        conv_bias=True,
        do_stable_layer_norm=True,
        hidden_dropout=0.1,
        activation_dropout=0.1,
        attention_dropout=0.1,
        feat_proj_dropout=0.1,
        final_dropout=0.1,
        architectures=["Wav2Vec2ForCTC"],
    )
    config.save_pretrained(str(folder))
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(str(folder))
    return folder


def write_small_clap(folder: Path, texts: Iterable[str]) -> Path:
    """A CLAP of about 1 million weights that hears 5 s in 64 mel bands at 48 kHz, with a tokenizer over these texts."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import ClapConfig, ClapFeatureExtractor, ClapProcessor, RobertaTokenizer

    size = 600
    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(list(texts), vocab_size=size, special_tokens=special)
    tokenizer.save_model(str(folder))
    extractor = ClapFeatureExtractor(
        feature_size=64, hop_length=960, max_length_s=5, padding="repeatpad", truncation="rand_trunc"
    )
    ClapProcessor(extractor, RobertaTokenizer.from_pretrained(str(folder))).save_pretrained(str(folder))
    audio = {
        "spec_size": 128,
        "num_mel_bins": 64,
        "window_size": 4,
        "depths": [2, 2, 2],
        "num_attention_heads": [2, 4, 8],
        "num_hidden_layers": 3,
        "patch_embeds_hidden_size": 32,
        "hidden_size": 128,
    }
    text = {
        "vocab_size": size,
        "hidden_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 256,
        "max_position_embeddings": 66,
    }
    config = ClapConfig(audio_config=audio, text_config=text, projection_dim=64, architectures=["ClapModel"])
    config.save_pretrained(str(folder))
    return folder
