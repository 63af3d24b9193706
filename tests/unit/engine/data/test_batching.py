"""The order of batches."""

from __future__ import annotations

import numpy as np
import pytest

from engine.config.context import AutoContextConfig, FullContextConfig, ShortContextConfig
from engine.config.training import BatchConfig
from engine.data.batching import BatchOrder, Costs, Position, evaluation_batches, micro_batches
from engine.data.example import Utterance, make_utterance
from engine.data.padding import padded_s
from engine.errors import TrainingError

START = Position()
CONTEXT = ShortContextConfig(bucket_s=0.5, tail_s=0.1)


def _utterances(count: int, longest_s: float = 5.0) -> list[Utterance]:
    generator = np.random.default_rng(0)
    return [
        make_utterance(f"u{i}", "a.wav", 0.0, float(generator.uniform(0.2, longest_s)), "one", None, None)
        for i in range(count)
    ]


def _order(utterances: list[Utterance], batch: BatchConfig, position: Position | None = None) -> BatchOrder:
    return BatchOrder(_costs(utterances), batch, seed=3, position=position or START)


def _costs(utterances: list[Utterance]) -> Costs:
    durations_s = [u.input.duration_s for u in utterances]
    return Costs(durations_s, [padded_s(duration_s, CONTEXT, 30.0) for duration_s in durations_s])


def test_lengths_are_padded_to_the_bucket_with_a_tail() -> None:
    assert padded_s(0.2, CONTEXT, 30.0) == 0.5
    assert padded_s(0.4, CONTEXT, 30.0) == 0.5
    assert padded_s(0.41, CONTEXT, 30.0) == 1.0
    assert padded_s(29.95, CONTEXT, 30.0) == 30.0
    assert padded_s(0.2, FullContextConfig(), 30.0) == 30.0
    coarse = ShortContextConfig(bucket_s=2.0, tail_s=0.9)
    assert [padded_s(seconds, coarse, 30.0) for seconds in (0.2, 1.1, 1.2)] == [2.0, 2.0, 4.0]
    with pytest.raises(TypeError, match="resolve_context"):  # never taken for one of the two in silence
        padded_s(0.2, AutoContextConfig(), 30.0)


def test_an_epoch_has_every_utterance_once_and_no_batch_is_overfull() -> None:
    utterances = _utterances(500)
    batch = BatchConfig(cost=12, micro_batch_cost=12, max_examples=9)
    order = _order(utterances, batch)
    steps = order.steps_per_epoch()
    batches = [order.next() for _ in range(steps)]
    assert sorted(i for b in batches for i in b.indices) == list(range(500))
    for b in batches:
        seconds = sum(padded_s(utterances[i].input.duration_s, CONTEXT, 30.0) for i in b.indices)
        assert len(b.indices) == 1 or (seconds <= 12 and len(b.indices) <= 9)
    assert order.next().position.epoch == 1


def test_batches_hold_similar_lengths() -> None:
    utterances = _utterances(2000)
    order = _order(utterances, BatchConfig(cost=24, micro_batch_cost=24))
    padding = speech = 0.0
    for _ in range(order.steps_per_epoch()):
        lengths = [padded_s(utterances[i].input.duration_s, CONTEXT, 30.0) for i in order.next().indices]
        padding += max(lengths) * len(lengths) - sum(lengths)
        speech += sum(lengths)
    assert padding / speech < 0.05  # in order of arrival it would be about 0.7


def test_any_position_can_be_found_again() -> None:
    utterances = _utterances(200)
    batch = BatchConfig(cost=8, micro_batch_cost=8, short_first_steps=30, short_first_max_cost=2.0)
    first = _order(utterances, batch)
    before = [first.next() for _ in range(25)]
    middle = first.position
    expected = [first.next() for _ in range(60)]
    again = _order(utterances, batch, middle)
    assert [again.next() for _ in range(60)] == expected
    assert before != expected[:25]


@pytest.mark.parametrize("longest_s", [1.0, 2.0])
def test_short_utterances_come_first_and_then_all(longest_s: float) -> None:
    utterances = _utterances(300)
    batch = BatchConfig(cost=8, micro_batch_cost=8, short_first_steps=10, short_first_max_cost=longest_s)
    order = _order(utterances, batch)
    early = {i for _ in range(10) for i in order.next().indices}
    assert longest_s - 0.5 < max(utterances[i].input.duration_s for i in early) <= longest_s
    full = BatchConfig(cost=8, micro_batch_cost=8)
    late = {i for _ in range(_order(utterances, full).steps_per_epoch()) for i in order.next().indices}
    assert late == set(range(300))


def test_a_curriculum_without_short_utterances_says_so() -> None:
    utterances = [make_utterance("u", "a.wav", 0.0, 3.0, "one", None, None)]
    batch = BatchConfig(short_first_steps=1, short_first_max_cost=1.0)
    with pytest.raises(TrainingError, match=r"short_first_max_cost is 1 .* the shortest has a cost of 3.00"):
        _order(utterances, batch).next()
    with pytest.raises(TrainingError, match="no example is left to train on"):
        _order([], batch)


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
def test_workers_share_a_batch_without_loss_or_repeat(world_size: int) -> None:
    lengths = [0.5 + 0.5 * (i % 4) for i in range(17)]
    parts = [
        micro_batches(range(17), lengths, micro_batch_cost=3.0, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    assert sorted(i for part in parts for piece in part for i in piece) == list(range(17))
    for piece in (piece for part in parts for piece in part):
        assert sum(lengths[i] for i in piece) <= 3.0


def test_evaluation_batches_hold_one_length_each() -> None:
    lengths = [0.5, 1.0, 0.5, 2.0, 1.0, 0.5]
    batches = evaluation_batches(lengths, 1.0)
    assert sorted(i for b in batches for i in b) == list(range(6))
    for b in batches:
        assert len({lengths[i] for i in b}) == 1
        assert len(b) <= max(1, int(1.0 / lengths[b[0]]))


def test_a_share_of_the_utterances_gets_the_whole_window_evenly_over_the_steps() -> None:
    utterances = _utterances(800, longest_s=1.0)
    batch = BatchConfig(cost=24, micro_batch_cost=24, max_examples=16)

    def batches(position: Position = START, count: int = 50) -> list[tuple[int, ...]]:
        order = BatchOrder(_costs(utterances), batch, seed=3, position=position, whole_window_share=1 / 64)
        given = [order.next() for _ in range(count)]
        assert all(set(b.whole_window) <= set(b.indices) for b in given)
        return [b.whole_window for b in given]

    given = batches()
    assert [len(whole) for whole in given[:8]] == [0, 0, 0, 1, 0, 0, 0, 1]
    assert len(set(given)) > 10  # not the same utterance again and again
    assert batches(Position(20, 0, 20), 30) == given[20:]
    assert not any(b.whole_window for b in [_order(utterances, batch).next()])


def test_runs_that_are_compared_with_each_other_are_never_divided() -> None:
    padded = [1.0] * 10
    parts = [
        micro_batches(range(10), padded, micro_batch_cost=4.0, rank=rank, world_size=2, unit=4) for rank in range(2)
    ]
    assert parts == [[[0, 1, 2, 3], [8, 9]], [[4, 5, 6, 7]]]
    wide = micro_batches(range(10), padded, micro_batch_cost=2.0, rank=0, world_size=1, unit=4)
    assert wide == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]  # larger than a piece may be, but whole
