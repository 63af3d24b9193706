"""Steps and audio of a run, as the loop will take them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config.base import parse
from engine.config.training import TrainingConfig
from services.estimates.amount import Amount, Pool, amount, training_pool

SHORT = {"type": "short", "tail_s": 0.1}


def config(**fields: Any) -> TrainingConfig:
    return parse(TrainingConfig, fields)


def test_steps_are_as_asked_and_audio_is_without_padding() -> None:
    # 0.4 s and a tail of 0.1 s fill a bucket of half a second: 16 go into a step, because no more may.
    fields = {"batch": {"cost": 24, "micro_batch_cost": 24, "max_examples": 16}, "context": SHORT}
    planned = amount(config(max_steps=200, **fields), Pool(1600, 640.0))
    assert planned == Amount(200, pytest.approx(200 * 16 * 0.4), pytest.approx(200 * 16 * 0.5))
    # In the whole window the same batch holds none, so that one goes through at a time.
    full = config(max_steps=200, **fields | {"context": {"type": "full"}})
    assert amount(full, Pool(1500, 600.0)) == Amount(200, pytest.approx(200 * 0.4), 200 * 30.0)


def test_epochs_are_counted_in_utterances() -> None:
    fields = {"batch": {"cost": 20, "micro_batch_cost": 20, "max_examples": 64}, "context": SHORT}
    planned = amount(config(epochs=2, **fields), Pool(100, 190.0))  # 1.9 s fill 2 s: ten a step
    assert planned == Amount(20, pytest.approx(20 * 10 * 1.9), pytest.approx(20 * 10 * 2.0))
    # Ten epochs.
    assert amount(config(**fields), Pool(100, 190.0)) == Amount(100, pytest.approx(1900.0), pytest.approx(2000.0))
    # A pass ends with a batch of five: no utterance is counted twice.
    assert amount(config(epochs=2, **fields), Pool(95, 180.5)) == Amount(
        20, pytest.approx(2 * 180.5), pytest.approx(2 * 95 * 2.0)
    )


def test_whole_windows_are_counted() -> None:
    fields = {"batch": {"cost": 20, "micro_batch_cost": 20, "max_examples": 64}, "epochs": 1}
    context = {"type": "short", "bucket_s": 0.5, "tail_s": 0.1, "whole_window_share": 0.25}
    planned = amount(config(context=context, **fields), Pool(100, 190.0))
    # Batches are filled as before; one utterance in four takes 30 s in place of 2.
    assert planned == Amount(10, pytest.approx(190.0), pytest.approx(75 * 2.0 + 25 * 30.0))


def test_what_a_run_holds_out_is_not_trained_on() -> None:
    statistics = {"speakers": {"ann": 30, "bo": 50, "cy": 20}, "splits": {}}

    def left(statistics: dict[str, Any], **split: Any) -> Pool:
        return training_pool(100, 200.0, statistics, config(split={"validation_fraction": 0.0} | split).split)

    assert left(statistics) == Pool(90, 180.0)
    assert left(statistics, validation_fraction=0.1) == Pool(81, 162.0)
    assert left(statistics, test_groups=["ann"]) == Pool(70, 140.0)
    assert left(statistics, test_groups=["ann"], validation_groups=["cy"]) == Pool(50, 100.0)
    divided = {**statistics, "splits": {"train": 70, "validation": 10, "test": 20}}
    assert left(divided, validation_fraction=0.5) == Pool(70, 140.0)
    assert left({}) == Pool(90, 180.0)


def test_without_a_dataset_only_steps_are_known() -> None:
    assert amount(config(max_steps=10, context=SHORT), None) == Amount(10, None, 240.0)
    assert amount(config(epochs=3), None) is None


def test_without_a_dataset_a_step_takes_one_window_at_least() -> None:
    fields = {"batch": {"cost": 24, "micro_batch_cost": 24}, "max_steps": 10}
    assert amount(config(**fields, context={"type": "full"}), None) == Amount(10, None, 300.0)
    assert amount(config(**fields, context=SHORT), None) == Amount(10, None, 240.0)


def test_a_dataset_of_test_utterances_alone_is_divided_anew() -> None:
    split = config(split={"validation_fraction": 0.0}).split
    assert training_pool(100, 50.0, {"splits": {"test": 100}}, split) == Pool(90, 45.0)
    assert training_pool(100, 50.0, {"splits": {"test": 60, "train": 40}}, split) == Pool(40, 20.0)
