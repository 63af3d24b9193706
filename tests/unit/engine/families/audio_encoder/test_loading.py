"""What is loaded of a checkpoint, what is new, and what is an error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import bitsandbytes
import pytest
import safetensors.torch
import torch
from torch import nn
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification, WhisperForConditionalGeneration

from engine.errors import ModelError
from engine.families.audio_encoder.loading import load
from engine.families.contract import LoadOptions, TargetSpace
from tests.unit.engine.families.audio_encoder.tiny_encoders import (
    CPU,
    KINDS,
    LABELS,
    base_of,
    four_bit_base_of,
    hubert,
    learner_of,
    wav2vec2,
)


def _copy(source: Path, folder: Path) -> Path:
    return Path(shutil.copytree(source, folder / "copy"))


def _change_weights(folder: Path, change: Any) -> None:
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    change(tensors)
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})


def _change_config(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_whisper_gives_its_encoder_and_no_decoder(sources: dict[str, Path]) -> None:
    base = base_of(sources["whisper"])
    plain = WhisperForConditionalGeneration.from_pretrained(str(sources["whisper"]))
    theirs = plain.model.encoder.state_dict()
    ours = base.model.encoder.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert not any("decoder" in name for name, _ in base.model.named_modules())


def test_the_bundled_model_loads() -> None:
    folder = Path(__file__).parents[5] / "engine" / "models" / "bundled" / "whisper-pico"
    base = base_of(folder)
    assert base.trained_context == "short"
    assert base.window_s == 30.0
    assert learner_of(base).config.context.type == "short"
    # 6 layers of 12 d^2 + 12 d; convolutions; 1,500 positions; last norm; heads.
    assert sum(p.numel() for p in base.model.parameters()) == (
        6 * (12 * 128**2 + 12 * 128) + 30_848 + 49_280 + 192_000 + 256 + 33_795
    )


def test_the_labels_name_the_outputs(source: Path) -> None:
    base = base_of(source)
    assert base.labels == LABELS
    assert base.model.config.id2label == {0: "high", 1: "low", 2: "noise"}
    assert base.model.config.label2id == {"high": 0, "low": 1, "noise": 2}
    assert base.facts()["labels"] == 3


def test_adapters_go_on_every_four_bit_layer_of_attention_and_feed_forward(source: Path) -> None:
    base = four_bit_base_of(source)
    kinds = {name: type(module) for name, module in base.model.named_modules() if isinstance(module, nn.Linear)}
    targets = {name for name in kinds if name.rpartition(".")[2] in base.default_targets()}
    assert len(targets) == 2 * 6
    assert {kinds[name] for name in targets} == {bitsandbytes.nn.Linear4bit}
    assert {base.group_of(name) for name in targets} == {"audio_encoder"}
    heads = {name: kind for name, kind in kinds.items() if base.group_of(name) is None}
    assert {name.split(".")[0] for name in heads} == set(base.heads)
    assert set(heads.values()) == {nn.Linear}
    rest = {name: kinds[name] for name in kinds.keys() - targets - heads.keys()}
    assert all(name.endswith("projection") and kind is nn.Linear for name, kind in rest.items())
    full = {name: p.dtype for name, p in base.model.named_parameters() if p.dtype != torch.uint8}
    assert set(full.values()) == {torch.float32}
    assert not any(
        module.support_avx512bf16_for_cpu
        for module in base.model.modules()
        if type(module) in kinds.values() and hasattr(module, "support_avx512bf16_for_cpu")
    )


def test_new_heads_come_from_the_global_generator(source: Path) -> None:
    first, again = base_of(source), base_of(source)
    torch.manual_seed(2)
    other = load(str(source), "audio_classification", LoadOptions(CPU, space=TargetSpace(labels=LABELS)))
    weights = [
        next(
            base.model.classifier.parameters()
            if base.heads == ("projector", "classifier")
            else base.model.classifier.dense.parameters()
        )
        for base in (first, again, other)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert 0.05 < float(weights[0].detach().std()) < 0.3


def test_nothing_random_is_left_to_the_model(sources: dict[str, Path]) -> None:
    for kind in KINDS:
        config = base_of(sources[kind]).model.config.to_dict()
        drops = {name: value for name, value in config.items() if name.endswith("layerdrop") and "decoder" not in name}
        assert all(value == 0.0 for value in drops.values())
        assert not config.get("apply_spec_augment", False)
    model = base_of(sources["wav2vec2"]).model.train()
    wave_BT = torch.randn(2, 8000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model(wave_BT).logits, model(wave_BT).logits)


def test_a_head_for_the_same_labels_is_kept_and_one_for_other_labels_replaced(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    kept = base_of(sources["spectrogram"], ("car", "bird", "rain", "wind")).model.classifier.dense.weight
    own = load(str(sources["spectrogram"]), "audio_classification", LoadOptions(CPU))
    assert own.labels == ("car", "bird", "rain", "wind")
    assert torch.equal(kept, own.model.classifier.dense.weight)
    others = base_of(sources["spectrogram"], ("bird", "car", "rain", "wind"))  # of the same number
    assert not torch.equal(others.model.classifier.dense.weight, kept)
    assert torch.equal(
        others.model.classifier.dense.weight,
        base_of(sources["spectrogram"], ("bird", "car", "rain", "wind")).model.classifier.dense.weight,
    )
    assert base_of(sources["spectrogram"]).model.classifier.dense.weight.shape == (3, 64)
    base_of(sources["whisper"]).save(tmp_path)
    reused = base_of(tmp_path, ("a", "b", "c"))
    assert torch.equal(reused.model.projector.weight, base_of(sources["whisper"]).model.projector.weight)
    assert not torch.equal(reused.model.classifier.weight, base_of(sources["whisper"]).model.classifier.weight)


def test_from_scratch_takes_only_the_architecture(source: Path) -> None:
    base, loaded = base_of(source, from_scratch=True), base_of(source)
    ours, theirs = base.model.state_dict(), loaded.model.state_dict()
    assert {name: t.shape for name, t in ours.items()} == {name: t.shape for name, t in theirs.items()}
    assert not torch.equal(ours[_layer(ours)], theirs[_layer(theirs)])
    assert not base.model.training


def test_what_is_saved_loads_in_plain_transformers(source: Path, tmp_path: Path) -> None:
    base = base_of(source)
    learner_of(base, multi_label=True).save(tmp_path)
    plain = AutoModelForAudioClassification.from_pretrained(str(tmp_path))
    assert type(plain) is type(base.model)
    assert all(torch.equal(t, base.model.state_dict()[name]) for name, t in plain.state_dict().items())
    assert plain.config.id2label == {0: "high", 1: "low", 2: "noise"}
    assert plain.config.problem_type == "multi_label_classification"
    assert AutoFeatureExtractor.from_pretrained(str(tmp_path)).sampling_rate == 16_000
    assert base_of(tmp_path, ()).labels == LABELS


def test_a_model_keeps_the_context_that_it_was_trained_in(sources: dict[str, Path], tmp_path: Path) -> None:
    base = base_of(sources["whisper"])
    assert base.trained_context == "full"
    learner_of(base, training={"context": {"type": "short"}}).save(tmp_path)
    again = base_of(tmp_path)
    assert again.trained_context == "short"
    assert learner_of(again).config.context.type == "short"


def test_sinusoids_stay_constant(sources: dict[str, Path]) -> None:
    base = base_of(sources["whisper"])
    base.model.requires_grad_(True)
    base.freeze_constants()
    assert [name for name, p in base.model.named_parameters() if not p.requires_grad] == [
        "encoder.embed_positions.weight"
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_weight_is_named(kind: str, sources: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(sources[kind], tmp_path)
    names = safetensors.torch.load_file(folder / "model.safetensors").keys()
    name = next(
        n for n in sorted(names) if ".1." in n and n.endswith("weight") and "decoder" not in n and "conv" not in n
    )
    _change_weights(folder, lambda tensors: tensors.pop(name))
    with pytest.raises(ModelError, match=r"lacks 1 of the model's weights: .*\.1\..*weight; take its whole folder"):
        base_of(folder)


def test_a_weight_of_another_shape_is_named(sources: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(sources["hubert"], tmp_path)
    name = "encoder.layers.0.attention.k_proj.weight"
    _change_weights(folder, lambda tensors: tensors.update({name: torch.zeros(32, 64)}))
    with pytest.raises(ModelError, match=r"hubert\.encoder\.layers\.0.*is \(32, 64\), its config says \(64, 64\)"):
        base_of(folder)


def test_a_classifier_without_its_head_needs_labels(sources: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(sources["spectrogram"], tmp_path)
    _change_weights(folder, lambda tensors: tensors.pop("classifier.dense.weight"))
    with pytest.raises(ModelError, match=r"lacks 1 of the model's weights: classifier\.dense\.weight"):
        base_of(folder, ())
    assert base_of(folder).labels == LABELS


def test_pickled_weights_are_not_read(sources: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(sources["hubert"], tmp_path)
    torch.save(safetensors.torch.load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"cannot load .*safetensors"):
        base_of(folder)


def test_weights_of_the_old_weight_norm_load(sources: dict[str, Path], tmp_path: Path) -> None:
    folder = _copy(sources["hubert"], tmp_path)

    def rename(tensors: dict[str, torch.Tensor]) -> None:
        stem = "encoder.pos_conv_embed.conv"
        for new, old in (("original0", "weight_g"), ("original1", "weight_v")):
            tensors[f"{stem}.{old}"] = tensors.pop(f"{stem}.parametrizations.weight.{new}")

    _change_weights(folder, rename)
    ours, theirs = base_of(folder).model.state_dict(), base_of(sources["hubert"]).model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_what_cannot_be_loaded_is_said(sources: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the label 'a' is given more than once"):
        base_of(sources["whisper"], ("a", "b", "a"))
    with pytest.raises(ModelError, match="WhisperForConditionalGeneration, which has no labels; give the labels"):
        base_of(sources["whisper"], ())
    with pytest.raises(ModelError, match="cannot be loaded for the task 'captioning'; they do audio_classification"):
        load(str(sources["whisper"]), "captioning", LoadOptions(CPU))
    folder = _copy(sources["whisper"], tmp_path)
    _change_config(folder, model_type="bert")
    with pytest.raises(
        ModelError, match="'bert'; audio encoders that can be used here: whisper, wav2vec2, hubert, audio"
    ):
        base_of(folder)
    with pytest.raises(
        ModelError, match="Give a folder with config.json, preprocessor_config.json and model.safetensors"
    ):
        base_of(tmp_path / "absent")


def test_settings_that_cannot_be_honoured_are_refused(sources: dict[str, Path], tmp_path: Path) -> None:
    torch.manual_seed(0)
    hubert(tmp_path / "hubert", conv_pos_batch_norm=True)
    with pytest.raises(ModelError, match="conv_pos_batch_norm"):
        base_of(tmp_path / "hubert")
    wav2vec2(tmp_path / "adapter", add_adapter=True)
    with pytest.raises(ModelError, match="add_adapter=True"):
        base_of(tmp_path / "adapter")
    folder = _copy(sources["spectrogram"], tmp_path)
    _change_config(folder, max_length=256)
    with pytest.raises(ModelError, match="256 frames of 64 mel bands, preprocessor_config.json 128 of 64"):
        base_of(folder, from_scratch=True)
    rate = json.loads((folder / "preprocessor_config.json").read_text()) | {"sampling_rate": 8000}
    (folder / "preprocessor_config.json").write_text(json.dumps(rate))
    with pytest.raises(ModelError, match="takes audio at 8000 Hz; only 16000 Hz"):
        base_of(folder)


def _layer(tensors: dict[str, torch.Tensor]) -> str:
    return next(name for name in sorted(tensors) if name.endswith("q_proj.weight"))
