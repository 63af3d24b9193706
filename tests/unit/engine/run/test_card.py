"""What the card says of metrics, facts and precision, and how it says to load the model."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config.training import TrainingConfig
from engine.data.splits import Splits
from engine.families.usage import Usage
from engine.run.card import adapter_card
from engine.run.training_result import RunResult

USAGE = Usage(
    "WhisperForConditionalGeneration",
    "WhisperProcessor",
    ("print(model.generate(processor(wave).input_features))",),
    kept_whole=("proj_out",),
    command="lim transcribe recording.wav {option}",
)


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
        "task": "speech_to_text",
        "primary": "wer",
        "cost_unit": "audio_s",
        "cost_per_s": 41.26,
        "train_examples": 1200,
        "train_cost": 1094.2,
        "test_examples": 1,
        "test_groups": [],
    }
    return adapter_card(RunResult.model_validate(fields | result), training, Splits([], [], []), USAGE)


def test_a_model_that_was_trained_whole_is_loaded_as_it_is() -> None:
    card = _card({"method": {"type": "full"}}, facts={"language": "sw"})
    assert "lim transcribe recording.wav --model DIR" in card
    assert "BitsAndBytesConfig" not in card and "4 bits" not in card and "peft" not in card
    assert "| the base is | in full precision |" in card
    assert "WhisperProcessor.from_pretrained(DIR)" in card


@pytest.mark.parametrize(("kind", "double"), [("nf4", True), ("fp4", False)])
def test_an_adapter_on_four_bits_names_them(kind: str, double: bool) -> None:
    card = _card({"method": {"type": "qlora", "quantization": kind, "double_quantization": double}})
    assert f"in 4 bits ({kind}) under the adapter; measured alone in full precision" in card
    assert f'bnb_4bit_quant_type="{kind}"' in card and f"bnb_4bit_use_double_quant={double}" in card
    assert "llm_int8_skip_modules=['proj_out']" in card


def _rows(card: str) -> dict[str, str]:
    """Value by name, of the rows of the card's table."""
    rows = [row.strip("| ").split(" | ") for row in card.splitlines() if row.startswith("| ") and " | " in row[2:]]
    return {row[0]: row[1] for row in rows if len(row) == 2}


def test_each_fact_is_a_row() -> None:
    facts = {"audio_context": "short", "base_audio_context": "full", "language": "sw", "references_cut": 3}
    rows = _rows(_card({}, facts=facts))
    assert [(name, value) for name, value in rows.items() if name.replace(" ", "_") in facts] == [
        ("audio context", "short"),
        ("base audio context", "full"),
        ("language", "sw"),
        ("references cut", "3"),
    ]
    without = _rows(_card({}))
    assert not {"audio context", "base audio context", "language", "references cut"} & without.keys()


def test_every_metric_is_a_row_the_primary_one_first() -> None:
    values: dict[str, Any] = {"base": {"wer": 1.0, "cer": 0.42}, "tuned": {"wer": 0.9, "cer": 0.091}}
    told = {name: value for name, value in _rows(_card({}, primary="cer", **values)).items() if "ER " in name}
    assert list(told.items()) == [
        ("CER of the base on the test examples", "42.0 %"),
        ("CER after training", "9.1 %"),
        ("WER of the base on the test examples", "100.0 %"),
        ("WER after training", "90.0 %"),
    ]
    alone = _rows(_card({}, tuned={"wer": 0.118}))
    assert alone["WER of the base on the test examples"] == "not measured"
    assert alone["WER after training"] == "11.8 %"
    assert not any("ER " in name for name in _rows(_card({})))


def test_a_metric_that_is_no_share_has_no_percent() -> None:
    rows = _rows(_card({}, primary="of_the_future", base={"of_the_future": 12.5}, tuned={"of_the_future": 31.25}))
    assert rows["of_the_future after training"] == "31.25"


def test_costs_have_their_unit() -> None:
    rows = _rows(_card({}))
    assert (rows["trained on"], rows["throughput of training"]) == (
        "18:14 of audio in 1,200 examples",
        "41.3 audio-s/s",
    )
    tokens = _rows(_card({}, cost_unit="tokens", cost_per_s=12_345.6, train_cost=67_890.0))
    assert (tokens["trained on"], tokens["throughput of training"]) == (
        "67,890 tokens in 1,200 examples",
        "12,346 tokens/s",
    )


def test_what_was_left_out_is_counted() -> None:
    assert "| left out | 1,234 examples |" in _card({}, left_out_count=1234)
    assert "left out" not in _card({})
