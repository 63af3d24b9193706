"""The task: batches, loss, predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from engine.data.example import AudioInput, Example, Label, Labels, Piece, Text, TextInput
from engine.errors import ConfigError, ModelError, TrainingError
from engine.families.audio_encoder.labels import ClassWeights
from tests.unit.engine.families.audio_encoder.tiny_encoders import (
    KINDS,
    LABELS,
    base_of,
    example,
    four_bit_base_of,
    learner_of,
    wav2vec2,
    with_labels,
)

Recordings = tuple[Path, list[Example[AudioInput, Label]]]


def _adapted(base: Any, rank: int = 4) -> Any:
    config = peft.LoraConfig(
        r=rank,
        target_modules=base.default_targets(),
        modules_to_save=list(base.heads),
        init_lora_weights=False,
    )
    torch.manual_seed(3)
    return peft.get_peft_model(base.model, config)


def _gradients(model: Any) -> dict[str, torch.Tensor]:
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return found


def _context_of(kind: str, sources: dict[str, Path]) -> list[dict[str, Any]]:
    return [{"context": {"type": "short"}}, {}] if kind == "whisper" else [{}]


# ---- training ----------------------------------------------------------------------------------------------


def test_only_adapters_and_heads_have_gradients(source: Path, recordings: Recordings) -> None:
    base = four_bit_base_of(source)
    model = _adapted(base)
    folder, examples = recordings
    learner = learner_of(base)
    learner.loss(learner.collate(examples, folder))[0].backward()
    names = set(_gradients(model))
    assert {name for name in names if "lora_" not in name and "modules_to_save" not in name} == set()
    assert len([name for name in names if "lora_" in name]) == 2 * 2 * 6
    assert {head for head in base.heads if any(f"{head}.modules_to_save" in name for name in names)} == set(base.heads)


@pytest.mark.parametrize("kind", KINDS)
def test_splitting_a_batch_changes_neither_sum_nor_count_nor_gradient(
    kind: str, sources: dict[str, Path], recordings: Recordings
) -> None:
    folder, examples = recordings
    base = base_of(sources[kind])
    model = _adapted(base)
    model.train()
    for training in _context_of(kind, sources):
        learner = learner_of(base, training=training)
        whole_sum, whole_count = learner.loss(learner.collate(examples, folder))
        whole_sum.backward()
        whole = _gradients(model)
        loss_sum, count = torch.zeros(()), 0
        for one in examples:
            loss, targets = learner.loss(learner.collate([one], folder))
            loss.backward()
            loss_sum, count = loss_sum + loss.detach(), count + targets
        single = _gradients(model)
        assert count == whole_count == learner.target_count(examples) == 6
        torch.testing.assert_close(whole_sum.detach(), loss_sum, atol=1e-5, rtol=1e-5)
        scale = max(float(grad.abs().max()) for grad in whole.values())
        for name, grad in whole.items():
            torch.testing.assert_close(single[name], grad, atol=2e-5 * scale, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_recomputed_activations_give_the_same_gradients(
    kind: str, sources: dict[str, Path], recordings: Recordings
) -> None:
    folder, examples = recordings
    base = base_of(sources[kind])
    base.model.requires_grad_(True)
    learner = learner_of(base)
    base.model.train()
    batch = learner.collate(examples[:3], folder)
    learner.loss(batch)[0].backward()
    kept = _gradients(base.model)
    base.model.activation_checkpointing_enable({"use_reentrant": False})
    learner.loss(batch)[0].backward()
    recomputed = _gradients(base.model)
    assert kept.keys() == recomputed.keys()
    for name, grad in kept.items():
        torch.testing.assert_close(recomputed[name], grad, atol=1e-6, rtol=1e-4)


def test_bfloat16_gives_about_the_same_loss_in_float32(source: Path, recordings: Recordings) -> None:
    folder, examples = recordings
    base = four_bit_base_of(source)
    exact, rounded = learner_of(base), learner_of(base, dtype=torch.bfloat16)
    batch = exact.collate(examples, folder)
    loss = rounded.loss(batch)[0]
    assert loss.dtype == torch.float32
    assert not torch.equal(loss, exact.loss(batch)[0])
    torch.testing.assert_close(rounded.logits(batch), exact.logits(batch), atol=0.15, rtol=0.1)


def test_frozen_convolutions_keep_no_activations(sources: dict[str, Path]) -> None:
    for kind in ("wav2vec2", "wav2vec2_large", "hubert"):
        base = base_of(sources[kind])
        _adapted(base).train()
        inner = getattr(base.model, base.model.base_model_prefix)
        assert not inner.feature_extractor(torch.randn(1, 800)).requires_grad


def test_weights_multiply_each_examples_loss(sources: dict[str, Path], recordings: Recordings) -> None:
    folder, (first, second, *_) = recordings
    learner = learner_of(base_of(sources["whisper"]))
    one = learner.loss(learner.collate([first], folder))[0]
    two = learner.loss(learner.collate([second], folder))[0]
    both = learner.collate([first, second], folder)
    assert both.weights_B is None
    doubled = Example(second.id, second.input, second.target, weight=2.0)
    loss, count = learner.loss(learner.collate([first, doubled], folder))
    assert count == 2
    torch.testing.assert_close(loss, one + 2.0 * two)
    assert not torch.isclose(loss, learner.loss(both)[0])
    several = learner_of(base_of(sources["whisper"]), multi_label=True)
    plain = [with_labels(first, "high"), with_labels(second, "low", "noise")]
    sums = [several.loss(several.collate([e], folder))[0] for e in plain]
    weighted = [plain[0], with_labels(doubled, "low", "noise")]
    torch.testing.assert_close(several.loss(several.collate(weighted, folder))[0], sums[0] + 2.0 * sums[1])


def test_balanced_weights_multiply_the_loss_of_each_class(sources: dict[str, Path], recordings: Recordings) -> None:
    folder, examples = recordings
    base = base_of(sources["whisper"])
    weights = ClassWeights(present=(0.5, 1.0, 3.0), absent=(1.5, 2.5, 0.25))
    learner = learner_of(base, weights, class_weights="balanced")
    batch = learner.collate(examples, folder)
    logits_BC = learner.logits(batch).detach()
    each_B = cross_entropy(logits_BC, batch.targets, reduction="none")
    expected = sum(each_B[row] * weights.present[LABELS.index(e.target.label)] for row, e in enumerate(examples))
    loss, count = learner.loss(batch)
    torch.testing.assert_close(loss.detach(), expected)
    assert count == 6
    several = learner_of(base, weights, class_weights="balanced", multi_label=True)
    batch = several.collate([with_labels(examples[0], "high", "noise"), with_labels(examples[1])], folder)
    logits_BC = several.logits(batch).detach()
    each_BC = binary_cross_entropy_with_logits(logits_BC, batch.targets, reduction="none")
    factors_BC = torch.tensor([[0.5, 2.5, 3.0], [1.5, 2.5, 0.25]])
    torch.testing.assert_close(several.loss(batch)[0].detach(), (each_BC * factors_BC).sum())
    with pytest.raises(TrainingError, match="build it with balanced_weights"):
        learner_of(base, class_weights="balanced").loss(batch)


def test_label_smoothing_counts_only_in_training(sources: dict[str, Path], recordings: Recordings) -> None:
    folder, examples = recordings
    base = base_of(sources["whisper"])
    learner = learner_of(base, training={"label_smoothing": 0.2})
    batch = learner.collate(examples, folder)
    logits_BC = learner.logits(batch).detach()
    torch.testing.assert_close(learner.loss(batch)[0], cross_entropy(logits_BC, batch.targets, reduction="sum"))
    base.model.train()
    smooth = cross_entropy(logits_BC, batch.targets, reduction="sum", label_smoothing=0.2)
    torch.testing.assert_close(learner.loss(batch)[0], smooth)
    several = learner_of(base, training={"label_smoothing": 0.2}, multi_label=True)
    batch = several.collate([with_labels(examples[0], "high", "noise")], folder)
    logits_C = several.logits(batch).detach()[0]
    wanted_C = torch.tensor([0.9, 0.1, 0.9])
    torch.testing.assert_close(
        several.loss(batch)[0].detach(), binary_cross_entropy_with_logits(logits_C, wanted_C, reduction="sum")
    )


@pytest.mark.parametrize("kind", ["whisper", "wav2vec2", "spectrogram"])
def test_it_learns_sounds_and_a_saved_adapter_predicts_the_same(
    kind: str, sources: dict[str, Path], tmp_path: Path
) -> None:
    examples = [example(tmp_path, label, 0.5 + 0.1 * take, take) for take in range(3) for label in LABELS]
    unheard = [example(tmp_path, label, 0.7, 9) for label in LABELS]
    base = four_bit_base_of(sources[kind])
    model = _adapted(base)
    learner = learner_of(base, training=_context_of(kind, sources)[0])
    batch = learner.collate(examples, tmp_path)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(30):
        loss, count = learner.loss(batch)
        optimizer.zero_grad()
        (loss / count).backward()
        optimizer.step()
        losses.append(float(loss.detach()) / count)
    assert losses[-1] < 0.2 * losses[0]
    assert [p["label"] for p in learner.predict(examples, tmp_path)] == list(LABELS) * 3
    predictions = learner.predict(unheard, tmp_path)
    if kind != "wav2vec2":  # random filters on the wave are too poor for sounds that were not learned
        assert [p["label"] for p in predictions] == list(LABELS)
    model.save_pretrained(str(tmp_path / "adapter"))
    again = four_bit_base_of(sources[kind])
    peft.PeftModel.from_pretrained(again.model, str(tmp_path / "adapter")).eval()
    assert learner_of(again, training=_context_of(kind, sources)[0]).predict(unheard, tmp_path) == predictions


def test_a_saved_model_predicts_the_same(source: Path, recordings: Recordings, tmp_path: Path) -> None:
    folder, examples = recordings
    base = base_of(source)
    predictions = learner_of(base).predict(examples, folder)
    base.save(tmp_path)
    again = learner_of(base_of(tmp_path, ())).predict(examples, folder)
    assert [one["label"] for one in again] == [one["label"] for one in predictions]
    for one, other in zip(again, predictions, strict=True):  # where the weights lie in memory changes the last digits
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-6)


# ---- predictions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_prediction_does_not_depend_on_its_neighbours(
    kind: str, sources: dict[str, Path], recordings: Recordings
) -> None:
    folder, examples = recordings
    base = base_of(sources[kind])
    for training in _context_of(kind, sources):
        learner = learner_of(base, training={**training, "evaluation": {"batch_cost": 4.0}})
        done: list[int] = []
        together = learner.mean_logits(examples, folder, done.append)
        assert sum(done) == len(examples)
        alone = torch.cat([learner.mean_logits([one], folder) for one in examples])
        backwards = learner.mean_logits(examples[::-1], folder).flip(0)
        assert together.isfinite().all()
        assert together.std(dim=0).min() > 0.01
        torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(together, backwards, atol=1e-5, rtol=1e-4)
        assert learner.predict([], folder) == []


def test_predictions_of_one_label(tmp_path: Path, sources: dict[str, Path]) -> None:
    labels = ("a", "b", "c", "d", "e", "f")
    learner = learner_of(base_of(sources["spectrogram"], labels))
    recording = example(tmp_path, "high", 0.5)
    logits_C = learner.mean_logits([recording], tmp_path)[0]
    (prediction,) = learner.predict([recording], tmp_path)
    scores = prediction["scores"]
    assert prediction["label"] == labels[int(logits_C.argmax())] == next(iter(scores))
    assert len(scores) == 5
    assert list(scores.values()) == sorted(scores.values(), reverse=True)
    expected = dict(zip(labels, logits_C.softmax(dim=-1).tolist(), strict=True))
    assert scores == pytest.approx({label: expected[label] for label in scores})
    assert labels[int(logits_C.argmin())] not in scores


def test_predictions_of_several_labels(tmp_path: Path, sources: dict[str, Path]) -> None:
    base = base_of(sources["spectrogram"])
    recording = example(tmp_path, "high", 0.5)
    learner = learner_of(base, multi_label=True)
    probabilities = learner.mean_logits([recording], tmp_path)[0].sigmoid().tolist()
    ranked = sorted(probabilities)
    for threshold, count in ((ranked[1], 2), (1.0, 0), (0.0, 3)):
        (prediction,) = learner_of(base, multi_label=True, threshold=threshold).predict([recording], tmp_path)
        assert prediction["scores"] == pytest.approx(dict(zip(LABELS, probabilities, strict=True)))
        chosen = [label for label in LABELS if prediction["scores"][label] >= threshold]
        assert prediction["labels"] == chosen
        assert len(chosen) == count


# ---- lengths -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_recording_is_cut_into_windows(kind: str, sources: dict[str, Path], tmp_path: Path) -> None:
    base = base_of(sources[kind])
    if base.window_s > 3.0:
        base.window_s = 3.0
    window_s = base.window_s
    learner = learner_of(base)
    long = example(tmp_path, "high", 7.0)
    of_parts = learner.mean_logits(_windows_of(long, window_s), tmp_path)
    assert of_parts.std(dim=0).max() > 1e-4
    torch.testing.assert_close(learner.mean_logits([long], tmp_path)[0], of_parts.mean(dim=0), atol=1e-5, rtol=1e-4)
    assert learner.costs([long]) == [window_s]
    assert learner.padded_costs([long]) == pytest.approx([window_s])
    middle = Example("m", AudioInput(long.input.audio, (7.0 - window_s) / 2, window_s), long.target)
    batch, expected = learner.collate([long], tmp_path), learner.collate([middle], tmp_path)
    assert torch.equal(batch.parts[0].values, expected.parts[0].values)
    assert batch.cost == window_s
    drawn = [learner.collate([long], tmp_path, [[5, step]]).parts[0].values for step in (1, 2, 1)]
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], batch.parts[0].values)


def _windows_of(long: Example[AudioInput, Label], window_s: float) -> list[Example[AudioInput, Label]]:
    count = -(-7.0 // window_s)
    step_s = (7.0 - window_s) / (count - 1)
    return [Example(str(i), AudioInput(long.input.audio, i * step_s, window_s), long.target) for i in range(int(count))]


def test_costs_are_seconds_of_audio_without_and_with_padding(sources: dict[str, Path], recordings: Recordings) -> None:
    folder, examples = recordings
    short = learner_of(base_of(sources["whisper"]), training={"context": {"type": "short", "bucket_s": 0.5}})
    assert short.cost_unit == "audio_s"
    assert short.costs(examples) == [0.61, 0.4, 0.01, 0.61, 1.03, 3.0]
    assert short.padded_costs(examples) == [1.0, 0.5, 0.5, 1.0, 1.5, 3.0]  # 0.1 s of silence at the least
    assert short.collate(examples, folder).cost == pytest.approx(5.66)
    full = learner_of(base_of(sources["whisper"]))
    assert full.padded_costs(examples) == [3.0] * 6
    wave = learner_of(base_of(sources["wav2vec2"]))
    assert wave.costs(examples) == [0.61, 0.4, 0.01, 0.61, 1.03, 7.1]
    assert wave.padded_costs(examples) == [1.0, 0.5, 0.5, 1.0, 1.5, 7.5]
    spectrogram = learner_of(base_of(sources["spectrogram"]))
    assert spectrogram.padded_costs(examples) == pytest.approx([1.295] * 6)


def test_whispers_short_context_averages_only_positions_with_audio(
    sources: dict[str, Path], recordings: Recordings
) -> None:
    folder, examples = recordings
    base = base_of(sources["whisper"])
    learner = learner_of(base, training={"context": {"type": "short"}})
    batch = learner.collate(examples, folder)
    filled = {row: int(n) for part in batch.parts for row, n in zip(part.rows, part.filled_B, strict=True)}
    assert filled == {0: 31, 1: 20, 2: 1, 3: 31, 4: 52, 5: 150}  # positions of 20 ms
    assert {part.rows: part.values.shape[-1] for part in batch.parts} == {(0, 3): 100, (1, 2): 50, (4,): 150, (5,): 300}
    part = batch.parts[1]
    states_BSD = base.states(part.values)
    projected = base.model.projector(states_BSD[0, :20].mean(dim=0, keepdim=True))
    torch.testing.assert_close(learner.logits(batch)[1], base.model.classifier(projected)[0], atol=1e-5, rtol=1e-4)


def test_what_padding_holds_makes_no_difference(sources: dict[str, Path], recordings: Recordings) -> None:
    folder, examples = recordings
    for kind in ("wav2vec2", "wav2vec2_large", "hubert"):
        learner = learner_of(base_of(sources[kind]))
        batch = learner.collate(examples[:4], folder)
        before = learner.logits(batch).detach()
        for part in batch.parts:
            for row, filled in enumerate(part.filled_B.tolist()):
                part.values[row, filled:] = 3.0
        torch.testing.assert_close(learner.logits(batch).detach(), before, atol=1e-5, rtol=1e-4)


def test_contexts_that_a_model_cannot_do_are_refused(sources: dict[str, Path]) -> None:
    wave, spectrogram = base_of(sources["wav2vec2"]), base_of(sources["spectrogram"])
    with pytest.raises(ConfigError, match=r"training\.context\.type: found full; the model has no fixed window"):
        learner_of(wave, training={"context": {"type": "full"}})
    with pytest.raises(ConfigError, match=r"training\.context\.tail_s: found 1; the model ignores padding"):
        learner_of(wave, training={"context": {"type": "short", "tail_s": 1.0}})
    with pytest.raises(ConfigError, match=r"training\.context\.type: found short; .* whole window of 1\.29 s only"):
        learner_of(spectrogram, training={"context": {"type": "short"}})
    with pytest.raises(ConfigError, match=r"training\.context\.whole_window_share: found 0\.5"):
        learner_of(base_of(sources["whisper"]), training={"context": {"type": "short", "whole_window_share": 0.5}})
    assert learner_of(wave).config.context.type == "short"
    assert learner_of(spectrogram).config.context.type == "full"
    short = learner_of(base_of(sources["whisper"]), training={"context": {"type": "short"}}).config.context
    assert short.type == "short" and short.tail_s == 0.1


# ---- augmentation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_augmentation_depends_on_the_seed_alone(kind: str, sources: dict[str, Path], recordings: Recordings) -> None:
    folder, examples = recordings
    augmentation = {"gain_probability": 1.0, "noise_probability": 1.0, "mask_frequencies": 2}
    learner = learner_of(base_of(sources[kind]), training={"augmentation": augmentation})
    seeds = [[7, row] for row in range(3)]
    batch = learner.collate(examples[:3], folder, seeds)
    alone = learner.collate(examples[1:2], folder, seeds[1:2])
    again = learner.collate(examples[1:2], folder, [[8, 1]])
    plain = learner.collate(examples[1:2], folder)
    ours = next(p.values[p.rows.index(1)] for p in batch.parts if 1 in p.rows)
    assert torch.equal(ours, alone.parts[0].values[0])
    assert not torch.equal(ours, again.parts[0].values[0])
    assert not torch.equal(ours, plain.parts[0].values[0])
    unchanged = learner_of(base_of(sources[kind])).collate(examples[1:2], folder, seeds[1:2])
    assert torch.equal(unchanged.parts[0].values, plain.parts[0].values)


@pytest.mark.parametrize(("kind", "frames"), [("whisper", 40), ("spectrogram", 38)])
def test_masks_cover_only_frames_with_audio(
    kind: str, frames: int, sources: dict[str, Path], recordings: Recordings
) -> None:
    folder, examples = recordings
    augmentation = {"mask_times": 50, "mask_time_s": 0.05}
    base = base_of(sources[kind])
    plain = learner_of(base).collate(examples[1:2], folder).parts[0].values[0]
    learner = learner_of(base, training={"augmentation": augmentation})
    masked = learner.collate(examples[1:2], folder, [[1]]).parts[0].values[0]
    if kind == "spectrogram":
        plain, masked = plain.T, masked.T
    changed_F = (plain != masked).any(dim=0)
    assert int(changed_F[:frames].sum()) > frames // 2
    assert not changed_F[frames:].any()


# ---- examples that do not fit ------------------------------------------------------------------------------


def test_examples_that_do_not_fit_are_named(sources: dict[str, Path], recordings: Recordings) -> None:
    _, (first, *_) = recordings
    learner = learner_of(base_of(sources["whisper"]))
    several = learner_of(base_of(sources["whisper"]), multi_label=True)
    audio = first.input
    examples: list[Example[Any, Any]] = [
        first,
        Example("text", TextInput("hello"), Label("high")),
        Example("transcript", audio, Text("hello")),
        Example("siren", audio, Label("siren")),
        Example("hour", AudioInput("a.wav", 0.0, 3600.0), Label("low")),
    ]
    assert learner.misfits(examples) == {
        "text": "its input is text; the model takes audio",
        "transcript": "its target is of type text; the task takes one label (type label)",
        "siren": "label 'siren'; the model has 3 labels: high, low, noise",
    }
    chosen = Example("s", audio, Labels(("low", "x")))
    assert several.misfits([first, Example("none", audio, Labels(())), chosen]) == {
        first.id: "its target is of type label; the task takes any number of labels (type labels)",
        "s": "label 'x'; the model has 3 labels: high, low, noise",
    }
    with pytest.raises(ModelError, match="the model has one label, 'only'"):
        learner_of(base_of(sources["whisper"], ("only",)))
    assert learner_of(base_of(sources["whisper"], ("only",)), multi_label=True).target_count([first, first]) == 2


def test_joined_pieces_are_one_recording(sources: dict[str, Path], recordings: Recordings) -> None:
    folder, (first, second, *_) = recordings
    learner = learner_of(base_of(sources["wav2vec2"]))
    pieces = (Piece(first.input.audio, 0.1, 0.2), Piece(second.input.audio, 0.0, 0.4))
    joined = Example("j", AudioInput(first.input.audio, 0.1, 0.6, pieces), first.target)
    batch = learner.collate([joined], folder)
    assert batch.parts[0].filled_B.tolist() == [9600]


def test_the_wave_is_taken_as_it_is_where_the_extractor_says_so(tmp_path: Path) -> None:
    torch.manual_seed(0)
    wav2vec2(tmp_path)
    config = tmp_path / "preprocessor_config.json"
    config.write_text(config.read_text().replace('"do_normalize": true', '"do_normalize": false'))
    recording = example(tmp_path, "high", 0.5)
    raw = learner_of(base_of(tmp_path)).collate([recording], tmp_path).parts[0].values[0]
    assert 0.2 < float(raw.abs().max()) < 0.6
