"""Logits, loss and gradients against the forward of plain transformers (and peft)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from transformers import (
    AutoFeatureExtractor,
    AutoModelForAudioClassification,
    WhisperFeatureExtractor,
    WhisperForAudioClassification,
)

from engine.data.example import AudioInput, Example, Label
from tests.unit.engine.families.audio_encoder.tiny_encoders import (
    KINDS,
    LABELS,
    base_of,
    example,
    learner_of,
    sound,
    whisper,
    with_labels,
)

Recordings = tuple[Path, list[Example[AudioInput, Label]]]


def _plain(base: Any, folder: Path) -> tuple[Any, Any]:
    """The same model and its feature extractor, as transformers loads them."""
    base.save(folder)
    model = AutoModelForAudioClassification.from_pretrained(str(folder)).eval()
    return model, AutoFeatureExtractor.from_pretrained(str(folder))


def _inputs(extractor: Any, wave_T: np.ndarray) -> torch.Tensor:
    """One recording as the feature extractor gives it."""
    features = extractor(wave_T, sampling_rate=16_000, return_tensors="pt")
    return features.get("input_features", features.get("input_values"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_recording_among_others_has_the_logits_that_transformers_gives_for_it_alone(
    kind: str, sources: dict[str, Path], recordings: Recordings, tmp_path: Path
) -> None:
    base = base_of(sources[kind])
    plain, extractor = _plain(base, tmp_path)
    folder, examples = recordings
    chosen = [e for e in examples if 0.3 < e.input.duration_s < 1.1]
    with torch.inference_mode():
        ours = learner_of(base).logits(learner_of(base).collate(chosen, folder))
        waves = [sound(e.target.label, e.input.duration_s, int(e.id.rpartition("_")[2])) for e in chosen]
        theirs = torch.cat([plain(_inputs(extractor, wave_T)).logits for wave_T in waves])
    assert theirs.std() > 0.01
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)


def test_a_recording_that_fills_the_window_has_the_same_logits_in_short_and_full_context(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    base = base_of(sources["whisper"])
    recording = example(tmp_path, "high", 3.0)
    logits = {}
    for context in ("short", "full"):
        learner = learner_of(base, training={"context": {"type": context}})
        with torch.inference_mode():
            logits[context] = learner.logits(learner.collate([recording], tmp_path))
    plain, extractor = _plain(base, tmp_path / "saved")
    with torch.inference_mode():
        theirs = plain(_inputs(extractor, sound("high", 3.0))).logits
    assert torch.equal(logits["short"], logits["full"])
    torch.testing.assert_close(logits["short"], theirs, atol=1e-5, rtol=1e-5)


def test_short_context_is_transformers_with_a_shorter_window(sources: dict[str, Path], tmp_path: Path) -> None:
    base = base_of(sources["whisper"])
    learner = learner_of(base, training={"context": {"type": "short", "bucket_s": 1.0, "tail_s": 0.0}})
    recording = example(tmp_path, "high", 1.0)
    weights = base.model.state_dict()
    weights["encoder.embed_positions.weight"] = weights["encoder.embed_positions.weight"][:50]
    config = copy.deepcopy(base.model.config)
    config.max_source_positions = 50
    plain = WhisperForAudioClassification(config).eval()
    plain.load_state_dict(weights)
    with torch.inference_mode():
        ours = learner.logits(learner.collate([recording], tmp_path))
        features = WhisperFeatureExtractor(chunk_length=1)(
            sound("high", 1.0), sampling_rate=16_000, return_tensors="pt"
        )
        theirs = plain(features.input_features).logits
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_the_real_window_of_whisper_is_30_s(tmp_path: Path) -> None:
    """30 s in short context on the bundled model, against transformers' own forward and features."""
    base = base_of(Path(__file__).parents[5] / "engine" / "models" / "bundled" / "whisper-pico")
    recording = example(tmp_path, "low", 30.0)
    learner = learner_of(base, training={"context": {"type": "short"}})
    plain, extractor = _plain(base, tmp_path / "saved")
    with torch.inference_mode():
        batch = learner.collate([recording], tmp_path)
        ours, theirs = learner.logits(batch), plain(_inputs(extractor, sound("low", 30.0))).logits
    assert batch.parts[0].values.shape == (1, 80, 3000)
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)


def test_whispers_weighted_sum_of_layers_is_that_of_transformers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    whisper(tmp_path / "source", use_weighted_layer_sum=True)
    base = base_of(tmp_path / "source", from_scratch=True)
    with torch.no_grad():
        base.model.layer_weights.copy_(torch.tensor([0.5, -1.0, 2.0]))
    plain, extractor = _plain(base, tmp_path / "saved")
    learner = learner_of(base)
    recording = example(tmp_path, "high", 1.0)
    with torch.inference_mode():
        ours = learner.logits(learner.collate([recording], tmp_path))
        theirs = plain(_inputs(extractor, sound("high", 1.0))).logits
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_gradients_are_those_of_transformers_and_peft(
    kind: str, sources: dict[str, Path], tmp_path: Path
) -> None:
    base = base_of(sources[kind])
    plain, extractor = _plain(base, tmp_path / "saved")
    recordings = [example(tmp_path, label, 1.0, seed) for seed, label in enumerate(("high", "noise", "low"))]
    adapted, theirs = _adapted(base, base.model), _adapted(base, plain)
    learner = learner_of(base)
    loss_sum, count = learner.loss(learner.collate(recordings, tmp_path))
    (loss_sum / count).backward()
    inputs = torch.cat([_inputs(extractor, sound(e.target.label, 1.0, seed)) for seed, e in enumerate(recordings)])
    loss = theirs(inputs, labels=torch.tensor([LABELS.index(e.target.label) for e in recordings])).loss
    loss.backward()
    torch.testing.assert_close(loss_sum / count, loss, atol=1e-5, rtol=1e-5)
    ours = {name: p.grad for name, p in adapted.named_parameters() if p.requires_grad}
    expected = {name: p.grad for name, p in theirs.named_parameters() if p.requires_grad}
    assert ours.keys() == expected.keys()
    assert all(float(grad.abs().max()) > 0 for name, grad in expected.items() if "lora_B" in name)
    for name, grad in expected.items():
        torch.testing.assert_close(ours[name], grad, atol=1e-5, rtol=1e-4)


def test_the_loss_of_several_labels_is_that_of_transformers(sources: dict[str, Path], tmp_path: Path) -> None:
    base = base_of(sources["spectrogram"])
    learner = learner_of(base, multi_label=True)
    plain, extractor = _plain(base, tmp_path / "saved")
    recordings = [
        with_labels(example(tmp_path, "high", 1.0, 1), "high", "noise"),
        with_labels(example(tmp_path, "noise", 0.6, 2)),
    ]
    loss_sum, count = learner.loss(learner.collate(recordings, tmp_path))
    inputs = torch.cat([_inputs(extractor, sound("high", 1.0, 1)), _inputs(extractor, sound("noise", 0.6, 2))])
    targets_BC = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    assert count == 6
    torch.testing.assert_close(loss_sum / count, plain(inputs, labels=targets_BC).loss, atol=1e-5, rtol=1e-5)


def _adapted(base: Any, model: Any) -> Any:
    torch.manual_seed(3)
    config = peft.LoraConfig(
        r=4,
        target_modules=base.default_targets(),
        modules_to_save=list(base.heads),
        init_lora_weights=False,  # else B is zero, and A has no gradient
    )
    return peft.get_peft_model(model, config)
