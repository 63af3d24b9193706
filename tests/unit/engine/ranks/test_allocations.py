"""What each field of an allocation does to the ranks of a tiny Whisper."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.config.allocations.sketch import SketchFields
from engine.config.base import parse
from engine.config.methods.lora import LoraConfig
from engine.config.training import TrainingConfig
from engine.data.manifest import read_examples
from engine.errors import ConfigError
from engine.families.binding import bind
from engine.methods.build import build_method
from engine.methods.contract import AllocatesRanks
from engine.ranks.deciding import decide_ranks
from engine.ranks.ranks import Ranks
from engine.ranks.spending import spent_again
from engine.run.store import LocalRunStore
from engine.training.parallel import SINGLE

Allocated = Callable[..., Ranks | None]


@pytest.fixture(scope="module")
def allocated(tiny_whisper: Path, tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Allocated:
    """Allocates; fields of the allocation, and under `config` fields of the training."""

    def allocate(*, config: dict[str, Any] | None = None, rank: int = 4, **fields: Any) -> Ranks | None:
        allocation = {"type": "sketch", "examples": 8, "probe_rank": 8} | fields
        if allocation["type"] not in ("sketch", "shuffled"):
            allocation = fields
        method = {"type": "lora", "rank": rank, "allocation": allocation}
        training = parse(
            TrainingConfig, {"method": method, "batch": {"cost": 4, "micro_batch_cost": 4}, **(config or {})}
        )
        examples = read_examples(tones / "manifest.jsonl")
        bound = bind(str(tiny_whisper), training, training=examples)
        made = build_method(bound.config.method)
        assert isinstance(made, AllocatesRanks)
        store = LocalRunStore(tmp_path_factory.mktemp("store"))
        return decide_ranks(made, bound, examples, tones, store, SINGLE)

    return allocate


def _of(ranks: Ranks | None) -> Ranks:
    assert ranks is not None
    return ranks


def _parameters(ranks: Ranks | None) -> int:
    return _of(ranks).summary().parameters


def test_the_budget_is_an_average_rank_or_parameters(allocated: Allocated) -> None:
    whole = sum(layer.inputs + layer.outputs for layer in _of(allocated()).layers)
    for ranks, allowed in (
        (allocated(), 4 * whole),
        (allocated(budget=2.5), 2.5 * whole),
        (allocated(budget=9_000, unit="parameters"), 9_000),
    ):
        budget = _of(ranks).budget
        assert budget is not None and budget.allowed == allowed
        assert allowed - 320 < _parameters(ranks) == budget.spent <= allowed


def test_a_budget_in_bytes_counts_what_training_keeps_of_a_rank(allocated: Allocated) -> None:
    """A weight, its gradient and two moments in float32; a moving average; activations unless they are recomputed."""
    plain = {"optimizer": {"type": "sgd", "momentum": 0.0}, "gradient_checkpointing": True}
    ranks = _of(allocated(budget=80_000, unit="bytes", config=plain))
    assert ranks.budget is not None and ranks.budget.spent == 8 * _parameters(ranks) <= 80_000
    adam = _of(allocated(budget=80_000, unit="bytes", config={"gradient_checkpointing": True}))
    assert adam.budget is not None and adam.budget.spent == 16 * _parameters(adam)
    copies = {"ema_decay": 0.9, "gradient_checkpointing": True}
    averaged = _of(allocated(budget=80_000, unit="bytes", config=copies))
    assert averaged.budget is not None and averaged.budget.spent == 20 * _parameters(averaged)
    kept = _of(allocated(budget=80_000, unit="bytes"))
    assert kept.budget is not None and 17 * _parameters(kept) < kept.budget.spent <= 80_000


def test_a_weight_moves_ranks_to_a_group(allocated: Allocated) -> None:
    plain, favoured, without = (
        _of(allocated(**fields)).summary().groups
        for fields in ({}, {"weights": {"fusion": 20.0}}, {"weights": {"fusion": 0.0}})
    )
    assert without["fusion"].parameters == 0 < plain["fusion"].parameters < favoured["fusion"].parameters


def test_ranks_follow_the_singular_values_to_the_power(allocated: Allocated) -> None:
    """What is chosen for a power has the largest sum of singular values to that power."""
    powers = (0.2, 1.0, 4.0)
    found = [_of(allocated(power=power)) for power in powers]
    for power, own in zip(powers, found, strict=True):
        sums = [
            sum(value**power for layer in ranks.layers for value in layer.singular_values[: layer.rank])
            for ranks in found
        ]
        assert max(sums) == sums[found.index(own)] and len(set(sums)) == 3


def test_floor_and_cap_hold(allocated: Allocated) -> None:
    free, held = _of(allocated(power=4.0)), _of(allocated(power=4.0, floor=3, cap=5))
    assert min(layer.rank for layer in free.layers) < 3 and max(layer.rank for layer in free.layers) > 5
    assert {layer.rank for layer in held.layers} == {3, 4, 5}


def test_the_probe_s_rank_is_the_number_of_singular_values(allocated: Allocated) -> None:
    for rank in (4, 6):
        assert {len(layer.singular_values) for layer in _of(allocated(probe_rank=rank)).layers} == {rank}


def test_as_many_examples_are_measured_as_asked(allocated: Allocated) -> None:
    for examples in (6, 11):
        measured = _of(allocated(examples=examples)).measured
        assert measured is not None and (measured.examples, measured.cost_unit) == (examples, "audio_s")


def test_the_same_seed_gives_the_same_ranks(allocated: Allocated) -> None:
    first, again, other = (_of(allocated(config={"seed": seed})) for seed in (1, 1, 2))
    assert first.layers == again.layers != other.layers


def test_the_control_has_the_ranks_of_each_shape(allocated: Allocated) -> None:
    sketched = _of(allocated())
    one, two = (_of(allocated(type="shuffled", shuffle_seed=seed)) for seed in (1, 2))
    for ranks in (one, two):
        assert _parameters(ranks) == _parameters(sketched)
        assert [layer.singular_values for layer in ranks.layers] == [layer.singular_values for layer in sketched.layers]
        for shape in ((64, 64), (64, 256), (256, 64)):
            assert Counter(each.rank for each in ranks.layers if (each.inputs, each.outputs) == shape) == Counter(
                each.rank for each in sketched.layers if (each.inputs, each.outputs) == shape
            )
    assert len({tuple(layer.rank for layer in each.layers) for each in (sketched, one, two)}) == 3


def test_uniform_allocates_nothing(allocated: Allocated) -> None:
    assert allocated(type="uniform") is None


def test_fixed_ranks_are_taken_as_they_are_and_others_get_none(allocated: Allocated) -> None:
    given = {"model.encoder.layers.0.fc1": 2, "model.decoder.layers.1.encoder_attn.q_proj": 9}
    ranks = _of(allocated(type="fixed", ranks={**given, "model.encoder.layers.1.fc1": 0}))
    assert ranks.by_name() == given
    summary = ranks.summary()
    assert (summary.groups["fusion"].adapted, summary.groups["audio_encoder"].parameters) == (1, 2 * 320)
    assert (ranks.budget, ranks.measured) == (None, None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"type": "fixed", "ranks": {"model.encoder.layers.9.fc1": 2}},
            r"allocation\.ranks: found model\.encoder\.layers\.9",
        ),
        ({"type": "fixed", "ranks": {"model.encoder.layers.0.fc1": 0}}, r"allocation\.ranks: are all 0"),
        (
            {"budget": 100, "unit": "parameters"},
            r"allocation\.budget: found 100 parameters; one rank costs at least 128",
        ),
        (
            {"budget": 1000, "unit": "parameters", "floor": 1},
            r"rank 1 in every layer costs 5,632, and the budget is 1,000",
        ),
        ({"weights": dict.fromkeys(("audio_encoder", "fusion", "text_decoder"), 0)}, "weight greater than 0"),
        ({"cap": 9}, r"allocation\.cap: found 9; the sketch measures 8 directions of each layer: raise probe_rank"),
        ({"rank": 9}, r"allocation\.budget: is unset, which is the method's rank 9, more than cap"),
        ({"budget": 1.5, "floor": 2}, r"allocation\.budget: found 1\.5, less than floor 2"),
        ({"unit": "bytes"}, r"allocation\.budget: is missing: with unit bytes"),
    ],
)
def test_what_cannot_be_is_refused(allocated: Allocated, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        allocated(**fields)


def test_a_part_that_the_model_lacks_is_refused(tmp_path: Path) -> None:
    from tests.contract.pairs import PAIRS
    from tests.contract.scenes import Scene

    pair = next(pair for pair in PAIRS if pair.family == "wav2vec2")
    scene = Scene(pair, pair.write_model(tmp_path / "model"), pair.write_data(tmp_path / "data"))
    method = {"type": "lora", "allocation": {"type": "sketch", "weights": {"fusion": 2.0}}}
    with pytest.raises(ConfigError, match=r"allocation\.weights: found fusion; the parts of .* are audio_encoder"):
        scene.finetune(tmp_path, method=method)


def test_a_budget_that_caps_leave_unspent_is_told(allocated: Allocated) -> None:
    told = _of(allocated(budget=1_000_000, unit="parameters")).unspent()
    assert told is not None and "of the 1,000,000 parameters of the budget" in told
    assert _of(allocated()).unspent() is None


def test_ranks_are_read_from_what_was_written(allocated: Allocated) -> None:
    ranks = _of(allocated())
    assert Ranks.model_validate(json.loads(ranks.model_dump_json())) == ranks


@pytest.mark.parametrize(
    ("measured", "asked"),
    [
        ({}, {"budget": 1.0}),
        ({}, {"budget": 3.5, "power": 2.0, "cap": 6, "floor": 1}),
        ({}, {"weights": {"audio_encoder": 0.25, "fusion": 4.0}}),
        ({"budget": 20_000, "unit": "parameters"}, {"budget": 9_000, "unit": "parameters"}),
        ({"budget": 900_000, "unit": "bytes"}, {"budget": 300_000, "unit": "bytes"}),
        ({}, {"type": "shuffled", "shuffle_seed": 3, "budget": 2.0}),
    ],
)
def test_a_sketch_that_is_spent_again_gives_the_ranks_that_measuring_again_gives(
    allocated: Allocated, measured: dict[str, Any], asked: dict[str, Any]
) -> None:
    once, again = _of(allocated(**measured)), _of(allocated(**asked))
    assert isinstance(again.allocation, SketchFields)
    found = spent_again(once, LoraConfig(rank=4), again.allocation)
    assert found.by_name() == again.by_name() != once.by_name()
    assert (found.budget, found.allocation) == (again.budget, again.allocation)
    assert found.budget is not None and found.budget.spent <= found.budget.allowed


def test_ranks_that_were_given_have_nothing_to_spend_by(allocated: Allocated) -> None:
    once = _of(allocated())
    given = _of(allocated(type="fixed", ranks=once.by_name()))
    assert isinstance(once.allocation, SketchFields)
    with pytest.raises(ValueError, match="were given, not measured"):
        spent_again(given, LoraConfig(rank=4), once.allocation)
    with pytest.raises(ConfigError, match="one rank costs at least"):
        spent_again(once, LoraConfig(rank=4), once.allocation.model_copy(update={"budget": 0.01}))
