"""A Whisper with random weights and a dataset of tones: small enough to train in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

from engine.data.example import make_utterance
from engine.data.manifest import write_manifest
from engine.recipes.whisper_pico import architecture

RATE_HZ = 16_000
WORDS = ("zero", "one", "two", "three", "four", "five")


def write_tiny_whisper(
    folder: Path, *, seed: int = 0, positions: int = 1500, width: int = 64, vocabulary: int | None = None
) -> Path:
    """A model folder with random weights, as transformers would save it."""
    config: WhisperConfig = architecture.build_config(width=width, heads=2, encoder_layers=2, decoder_layers=2)
    config.max_source_positions = positions
    config.vocab_size = vocabulary or config.vocab_size
    architecture.write(folder, config)
    torch.manual_seed(seed)
    model = WhisperForConditionalGeneration(config)
    with torch.no_grad():  # lively logits, so that comparisons mean something
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 and "embed_positions" not in name:
                parameter.mul_(4.0)
    generation = model.generation_config.from_pretrained(str(folder))
    generation.no_timestamps_token_id = 258  # as the large Whispers have it; whisper-pico has none
    model.generation_config = generation
    model.save_pretrained(str(folder))
    return folder


def write_tones(folder: Path, *, speakers: int = 3, takes: int = 4, seed: int = 0) -> Path:
    """A dataset version in which every word is a tone of its own and every speaker a level."""
    generator = np.random.default_rng(seed)
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    pieces, utterances, start = [], [], 0
    for speaker in range(speakers):
        for index, word in enumerate(WORDS):
            for take in range(takes):
                samples = int(RATE_HZ * generator.uniform(0.2, 0.9))
                time_T = np.arange(samples) / RATE_HZ
                wave_T = (0.2 + 0.1 * speaker) * np.sin(2 * np.pi * (300 + 250 * index) * time_T)
                wave_T += 0.01 * generator.standard_normal(samples)
                utterances.append(
                    make_utterance(
                        id=f"{word}_s{speaker}_{take}",
                        audio="audio/00000.wav",
                        start_s=start / RATE_HZ,
                        duration_s=samples / RATE_HZ,
                        text=word,
                        speaker=f"s{speaker}",
                        split=None,
                    )
                )
                pieces.append(wave_T.astype(np.float32))
                start += samples
    soundfile.write(folder / "audio" / "00000.wav", np.concatenate(pieces), RATE_HZ, subtype="PCM_16")
    write_manifest(folder / "manifest.jsonl", utterances)
    return folder
