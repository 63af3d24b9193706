"""Steps and audio of a run, as the loop will take them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config.base import parse
from engine.config.training import TrainingConfig
from services.estimates.amount import Amount, Pool, amount


def config(**fields: Any) -> TrainingConfig:
    return parse(TrainingConfig, fields)


def test_steps_are_as_asked_and_audio_is_without_padding() -> None:
    # 0.4 s and a tail of 0.1 s fill a bucket of half a second: 16 go into a step, because no more may.
    fields = {"batch": {"audio_s": 24, "micro_batch_audio_s": 24, "max_utterances": 16}}
    assert amount(config(max_steps=200, **fields), Pool(1500, 600.0)) == Amount(200, pytest.approx(200 * 16 * 0.4))
    # In the whole window the same batch holds none, so that one goes through at a time.
    full = config(max_steps=200, context={"type": "full"}, **fields)
    assert amount(full, Pool(1500, 600.0)) == Amount(200, pytest.approx(200 * 0.4))


def test_epochs_are_counted_in_utterances() -> None:
    fields = {"batch": {"audio_s": 20, "micro_batch_audio_s": 20, "max_utterances": 64}}
    planned = amount(config(epochs=2, **fields), Pool(100, 190.0))  # 1.9 s fill 2 s: ten a step
    assert planned == Amount(20, pytest.approx(20 * 10 * 1.9))
    assert amount(config(**fields), Pool(100, 190.0)) == Amount(100, pytest.approx(1900.0))  # ten epochs


def test_without_a_dataset_only_steps_are_known() -> None:
    assert amount(config(max_steps=10), None) == Amount(10, 240.0)
    assert amount(config(epochs=3), None) is None
