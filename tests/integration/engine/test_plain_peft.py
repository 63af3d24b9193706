"""An adapter made here, loaded with nothing but peft and transformers, gives the same transcripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
from peft import PeftModel
from transformers import BitsAndBytesConfig, WhisperForConditionalGeneration, WhisperProcessor

from engine.audio.reading import read_audio
from engine.config.base import apply_overrides, parse, read_yaml
from engine.config.training import TrainingConfig
from engine.data.example import Utterance
from engine.data.manifest import read_manifest
from engine.models.catalogue import PROJECT_ROOT, find_model
from engine.run.events import MemorySink
from engine.run.store import LocalRunStore
from engine.stages.finetune import finetune
from engine.stages.ingest import ingest
from engine.stages.transcribe import transcribe

SPEECH = PROJECT_ROOT / "engine" / "data" / "bundled" / "demo-speech"
RECIPE = PROJECT_ROOT / "configs" / "training" / "demo.yaml"
RECORDINGS = 40


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path], list[str]]:
    """An adapter, recordings of speakers that it never heard, and what it was measured to make of them."""
    folder = tmp_path_factory.mktemp("plain-peft")
    ingest(SPEECH, folder / "data")
    changes = ["max_steps=100", "optimizer.learning_rate=3e-3", "evaluation.base=false"]
    config = parse(TrainingConfig, apply_overrides(read_yaml(RECIPE), changes))
    store = LocalRunStore(folder / "run")
    result = finetune(
        model="whisper-pico", data=folder / "data", config=config, store=store, events=MemorySink(), work_dir=folder
    )
    assert result.tuned is not None and result.tuned["wer"] < 0.3
    unheard = [u for u in read_manifest(folder / "data" / "manifest.jsonl") if u.group in result.test_groups]
    unheard = unheard[:: max(1, len(unheard) // RECORDINGS)][:RECORDINGS]
    paths = [_write(u, folder) for u in unheard]
    return folder / "run" / "adapter", paths, [u.target.text for u in unheard]


def _write(utterance: Utterance, folder: Path) -> Path:
    wave_T = read_audio(
        folder / "data" / utterance.input.audio, 16_000, utterance.input.start_s, utterance.input.duration_s
    )
    path = folder / f"{utterance.id.replace('/', '_')}.wav"
    soundfile.write(path, wave_T, 16_000, subtype="FLOAT")
    return path


def _plain(adapter: Path, paths: list[Path], **options: Any) -> list[str]:
    """As the adapter's README says."""
    base = find_model("whisper-pico").location()
    model = PeftModel.from_pretrained(WhisperForConditionalGeneration.from_pretrained(base, **options), str(adapter))
    model.eval()
    processor = WhisperProcessor.from_pretrained(base)
    texts = []
    for path in paths:
        inputs = processor(read_audio(path, 16_000), sampling_rate=16_000, return_tensors="pt")
        with torch.inference_mode():
            ids = model.generate(inputs.input_features)
        texts += processor.batch_decode(ids, skip_special_tokens=True)
    return [text.strip() for text in texts]


def _agreement(ours: list[str], theirs: list[str]) -> float:
    return sum(a == b for a, b in zip(ours, theirs, strict=True)) / len(ours)


def test_plain_peft_gives_the_same_transcripts(trained: tuple[Path, list[Path], list[str]]) -> None:
    adapter, paths, texts = trained
    ours_short = [t.text for t in transcribe(paths, adapter=adapter)]
    ours_full = [t.text for t in transcribe(paths, adapter=adapter, context="full")]
    four_bit = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, llm_int8_skip_modules=["proj_out"]
    )
    plain_four_bit = _plain(adapter, paths, quantization_config=four_bit, device_map={"": "cpu"})
    plain_full_precision = _plain(adapter, paths)
    assert len(set(texts)) > 3
    assert ours_short != [t.text for t in transcribe(paths, model="whisper-pico")]  # the adapter does something
    # The same window and the same 4-bit base differ by nothing but the kernel that a processor gets.
    assert _agreement(ours_full, plain_four_bit) >= 0.97
    # Short context and a base in full precision are other inputs to the same model.
    assert _agreement(ours_short, plain_four_bit) >= 0.9
    assert _agreement(ours_short, plain_full_precision) >= 0.9
