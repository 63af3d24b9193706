from __future__ import annotations

import json
import shutil
from pathlib import Path

import bitsandbytes
import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import ClapModel, ClapProcessor

from engine.config.quantization import Quantization
from engine.errors import ModelError
from engine.families.clap.loading import load
from engine.families.contract import LoadOptions
from tests.unit.engine.families.clap.tiny import CPU

NF4 = LoadOptions(CPU, quantization=Quantization())


def test_every_linear_layer_is_in_four_bits_and_everything_else_in_float32(tiny_clap: Path) -> None:
    base = load(str(tiny_clap), "retrieval", NF4)
    linear = [m for m in base.model.modules() if isinstance(m, nn.Linear)]
    # 3 audio blocks of 6 layers, one merging; 2 text layers of 6, the pooler; two projections of 2.
    assert len(linear) == 18 + 1 + 12 + 1 + 4
    assert all(isinstance(layer, bitsandbytes.nn.Linear4bit) for layer in linear)
    others = [p for p in base.model.parameters() if not isinstance(p, bitsandbytes.nn.Params4bit)]
    assert {p.dtype for p in others} == {torch.float32}
    assert not base.model.training


def test_default_targets_are_all_linear_layers_and_each_belongs_to_a_group(tiny_clap: Path) -> None:
    base = load(str(tiny_clap), "retrieval", NF4)
    adapted = peft.get_peft_model(
        base.model, peft.LoraConfig(target_modules=base.default_targets(), modules_to_save=[])
    )
    adapters = [name for name, m in adapted.named_modules() if isinstance(m, peft.tuners.lora.LoraLayer)]
    assert len(adapters) == 36
    counts = {group: sum(base.group_of(name) == group for name in adapters) for group in base.groups}
    assert counts == {"audio_encoder": 19, "text_decoder": 13, "fusion": 4}
    assert base.group_of("logit_scale_a") is None
    assert {name for name, p in adapted.named_parameters() if p.requires_grad} == {
        name for name, _ in adapted.named_parameters() if "lora_" in name
    }


def test_it_computes_as_plain_transformers(tiny_clap: Path) -> None:
    base = load(str(tiny_clap), "retrieval", LoadOptions(CPU))
    plain = ClapModel.from_pretrained(tiny_clap).eval()
    mel_B1FM = torch.randn(3, 1, 51, 16) * 20 - 45
    ids_BU, mask_BU = base.stack([base.tokens(text) for text in ("a low hum", "a very high beep", "a")])
    with torch.inference_mode():
        expected = plain(input_ids=ids_BU, attention_mask=mask_BU, input_features=mel_B1FM)
        assert torch.allclose(base.embed_audio(mel_B1FM), expected.audio_embeds, atol=1e-5)
        assert torch.allclose(base.embed_texts(ids_BU, mask_BU), expected.text_embeds, atol=1e-5)


def test_training_normalises_with_the_recorded_statistics(tiny_clap: Path) -> None:
    base = load(str(tiny_clap), "retrieval", LoadOptions(CPU))
    mel_B1FM = torch.randn(3, 1, 51, 16) * 20 - 45
    with torch.inference_mode():
        expected_BD = base.embed_audio(mel_B1FM)
        statistics = {k: v.clone() for k, v in base.model.state_dict().items() if "running" in k}
        base.model.train()
        alone_BD = torch.cat([base.embed_audio(mel_B1FM[i : i + 1]) for i in range(3)])
    assert torch.allclose(alone_BD, expected_BD, atol=1e-5)
    assert statistics
    assert all(torch.equal(base.model.state_dict()[k], v) for k, v in statistics.items())


def test_what_is_saved_loads_in_plain_transformers(tiny_clap: Path, tmp_path: Path) -> None:
    base = load(str(tiny_clap), "retrieval", LoadOptions(CPU))
    base.save(tmp_path)
    plain, processor = ClapModel.from_pretrained(tmp_path), ClapProcessor.from_pretrained(tmp_path)
    assert all(torch.equal(plain.state_dict()[k], v) for k, v in base.model.state_dict().items())
    assert processor.feature_extractor.truncation == "rand_trunc"
    assert processor.tokenizer("a low hum")["input_ids"] == base.tokens("a low hum")


