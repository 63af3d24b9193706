"""The Whisper family against plain transformers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import WhisperForConditionalGeneration

from engine.config.quantization import Quantization
from engine.errors import ModelError
from engine.families.whisper.model import WhisperSpeech
from engine.models.reference import ModelReference
from tests.whisper import load_whisper


@pytest.fixture(scope="module")
def speech(tiny_whisper: Path) -> WhisperSpeech:
    return load_whisper(str(tiny_whisper))


def test_on_a_full_window_the_short_encoder_gives_the_states_and_logits_of_transformers(
    speech: WhisperSpeech, tiny_whisper: Path
) -> None:
    plain = WhisperForConditionalGeneration.from_pretrained(str(tiny_whisper)).eval()
    mel_BMF = torch.randn(2, 80, 3000, generator=torch.Generator().manual_seed(0))
    ids_BU = torch.tensor([[257, 258, 100, 101], [257, 258, 90, 256]])
    with torch.inference_mode():
        states_BSD = speech.encode(mel_BMF)
        logits_BUV = speech.logits(states_BSD, ids_BU)
        theirs = plain(mel_BMF, decoder_input_ids=ids_BU)
    assert torch.equal(states_BSD, theirs.encoder_last_hidden_state)
    assert torch.equal(logits_BUV, theirs.logits)


def test_text_survives_the_codec(speech: WhisperSpeech) -> None:
    assert speech.codec.decode(speech.codec.encode("seven nine")) == "seven nine"
    assert speech.codec.decode(speech.codec.encode("Grüße, Zoë!")) == "grüsse zoë"
    assert speech.codec.decode(speech.codec.encode("मैं स्कूल जाता हूँ।")) == "मैं स्कूल जाता हूँ"
    assert speech.codec.prefix == [257, 258]


def test_every_adapter_target_belongs_to_a_group(speech: WhisperSpeech) -> None:
    targets = speech.default_targets()
    names = [name for name, _ in speech.model.named_modules() if name.rpartition(".")[2] in targets]
    groups = {speech.group_of(name) for name in names}
    assert groups == {"audio_encoder", "fusion", "text_decoder"}
    assert speech.group_of("model.decoder.layers.0.encoder_attn.q_proj") == "fusion"
    assert speech.group_of("model.decoder.layers.0.self_attn.q_proj") == "text_decoder"
    assert speech.group_of("model.encoder.layers.0.fc1") == "audio_encoder"


def test_four_bits_take_the_linear_layers_and_leave_the_output_layer(tiny_whisper: Path) -> None:
    import bitsandbytes

    speech = load_whisper(str(tiny_whisper), Quantization())
    kinds = {name: type(module) for name, module in speech.model.named_modules()}
    assert kinds["model.encoder.layers.0.fc1"] is bitsandbytes.nn.Linear4bit
    assert kinds["model.decoder.layers.1.encoder_attn.q_proj"] is bitsandbytes.nn.Linear4bit
    assert kinds["proj_out"] is torch.nn.Linear
    weight = speech.model.model.encoder.layers[0].fc1.weight
    assert weight.dtype == torch.uint8
    assert weight.quant_state.quant_type == "nf4"
    assert weight.quant_state.nested


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot load .*config.json and model.safetensors"):
        load_whisper(ModelReference(id="none", source=str(tmp_path), family="whisper"))
    with pytest.raises(ModelError, match=r"holds no config.json"):
        load_whisper(str(tmp_path))
