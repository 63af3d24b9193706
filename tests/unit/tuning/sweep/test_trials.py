"""What trials report: which value counts, which trial is best, what is on the fronts, where the next point comes from."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from cluster.config import ResourcesConfig
from engine.config.base import parse
from engine.config.training import TrainingConfig
from engine.models.catalogue import reference_to
from tuning.sweep.algorithms import Point
from tuning.sweep.best import on_everything
from tuning.sweep.config import SearchConfig
from tuning.sweep.front import draw_fronts, front, fronts
from tuning.sweep.memory import trial_bytes, trials_that_fit
from tuning.sweep.points import Tried, points_of
from tuning.sweep.trials import Report, State, Trial, TrialResult, best_of, ranks_of, result_of


def report(validation: int, value: float, *, metric: str = "wer", seconds: float = 1.0, **fields: Any) -> Report:
    fields = {"peak_bytes": 100 * validation, "trainable_parameters": 7, **fields}
    return Report(
        validation=validation,
        step=10 * validation,
        primary=metric,
        metrics={metric: value},
        seconds=seconds * validation,
        time=fields.pop("time", f"2026-01-01T00:00:{validation:02d}Z"),
        **fields,
    )


def ended(number: int, value: float | None, peak: int = 1, weights: int = 1, **fields: Any) -> TrialResult:
    fields = {"state": "finished", "primary": "wer", **fields}
    return TrialResult(number=number, values={}, value=value, peak_bytes=peak, trainable_parameters=weights, **fields)


# ---- values ---------------------------------------------------------------------------------------------------


def test_the_value_is_that_of_the_weights_that_the_training_keeps() -> None:
    reports = [report(1, 0.5), report(2, 0.2, peak_bytes=900), report(3, 0.4)]
    for keep, value in (("last", 0.4), ("best", 0.2)):
        config = TrainingConfig.model_validate({"evaluation": {"every_steps": 10, "keep": keep}, "seed": 5})
        found = result_of(Trial(number=0, values={"seed": 1}, config=config), reports)
        assert (found.value, found.validations, found.step, found.seconds) == (value, 3, 30, 3.0)
        assert (found.peak_bytes, found.trainable_parameters, found.seed) == (900, 7, 5)


def test_more_is_better_of_an_accuracy() -> None:
    config = TrainingConfig.model_validate({"evaluation": {"every_steps": 10, "keep": "best"}})
    reports = [report(1, 0.5, metric="accuracy"), report(2, 0.9, metric="accuracy"), report(3, 0.4, metric="accuracy")]
    assert result_of(Trial(number=0, values={}, config=config), reports).value == 0.9
    assert [each.loss for each in reports] == [-0.5, -0.9, -0.4]
    trials = [ended(number, value, primary="accuracy") for number, value in enumerate([0.5, 0.9, 0.7])]
    best = best_of(trials)
    assert best is not None and best.number == 1
    assert front([ended(0, 0.9, 5, primary="accuracy"), ended(1, 0.5, 9, primary="accuracy")], "peak_bytes") == [0]


def test_the_best_has_trained_to_its_end_if_any_has() -> None:
    trials = [ended(0, 0.1, state="pruned"), ended(1, 0.3), ended(2, 0.2), ended(3, float("nan")), ended(4, None)]
    best = best_of(trials)
    assert best is not None and best.number == 2
    best = best_of(trials[:1])
    assert best is not None and best.number == 0
    assert best_of(trials[3:]) is None


def test_equal_values_are_told_apart_by_the_loss() -> None:
    trials = [ended(0, 0.1, validation_loss=0.3), ended(1, 0.1, validation_loss=0.2), ended(2, 0.1)]
    best = best_of(trials)
    assert best is not None and best.number == 1
    config = TrainingConfig.model_validate({"evaluation": {"every_steps": 10, "keep": "best"}})
    reports = [
        report(1, 0.0, validation_loss=0.2),
        report(2, 0.5, validation_loss=0.1),
        report(3, float("nan"), validation_loss=None),
    ]
    assert ranks_of(config, reports) == [(0.0, 0.2)] * 3
    last = config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"keep": "last"})})
    assert ranks_of(last, reports) == [(0.0, 0.2), (0.5, 0.1), (math.inf, math.inf)]
    assert Report.model_validate_json(reports[0].model_dump_json()).rank == (0.0, 0.2)


# ---- fronts ---------------------------------------------------------------------------------------------------


def test_a_front_has_what_no_other_trial_beats() -> None:
    trials = [
        ended(0, 0.50, 10),
        ended(1, 0.30, 20),
        ended(2, 0.30, 25),  # as good as 1, and dearer
        ended(3, 0.40, 20),  # as dear as 1, and worse
        ended(4, 0.10, 40),
        ended(5, 0.05, 15, state="pruned"),
        ended(6, float("nan"), 1),
        ended(7, 0.20, 50),  # worse than 4, and dearer
    ]
    assert front(trials, "peak_bytes") == [0, 1, 4]
    assert front(list(reversed(trials)), "peak_bytes") == [0, 1, 4]
    assert front([], "peak_bytes") == []


def test_each_cost_has_a_front_and_a_picture(tmp_path: Path) -> None:
    trials = [ended(0, 0.5, 10, 300), ended(1, 0.3, 20, 100)]
    assert fronts(trials) == {"peak_bytes": [0, 1], "trainable_parameters": [1]}
    assert draw_fronts(trials, tmp_path / "front.png")
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")
    assert not draw_fronts([ended(0, 0.5, state="pruned")], tmp_path / "none.png")


# ---- points ---------------------------------------------------------------------------------------------------

SEARCH: dict[str, Any] = {
    "dimensions": {
        "optimizer.learning_rate": {"type": "loguniform", "low": 1e-4, "high": 1e-2},
        "method.groups": {"type": "choice", "values": [["fusion"], ["audio_encoder"], "all"]},
        "method.rank": {"type": "uniform", "low": 2, "high": 16, "whole": True},
        "label_smoothing": {"type": "grid", "low": 0.0, "high": 0.2, "points": 3},
    },
    "algorithm": {"type": "optuna", "trials": 30, "random_trials": 5},
}


def loss_at(point: Point) -> float:
    rate = point["optimizer.learning_rate"]
    assert isinstance(rate, float)
    return abs(rate - 1e-3) + (0.01 if point["method.groups"] != ["fusion"] else 0.0)


def tried_at(point: Point, loss: float | None, state: State = "finished", validations: int = 9) -> Tried:
    return Tried(point, state, validations, loss)


def found_by(direction: float, state: State = "finished") -> list[Point]:
    """The points of a search that is told this multiple of the loss."""
    points, found, tried = points_of(parse(SearchConfig, SEARCH)), [], list[Tried]()
    for number in range(30):
        found.append(points.point(number, tried))
        tried.append(tried_at(found[-1], direction * loss_at(found[-1]), state))
    return found


@pytest.mark.parametrize("state", ["finished", "pruned", "paused"])
def test_optuna_gathers_where_trials_were_good_and_values_are_those_of_the_dimensions(state: State) -> None:
    found = found_by(1.0, state)
    for point in found:
        assert point["method.groups"] in (["fusion"], ["audio_encoder"], "all")
        assert point["label_smoothing"] in (0.0, 0.1, 0.2)
        assert isinstance(point["method.rank"], int)
    misled = found_by(-1.0, state)
    assert found[0] == misled[0]
    assert sum(map(loss_at, found[10:])) < 0.7 * sum(map(loss_at, misled[10:]))


def test_a_point_depends_on_the_trials_before_it_and_not_on_the_process() -> None:
    points, tried = points_of(parse(SearchConfig, SEARCH)), list[Tried]()
    found: list[Point] = []
    for number in range(12):
        found.append(points.point(number, tried))
        state: State = ("finished", "failed", "paused", "running")[number % 4]  # type: ignore[assignment]
        tried.append(tried_at(found[-1], None if state in ("failed", "running") else loss_at(found[-1]), state, 3))
    assert [points_of(parse(SearchConfig, SEARCH)).point(number, tried[:number]) for number in range(12)] == found
    assert len({str(point) for point in found}) == 12


# ---- memory ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "fit"),
    [
        ({"CPU": 8.0, "memory": 100.0}, 2),
        ({"CPU": 1.0, "memory": 1000.0}, 1),
        ({"CPU": 0.0}, 1),
        ({"CPU": 99, "memory": 1e9}, 6),
    ],
)
def test_as_many_trials_run_as_free_memory_and_cpus_hold(free: dict[str, float], fit: int) -> None:
    assert trials_that_fit(ResourcesConfig(memory_bytes_per_worker=50), free, 6) == fit


def test_a_trial_reserves_what_its_model_and_its_batches_take() -> None:
    model = reference_to("whisper-pico")
    small, large = (
        trial_bytes(model, TrainingConfig.model_validate({"batch": {"cost": 240, "micro_batch_cost": cost}}))
        for cost in (12, 240)
    )
    assert small is not None and large is not None
    assert 5 * 10**8 < small < large
    unknown = model.model_copy(update={"source": "s3://bucket/elsewhere"})
    assert trial_bytes(unknown, TrainingConfig()) is None


# ---- the best trial on everything -----------------------------------------------------------------------------


def test_the_best_trains_on_validation_examples_too_unless_it_depends_on_them() -> None:
    config = TrainingConfig.model_validate(
        {
            "max_steps": 50,
            "evaluation": {"every_steps": 10},
            "split": {"validation_groups": ["bo"], "test_groups": ["al"]},
        }
    )
    whole = on_everything(config)
    assert (whole.split.validation_groups, whole.split.validation_fraction, whole.split.test_groups) == (
        [],
        0.0,
        ["al"],
    )
    assert (whole.evaluation.every_steps, whole.max_steps) == (0, 50)
    careful = config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"keep": "best"})})
    assert on_everything(careful) == careful
