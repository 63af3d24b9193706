from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import bitsandbytes
import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    Qwen2AudioForConditionalGeneration,
    Qwen2AudioProcessor,
    VoxtralForConditionalGeneration,
    VoxtralProcessor,
)
from transformers.models.whisper.modeling_whisper import sinusoids

from engine.config.quantization import Quantization
from engine.errors import ModelError
from engine.families.audio_llm.loading import load
from engine.families.contract import LoadOptions
from tests.unit.engine.families.audio_llm.tiny import CPU, KINDS

Tiny = Callable[[str], Path]
NF4 = LoadOptions(CPU, quantization=Quantization())


@pytest.mark.parametrize(("kind", "projector"), [("qwen2_audio", 1), ("voxtral", 2)])
def test_all_but_the_output_layer_is_in_four_bits_and_gets_an_adapter(tiny: Tiny, kind: str, projector: int) -> None:
    base = load(str(tiny(kind)), "captioning", NF4)
    linear = {name: m for name, m in base.model.named_modules() if isinstance(m, nn.Linear)}
    # Two encoder layers of 6, two decoder layers of 7, the projector.
    assert len(linear) == 12 + 14 + projector + 1
    assert {n for n, m in linear.items() if not isinstance(m, bitsandbytes.nn.Linear4bit)} == {"lm_head"}
    others = [p for p in base.model.parameters() if not isinstance(p, bitsandbytes.nn.Params4bit)]
    assert {p.dtype for p in others} == {torch.float32}
    assert not base.model.training
    assert base.model.model.audio_tower.layerdrop == 0.0

    lora = peft.LoraConfig(target_modules=base.default_targets(), modules_to_save=list(base.heads))
    adapted = peft.get_peft_model(base.model, lora)
    adapters = [name for name, m in adapted.named_modules() if isinstance(m, peft.tuners.lora.LoraLayer)]
    counts = {group: sum(base.group_of(name) == group for name in adapters) for group in base.groups}
    assert counts == {"audio_encoder": 12, "fusion": projector, "text_decoder": 14}
    assert base.group_of("lm_head") == "text_decoder"
    assert {n for n, p in adapted.named_parameters() if p.requires_grad} == {
        n for n, _ in adapted.named_parameters() if "lora_" in n
    }


