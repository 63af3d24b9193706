"""What the card says of language, context and precision, and how it says to load the model."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config.training import TrainingConfig
from engine.data.splits import Splits
from engine.run.card import adapter_card
from engine.stages.finetune import RunResult


def _card(config: dict[str, Any], **result: Any) -> str:
    training = TrainingConfig.model_validate({"max_steps": 1, "context": {"type": "full"}} | config)
    fields = {
        "status": "succeeded",
        "model": "base",
        "method": training.method.type,
        "steps": 1,
        "trainable_parameters": 1,
        "total_parameters": 2,
        "peak_bytes": 1,
        "wall_s": 1.0,
        "training_s": 1.0,
        "audio_s_per_s": 1.0,
        "train_utterances": 1,
        "train_audio_s": 1.0,
        "test_utterances": 1,
        "test_speakers": [],
        "context": training.context.type,
    }
    return adapter_card(RunResult.model_validate(fields | result), training, Splits([], [], []))


def test_a_model_that_was_trained_whole_is_loaded_as_it_is() -> None:
    card = _card({"method": {"type": "full"}}, language="sw")
    assert "lim transcribe recording.wav --model DIR" in card
    assert "BitsAndBytesConfig" not in card and "4 bits" not in card and "peft" not in card
    assert "| the base is | in full precision |" in card
    assert 'ids = model.generate(features, language="sw", task="transcribe")' in card
    assert "WhisperProcessor.from_pretrained(DIR)" in card


@pytest.mark.parametrize(("kind", "double"), [("nf4", True), ("fp4", False)])
def test_an_adapter_on_four_bits_names_them(kind: str, double: bool) -> None:
    card = _card({"method": {"type": "qlora", "quantization": kind, "double_quantization": double}})
    assert f"in 4 bits ({kind}) under the adapter; measured alone in full precision" in card
    assert f'bnb_4bit_quant_type="{kind}"' in card and f"bnb_4bit_use_double_quant={double}" in card
    assert "ids = model.generate(features)" in card


def test_the_context_is_named() -> None:
    assert "| audio context | full: the model's whole window |" in _card({})
    short = _card({"context": {"type": "short", "tail_s": 10.0}})
    assert "| audio context | short: the recording and at least 10 s of silence |" in short
    assert "context of the base" not in short


def test_a_base_that_was_measured_in_another_context_says_so() -> None:
    short = _card({"context": {"type": "short", "tail_s": 10.0}}, base_context="full")
    assert "| audio context of the base | full, as its publisher trained it |" in short
    assert "context of the base" not in _card({}, base_context="full")


def test_what_was_left_out_is_counted() -> None:
    assert "| left out | 1,234 utterances |" in _card({}, left_out_utterances=1234)
    assert "left out" not in _card({})
