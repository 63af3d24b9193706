"""A CLAP with random weights, and recordings of tones with captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor, RobertaTokenizer

from engine.config.training import BatchConfig, TrainingConfig
from engine.data.example import AudioInput, Captions, Example

RATE_HZ = 16_000
CAPTIONS = ("a low hum", "a middle tone", "a high whistle", "a very high beep")
CPU = torch.device("cpu")


def config(**changes: object) -> ClapConfig:
    """Two stages of one and two blocks, so that windows shift; 1 s windows of 51 frames in 16 bands."""
    audio = {
        "spec_size": 32,
        "num_mel_bins": 16,
        "window_size": 4,
        "depths": [1, 2],
        "num_attention_heads": [2, 4],
        "num_hidden_layers": 2,
        "patch_embeds_hidden_size": 16,
        "hidden_size": 32,
        "hidden_dropout_prob": 0.0,
    }
    text = {
        "vocab_size": 300,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 34,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    return ClapConfig(audio_config=audio | changes, text_config=text, projection_dim=24)


def write_tiny_clap(folder: Path, *, seed: int = 0) -> Path:
    """A model folder with random weights, as transformers would save it."""
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(CAPTIONS, vocab_size=300, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    bpe.save_model(str(folder))
    tokenizer = RobertaTokenizer.from_pretrained(str(folder))
    extractor = ClapFeatureExtractor(
        feature_size=16,
        hop_length=960,
        max_length_s=1,
        padding="repeatpad",  # truncation "fusion" is its default
    )
    ClapProcessor(extractor, tokenizer).save_pretrained(str(folder))
    torch.manual_seed(seed)
    model = ClapModel(config())
    with torch.no_grad():  # lively embeddings, so that comparisons mean something
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.15)
            elif "logit_scale" not in name:
                parameter.add_(torch.randn_like(parameter) * 0.1)
        norm = model.audio_model.audio_encoder.batch_norm
        norm.running_mean.fill_(-45.0)
        norm.running_var.fill_(400.0)
        model.logit_scale_t.fill_(1.5)
    model.save_pretrained(str(folder))
    return folder


def recordings(folder: Path, *, takes: int = 3, seed: int = 0) -> list[Example[AudioInput, Captions]]:
    """Each caption is a tone of its own; files at 16 kHz, some shorter and some longer than the window."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    examples = []
    for take in range(takes):
        for index, caption in enumerate(CAPTIONS):
            duration_s = round(float(generator.uniform(0.3, 1.6)), 3)
            time_T = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
            wave_T = 0.3 * np.sin(2 * np.pi * (200 * 3**index) * time_T)
            wave_T += 0.01 * generator.standard_normal(len(time_T))
            name = f"{index}-{take}.wav"
            soundfile.write(folder / name, wave_T.astype(np.float32), RATE_HZ, subtype="FLOAT")
            target = Captions((caption, f"{caption} again"))
            examples.append(Example(name, AudioInput(name, 0.0, duration_s), target))
    return examples


def training(group_size: int = 4, **changes: object) -> TrainingConfig:
    """A config whose batches hold a group."""
    batch = BatchConfig(cost=2.0 * group_size, micro_batch_cost=2.0 * group_size)
    return TrainingConfig.model_validate({"batch": batch, **changes})
