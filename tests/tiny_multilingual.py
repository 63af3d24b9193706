"""A multilingual Whisper with random weights, and what real weights a test may find beside the repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import GenerationConfig, WhisperFeatureExtractor, WhisperProcessor, WhisperTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from tests.tiny import write_tiny_whisper

REAL_MODEL = Path(__file__).resolve().parents[1].parent / "shared" / "models" / "whisper-tiny.en"
REAL_SPEECH = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "librispeech-mini"
LANGUAGES = ("en", "de", "sw", "hi", "ru")
SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|notimestamps|>",
)
IDS = {token: 256 + place for place, token in enumerate(SPECIAL)}


def write_tiny_multilingual(folder: Path, *, seed: int = 0, positions: int = 1500) -> Path:
    """A model folder as transformers would save it, trained on whole windows as its config says nothing else."""
    write_tiny_whisper(folder, seed=seed, positions=positions, vocabulary=256 + len(SPECIAL))
    vocabulary = {character: place for place, character in enumerate(bytes_to_unicode().values())}
    tokenizer = WhisperTokenizer(
        vocab=vocabulary | IDS,
        merges=[],
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL[1:]),
        model_max_length=128,
    )
    WhisperProcessor(WhisperFeatureExtractor(feature_size=80), tokenizer).save_pretrained(str(folder))
    config = json.loads((folder / "config.json").read_text())
    del config["audio_context"]
    (folder / "config.json").write_text(json.dumps(config))
    GenerationConfig(
        bos_token_id=256,
        eos_token_id=256,
        pad_token_id=256,
        decoder_start_token_id=257,
        is_multilingual=True,
        lang_to_id={f"<|{code}|>": IDS[f"<|{code}|>"] for code in LANGUAGES},
        task_to_id={task: IDS[f"<|{task}|>"] for task in ("transcribe", "translate")},
        no_timestamps_token_id=IDS["<|notimestamps|>"],
        return_timestamps=False,
        max_length=128,
        suppress_tokens=[32, *IDS.values()][:-1],
        begin_suppress_tokens=[97, 256],
    ).save_pretrained(str(folder))
    return folder


def real_model() -> Path:
    """Whisper tiny.en; a test that asks for it is skipped, with the reason, where it is not there."""
    if not (REAL_MODEL / "model.safetensors").is_file():
        pytest.skip(f"no weights of Whisper tiny.en in {REAL_MODEL}")
    return REAL_MODEL


def real_speech() -> Path:
    """Real sentences; a test that asks for them is skipped, with the reason, where they are not there."""
    if not (REAL_SPEECH / "test-other.csv").is_file():
        pytest.skip(f"no recordings of LibriSpeech in {REAL_SPEECH}")
    return REAL_SPEECH
