"""Loading CTC models: quantisation, heads, vocabularies, faults; what adapters train; saving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import safetensors.torch
import torch
from bitsandbytes.nn import Linear4bit
from transformers import AutoModelForCTC, Wav2Vec2FeatureExtractor, Wav2Vec2Processor

from engine.config.quantization import Quantization
from engine.errors import ModelError
from engine.families.contract import LoadOptions
from engine.families.ctc.loading import load, tokenizer_over
from tests.unit.engine.families.ctc.models import (
    CPU,
    KINDS,
    LETTERS,
    TINY,
    VOCABULARY,
    learner_of,
    load_model,
    write_letters,
    write_model,
)

TARGETS = {
    "wav2vec2": {"q_proj", "k_proj", "v_proj", "out_proj", "intermediate_dense", "output_dense"},
    "conformer": {"linear_q", "linear_k", "linear_v", "linear_out", "intermediate_dense", "output_dense"},
}
THREE = ("wav2vec2", "hubert-group", "conformer-relative")


def _adapted(base: Any, rank: int = 4) -> Any:
    config = peft.LoraConfig(
        r=rank, target_modules=base.default_targets(), modules_to_save=list(base.heads) or None, lora_alpha=2 * rank
    )
    base.model.requires_grad_(False)
    return peft.get_peft_model(base.model, config)


@pytest.mark.parametrize("kind", THREE)
def test_adapted_layers_are_in_four_bits_and_the_rest_in_float32(kind: str, tmp_path: Path) -> None:
    base = load_model(write_model(tmp_path, kind), quantization=Quantization())
    targets = TARGETS["conformer" if kind.startswith("conformer") else "wav2vec2"]
    assert set(base.default_targets()) == targets
    linear = {n: m for n, m in base.model.named_modules() if isinstance(m, torch.nn.Linear)}
    quantized = {n for n, m in linear.items() if isinstance(m, Linear4bit)}
    assert {n.rpartition(".")[2] for n in quantized} - {"linear_pos"} == targets
    layers = [n for n in linear if n.rpartition(".")[2] in targets]
    assert set(layers) <= quantized and len(layers) == 2 * (8 if kind.startswith("conformer") else 6)
    kept = [p for n, p in base.model.named_parameters() if n.removesuffix(".weight") not in quantized]
    assert {p.dtype for p in kept} == {torch.float32}
    assert not any(getattr(base.model.get_submodule(n), "support_avx512bf16_for_cpu", False) for n in quantized)


@pytest.mark.parametrize("kind", THREE)
@pytest.mark.parametrize("head", [True, False])
def test_adapters_and_new_heads_alone_are_trained(kind: str, head: bool, tmp_path: Path) -> None:
    base = load_model(write_model(tmp_path / "model", kind, head=head), quantization=Quantization(), alphabet=LETTERS)
    assert base.heads == (() if head else ("lm_head",))
    adapted = _adapted(base)
    learner = learner_of(base)
    adapted.train()
    loss, _ = learner.loss(learner.collate(write_letters(tmp_path / "data", ["ab", "c ba"]), tmp_path / "data"))
    loss.backward()
    trained = {name for name, p in adapted.named_parameters() if p.grad is not None}
    assert trained == {name for name, p in adapted.named_parameters() if p.requires_grad}
    heads = {name for name in trained if "lm_head" in name}
    assert len(heads) == (0 if head else 2)
    assert all("lora_" in name for name in trained - heads)
    # Two matrices for each target: four of attention, and two of each feed-forward part.
    assert len(trained - heads) == 2 * 2 * (8 if kind.startswith("conformer") else 6)


def test_the_head_is_no_part_of_the_encoder(tmp_path: Path) -> None:
    base = load_model(write_model(tmp_path, "hubert"))
    assert base.groups == ("audio_encoder",)
    names = [n for n, m in base.model.named_modules() if isinstance(m, torch.nn.Linear)]
    assert {n for n in names if base.group_of(n) is None} == {"lm_head"}
    assert {base.group_of(n) for n in names} == {"audio_encoder", None}


@pytest.mark.parametrize(("scratch", "frozen"), [(False, True), (True, False)])
def test_convolutions_are_frozen_unless_training_starts_from_scratch(
    scratch: bool, frozen: bool, tmp_path: Path
) -> None:
    base = load_model(write_model(tmp_path, "conformer-relative"), from_scratch=scratch)
    base.model.requires_grad_(True)
    base.freeze_constants()
    fixed = {n for n, p in base.model.named_parameters() if not p.requires_grad}
    convolutions = {n for n, _ in base.model.named_parameters() if ".feature_extractor." in n}
    unused = {n for n, _ in base.model.named_parameters() if ".pos_conv_embed." in n}
    assert fixed == (convolutions if frozen else set()) | unused | {"wav2vec2_conformer.masked_spec_embed"}
    # Every other parameter takes part.
    learner = learner_of(base)
    rows = write_letters(tmp_path / "data", ["ab", "c"])
    learner.loss(learner.collate(rows, tmp_path / "data"))[0].backward()
    assert {n for n, p in base.model.named_parameters() if p.grad is None} == fixed


def test_random_masks_and_dropped_layers_of_transformers_are_off(tmp_path: Path) -> None:
    base = load_model(write_model(tmp_path / "model", "wav2vec2"))
    learner = learner_of(base)
    batch = learner.collate(write_letters(tmp_path / "data", ["abcabc"]), tmp_path / "data")
    with torch.no_grad():
        quiet = learner.loss(batch)[0]
        base.model.train()
        assert all(torch.equal(learner.loss(batch)[0], quiet) for _ in range(5))


def test_a_wave_is_normalised_as_by_the_feature_extractor(tmp_path: Path) -> None:
    base = load_model(write_model(tmp_path / "a", "wav2vec2"))
    plain = load_model(write_model(tmp_path / "b", "wav2vec2", normalize=False))
    wave_T = (0.3 + 0.1 * np.random.default_rng(0).standard_normal(3000)).astype(np.float32)
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(str(tmp_path / "a"))
    expected = extractor(wave_T, sampling_rate=16_000).input_values[0]
    np.testing.assert_allclose(base.normalized(wave_T), expected, rtol=1e-5, atol=1e-6)
    assert plain.normalized(wave_T) is wave_T


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_counted_as_the_model_gives_them(kind: str, tmp_path: Path) -> None:
    base = load_model(write_model(tmp_path, kind))
    least = base.samples_for(1)
    assert base.frames_of(least) == 1 and base.frames_of(least - 1) == 0 and base.frames_of(0) == 0
    for samples in (least, least + 1, 3333, 4000, 4001):
        with torch.no_grad():
            logits_BFV = base.logits(torch.randn(1, samples), [samples])
        assert logits_BFV.shape[1] == base.frames_of(samples)
    stacked = 8 if kind == "wav2vec2-stacked" else 1
    assert base.frame_s == pytest.approx(0.01 * stacked) and base.hop_s == pytest.approx(0.01)


# ---- heads and vocabularies


def test_a_model_with_a_head_keeps_its_vocabulary(tmp_path: Path) -> None:
    base = load_model(write_model(tmp_path, "wav2vec2"), alphabet="xyz")
    assert base.spelling.encode("ab x") == [5, 6, 4, 3]
    assert base.facts() == {"architecture": "wav2vec2", "vocabulary": 8, "frame_s": 0.01}


def test_a_model_without_a_head_gets_one_over_the_alphabet(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "hubert", head=False)
    heads = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        base = load_model(folder, alphabet="abéß")
        heads.append(base.model.get_parameter("lm_head.weight").detach())
    assert heads[0].shape == (7, 64) and base.spelling.encode("ß éz") == [6, 2, 5, 1]
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])
    saved = safetensors.torch.load_file(folder / "model.safetensors")
    layer = "encoder.layers.0.attention.q_proj.weight"
    assert torch.equal(base.model.get_parameter(f"hubert.{layer}"), saved[layer])


def test_from_scratch_takes_only_the_architecture(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "wav2vec2")
    saved = safetensors.torch.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    base = load_model(folder, alphabet="xy", from_scratch=True)
    assert base.heads == ("lm_head",) and base.facts()["vocabulary"] == 5
    name = "wav2vec2.encoder.layers.0.attention.q_proj.weight"
    assert not torch.equal(base.model.get_parameter(name), saved[name])
    # Without an alphabet, the vocabulary beside the config.
    assert load_model(folder, from_scratch=True).spelling.encode("a") == [5]


def test_published_files_load_with_old_names_and_without_a_mask_vector(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "wav2vec2-group")
    saved = safetensors.torch.load_file(folder / "model.safetensors")
    renamed = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in saved.items()
        if not name.endswith("masked_spec_embed")
    }
    assert sum(name.endswith(("weight_g", "weight_v")) for name in renamed) == 2
    safetensors.torch.save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})
    base = load_model(folder)
    for name, parameter in base.model.named_parameters():
        assert torch.equal(parameter, saved[name]) or name.endswith("masked_spec_embed")
    assert not base.model.get_parameter("wav2vec2.masked_spec_embed").any()


# ---- faults


def _rejected(folder: Path, **options: Any) -> str:
    with pytest.raises(ModelError) as error:
        load_model(folder, **options)
    return str(error.value)


def test_other_tasks_and_architectures_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a CTC model cannot be trained for 'captioning'; its task is speech_to_text"):
        load("nowhere", "captioning", LoadOptions(CPU))
    folder = write_model(tmp_path, "wav2vec2")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "whisper"}))
    assert "names the model_type 'whisper'; CTC models here are wav2vec2, hubert, wav2vec2-conformer" in _rejected(
        folder
    )
    (folder / "preprocessor_config.json").unlink()
    (folder / "config.json").write_text(json.dumps(config))
    assert "Give a folder with config.json, preprocessor_config.json and model.safetensors" in _rejected(folder)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "hubert")
    saved = safetensors.torch.load_file(folder / "model.safetensors")
    for name in ("lm_head.bias", "hubert.encoder.layers.1.attention.k_proj.weight"):
        del saved[name]
    safetensors.torch.save_file(saved, folder / "model.safetensors", metadata={"format": "pt"})
    names = "hubert.encoder.layers.1.attention.k_proj.weight, lm_head.bias"
    assert f"lacks 2 of the model's weights: {names}; take its whole folder" in _rejected(folder)


def test_weights_of_another_size_are_rejected(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "wav2vec2")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 9}))
    assert "has 2 weights of another size than its config.json says: lm_head.bias is (8,), not (9,)" in _rejected(
        folder
    )


def test_a_head_without_a_vocabulary_and_the_other_way_round(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "a", "wav2vec2", head=False)
    assert "the model has no CTC head, and no alphabet is given" in _rejected(folder)
    folder = write_model(tmp_path / "b", "wav2vec2", vocab_size=5)
    assert "has 8 labels, its head 5; they must agree" in _rejected(folder)
    (folder / "vocab.json").unlink()
    assert "has no vocab.json of one language, which says what its CTC head writes; take its whole" in _rejected(folder)
    assert "give the characters of its texts" in _rejected(folder, from_scratch=True)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "Wav2Vec2PhonemeCTCTokenizer"}))
    assert "writes phonemes, which transcripts do not hold" in _rejected(folder)


def test_a_vocabulary_needs_a_blank(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "wav2vec2", pad_token_id=None)
    assert load_model(folder).spelling.blank == 0
    (folder / "vocab.json").write_text(json.dumps({"a": 0, "|": 1}))
    assert "lacks '<pad>', which is CTC's blank; add it" in _rejected(folder)


def test_one_of_several_languages_must_be_named(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "wav2vec2", adapter_attn_dim=8)
    (folder / "vocab.json").write_text(json.dumps({"eng": VOCABULARY, "swh": {**VOCABULARY, "a": 7, "c": 5}}))
    assert "or name the language as target_lang in its tokenizer_config.json if it has several" in _rejected(folder)
    settings = {"tokenizer_class": "Wav2Vec2CTCTokenizer", "target_lang": "swh"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    base = load_model(folder, quantization=Quantization())
    assert base.spelling.encode("abc") == [7, 6, 5]
    adapters = [m for n, m in base.model.named_modules() if ".adapter_layer.linear_" in n]
    assert len(adapters) == 4 and not any(isinstance(m, Linear4bit) for m in adapters)


def test_pickled_weights_are_never_read(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "wav2vec2")
    saved = safetensors.torch.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(saved, folder / "pytorch_model.bin")
    assert "model.safetensors" in _rejected(folder)


def test_audio_at_another_rate_is_rejected(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "wav2vec2")
    Wav2Vec2FeatureExtractor(sampling_rate=8000).save_pretrained(str(folder))
    assert "takes audio at 8000 Hz; only 16000 Hz is supported" in _rejected(folder)


# ---- saving


@pytest.mark.parametrize("kind", THREE)
def test_a_saved_model_predicts_the_same_here_and_in_transformers(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    base = load_model(write_model(tmp_path / "model", kind, head=False), alphabet=LETTERS)
    with torch.no_grad():
        base.model.get_parameter("lm_head.bias")[:3] = -2.0  # letters are more likely than the blank
    base.save(tmp_path / "saved")
    again = load_model(tmp_path / "saved")
    rows = write_letters(tmp_path / "data", ["abc", "ca b"])
    texts = learner_of(base).predict(rows, tmp_path / "data")
    assert any(texts) and learner_of(again).predict(rows, tmp_path / "data") == texts and again.heads == ()
    model = AutoModelForCTC.from_pretrained(str(tmp_path / "saved"))
    processor = Wav2Vec2Processor.from_pretrained(str(tmp_path / "saved"))
    for text, row in zip(texts, rows, strict=True):
        batch = learner_of(base).collate([row], tmp_path / "data")
        with torch.no_grad():
            path = model(batch.wave_BT).logits.argmax(dim=-1)[0]
        assert " ".join(processor.decode(path, skip_special_tokens=False).replace("<unk>", "").split()) == text


def test_a_saved_adapter_with_a_new_head_predicts_the_same(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "wav2vec2", head=False)
    base = load_model(folder, quantization=Quantization(), alphabet=LETTERS)
    adapted = _adapted(base)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.3 if "lora_" in name else 1.0)
    rows = write_letters(tmp_path / "data", ["abc", "ca b", "b"])
    texts = learner_of(base).predict(rows, tmp_path / "data")
    adapted.save_pretrained(str(tmp_path / "adapter"), save_embedding_layers=False)
    again = load_model(folder, quantization=Quantization(), alphabet=LETTERS)
    assert learner_of(again).predict(rows, tmp_path / "data") != texts
    peft.PeftModel.from_pretrained(again.model, str(tmp_path / "adapter"))
    assert learner_of(again).predict(rows, tmp_path / "data") == texts


def test_a_vocabulary_is_written_as_transformers_reads_it(tmp_path: Path) -> None:
    tokenizer = tokenizer_over("ab'")
    assert len(tokenizer) == 6
    tokenizer.save_pretrained(str(tmp_path))
    again = type(tokenizer).from_pretrained(str(tmp_path))
    assert again.get_vocab() == {"<pad>": 0, "<unk>": 1, "|": 2, "a": 3, "b": 4, "'": 5}
    assert again("ab a'x").input_ids == [3, 4, 2, 3, 5, 1]


def test_the_tiny_models_have_what_is_switched_off() -> None:
    assert TINY["layerdrop"] > 0 and TINY["mask_time_prob"] > 0
