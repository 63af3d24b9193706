"""4-bit layers compute alike on every processor, before and after an evaluation."""

from __future__ import annotations

from pathlib import Path

import bitsandbytes
import torch

from engine.config.quantization import Quantization
from engine.families.whisper.model import WhisperSpeech
from tests.whisper import load_whisper


def _loss(speech: WhisperSpeech, mel_BMF: torch.Tensor) -> torch.Tensor:
    logits_BUV = speech.logits(speech.encode(mel_BMF), torch.tensor([[257, 258, 100]]))
    return logits_BUV.square().mean()


def test_an_evaluation_leaves_weights_and_gradients_as_they_were(tiny_whisper: Path) -> None:
    speech: WhisperSpeech = load_whisper(str(tiny_whisper), Quantization())
    layers = [m for m in speech.model.modules() if isinstance(m, bitsandbytes.nn.Linear4bit)]
    before = [layer.weight.clone() for layer in layers]
    mel_BMF = torch.randn(1, 80, 100, generator=torch.Generator().manual_seed(0))

    def gradient() -> torch.Tensor:
        mel = mel_BMF.clone().requires_grad_(True)
        speech.model.train()
        _loss(speech, mel).backward()
        assert mel.grad is not None
        return mel.grad

    expected = gradient()
    speech.model.eval()
    with torch.inference_mode():
        _loss(speech, mel_BMF)
    assert layers
    assert all(torch.equal(layer.weight, weight) for layer, weight in zip(layers, before, strict=True))
    assert all(not getattr(layer.weight.quant_state, "packing_format_for_cpu", False) for layer in layers)
    assert torch.equal(gradient(), expected)
