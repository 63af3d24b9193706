"""The memory model against torch: the same weights, and the same bytes kept for the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.adapters.lora import count_parameters
from engine.config.training import TrainingConfig
from engine.data.example import AnyExample, Captions, Text
from engine.families.binding import Bound
from engine.families.memory import tape_of
from engine.memory.shape import BatchShape
from engine.memory.tape import Tape
from engine.methods.build import build_method
from tests.contract.kept import kept_bytes, shape_of
from tests.contract.pairs import PAIRS, Pair
from tests.contract.scenes import Scene
from tests.unit.engine.families.audio_encoder import tiny_encoders
from tests.unit.engine.families.ctc import models as tiny_ctc

METHODS: dict[str, dict[str, Any]] = {
    "lora": {"type": "lora"},
    "dropout": {"type": "lora", "dropout": 0.1, "rank": 5, "groups": ["audio_encoder"]},
    "qlora": {"type": "qlora"},
    "full": {"type": "full"},
    "linear_probe": {"type": "linear_probe"},
    "pretrain": {"type": "pretrain"},
}
_BY_NAME = {pair.name: pair for pair in PAIRS}
_DROPOUTS = {
    "hidden_dropout": 0.1,
    "activation_dropout": 0.2,
    "attention_dropout": 0.3,
    "feat_proj_dropout": 0.1,
    "final_dropout": 0.1,
}


def _ctc(kind: str, family: str = "wav2vec2", **fields: Any) -> Pair:
    def write(folder: Path) -> object:
        return tiny_ctc.write_model(folder, kind, **fields)

    return replace(_BY_NAME["wav2vec2-speech_to_text"], family=family, model=write, variant=kind)


def _classifier(base: str, write: Callable[..., object], variant: str, context: str = "auto", **fields: Any) -> Pair:
    def model(folder: Path) -> object:
        return write(folder, **fields)

    pair = _BY_NAME[f"{base}-audio_classification"]
    return replace(pair, model=model, variant=variant, config={"context": {"type": context}})


VARIANTS = (
    _ctc("wav2vec2-group", **_DROPOUTS),
    _ctc("wav2vec2-stacked", output_hidden_size=32),
    _ctc("hubert", adapter_attn_dim=12),
    _ctc("hubert-group", feat_proj_layer_norm=False, head=False),
    _ctc("hubert-batch-norm"),
    _ctc("conformer-relative", "wav2vec2_conformer", conformer_conv_dropout=0.1, **_DROPOUTS),
    _ctc("conformer-rotary", "wav2vec2_conformer"),
    _classifier("wav2vec2", tiny_encoders.hubert, "hubert"),
    _classifier("wav2vec2", tiny_encoders.wav2vec2, "layer_norm", feat_extract_norm="layer", do_stable_layer_norm=True),
    _classifier(
        "whisper", tiny_encoders.whisper, "short", "short", dropout=0.1, activation_dropout=0.1, attention_dropout=0.1
    ),
    _classifier(
        "spectrogram_transformer",
        tiny_encoders.spectrogram,
        "dropout",
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
    ),
)
"""Parts of models that no pair has."""
WEIGHTED = (
    _classifier("wav2vec2", tiny_encoders.wav2vec2, "weighted", use_weighted_layer_sum=True),
    _classifier("whisper", tiny_encoders.whisper, "weighted", use_weighted_layer_sum=True),
)
"""Their shares of the layers are no part of a base that is not a classifier yet."""


def _cases() -> list[Any]:
    probed = [pair for pair in PAIRS if "classification" in pair.name or pair.name.endswith("2-speech_to_text")]
    probed.append(_BY_NAME["wav2vec2_conformer-speech_to_text"])
    cases = [(pair, method) for pair in PAIRS for method in ("lora", "dropout", "qlora", "full")]
    cases += [(pair, "linear_probe") for pair in probed]
    cases += [(pair, method) for pair in VARIANTS for method in ("lora", "full")]
    cases += [(pair, "pretrain") for pair in (*WEIGHTED, _BY_NAME["wav2vec2-speech_to_text"])]
    return [pytest.param(pair, method, id=f"{pair.name}-{method}") for pair, method in cases]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Pair], Scene]:
    """The files of a pair, written once."""
    made: dict[str, Scene] = {}

    def scene(pair: Pair) -> Scene:
        if pair.name not in made:
            folder = tmp_path_factory.mktemp(pair.name)
            torch.manual_seed(0)
            made[pair.name] = Scene(pair, pair.write_model(folder / "model"), pair.write_data(folder / "data"))
        return made[pair.name]

    return scene


def _chosen(pair: Pair, examples: Sequence[AnyExample]) -> tuple[Sequence[AnyExample], Sequence[AnyExample]]:
    """Two batches that differ in every dimension that the model pads.

    Of models that compute each length apart, all recordings of a batch have one length. Others have several: classifiers
    up to one bucket.
    """
    ordered = sorted(examples, key=lambda example: float(example.input.duration_s))
    if pair.task == "retrieval":  # whole groups
        return ordered[:4], [_twice(example) for example in ordered[:8]]
    if pair.task == "audio_classification":
        bucket = [example for example in ordered if 0.55 < example.input.duration_s < 0.95]
        alone = pair.family == "wav2vec2" and pair.variant != "layer_norm"
        return ordered[:1] * 2, bucket[-1:] * 3 if alone else bucket[-5:]
    if any(kind in pair.name for kind in ("conformer", "stacked", "batch-norm")):
        return ordered[:1] * 2, ordered[-1:] * 3
    if pair.name == "audio_llm-captioning":  # all of two windows
        return ordered[:2], [_twice(example) for example in ordered[-4:]]
    if pair.family in {"whisper", "audio_llm"}:
        return ordered[:2], [_twice(example) for example in ordered[:4]]
    return ordered[:2], ordered[-4:]


def _twice(example: AnyExample) -> AnyExample:
    """Audio and texts of twice the length."""
    audio, target = example.input, example.target
    pieces = audio.stretches() * 2
    if isinstance(target, Captions):
        target = Captions(tuple(f"{text} {text}" for text in target.captions))
    else:
        target = Text(f"{target.text} {target.text}")
    return replace(example, input=replace(audio, duration_s=2 * audio.duration_s, pieces=pieces), target=target)


@pytest.mark.contract
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("pair", "method"), _cases())
def test_weights_and_kept_bytes_are_those_of_torch(
    pair: Pair, method: str, precision: str, scenes: Callable[[Pair], Scene]
) -> None:
    scene = scenes(pair)
    bound = scene.bound(method=METHODS[method], precision=precision)
    model = build_method(bound.config.method).attach(bound.base, bound.reference).train()
    batches = [bound.learner.collate(rows, scene.data) for rows in _chosen(pair, scene.examples())]
    shapes = [shape_of(bound, batch) for batch in batches]
    _assert_differ(pair, *shapes)
    tapes = [_tape(bound, bound.config, shape) for shape in shapes]
    _assert_weights(tapes[0], model)
    # Exactly: whatever torch saves is on the tape. Only waves of several lengths that pass a norm over time alone, of which
    # the tape knows the longest, would differ.
    assert [round(tape.kept_bytes) for tape in tapes] == [kept_bytes(bound, model, batch) for batch in batches]
    if pair.task == "retrieval":  # which transformers' CLAP cannot checkpoint
        return
    bound.checkpoint_activations()
    config = bound.config.model_copy(update={"gradient_checkpointing": True})
    lighter = [_tape(bound, config, shape) for shape in shapes]
    assert [round(tape.kept_bytes) for tape in lighter] == [kept_bytes(bound, model, batch) for batch in batches]
    for tape, checkpointed in zip(tapes, lighter, strict=True):
        whole = checkpointed.kept_bytes + checkpointed.recomputed_bytes
        assert checkpointed.kept_bytes <= whole <= tape.kept_bytes * 1.001 or method == "linear_probe"


@pytest.mark.contract
@pytest.mark.parametrize("name", ["audio_llm-speech_to_text", "audio_llm-captioning"])
def test_a_batch_of_one_length_needs_no_masks(name: str, scenes: Callable[[Pair], Scene]) -> None:
    scene = scenes(_BY_NAME[name])
    bound = scene.bound(method=METHODS["lora"])
    model = build_method(bound.config.method).attach(bound.base, bound.reference).train()
    batch = bound.learner.collate(scene.examples()[:1] * 2, scene.data)
    shape = shape_of(bound, batch)
    assert not shape.lengths_differ
    plain = _tape(bound, bound.config, shape).kept_bytes
    assert round(plain) == kept_bytes(bound, model, batch)
    assert plain < _tape(bound, bound.config, replace(shape, lengths_differ=True)).kept_bytes


def _assert_differ(pair: Pair, one: BatchShape, other: BatchShape) -> None:
    assert one.examples != other.examples
    hears_windows = pair.family in {"spectrogram_transformer", "clap"} or pair.name == "audio_llm-speech_to_text"
    assert hears_windows or "whisper-audio_classification" in pair.name or one.padded_s != other.padded_s
    assert pair.task == "audio_classification" or one.tokens != other.tokens


def _tape(bound: Bound, config: TrainingConfig, shape: BatchShape) -> Tape:
    return tape_of(bound.reference, config, shape, bound.dtype.itemsize)


def _assert_weights(tape: Tape, model: torch.nn.Module) -> None:
    trained = sum(each.count for each in tape.weights if each.trains)
    assert (trained, sum(each.count for each in tape.weights)) == count_parameters(model)
    adapters = sum(each.numel() for name, each in model.named_parameters() if ".lora_" in name)
    assert sum(each.count for each in tape.weights if each.kind == "adapter") == adapters
    packed: Any = [each for each in model.parameters() if hasattr(each, "quant_state")]
    sizes = [each.quant_state.shape.numel() for each in packed]
    assert sorted(each.count for each in tape.weights if each.kind == "four_bit") == sorted(sizes)
    assert tape.largest_four_bit == max(sizes, default=0)
