"""A plan of a run makes as many batches as the sampler."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.config.base import parse
from engine.config.training import TrainingConfig
from engine.data.batching import BatchOrder, Costs
from engine.data.planning import Lengths, Plan, lengths_in, plan, thinned
from engine.data.validation.statistics import sound_spreads
from engine.families.costing import Costing, costing_of
from engine.models.reference import ModelReference

SHORT = {"type": "short", "tail_s": 0.1}
WHISPER = ModelReference(id="w", source="openai/whisper-base", family="whisper")
TOKENS = Costing("tokens", own=lambda length: length, padded=lambda length: 8.0 * -(-length // 8))
BATCHES = [
    {"cost": 24, "micro_batch_cost": 24, "max_examples": 16},
    {"cost": 24, "micro_batch_cost": 24, "max_examples": 1000},
    {"cost": 7, "micro_batch_cost": 7, "max_examples": 64},
    {"cost": 0.3, "micro_batch_cost": 0.3, "max_examples": 64},
    {"cost": 600, "micro_batch_cost": 60, "max_examples": 48},
]


def config(**fields: Any) -> TrainingConfig:
    return parse(TrainingConfig, fields)


def planned(config: TrainingConfig, *lengths: Lengths) -> Plan:
    found = plan(config, costing_of(WHISPER, config), lengths)
    assert found is not None
    return found


def steps_of_the_sampler(config: TrainingConfig, costing: Costing, lengths: list[float]) -> int:
    costs = Costs([costing.own(length) for length in lengths], [costing.padded(length) for length in lengths])
    return BatchOrder(costs, config.batch, seed=0).steps_per_epoch()


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("length", [0.1, 0.4, 1.9, 12.0])
@pytest.mark.parametrize("count", [1, 95, 1000, 4321])
def test_equal_lengths_take_as_many_steps_as_the_sampler_makes(
    batch: dict[str, float], length: float, count: int
) -> None:
    for asked, costing in (
        (config(epochs=1, batch=batch, context=SHORT), None),
        (config(epochs=1, batch=batch, context={"type": "full"}), None),
        (config(epochs=1, batch=batch), Costing("tokens", own=lambda n: n, padded=lambda n: n)),
    ):
        costing = costing or costing_of(WHISPER, asked)
        found = plan(asked, costing, [Lengths(length, count)])
        assert found is not None
        assert found.steps == steps_of_the_sampler(asked, costing, [length] * count)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("batch", BATCHES)
def test_spread_lengths_take_as_many_steps_as_the_sampler_makes_within_3_percent(
    batch: dict[str, float], seed: int
) -> None:
    """The histogram that ingestion stores is all that the plan knows."""
    lengths = np.random.default_rng(seed).lognormal(1.2, 0.6, 3000).clip(0.3, 28.0).tolist()
    spread = sound_spreads(30.0)["duration"]
    for length in lengths:
        spread.add(length)
    stored = spread.histogram()
    known = lengths_in(stored.edges, stored.counts, sum(lengths), shortest=min(lengths), longest=max(lengths))
    asked = config(epochs=1, batch=batch, context=SHORT)
    costing = costing_of(WHISPER, asked)
    found = planned(asked, *known)
    assert found.steps == pytest.approx(steps_of_the_sampler(asked, costing, lengths), rel=0.03)
    assert found.cost == pytest.approx(sum(lengths), rel=0.01)
    assert found.padded_cost == pytest.approx(sum(map(costing.padded, lengths)), rel=0.02)


def test_another_unit_is_planned_alike() -> None:
    lengths = np.random.default_rng(2).integers(3, 200, 2000).astype(float).tolist()
    asked = config(epochs=3, batch={"cost": 4096, "micro_batch_cost": 1024, "max_examples": 256})
    found = plan(asked, TOKENS, [Lengths(length, 1) for length in lengths])
    assert found is not None and found.unit == "tokens"
    assert found.steps == pytest.approx(3 * steps_of_the_sampler(asked, TOKENS, lengths), rel=0.02)
    assert found.padded_cost == pytest.approx(3 * sum(map(TOKENS.padded, lengths)), rel=0.02)


def test_steps_are_as_asked_and_cost_is_without_padding() -> None:
    # 0.4 s and a tail of 0.1 s fill a bucket of half a second: 16 go into a step, because no more may.
    fields = {"batch": BATCHES[0], "context": SHORT}
    assert planned(config(max_steps=200, **fields), Lengths(0.4, 1600)) == Plan(
        200, pytest.approx(200 * 16 * 0.4), pytest.approx(200 * 16 * 0.5), "audio_s"
    )
    # In the whole window the same batch holds none, so that one goes through at a time.
    full = config(max_steps=200, **fields | {"context": {"type": "full"}})
    assert planned(full, Lengths(0.4, 1500)) == Plan(200, pytest.approx(200 * 0.4), 200 * 30.0, "audio_s")


def test_epochs_are_counted_in_examples() -> None:
    fields = {"batch": {"cost": 20, "micro_batch_cost": 20, "max_examples": 64}, "context": SHORT}
    # 1.9 s fill 2 s: ten a step.
    assert planned(config(epochs=2, **fields), Lengths(1.9, 100)) == Plan(
        20, pytest.approx(380.0), pytest.approx(400.0), "audio_s"
    )
    assert planned(config(**fields), Lengths(1.9, 100)).steps == 100  # ten epochs
    # A pass ends with a batch of five: no example is counted twice.
    assert planned(config(epochs=2, **fields), Lengths(1.9, 95)) == Plan(
        20, pytest.approx(361.0), pytest.approx(380.0), "audio_s"
    )


def test_whole_windows_are_counted() -> None:
    fields = {"batch": {"cost": 20, "micro_batch_cost": 20, "max_examples": 64}, "epochs": 1}
    found = planned(config(context=SHORT | {"whole_window_share": 0.25}, **fields), Lengths(1.9, 100))
    # Batches are filled as before; one example in four takes 30 s in place of 2.
    assert found == Plan(10, pytest.approx(190.0), pytest.approx(75 * 2.0 + 25 * 30.0), "audio_s")


def test_without_a_dataset_only_steps_are_known() -> None:
    short = config(max_steps=10, context=SHORT)
    assert planned(short) == Plan(10, None, 240.0, "audio_s")
    epochs = config(epochs=3)
    assert plan(epochs, costing_of(WHISPER, epochs)) is None
    # A step takes one window at least.
    assert planned(config(max_steps=10, context={"type": "full"})) == Plan(10, None, 300.0, "audio_s")


def test_a_part_of_the_examples_has_the_distribution_of_all() -> None:
    every = [Lengths(3.0, 30), Lengths(1.0, 50), Lengths(2.0, 20)]
    assert thinned(every, 10) == [Lengths(1.0, 5), Lengths(2.0, 2), Lengths(3.0, 3)]
    assert thinned(every, 100) == sorted(every, key=lambda each: each.length)
    assert sum(each.count for each in thinned(every, 7)) == 7
