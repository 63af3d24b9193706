"""What a search may ask: dimensions by path, checked against the training before anything starts."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config.base import parse, read_yaml
from engine.config.training import TrainingConfig
from engine.errors import ConfigError
from engine.models.catalogue import PROJECT_ROOT
from tuning.sweep.config import SweepResources, SweepRunConfig
from tuning.sweep.space import heaviest, training_at

SKETCHED = {"type": "qlora", "rank": 8, "allocation": {"type": "sketch"}}
RATE = {"type": "loguniform", "low": 1e-4, "high": 1e-2}
GRID = {"type": "grid"}


def sweep(dimensions: dict[str, Any], *, algorithm: Any = None, scheduler: Any = None, **fields: Any) -> SweepRunConfig:
    training = {"max_steps": 100, "evaluation": {"every_steps": 10}} | fields.pop("training", {})
    search = {"dimensions": dimensions, "algorithm": algorithm, "scheduler": scheduler} | fields.pop("search", {})
    given = {name: value for name, value in search.items() if value is not None}
    return parse(SweepRunConfig, {"name": "a", "data": "speech", "training": training, "search": given} | fields)


def faults(*arguments: Any, **fields: Any) -> dict[str, str]:
    with pytest.raises(ConfigError) as raised:
        sweep(*arguments, **fields)
    return {fault.path: fault.message for fault in raised.value.faults}


def test_every_faulty_value_of_every_dimension_is_named_together() -> None:
    found = faults(
        {
            "optimizer.learning_rate": {"type": "uniform", "low": 0.2, "high": 5},
            "optimizer.momentum": {"type": "choice", "values": [0.9]},
            "label_smoothing": {"type": "choice", "values": [0.1, 2.0, "much"]},
            "epochs.few": {"type": "choice", "values": [1]},
            "method.rank": {"type": "uniform", "low": 2, "high": 2},
            "max_grad_norm": {"type": "loguniform", "low": 0, "high": 1},
        },
        training={"evaluation": {"every_steps": 0}},
    )
    assert set(found) == {
        "search.dimensions.optimizer.learning_rate.high",
        "search.dimensions.optimizer.momentum",
        "search.dimensions.label_smoothing.values.1",
        "search.dimensions.label_smoothing.values.2",
        "search.dimensions.epochs.few",
        "search.dimensions.method.rank.high",
        "search.dimensions.max_grad_norm.low",
        "training.evaluation.every_steps",
    }
    assert found["search.dimensions.optimizer.learning_rate.high"].endswith("less than or equal to 1; found 5.0")
    assert "is no field of the training" in found["search.dimensions.optimizer.momentum"]
    assert "is no field of the training" in found["search.dimensions.epochs.few"]


@pytest.mark.parametrize("path", ["split.validation_fraction", "task.max_new_tokens", "evaluation.keep", "seed"])
def test_what_trials_are_compared_by_is_not_searched(path: str) -> None:
    found = faults({path: {"type": "choice", "values": [1]}})
    assert "cannot be searched" in found[f"search.dimensions.{path}"]


@pytest.mark.parametrize("path", ["method.groups", "method.allocation.probe_rank", "context.type", "method.allocation"])
def test_what_the_shared_sketch_depends_on_is_not_searched(path: str) -> None:
    if path == "method.allocation":
        found = faults({path: {"type": "choice", "values": ["uniform"]}}, training={"method": SKETCHED})
        assert list(found) == ["search.dimensions.method.allocation.values.0"]
        return
    found = faults({path: {"type": "choice", "values": [["fusion"]]}}, training={"method": SKETCHED})
    assert "share one sketch" in found[f"search.dimensions.{path}"]


def test_the_weights_and_the_budget_of_the_sketch_are_searched() -> None:
    weights = {"type": "loguniform", "low": 0.25, "high": 4.0}
    path = "method.allocation.weights"
    made = sweep(
        {f"{path}.fusion": weights, "method.allocation.budget": RATE | {"low": 2, "high": 8}},
        training={"method": SKETCHED},
    )
    trial = training_at({f"{path}.fusion": 0.5, "method.allocation.budget": 3.0}, made.training)
    allocation = trial.method.model_dump()["allocation"]
    assert (allocation["weights"], allocation["budget"]) == ({"fusion": 0.5}, 3.0)
    found = faults({f"{path}.nose": weights}, training={"method": SKETCHED})
    assert "no part 'nose'" in found[f"search.dimensions.{path}.nose.low"]
    assert f"search.dimensions.{path}.fusion" in faults({f"{path}.fusion": weights})  # uniform ranks have no weights


def test_a_grid_lists_every_combination_and_takes_only_what_can_be_listed() -> None:
    dimensions = {
        "method.rank": {"type": "choice", "values": [2, 8]},
        "optimizer.learning_rate": {"type": "grid", "low": 1e-4, "high": 1e-2, "points": 3, "log": True},
    }
    made = sweep(dimensions, algorithm=GRID)
    points = made.search.known_points()
    assert points is not None
    assert made.search.trials == len(points) == 6
    assert [point["method.rank"] for point in points] == [2, 2, 2, 8, 8, 8]
    assert [point["optimizer.learning_rate"] for point in points][:3] == pytest.approx([1e-4, 1e-3, 1e-2])
    found = faults({"optimizer.learning_rate": RATE}, algorithm=GRID)
    assert "values cannot be listed" in found["search.dimensions.optimizer.learning_rate.type"]
    many = {"type": "grid", "low": 1e-4, "high": 1e-2, "points": 64}
    found = faults({"optimizer.learning_rate": many, "optimizer.weight_decay": many}, algorithm=GRID)
    assert found["search.algorithm"].startswith("found 4096 combinations; a sweep has at most 200 trials")


def test_values_that_are_not_allowed_together_are_named_once() -> None:
    dimensions = {
        "batch.cost": {"type": "choice", "values": [24, 48]},
        "batch.micro_batch_cost": {"type": "choice", "values": [6, 12]},
    }
    assert sweep(dimensions, algorithm=GRID).search.trials == 4
    dimensions["batch.cost"]["values"] = [8, 48]
    found = faults(dimensions, algorithm=GRID, training={"batch": {"cost": 48, "micro_batch_cost": 6}})
    assert list(found) == ["search.dimensions"]
    assert '"batch.micro_batch_cost": 12' in found["search.dimensions"]


def test_random_points_depend_on_the_seed_and_their_number_alone() -> None:
    def points(trials: int, seed: int = 0) -> list[Any]:
        algorithm = {"type": "random", "trials": trials}
        made = sweep({"optimizer.learning_rate": RATE}, algorithm=algorithm, search={"seed": seed})
        return list(made.search.known_points() or ())

    assert points(3) == points(8)[:3]
    assert points(3) != points(3, seed=1)
    values = [point["optimizer.learning_rate"] for point in points(200)]
    assert min(values) >= 1e-4 and max(values) <= 1e-2
    assert 70 < sum(value < 1e-3 for value in values) < 130  # logarithms are equally probable


def test_whole_numbers() -> None:
    whole = {"type": "loguniform", "low": 2, "high": 32, "whole": True}
    made = sweep({"method.rank": whole}, algorithm={"type": "random", "trials": 50})
    ranks = {point["method.rank"] for point in made.search.known_points() or ()}
    assert ranks <= set(range(2, 33)) and len(ranks) > 5 and all(isinstance(rank, int) for rank in ranks)
    assert "search.dimensions.method.rank.low" in faults({"method.rank": whole | {"low": 0.5}})


def test_a_selection_is_searched_where_there_is_one_and_its_values_can_be_listed() -> None:
    shares = {"type": "choice", "values": [0.25, 0.5]}
    path = "selection.budget.fraction"
    assert "give selection" in faults({path: shares})[f"search.dimensions.{path}"]
    chosen = {"method": {"type": "random"}}
    assert sweep({path: shares}, algorithm=GRID, selection=chosen).search.trials == 2
    found = faults({path: {"type": "uniform", "low": 0.1, "high": 1.5}}, selection=chosen)
    assert "take choice or grid" in found[f"search.dimensions.{path}"]
    found = faults({path: shares | {"values": [0.5, 1.5]}}, selection=chosen)
    assert f"search.dimensions.{path}.values.1" in found
    found = faults(
        {path: shares}, selection={"method": {"type": "disagreement"}}, training={"method": {"type": "lora"}}
    )
    assert list(found) == ["selection.method.type"]


def test_the_heaviest_training_has_the_largest_values_that_are_allowed_together() -> None:
    made = sweep({"method.rank": {"type": "choice", "values": [2, 64, 8]}, "optimizer.learning_rate": RATE})
    heavy = heaviest(made.search.dimensions, made.training).model_dump()
    assert (heavy["method"]["rank"], heavy["optimizer"]["learning_rate"]) == (64, 1e-2)
    made = sweep(
        {
            "batch.cost": {"type": "choice", "values": [12, 24]},
            "batch.micro_batch_cost": {"type": "choice", "values": [6, 12]},
        },
        training={"batch": {"cost": 12, "micro_batch_cost": 12}},
    )
    assert heaviest(made.search.dimensions, made.training).batch.cost == 24


def test_limits() -> None:
    found = faults({"optimizer.learning_rate": RATE}, algorithm={"type": "optuna", "trials": 201})
    assert list(found) == ["search.algorithm.trials"]
    found = faults({"optimizer.learning_rate": {"type": "choice", "values": [0.1] * 65}})
    assert list(found) == ["search.dimensions.optimizer.learning_rate.values"]
    assert list(faults({})) == ["search.dimensions"]
    assert "search.dimensions" in faults({f"optimizer.{name}": RATE for name in "abcdefghijklmnopq"})
    found = faults({"optimizer.learning_rate": RATE}, scheduler={"type": "asha", "reduction_factor": 1.0})
    assert list(found) == ["search.scheduler.reduction_factor"]


def test_a_sweep_does_not_make_more_validations_than_events_are_kept() -> None:
    training = {"max_steps": 10_000, "evaluation": {"every_steps": 1}}
    algorithm = {"type": "optuna", "trials": 10}
    assert sweep({"optimizer.learning_rate": RATE}, algorithm=algorithm, training=training).search.trials == 10
    found = faults({"optimizer.learning_rate": RATE}, algorithm=algorithm | {"trials": 11}, training=training)
    assert found["training.evaluation.every_steps"].startswith("comes to 110000 validations of all 11 trials")


def test_threads_of_a_trial_have_cpus() -> None:
    with pytest.raises(ConfigError, match="reserve cpus_per_trial: 4"):
        parse(SweepResources, {"cpus_per_trial": 2, "threads_per_trial": 4})
    assert SweepResources(cpus_per_trial=1.5).worker().threads_per_worker == 2


@pytest.mark.parametrize(
    "path", sorted((PROJECT_ROOT / "configs" / "sweeps").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_shipped_sweep_is_valid(path: Any) -> None:
    made = parse(SweepRunConfig, read_yaml(path))
    assert made.name == path.stem
    assert made.search.trials >= 4


def test_a_training_without_the_dimension_stays_itself() -> None:
    config = TrainingConfig.model_validate({"max_steps": 7})
    assert training_at({}, config) is config
