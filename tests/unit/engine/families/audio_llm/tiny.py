"""A Qwen2-Audio and a Voxtral with random weights and small tokenizers, and recordings of tones with texts."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import soundfile
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    GenerationConfig,
    Qwen2AudioConfig,
    Qwen2AudioForConditionalGeneration,
    Qwen2AudioProcessor,
    Qwen2Tokenizer,
    VoxtralConfig,
    VoxtralForConditionalGeneration,
    WhisperFeatureExtractor,
)

from engine.data.example import AudioInput, Captions, Example, Text

RATE_HZ = 16_000
CPU = torch.device("cpu")
KINDS = ("qwen2_audio", "voxtral")
WORDS = ("low hum", "middle tone", "high whistle")
_QWEN_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")
_MISTRAL_TOKENS = {
    0: "<unk>",
    1: "<s>",
    2: "</s>",
    3: "[INST]",
    4: "[/INST]",
    11: "<pad>",
    24: "[AUDIO]",
    25: "[BEGIN_AUDIO]",
    34: "[TRANSCRIBE]",
}
_DECODER = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "vocab_size": 320,
}


def qwen2_audio_config() -> Qwen2AudioConfig:
    """2 s windows, of which the decoder reads up to 50 positions."""
    audio = {
        "d_model": 16,
        "encoder_layers": 2,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 24,
        "num_mel_bins": 16,
        "max_source_positions": 100,
        "encoder_layerdrop": 0.5,
    }
    audio = {"model_type": "qwen2_audio_encoder", **audio}
    return Qwen2AudioConfig(audio_config=audio, text_config={"model_type": "qwen2", **_DECODER}, audio_token_index=259)


def voxtral_config() -> VoxtralConfig:
    """2 s windows, of which the decoder reads 25 positions."""
    audio = {
        "hidden_size": 16,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_mel_bins": 16,
        "max_source_positions": 100,
    }
    text = {"model_type": "llama", "head_dim": 8, **_DECODER}
    return VoxtralConfig(audio_config={"model_type": "voxtral_encoder", **audio}, text_config=text, audio_token_id=24)


def write_tiny(folder: Path, kind: str, *, seed: int = 0) -> Path:
    """A model folder with random weights, as the hub holds it."""
    torch.manual_seed(seed)
    extractor = WhisperFeatureExtractor(feature_size=16, chunk_length=2, return_attention_mask=True)
    if kind == "qwen2_audio":
        model = Qwen2AudioForConditionalGeneration(qwen2_audio_config())
        Qwen2AudioProcessor(extractor, _qwen_tokenizer()).save_pretrained(str(folder))
        ends = [256, 258]
    else:
        model = VoxtralForConditionalGeneration(voxtral_config())
        _write_tekken(folder / "tekken.json")
        extractor._processor_class = "VoxtralProcessor"
        extractor.save_pretrained(str(folder))
        ends = [2]
    # As published: what makes answers random must not reach predictions.
    model.generation_config = GenerationConfig(
        eos_token_id=ends, do_sample=True, temperature=0.7, top_p=0.5, repetition_penalty=5.0
    )
    with torch.no_grad():  # lively logits, so that comparisons mean something
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 and "embed_positions" not in name:
                parameter.normal_(std=0.6 if "lm_head" in name else 0.2)
    model.save_pretrained(str(folder))
    return folder


def _qwen_tokenizer() -> Qwen2Tokenizer:
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(WORDS, vocab_size=256)
    vocabulary = json.loads(bpe.to_str())["model"]["vocab"]
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": list(_QWEN_TOKENS)})
    return tokenizer


def _write_tekken(path: Path) -> None:
    """Mistral's format of a tokenizer: the bytes, two words, and the special tokens at their published ids."""
    special = [_MISTRAL_TOKENS.get(i, f"<SPECIAL_{i}>") for i in range(40)]
    vocabulary = [bytes([b]) for b in range(256)] + [b"lo", b"hi"]
    config = {
        "pattern": r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        "default_vocab_size": 40 + len(vocabulary),
        "default_num_special_tokens": 40,
        "version": "v7",
    }
    tokens = [
        {"rank": i, "token_bytes": base64.b64encode(v).decode(), "token_str": None} for i, v in enumerate(vocabulary)
    ]
    named = [{"rank": i, "token_str": token, "is_control": True} for i, token in enumerate(special)]
    path.write_text(json.dumps({"config": config, "vocab": tokens, "special_tokens": named}))


def recordings(folder: Path, *, takes: int = 2, seed: int = 0) -> list[Example[AudioInput, Text]]:
    """Each text is a tone of its own."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    examples = []
    for take in range(takes):
        for index, word in enumerate(WORDS):
            duration_s = round(float(generator.uniform(0.3, 1.8)), 3)
            time_T = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
            wave_T = 0.3 * np.sin(2 * np.pi * (200 * 3**index) * time_T)
            wave_T += 0.01 * generator.standard_normal(len(time_T))
            name = f"{index}-{take}.wav"
            soundfile.write(folder / name, wave_T.astype(np.float32), RATE_HZ, subtype="FLOAT")
            examples.append(Example(name, AudioInput(name, 0.0, duration_s), Text(word)))
    return examples


def captioned(examples: list[Example[AudioInput, Text]]) -> list[Example[AudioInput, Captions]]:
    """The same with one to three captions."""
    return [
        Example(e.id, e.input, Captions(tuple(f"{e.target.text} {i}" for i in range(1 + row % 3))))
        for row, e in enumerate(examples)
    ]
