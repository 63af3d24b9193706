"""Speech to text: targets, batches, padding, predictions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.audio.features import stack_padded
from engine.audio.reading import read_audio
from engine.config.training import TrainingConfig
from engine.data.example import Text, make_utterance
from engine.data.manifest import read_manifest
from engine.data.waves import read_wave
from engine.families.whisper.learner import WhisperLearner
from engine.families.whisper.model import WhisperSpeech
from tests.tiny_multilingual import write_tiny_multilingual
from tests.whisper import load_whisper

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def speech(tiny_whisper: Path) -> WhisperSpeech:
    return load_whisper(str(tiny_whisper))


def _task(speech: WhisperSpeech, **fields: object) -> WhisperLearner:
    return WhisperLearner(speech, TrainingConfig.model_validate(fields), CPU, torch.float32)


def test_targets_are_the_text_and_an_end_and_nothing_of_the_prefix(speech: WhisperSpeech, tones: Path) -> None:
    task = _task(speech)
    rows = [u for u in read_manifest(tones / "manifest.jsonl") if u.target.text in ("one", "three")][:8]
    batch = task.collate(rows, tones)
    for i, u in enumerate(rows):
        learned = batch.targets_BU[i][batch.targets_BU[i] >= 0].tolist()
        assert learned == [*speech.codec.encode(u.target.text), speech.codec.end]
        start = speech.codec.prefix
        assert batch.ids_BU[i, : len(start)].tolist() == start
        # Each target is the token after the input at its place.
        places = (batch.targets_BU[i] >= 0).nonzero().flatten().tolist()
        assert [int(batch.ids_BU[i, p + 1]) for p in places[:-1]] == learned[:-1]
    assert batch.target_count == task.target_count(rows) == int((batch.targets_BU >= 0).sum())


def test_the_sum_of_losses_does_not_depend_on_how_a_batch_is_cut(speech: WhisperSpeech, tones: Path) -> None:
    task = _task(speech, context={"type": "short", "bucket_s": 2.0})
    rows = read_manifest(tones / "manifest.jsonl")[:6]
    with torch.inference_mode():
        whole, count = task.loss(task.collate(rows, tones))
        parts = [task.loss(task.collate(rows[i : i + 2], tones)) for i in range(0, 6, 2)]
    assert count == sum(n for _, n in parts)
    torch.testing.assert_close(whole, torch.stack([loss for loss, _ in parts]).sum(), rtol=1e-5, atol=1e-4)


def test_weights_of_one_change_no_bit_of_loss_and_gradient(speech: WhisperSpeech, tones: Path) -> None:
    task = _task(speech)
    rows = read_manifest(tones / "manifest.jsonl")[:6]
    batch = task.collate(rows, tones)
    assert batch.weights_B is None
    weighted = task.collate([replace(u, weight=1.0) for u in rows], tones)
    # Today's loss, written out.
    expected = torch.nn.functional.cross_entropy(
        task.logits(batch).float().flatten(0, 1), batch.targets_BU.flatten(), ignore_index=-100, reduction="sum"
    )
    assert torch.equal(task.loss(weighted)[0], expected)
    parameter = next(p for p in speech.model.parameters() if p.requires_grad)
    gradients = [torch.autograd.grad(loss, parameter)[0] for loss in (task.loss(weighted)[0], expected)]
    assert torch.equal(gradients[0], gradients[1])


def test_label_smoothing_spreads_mass_over_all_tokens_while_training(speech: WhisperSpeech, tones: Path) -> None:
    rows = read_manifest(tones / "manifest.jsonl")[:4]
    smooth, plain = _task(speech, label_smoothing=0.2), _task(speech)
    batch = plain.collate(rows, tones)
    try:
        speech.model.train()  # it has no dropout
        logs_NV = plain.logits(batch).float().log_softmax(dim=-1).flatten(0, 1)
        targets_N = batch.targets_BU.flatten()
        learned_NV, learned_N = logs_NV[targets_N >= 0], targets_N[targets_N >= 0]
        right = -learned_NV.gather(1, learned_N[:, None]).sum()
        spread = -learned_NV.mean(dim=1).sum()
        torch.testing.assert_close(smooth.loss(batch)[0], 0.8 * right + 0.2 * spread)
        torch.testing.assert_close(plain.loss(batch)[0], right)
    finally:
        speech.model.eval()
    torch.testing.assert_close(smooth.loss(batch)[0], right)  # what is measured is the plain loss


def test_as_many_tokens_are_written_as_allowed(speech: WhisperSpeech) -> None:
    wave_T = 0.1 * np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    given: list[int] = []
    for most in (2, 5):
        [text] = _task(speech, task={"max_new_tokens": most}).transcribe([wave_T])
        given.append(len(text))  # a token is a byte
    assert given == [2, 5]


@pytest.mark.parametrize(
    ("fallback", "context", "search"),
    [(True, "full", "fallback"), (False, "full", "greedy"), (True, "short", "greedy")],
)
def test_the_fallback_is_used_in_the_whole_window_when_asked(
    fallback: bool, context: str, search: str, speech: WhisperSpeech, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def generate(*arguments: object) -> list[list[int]]:
        asked.append(arguments[3])
        return [speech.codec.encode("one")]

    monkeypatch.setattr(speech, "generate", generate)
    fields = {"task": {"fallback": fallback}, "context": {"type": context}}
    assert _task(speech, **fields).transcribe([np.zeros(8000, dtype=np.float32)]) == ["one"]
    assert asked == [search]


def test_as_much_audio_is_transcribed_at_once_as_allowed(
    speech: WhisperSpeech, tones: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = read_manifest(tones / "manifest.jsonl")[:12]
    sizes: list[int] = []
    generate = speech.generate

    def counted(mel_BMF: torch.Tensor, *arguments: object) -> object:
        sizes.append(len(mel_BMF))
        return generate(mel_BMF, *arguments)

    monkeypatch.setattr(speech, "generate", counted)
    for audio_s, most in ((4.0, 4), (60.0, 12)):
        sizes.clear()
        fields = {"context": {"type": "short", "bucket_s": 1.0}, "evaluation": {"batch_cost": audio_s}}
        _task(speech, **fields, task={"max_new_tokens": 2}).predict(rows, tones)
        assert max(sizes) == most
        assert sum(sizes) == 12


def test_a_weight_scales_the_loss_of_its_utterance_and_not_the_count(speech: WhisperSpeech, tones: Path) -> None:
    task = _task(speech)
    rows = read_manifest(tones / "manifest.jsonl")[:4]
    weights = [0.5, 2.0, 1.0, 0.0]
    with torch.inference_mode():
        alone = [task.loss(task.collate([u], tones))[0] for u in rows]
        batch = task.collate([replace(u, weight=w) for u, w in zip(rows, weights, strict=True)], tones)
        loss, count = task.loss(batch)
    expected = sum(w * x for w, x in zip(weights, alone, strict=True))
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-3)
    assert count == task.target_count(rows)


def test_stretches_are_heard_one_after_the_other(speech: WhisperSpeech, tones: Path) -> None:
    first, second = read_manifest(tones / "manifest.jsonl")[:2]
    pieces = first.input.stretches() + second.input.stretches()
    joined = replace(first.input, duration_s=first.input.duration_s + second.input.duration_s, pieces=pieces)
    whole = replace(first, input=joined, target=Text("zero zero"))
    waves = [read_audio(tones / u.input.audio, 16_000, u.input.start_s, u.input.duration_s) for u in (first, second)]
    assert np.array_equal(read_wave(tones, whole), np.concatenate(waves))
    batch = _task(speech).collate([whole], tones)
    assert batch.cost == pytest.approx(first.input.duration_s + second.input.duration_s)


def test_random_changes_depend_on_the_seed_alone(speech: WhisperSpeech, tones: Path) -> None:
    task = _task(speech, augmentation={"speed_probability": 1.0, "noise_probability": 1.0, "mask_frequencies": 1})
    rows = read_manifest(tones / "manifest.jsonl")[:2]
    first = task.collate(rows, tones, [(0, 1, 0, 5), (0, 1, 0, 6)])
    again = task.collate(rows, tones, [(0, 1, 0, 5), (0, 1, 0, 6)])
    other = task.collate(rows, tones, [(0, 2, 0, 5), (0, 2, 0, 6)])
    assert torch.equal(first.mel_BMF, again.mel_BMF)
    assert first.mel_BMF.shape != other.mel_BMF.shape or not torch.equal(first.mel_BMF, other.mel_BMF)


def test_a_prediction_does_not_depend_on_its_neighbours(speech: WhisperSpeech, tones: Path) -> None:
    task = _task(speech, task={"max_new_tokens": 6})
    rows = read_manifest(tones / "manifest.jsonl")
    together = task.predict(rows, tones)
    alone = [task.predict([u], tones)[0] for u in rows[::7]]
    assert together[::7] == alone


def test_full_context_pads_to_the_window_and_short_to_the_bucket(speech: WhisperSpeech, tones: Path) -> None:
    rows = read_manifest(tones / "manifest.jsonl")[:2]
    assert _task(speech, context={"type": "full"}).collate(rows, tones).mel_BMF.shape == (2, 80, 3000)
    assert _task(speech).collate(rows, tones).mel_BMF.shape[-1] in (50, 100)
    whole = _task(speech).collate_whole(rows, tones)
    assert torch.equal(whole.mel_BMF, _task(speech, context={"type": "full"}).collate(rows, tones).mel_BMF)


def test_what_the_model_cannot_take_is_named(speech: WhisperSpeech) -> None:
    rows = [
        make_utterance("long-audio", "a.wav", 0.0, 31.0, "one", None, None),
        make_utterance("long-text", "a.wav", 0.0, 1.0, "seven " * 40, None, None),
        make_utterance("good", "a.wav", 0.0, 1.0, "seven", None, None),
    ]
    assert _task(speech).misfits(rows) == {
        "long-audio": "31.0 s of audio; at most 30.0 s fit",
        "long-text": "240 tokens of text; at most 126 fit",
    }


def test_waves_are_transcribed(speech: WhisperSpeech) -> None:
    waves = [0.1 * np.random.default_rng(i).standard_normal(8000).astype(np.float32) for i in range(2)]
    assert len(_task(speech, task={"max_new_tokens": 3}).transcribe(waves)) == 2


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> WhisperSpeech:
    """A model of whole windows, of 2 s each."""
    folder = write_tiny_multilingual(tmp_path_factory.mktemp("several"), positions=100)
    return load_whisper(str(folder), language="sw")


def test_what_repeats_itself_in_short_context_is_transcribed_in_the_whole_window(
    several: WhisperSpeech, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[tuple[int, ...], str]] = []

    def recorded(mel_BMF: torch.Tensor, *arguments: Any) -> list[list[int]]:
        asked.append((tuple(mel_BMF.shape), arguments[-1]))
        return WhisperSpeech.generate(several, mel_BMF, *arguments)

    monkeypatch.setattr(several, "generate", recorded)
    wave = 0.1 * np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    short = _task(several, context={"type": "short", "bucket_s": 0.5, "tail_s": 0.1}, task={"max_new_tokens": 60})
    whole = _task(several, context={"type": "full"}, task={"max_new_tokens": 60})
    free = short.transcribe([wave])
    assert asked == [((1, 80, 100), "guarded")], "nothing repeats itself, and nothing is transcribed again"
    generation: Any = several.model.generation_config
    monkeypatch.setattr(generation, "suppress_tokens", [token for token in range(266) if token != 65])
    asked.clear()
    texts = short.transcribe([wave, wave])
    assert asked == [((2, 80, 100), "guarded"), ((2, 80, 200), "greedy")]
    assert texts == whole.transcribe([wave, wave]) != [free[0]] * 2
    assert asked[-1] == ((2, 80, 200), "greedy"), "in the whole window plain search is all"


def test_fallback_is_that_of_the_model_and_draws_nothing_of_training_s_chance(several: WhisperSpeech) -> None:
    waves = [0.1 * np.random.default_rng(i).standard_normal(8000).astype(np.float32) for i in range(2)]
    limits = {"max_new_tokens": 12}
    task = _task(several, context={"type": "full"}, task=limits | {"fallback": True}, seed=5)
    before = torch.random.get_rng_state()
    texts = task.transcribe(waves)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert texts == task.transcribe(waves)
    plain = _task(several, context={"type": "full"}, task=limits).transcribe(waves)
    assert texts != plain
    with torch.random.fork_rng([]):
        torch.manual_seed(5)
        mel_BMF = several.features(stack_padded(waves, 32_000))
        direct = [several.codec.decode(row) for row in several.generate(mel_BMF, 12, None, "fallback")]
    assert texts == direct