def test_from_scratch_takes_only_the_architecture(tiny_clap: Path) -> None:
    torch.manual_seed(3)
    base = load(str(tiny_clap), "retrieval", LoadOptions(CPU, from_scratch=True))
    torch.manual_seed(3)
    again = load(str(tiny_clap), "retrieval", LoadOptions(CPU, from_scratch=True))
    published = ClapModel.from_pretrained(tiny_clap).state_dict()
    name = "text_model.encoder.layer.0.attention.self.query.weight"
    assert torch.equal(base.model.state_dict()[name], again.model.state_dict()[name])
    assert not torch.equal(base.model.state_dict()[name], published[name])
    mel_B1FM = torch.randn(2, 1, 51, 16) * 20 - 40
    embeddings_BD = base.embed_audio(mel_B1FM)
    assert torch.allclose(embeddings_BD.norm(dim=1), torch.ones(2))


def test_facts(tiny_clap: Path) -> None:
    base = load(str(tiny_clap), "retrieval", LoadOptions(CPU))
    assert base.facts() == {"window_s": 1.0, "embedding_width": 24}
    assert base.heads == ()
    assert base.max_text_tokens == 32


def _copy(model: Path, folder: Path) -> Path:
    shutil.copytree(model, folder, dirs_exist_ok=True)
    return folder


def _change(folder: Path, **values: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    for path, value in values.items():
        part, _, field = path.partition("__")
        (config[part] if field else config)[field or part] = value
    (folder / "config.json").write_text(json.dumps(config))


def test_faulty_sources_are_named(tiny_clap: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="found the task 'captioning'; CLAP models do retrieval"):
        load(str(tiny_clap), "captioning", LoadOptions(CPU))
    with pytest.raises(ModelError, match="cannot load .*nothing.* as a CLAP model"):
        load(str(tmp_path / "nothing"), "retrieval", LoadOptions(CPU))
    fused = _copy(tiny_clap, tmp_path / "fused")
    _change(fused, audio_config__enable_fusion=True)
    with pytest.raises(ModelError, match="feature fusion .* take its unfused sibling"):
        load(str(fused), "retrieval", LoadOptions(CPU))
    other = _copy(tiny_clap, tmp_path / "other")
    _change(other, model_type="whisper")
    with pytest.raises(ModelError, match="names the model_type 'whisper'; allowed: clap"):
        load(str(other), "retrieval", LoadOptions(CPU))
    bands = _copy(tiny_clap, tmp_path / "bands")
    processor = json.loads((bands / "processor_config.json").read_text())
    processor["feature_extractor"]["feature_size"] = 8
    (bands / "processor_config.json").write_text(json.dumps(processor))
    with pytest.raises(ModelError, match="gives 8 mel bands and 51 frames; the model takes 16 bands and at most 64"):
        load(str(bands), "retrieval", LoadOptions(CPU))


@pytest.mark.parametrize("options", [LoadOptions(CPU), NF4])
def test_missing_and_mismatched_weights_are_named(tiny_clap: Path, tmp_path: Path, options: LoadOptions) -> None:
    lacking = _copy(tiny_clap, tmp_path / "lacking")
    weights = load_file(lacking / "model.safetensors")
    name = "audio_projection.linear1.weight"
    save_file({k: v for k, v in weights.items() if k != name}, lacking / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=f"lacks 1 of the model's weights: {name}; take its whole folder"):
        load(str(lacking), "retrieval", options)
    norm, linear = "audio_model.audio_encoder.norm.weight", "text_projection.linear2.weight"
    for place, (name, shape) in enumerate(((norm, (7,)), (linear, (7, 24)))):
        other = _copy(tiny_clap, tmp_path / str(place))
        save_file(weights | {name: torch.ones(shape)}, other / "model.safetensors", {"format": "pt"})
        with pytest.raises(ModelError, match=rf"has 1 weights of other shapes .*: {name} \(\[7.*, not \["):
            load(str(other), "retrieval", options)