@pytest.mark.parametrize("kind", KINDS)
def test_only_constants_are_frozen(tiny: Tiny, kind: str) -> None:
    base = load(str(tiny(kind)), "captioning", LoadOptions(CPU))
    base.model.requires_grad_(True)
    base.freeze_constants()
    frozen = [name for name, p in base.model.named_parameters() if not p.requires_grad]
    assert frozen == ["model.audio_tower.embed_positions.weight"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_saved_loads_in_plain_transformers(tiny: Tiny, kind: str, tmp_path: Path) -> None:
    base = load(str(tiny(kind)), "captioning", LoadOptions(CPU))
    base.save(tmp_path)
    model = Qwen2AudioForConditionalGeneration if kind == "qwen2_audio" else VoxtralForConditionalGeneration
    plain = model.from_pretrained(tmp_path)
    assert all(torch.equal(plain.state_dict()[k], v) for k, v in base.model.state_dict().items())
    assert plain.generation_config.repetition_penalty == 5.0  # as published
    processor = (Qwen2AudioProcessor if kind == "qwen2_audio" else VoxtralProcessor).from_pretrained(tmp_path)
    assert processor.tokenizer("low hum")["input_ids"] == base.encode("low hum")
    again = load(str(tmp_path), "captioning", LoadOptions(CPU))
    assert again.architecture.ask("What?") == base.architecture.ask("What?")


@pytest.mark.parametrize("kind", KINDS)
def test_from_scratch_takes_only_the_architecture(tiny: Tiny, kind: str) -> None:
    models = []
    for _ in range(2):
        torch.manual_seed(3)
        models.append(load(str(tiny(kind)), "speech_to_text", LoadOptions(CPU, from_scratch=True)).model)
    weights = models[0].state_dict()
    published = load(str(tiny(kind)), "speech_to_text", LoadOptions(CPU)).model.state_dict()
    name = "model.language_model.layers.0.mlp.up_proj.weight"
    assert torch.equal(weights[name], models[1].state_dict()[name])
    assert not torch.equal(weights[name], published[name])
    assert torch.equal(weights["model.audio_tower.embed_positions.weight"], sinusoids(100, 16))
    assert models[0].generation_config.eos_token_id == ([256, 258] if kind == "qwen2_audio" else [2])


def test_facts(tiny: Tiny) -> None:
    base = load(str(tiny("qwen2_audio")), "speech_to_text", LoadOptions(CPU))
    assert base.facts() == {"window_s": 2.0, "architecture": "qwen2_audio"}
    assert base.heads == ()


def _copy(model: Path, folder: Path) -> Path:
    shutil.copytree(model, folder, dirs_exist_ok=True)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_faulty_sources_are_named(tiny: Tiny, kind: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="found the task 'retrieval'; these models do speech_to_text, captioning"):
        load(str(tiny(kind)), "retrieval", LoadOptions(CPU))
    with pytest.raises(ModelError, match="cannot load .*nothing.* as a language model that hears"):
        load(str(tmp_path / "nothing"), "captioning", LoadOptions(CPU))
    other = _copy(tiny(kind), tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"model_type": "whisper"}))
    with pytest.raises(ModelError, match="names the model_type 'whisper'; allowed: qwen2_audio, voxtral"):
        load(str(other), "captioning", LoadOptions(CPU))
    config["audio_config"]["num_mel_bins"] = 8
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        ModelError, match=r"has rate, FFT, hop and mel bands \(16000, 400, 160, 16\) and windows of 32000"
    ):
        load(str(other), "captioning", LoadOptions(CPU, from_scratch=True))


def test_a_voxtral_without_its_tokens_is_named(tiny: Tiny, tmp_path: Path) -> None:
    other = _copy(tiny("voxtral"), tmp_path)
    tekken = (other / "tekken.json").read_text()
    (other / "tekken.json").write_text(tekken.replace("[TRANSCRIBE]", "[OTHER]"))
    with pytest.raises(ModelError, match=r"has no token \[TRANSCRIBE\]; take the tokenizer that the model came with"):
        load(str(other), "captioning", LoadOptions(CPU))
    (other / "tekken.json").write_text(tekken)
    config = json.loads((other / "config.json").read_text())
    config["audio_config"]["intermediate_size"] = 60
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="has 100 positions of 16, which do not divide into inputs of 60"):
        load(str(other), "captioning", LoadOptions(CPU, from_scratch=True))


@pytest.mark.parametrize("options", [LoadOptions(CPU), NF4])
def test_missing_and_mismatched_weights_are_named(tiny: Tiny, tmp_path: Path, options: LoadOptions) -> None:
    folder = tiny("qwen2_audio")
    weights = load_file(folder / "model.safetensors")
    lacking = _copy(folder, tmp_path / "lacking")
    name = next(key for key in weights if key.endswith("layers.1.mlp.up_proj.weight"))
    save_file({k: v for k, v in weights.items() if k != name}, lacking / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 of the model's weights: .*layers\.1\.mlp\.up_proj\.weight"):
        load(str(lacking), "captioning", options)
    for ending, shape in (("audio_tower.layer_norm.weight", (7,)), ("layers.1.mlp.up_proj.weight", (7, 32))):
        other = _copy(folder, tmp_path / str(len(shape)))
        name = next(key for key in weights if key.endswith(ending))
        save_file(weights | {name: torch.ones(shape)}, other / "model.safetensors", {"format": "pt"})
        with pytest.raises(ModelError, match=rf"has 1 weights of other shapes .*{ending} \(\[7.*, not \["):
            load(str(other), "captioning", options)
