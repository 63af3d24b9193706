"""Our adapters in the hands of plain peft."""

from __future__ import annotations

from pathlib import Path

import peft
import pytest
import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

from engine.adapters import lora
from engine.config.methods.lora import LoraConfig, QloraConfig
from engine.config.quantization import Quantization
from engine.errors import ModelError
from engine.models.reference import ModelReference
from tests.whisper import load_whisper

TINY = ModelReference(id="tiny", source="tiny", family="whisper")


def _shaken(adapted: peft.PeftModel) -> None:
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))


def test_a_saved_adapter_loads_with_plain_peft_and_gives_the_same_logits(tiny_whisper: Path, tmp_path: Path) -> None:
    speech = load_whisper(str(tiny_whisper))
    adapted = lora.attach(speech, LoraConfig(rank=4, alpha=8), TINY)
    _shaken(adapted)
    adapted.eval()
    lora.save(adapted, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]

    plain = WhisperForConditionalGeneration.from_pretrained(str(tiny_whisper))
    theirs = peft.PeftModel.from_pretrained(plain, str(tmp_path)).eval()
    mel_BMF = torch.randn(2, 80, 3000, generator=torch.Generator().manual_seed(0))
    ids_BU = torch.tensor([[257, 258, 100], [257, 258, 90]])
    with torch.inference_mode():
        ours_BUV = speech.logits(speech.encode(mel_BMF), ids_BU)
        theirs_BUV = theirs(input_features=mel_BMF, decoder_input_ids=ids_BU).logits
    assert torch.equal(ours_BUV, theirs_BUV)

    again = load_whisper(str(tiny_whisper))
    lora.load(again, tmp_path)
    with torch.inference_mode():
        assert torch.equal(again.logits(again.encode(mel_BMF), ids_BU), ours_BUV)


def test_a_new_adapter_changes_nothing_and_only_it_is_trained(tiny_whisper: Path) -> None:
    plain = load_whisper(str(tiny_whisper), Quantization())
    speech = load_whisper(str(tiny_whisper), Quantization())
    adapted = lora.attach(speech, QloraConfig(rank=4), TINY).eval()
    mel_BMF = torch.randn(1, 80, 100)
    with torch.inference_mode():
        assert torch.equal(speech.encode(mel_BMF), plain.encode(mel_BMF))
    trained = [name for name, parameter in adapted.named_parameters() if parameter.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)


def test_a_target_that_does_not_exist_is_named_with_those_that_do(tiny_whisper: Path) -> None:
    speech = load_whisper(str(tiny_whisper))
    with pytest.raises(ModelError, match=r"\['gate_proj'\].*linear layers are fc1, fc2, k_proj"):
        lora.attach(speech, LoraConfig(target_modules=["gate_proj"]), TINY)


def test_an_adapter_for_another_model_is_refused(tiny_whisper: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no adapter_config.json"):
        lora.load(load_whisper(str(tiny_whisper)), tmp_path)


def test_whisper_large_v2_has_the_published_counts() -> None:
    """r = 32 on q and v of whisper-large-v2: 15,728,640 trained of 1,559,033,600 (peft's int8 Whisper example)."""
    config = WhisperConfig(
        vocab_size=51865,
        d_model=1280,
        encoder_layers=32,
        decoder_layers=32,
        encoder_attention_heads=20,
        decoder_attention_heads=20,
        encoder_ffn_dim=5120,
        decoder_ffn_dim=5120,
    )
    with torch.device("meta"):
        model = WhisperForConditionalGeneration(config)
        adapted = peft.get_peft_model(model, peft.LoraConfig(r=32, target_modules=["q_proj", "v_proj"]))
    trainable, total = lora.count_parameters(adapted)
    assert (trainable, total) == (15_728_640, 1_559_033_600)


def test_four_bit_weights_count_what_they_stand_for(tiny_whisper: Path) -> None:
    full = lora.count_parameters(load_whisper(str(tiny_whisper)).model)[1]
    packed = lora.count_parameters(load_whisper(str(tiny_whisper), Quantization()).model)[1]
    assert packed == full


def test_groups_choose_the_parts_that_get_adapters_and_plain_peft_loads_them(
    tiny_whisper: Path, tmp_path: Path
) -> None:
    speech = load_whisper(str(tiny_whisper))
    adapted = lora.attach(speech, LoraConfig(rank=2, groups=["fusion"], target_modules=["q_proj", "fc1"]), TINY)
    trained = [name for name, parameter in adapted.named_parameters() if parameter.requires_grad]
    assert trained
    assert all("encoder_attn.q_proj" in name for name in trained)
    _shaken(adapted)
    lora.save(adapted, tmp_path)
    plain = WhisperForConditionalGeneration.from_pretrained(str(tiny_whisper))
    theirs = peft.PeftModel.from_pretrained(plain, str(tmp_path))
    loaded = {name: p for name, p in theirs.named_parameters() if "lora_B" in name}
    assert len(loaded) == len(trained) // 2
    assert all(bool(p.abs().sum() > 0) for p in loaded.values())


def test_groups_without_such_a_layer_are_refused(tiny_whisper: Path) -> None:
    speech = load_whisper(str(tiny_whisper))
    config = LoraConfig(groups=["fusion"], target_modules=["fc1"])
    with pytest.raises(
        ModelError, match="none of the layers fc1 is in fusion; they are in audio_encoder, text_decoder"
    ):
        lora.attach(speech, config, TINY)
