"""Both sides of the training benchmark learn the same tokens from the same texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import GenerationConfig

from engine.config.training import TrainingConfig
from engine.data.manifest import read_manifest
from engine.families.whisper.learner import WhisperLearner
from tests.benchmarks.our_trainer import build_config
from tests.benchmarks.peer_trainer import Row, SpeechCollator, align_prompt, label_ids
from tests.benchmarks.training_side import TARGETS, SideSettings
from tests.whisper import load_whisper

_IGNORED = -100


@pytest.mark.parametrize("prompted", [True, False], ids=["with <|notimestamps|>", "without"])
def test_the_peer_has_our_inputs_and_targets(tiny_whisper: Path, tones: Path, prompted: bool) -> None:
    speech = load_whisper(str(tiny_whisper))
    task = WhisperLearner(speech, TrainingConfig(max_steps=1), torch.device("cpu"), torch.float32)
    if not prompted:
        speech.codec.prefix.pop()
        speech.model.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]
    utterances = [u for u in read_manifest(tones / "manifest.jsonl") if u.id.endswith("_s0_0")]
    assert len({len(u.target.text) for u in utterances}) > 1
    ours = task.collate(utterances, tones)

    processor = speech.processor
    align_prompt(processor, speech.model.generation_config)
    collate = SpeechCollator(processor, speech.model.config.decoder_start_token_id)
    mel_MF = np.zeros((80, 3000), dtype=np.float32)
    peers = collate(
        [
            Row(input_features=mel_MF, labels=label_ids(processor, u.target.text), audio_s=u.input.duration_s)
            for u in utterances
        ]
    )

    assert torch.equal(peers["labels"], ours.targets_BU)
    # Inputs count as far as something is learned from them; beyond, both are padding.
    reached = ours.targets_BU.flip(1).ne(_IGNORED).cumsum(1).flip(1) > 0
    assert torch.equal(peers["decoder_input_ids"][reached], ours.ids_BU[reached])
    assert peers["input_features"].shape == (len(utterances), 80, 3000)
    assert collate.batches_s == [[u.input.duration_s for u in utterances]]
    assert sum(collate.batches_s[0]) == pytest.approx(ours.cost)


def test_labels_are_in_the_form_that_the_base_writes(tiny_whisper: Path) -> None:
    speech = load_whisper(str(tiny_whisper))
    ids = label_ids(speech.processor, "  Seven, NINE! ")
    assert ids == [*speech.codec.prefix, *speech.codec.encode("seven nine"), speech.codec.end]


def test_our_side_trains_what_the_settings_say(tmp_path: Path) -> None:
    settings = SideSettings(
        model="whisper-pico",
        data=tmp_path,
        work=tmp_path,
        steps=30,
        batch=16,
        rank=4,
        alpha=8,
        learning_rate=1e-3,
        warmup_steps=5,
        seed=3,
        threads=2,
    )
    config = build_config(settings)
    assert config.method.type == "qlora" and config.method.double_quantization
    assert config.method.target_modules == list(TARGETS)
    assert config.batch.max_examples == 16 and config.batch.cost == config.batch.micro_batch_cost
    assert config.max_steps == 30 and config.schedule.warmup_steps == 5
    assert config.augmentation == TrainingConfig(max_steps=1).augmentation
    assert config.context.type == "auto"
    assert build_config(settings.model_copy(update={"context": "short"})).context.type == "short"
