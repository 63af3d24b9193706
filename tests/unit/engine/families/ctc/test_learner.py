"""CTC training: the loss against transformers' own, independence from neighbours, weights, masks, learning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch

from engine.config.quantization import Quantization
from engine.config.tasks.decoding import CtcDecodingConfig
from engine.config.training import TrainingConfig
from engine.data.example import AudioInput, Piece, Text, Utterance
from engine.errors import ConfigError
from engine.families.ctc.base import CtcBase
from engine.families.ctc.learner import CtcLearner
from engine.families.ctc.ngrams import read_ngrams
from engine.families.ctc.search import PrefixSearch
from tests.unit.engine.families.ctc.models import (
    CPU,
    KINDS,
    LETTERS,
    learner_of,
    load_model,
    write_letters,
    write_model,
)

TEXTS = ["ab", "c ba", "aabbcc", "b", "cab c", "ba"]
PADDING = ("wav2vec2", "hubert")  # batches of several lengths are the same in transformers


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Utterance]]:
    folder = tmp_path_factory.mktemp("letters")
    return folder, write_letters(folder, TEXTS)


@pytest.fixture(scope="module", params=KINDS)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> CtcBase:
    return load_model(write_model(tmp_path_factory.mktemp("model"), request.param))


def _gradients(model: torch.nn.Module, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {name: g for name, g in zip(named, found, strict=True) if g is not None}


def _assert_equal(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys() and found
    # Some gradients are zero but for the rounding of others, such as that of a key's bias.
    scale = max(1.0, *(float(gradient.abs().max()) for gradient in expected.values()))
    for name, gradient in expected.items():
        assert (found[name] - gradient).abs().max() <= 1e-5 * scale, name


def _labels(base: CtcBase, rows: list[Utterance]) -> torch.Tensor:
    ids = [base.spelling.encode(row.target.text) for row in rows]
    longest = max(map(len, ids))
    return torch.tensor([row + [-100] * (longest - len(row)) for row in ids])


@pytest.mark.parametrize("method", ["qlora", "lora", "full"])
@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_gradients_are_those_of_transformers_and_peft(
    kind: str, method: str, letters: tuple[Path, list[Utterance]], tmp_path: Path
) -> None:
    folder, rows = letters
    base = load_model(write_model(tmp_path, kind), quantization=Quantization() if method == "qlora" else None)
    adapted: Any = base.model
    if method == "full":
        base.model.requires_grad_(True)
        base.freeze_constants()
    else:
        base.model.requires_grad_(False)
        adapted = peft.get_peft_model(base.model, peft.LoraConfig(r=4, target_modules=base.default_targets()))
        with torch.no_grad():
            for name, parameter in adapted.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(std=0.05)
    rows = [row for row in rows if row.id in ("u0", "u1", "u4")]
    learner = learner_of(base)
    batch = learner.collate(rows, folder)
    loss, count = learner.loss(batch)
    assert count == learner.target_count(rows) == sum(len(row.target.text) for row in rows)
    if kind in PADDING:
        mask_BT = torch.arange(batch.wave_BT.shape[1]) < torch.tensor(batch.samples)[:, None]
        expected = adapted(batch.wave_BT, attention_mask=mask_BT.long(), labels=_labels(base, rows)).loss
    else:  # one by one, without padding and mask
        singles = [
            adapted(wave_T[None, :samples], labels=_labels(base, [row])).loss
            for row, wave_T, samples in zip(rows, batch.wave_BT, batch.samples, strict=True)
        ]
        expected = torch.stack(singles).sum()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    assert loss.dtype == torch.float32 and loss.isfinite()
    _assert_equal(_gradients(adapted, loss), _gradients(adapted, expected))


def test_splitting_a_batch_changes_neither_sum_nor_count_nor_gradient(
    base: CtcBase, letters: tuple[Path, list[Utterance]]
) -> None:
    folder, rows = letters
    base.model.requires_grad_(True)
    base.freeze_constants()
    learner = learner_of(base)
    base.model.train()
    try:
        statistics = [b.clone() for n, b in base.model.named_buffers() if "running" in n]
        whole, count = learner.loss(learner.collate(rows, folder))
        parts = [learner.loss(learner.collate([row], folder)) for row in rows]
        total = torch.stack([loss for loss, _ in parts]).sum()
        assert count == sum(n for _, n in parts)
        torch.testing.assert_close(whole, total, rtol=1e-5, atol=1e-4)
        _assert_equal(_gradients(base.model, whole), _gradients(base.model, total))
        now = [b for n, b in base.model.named_buffers() if "running" in n]
        assert all(torch.equal(a, b) for a, b in zip(statistics, now, strict=True))
    finally:
        base.model.eval()


def test_predictions_do_not_depend_on_the_other_examples(base: CtcBase, letters: tuple[Path, list[Utterance]]) -> None:
    folder, rows = letters
    learner = learner_of(base)
    done: list[int] = []
    together = learner.predict(rows, folder, done.append)
    assert any(together) and sum(done) == len(rows)
    assert [learner.predict([row], folder)[0] for row in rows] == together
    assert learner.predict(rows[::-1], folder) == together[::-1]
    assert learner.predict([], folder) == []
    # Computed alone and unpadded, as transformers would.
    for row, text in zip(rows, together, strict=True):
        batch = learner.collate([row], folder)
        with torch.no_grad():
            path = base.model(batch.wave_BT).logits.argmax(dim=-1)[0].tolist()
        assert base.spelling.decode(path) == text


def test_half_precision_gives_about_the_same_loss(base: CtcBase, letters: tuple[Path, list[Utterance]]) -> None:
    folder, rows = letters
    augmentation = {"mask_times": 1, "mask_frequencies": 1}
    learner = learner_of(base, augmentation=augmentation)
    half = CtcLearner(base, learner.config, CPU, torch.bfloat16)
    batch = learner.collate(rows, folder, [[row] for row in range(len(rows))])
    with torch.no_grad():
        expected, rounded = learner.loss(batch)[0], half.loss(batch)[0]
        assert torch.equal(learner.loss(batch)[0], expected) or base.model.config.model_type == "wav2vec2-conformer"
    assert rounded.dtype == torch.float32
    assert rounded.item() == pytest.approx(expected.item(), rel=0.02) and rounded != expected


def test_training_follows_an_evaluation_in_inference_mode(base: CtcBase, letters: tuple[Path, list[Utterance]]) -> None:
    folder, rows = letters
    learner = learner_of(base)
    batch = learner.collate(rows[:1], folder)
    with torch.inference_mode():
        measured = learner.loss(batch)[0]
    base.model.requires_grad_(True)
    loss = learner.loss(batch)[0]
    loss.backward()
    torch.testing.assert_close(loss.detach(), measured.clone())


def test_checkpointed_activations_give_the_same_gradient(base: CtcBase, letters: tuple[Path, list[Utterance]]) -> None:
    folder, rows = letters
    base.model.requires_grad_(True)
    base.freeze_constants()
    learner = learner_of(base)
    batch = learner.collate(rows[:3], folder)
    model: Any = base.model
    model.train()
    try:
        expected = _gradients(model, learner.loss(batch)[0])
        model.activation_checkpointing_enable({"use_reentrant": False})
        _assert_equal(_gradients(model, learner.loss(batch)[0]), expected)
    finally:
        model.activation_checkpointing_disable()
        model.eval()


# ---- weights, counts, costs


def _tiny(tmp_path: Path, kind: str = "wav2vec2", **fields: Any) -> CtcLearner:
    return learner_of(load_model(write_model(tmp_path / "model", kind)), **fields)


def test_weights_multiply_each_example_s_loss(letters: tuple[Path, list[Utterance]], tmp_path: Path) -> None:
    folder, rows = letters
    learner = _tiny(tmp_path)
    plain = learner.collate(rows[:3], folder)
    one = learner.collate([replace(row, weight=1.0) for row in rows[:3]], folder)
    assert plain.weights_B is None and one.weights_B is None
    with torch.no_grad():
        singles = [learner.loss(learner.collate([row], folder))[0] for row in rows[:3]]
        weighted, count = learner.loss(
            learner.collate([replace(rows[0], weight=2.0), rows[1], replace(rows[2], weight=0.5)], folder)
        )
        assert torch.equal(learner.loss(one)[0], learner.loss(plain)[0])
    torch.testing.assert_close(weighted, 2.0 * singles[0] + singles[1] + 0.5 * singles[2], rtol=1e-5, atol=1e-4)
    assert count == plain.target_count


def test_the_loss_is_minus_the_log_of_the_sum_over_all_paths(
    letters: tuple[Path, list[Utterance]], tmp_path: Path
) -> None:
    folder, rows = letters
    learner = _tiny(tmp_path)
    short = replace(rows[0], input=replace(rows[0].input, duration_s=0.034))
    batch = learner.collate([short], folder)
    spelling = learner._base.spelling
    with torch.no_grad():
        logs_FV = learner.logs(batch)[0].double()
        loss, count = learner.loss(batch)
    frames, labels = len(logs_FV), spelling.encode("ab")
    assert frames == 3 and count == 2
    a, b = labels
    paths = [(a, b, b), (a, a, b), (a, 0, b), (0, a, b), (a, b, 0)]
    scores = torch.stack([sum(logs_FV[f, label] for f, label in enumerate(path)) for path in paths])
    assert loss.item() == pytest.approx(-scores.logsumexp(0).item(), rel=1e-5)


def test_texts_are_normalised_as_the_config_says(letters: tuple[Path, list[Utterance]], tmp_path: Path) -> None:
    folder, rows = letters
    shouted = [replace(rows[0], target=Text("  A, b! C?"))]
    learner = _tiny(tmp_path)
    assert learner.collate(shouted, folder).labels == ((5, 4, 6, 4, 7),)
    assert learner.target_count(shouted) == 5
    unchanged = CtcLearner(
        learner._base, TrainingConfig.model_validate({"task": {"normalizer": "none"}}), CPU, torch.float32
    )
    assert unchanged.collate(shouted, folder).labels == ((5, 3, 4, 6, 3, 4, 7, 3),)


def test_costs_are_seconds_of_audio(letters: tuple[Path, list[Utterance]], tmp_path: Path) -> None:
    folder, rows = letters
    learner = _tiny(tmp_path, context={"type": "short", "bucket_s": 0.25, "tail_s": 3.0})
    seconds = [row.input.duration_s for row in rows]
    assert learner.costs(rows) == seconds and learner.cost_unit == "audio_s"
    assert learner.collate(rows, folder).cost == pytest.approx(sum(seconds))
    assert learner.padded_costs(rows) == [0.25 * np.ceil(s / 0.25) for s in seconds]
    assert learner.config.context.model_dump() == {
        "type": "short",
        "bucket_s": 0.25,
        "tail_s": 0.0,
        "whole_window_share": 0.0,
    }
    exact = _tiny(tmp_path / "conformer", "conformer-relative")
    frames = [learner._base.frames_of(round(s * 16_000)) for s in seconds]
    assert exact.padded_costs(rows) == [pytest.approx(0.01 * count) for count in frames]


def test_joined_stretches_are_one_example(letters: tuple[Path, list[Utterance]], tmp_path: Path) -> None:
    folder, rows = letters
    learner = _tiny(tmp_path)
    pieces = tuple(Piece(r.input.audio, r.input.start_s, r.input.duration_s) for r in rows[:2])
    total = sum(piece.duration_s for piece in pieces)
    joined = replace(
        rows[0], input=AudioInput(pieces[0].audio, pieces[0].start_s, total, pieces), target=Text("ab cba")
    )
    batch = learner.collate([joined], folder)
    assert batch.samples[0] == sum(learner.collate([row], folder).samples[0] for row in rows[:2])
    assert learner.misfits([joined]) == {}


def test_examples_that_do_not_fit_are_named(letters: tuple[Path, list[Utterance]], tmp_path: Path) -> None:
    _, rows = letters
    learner = _tiny(tmp_path)

    def example(name: str, seconds: float, text: str) -> Utterance:
        return replace(rows[0], id=name, input=replace(rows[0].input, duration_s=seconds), target=Text(text))

    # Frames of 10 ms, which see 13.75 ms (220 samples); a file may lack 2 ms.
    found = learner.misfits(
        [
            example("fits", 0.078, "aabb"),
            example("repeats", 0.078, "aabbb"),
            example("unknown", 1.0, "xyz"),
            example("empty", 1.0, " .!"),
            example("short", 0.012, "a"),
            example("partly", 1.0, "xaz"),
        ]
    )
    assert found == {
        "repeats": "its text needs 8 frames (5 labels, 3 repeated); its 0.08 s of audio have 7",
        "unknown": "the vocabulary has none of the characters of its text 'xyz'",
        "empty": "the vocabulary has none of the characters of its text ' .!'",
        "short": "0.012 s of audio; the model needs at least 0.016 s",
    }


def test_just_fitting_texts_have_a_finite_loss_and_others_have_not(
    letters: tuple[Path, list[Utterance]], tmp_path: Path
) -> None:
    folder, rows = letters
    learner = _tiny(tmp_path)
    fits = replace(rows[2], input=replace(rows[2].input, duration_s=0.075), target=Text("aabb"))
    assert learner.misfits([fits]) == {}
    longer = replace(fits, target=Text("aabbb"))
    with torch.no_grad():
        assert learner.loss(learner.collate([fits], folder))[0].isfinite()
        assert learner.loss(learner.collate([longer], folder))[0].isinf()
        base = load_model(write_model(tmp_path / "zero", "wav2vec2", ctc_zero_infinity=True))
        learner = learner_of(base)
        both = learner.loss(learner.collate([longer, rows[0]], folder))[0]
        torch.testing.assert_close(both, learner.loss(learner.collate([rows[0]], folder))[0], rtol=1e-5, atol=1e-5)


def test_label_smoothing_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"label_smoothing: found 0.1; CTC has no target in a frame"):
        _tiny(tmp_path, label_smoothing=0.1)


# ---- augmentation


def test_masks_hide_frames_and_channels_from_the_seed(letters: tuple[Path, list[Utterance]], tmp_path: Path) -> None:
    folder, rows = letters
    augmentation = {"mask_times": 2, "mask_time_s": 0.08, "mask_frequencies": 1, "mask_frequency_share": 0.5}
    learner = _tiny(tmp_path, augmentation=augmentation)
    assert learner.collate(rows, folder).masks is None
    one, same, other = (learner.collate(rows, folder, [[seed, row] for row in range(len(rows))]) for seed in (1, 1, 2))
    assert one.masks is not None and same.masks is not None and other.masks is not None
    assert torch.equal(one.masks.times_BF, same.masks.times_BF)
    assert torch.equal(one.masks.channels_BD, same.masks.channels_BD)
    assert not torch.equal(one.masks.times_BF, other.masks.times_BF)
    # An example's masks do not depend on its neighbours.
    for row in range(len(rows)):
        alone = learner.collate(rows[row : row + 1], folder, [[1, row]])
        assert alone.masks is not None
        frames = learner._base.frames_of(alone.samples[0])
        assert torch.equal(one.masks.times_BF[row, :frames], alone.masks.times_BF[0])
        assert not one.masks.times_BF[row, frames:].any()
    assert (one.masks.times_BF.sum(dim=1) <= 16).all() and one.masks.times_BF.any()
    assert (one.masks.channels_BD.sum(dim=1) <= 32).all() and one.masks.channels_BD.any()


def test_hidden_frames_are_the_mask_vector_as_in_transformers(
    letters: tuple[Path, list[Utterance]], tmp_path: Path
) -> None:
    folder, rows = letters
    learner = _tiny(tmp_path, augmentation={"mask_times": 3, "mask_time_s": 0.1})
    batch = learner.collate(rows[2:3], folder, [[5]])
    assert batch.masks is not None and batch.masks.times_BF.any()
    model: Any = learner._base.model
    model.config.apply_spec_augment = True
    with torch.no_grad():
        expected = model(batch.wave_BT, mask_time_indices=batch.masks.times_BF).logits.log_softmax(dim=-1)
        torch.testing.assert_close(learner.logs(batch), expected, rtol=1e-5, atol=1e-5)


def test_a_speed_that_leaves_too_few_frames_is_not_used(letters: tuple[Path, list[Utterance]], tmp_path: Path) -> None:
    folder, rows = letters
    faster = {"speed_probability": 1.0, "speed_factor": (2.0, 2.0)}
    learner = _tiny(tmp_path, augmentation=faster)
    full = round(rows[2].input.duration_s * 16_000)
    assert learner.collate(rows[2:3], folder, [[0]]).samples[0] == pytest.approx(full / 2, abs=2)
    many = replace(rows[2], target=Text("ab" * 30))
    assert learner.misfits([many]) == {}
    assert learner.collate([many], folder, [[0]]).samples[0] == full


# ---- decoding and learning


def test_a_few_letters_are_learned_from_scratch(tmp_path: Path) -> None:
    texts = ["ab", "ba", "c ab", "cc a", "bac", "a b", "cab", "b"]
    rows = write_letters(tmp_path / "data", texts)
    torch.manual_seed(0)
    base = load_model(
        write_model(tmp_path / "model", "wav2vec2", initializer_range=0.05), alphabet=LETTERS, from_scratch=True
    )
    learner = learner_of(base)
    batch = learner.collate(rows, tmp_path / "data")
    optimizer = torch.optim.AdamW([p for p in base.model.parameters() if p.requires_grad], lr=3e-3)
    base.model.train()
    losses = []
    for _ in range(120):
        loss, count = learner.loss(batch)
        optimizer.zero_grad()
        (loss / count).backward()
        torch.nn.utils.clip_grad_norm_(base.model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item() / count)
    base.model.eval()
    assert losses[-1] < 0.05 * losses[0]
    assert learner.predict(rows, tmp_path / "data") == texts
    beam = CtcLearner(base, TrainingConfig(), CPU, torch.float32, CtcDecodingConfig(beams=8))
    assert beam.predict(rows, tmp_path / "data") == texts
    base.save(tmp_path / "saved")
    again = learner_of(load_model(tmp_path / "saved"))
    assert again.predict(rows, tmp_path / "data") == texts
    # Their words and times, though a model that knows its few texts by heart need not wait for the letters.
    times = learner.word_times(rows, tmp_path / "data")
    assert [" ".join(word.text for word in words) for words in times] == texts
    for row, words in zip(rows, times, strict=True):
        edges = [edge for word in words for edge in (word.start_s, word.end_s)]
        assert edges == sorted(edges) and edges[0] >= 0.0 and edges[-1] <= row.input.duration_s


def test_a_language_model_takes_part_in_predictions(letters: tuple[Path, list[Utterance]], tmp_path: Path) -> None:
    folder, rows = letters
    base = load_model(write_model(tmp_path / "model", "wav2vec2"))
    path = tmp_path / "words.arpa"
    path.write_text("\\data\\\n\\1-grams:\n-0.1\tb\n-0.1\t</s>\n-9\t<unk>\n\\end\\\n")
    decoding = CtcDecodingConfig(beams=20, language_model=str(path), language_model_weight=5.0)
    texts = CtcLearner(base, TrainingConfig(), CPU, torch.float32, decoding).predict(rows, folder)
    search = PrefixSearch(base.spelling, decoding, read_ngrams(path))
    learner = learner_of(base)
    with torch.no_grad():
        outputs = [learner.logs(learner.collate([row], folder))[0].numpy() for row in rows]
    assert texts == [search.text(logs_FV) for logs_FV in outputs]
    plain = CtcLearner(base, TrainingConfig(), CPU, torch.float32, CtcDecodingConfig(beams=20))
    assert texts != plain.predict(rows, folder) and texts != learner.predict(rows, folder)


def test_adapters_on_a_four_bit_base_learn_letters(tmp_path: Path) -> None:
    texts = ["ab", "ba", "c", "ca"]
    rows = write_letters(tmp_path / "data", texts)
    torch.manual_seed(0)
    folder = write_model(tmp_path / "model", "hubert-group", head=False)
    base = load_model(folder, quantization=Quantization(), alphabet=LETTERS)
    base.model.requires_grad_(False)
    lora = peft.LoraConfig(r=16, lora_alpha=32, target_modules=base.default_targets(), modules_to_save=list(base.heads))
    adapted = peft.get_peft_model(base.model, lora)
    learner = learner_of(base)
    batch = learner.collate(rows, tmp_path / "data")
    optimizer = torch.optim.AdamW([p for p in adapted.parameters() if p.requires_grad], lr=5e-3)
    adapted.train()
    losses = []
    for _ in range(80):
        loss, count = learner.loss(batch)
        optimizer.zero_grad()
        (loss / count).backward()
        torch.nn.utils.clip_grad_norm_(adapted.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item() / count)
    adapted.eval()
    assert losses[-1] < 0.2 * losses[0]
    assert learner.predict(rows, tmp_path / "data") == texts
