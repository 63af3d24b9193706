"""What each option of the loop does to a run of one line of arithmetic, where everything can be counted by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from engine.metrics.registry import Better
from tests.unit.engine.training.toy import START, AllOfIt, saying, train

SGD: dict[str, Any] = {"type": "sgd", "learning_rate": 0.1, "momentum": 0.0}


def _steps(trained: Any, name: str) -> list[Any]:
    return [event[name] for event in trained.events if "loss" in event]


# ---- how long


def test_max_steps_are_taken(tmp_path: Path) -> None:
    assert train(tmp_path, {"max_steps": 7}).steps == 7


def test_epochs_are_passes_over_the_utterances(tmp_path: Path) -> None:
    batch = {"cost": 2, "micro_batch_cost": 2}
    context = {"type": "short", "bucket_s": 1.0, "tail_s": 0.0}
    trained = train(tmp_path, {"epochs": 3, "batch": batch, "context": context}, utterances=saying(*range(10)))
    assert trained.steps == 15
    # The first was tried for its memory.
    seen = [name for names in trained.batches[1:16] for name in names]
    assert all(seen.count(f"u{i}") == 3 for i in range(10))
    assert train(tmp_path / "ten", {"batch": batch, "context": context}, utterances=saying(*range(10))).steps == 50


# ---- gradients


def test_gradients_are_clipped_to_the_norm(tmp_path: Path) -> None:
    """Four weights at 1 whose loss falls towards 0: a gradient of 1 each, a norm of 2."""
    far = {"max_steps": 1, "optimizer": SGD}
    clipped = train(tmp_path / "clipped", far | {"max_grad_norm": 0.5})
    assert clipped.weights == pytest.approx([START - 0.1 * 0.25] * 4)
    assert _steps(clipped, "grad_norm") == pytest.approx([2.0])  # as it was before
    assert train(tmp_path / "whole", far | {"max_grad_norm": 3.0}).weights == pytest.approx([START - 0.1] * 4)
    assert train(tmp_path / "never", far | {"max_grad_norm": 0.0}).weights == pytest.approx([START - 0.1] * 4)


def test_a_batch_is_cut_into_micro_batches_and_counts_once(tmp_path: Path) -> None:
    context = {"type": "short", "bucket_s": 1.0, "tail_s": 0.0}
    fields = {"max_steps": 1, "optimizer": SGD, "context": context, "max_grad_norm": 0.0}
    whole = train(
        tmp_path / "whole", fields | {"batch": {"cost": 6, "micro_batch_cost": 6}}, utterances=saying(*range(6))
    )
    cut = train(tmp_path / "cut", fields | {"batch": {"cost": 6, "micro_batch_cost": 2}}, utterances=saying(*range(6)))
    assert (len(whole.batches[0]), len(cut.batches[0])) == (6, 2)
    assert cut.weights == pytest.approx(whole.weights)
    assert whole.weights == pytest.approx([START + 0.1 * 1.5] * 4)  # the mean is 2.5


class _Faster(AllOfIt):
    def rate_factor(self, name: str) -> float:
        return {"weight": 3.0}[name]


def test_a_method_may_have_parameters_that_learn_faster(tmp_path: Path) -> None:
    fields = {"max_steps": 2, "optimizer": SGD, "max_grad_norm": 0.0}
    schedule = {"type": "step", "every_steps": 1, "factor": 0.5}
    faster = train(tmp_path, fields | {"schedule": schedule}, method=_Faster())
    assert faster.weights == pytest.approx([START * (1 - 0.3) * (1 - 0.15)] * 4)
    assert train(tmp_path / "plain", fields).weights == pytest.approx([START * 0.9 * 0.9] * 4)


# ---- averages


def test_a_moving_average_is_measured_and_kept(tmp_path: Path) -> None:
    fields = {"max_steps": 30, "optimizer": SGD, "evaluation": {"every_steps": 30}, "max_grad_norm": 0.0}
    plain = train(tmp_path / "plain", fields, metric=lambda step: 1.0)
    averaged = train(tmp_path / "averaged", fields | {"ema_decay": 0.5}, metric=lambda step: 1.0)
    weight = average = START
    for step in range(1, 31):
        weight *= 0.9
        keep = min(0.5, (1 + step) / (10 + step))
        average = keep * average + (1 - keep) * weight
    assert plain.weights == pytest.approx([weight] * 4)
    assert averaged.weights == pytest.approx([average] * 4)
    assert averaged.evaluated == [(30, pytest.approx(average))]
    assert average > 1.05 * weight


# ---- evaluations and what they decide


def test_evaluations_come_every_so_many_steps_and_at_the_end(tmp_path: Path) -> None:
    trained = train(tmp_path, {"max_steps": 8, "evaluation": {"every_steps": 3}}, metric=lambda step: 1.0)
    assert [step for step, _ in trained.evaluated] == [3, 6, 8]


def test_early_stopping_waits_for_so_many_evaluations_without_gain(tmp_path: Path) -> None:
    found = {1: 0.9, 2: 0.5, 3: 0.6, 4: 0.4, 5: 0.5, 6: 0.4, 7: 0.7, 8: 0.1}
    fields = {"max_steps": 8, "evaluation": {"every_steps": 1, "early_stopping_patience": 3}}
    assert train(tmp_path / "three", fields, metric=found.__getitem__).steps == 7
    fields["evaluation"] = {"every_steps": 1, "early_stopping_patience": 1}
    assert train(tmp_path / "one", fields, metric=found.__getitem__).steps == 3
    fields["evaluation"] = {"every_steps": 1}
    assert train(tmp_path / "never", fields, metric=found.__getitem__).steps == 8


def test_early_stopping_follows_the_direction_of_the_metric(tmp_path: Path) -> None:
    found = {1: 0.1, 2: 0.5, 3: 0.4, 4: 0.6, 5: 0.5, 6: 0.6, 7: 0.3, 8: 0.9}
    fields = {"max_steps": 8, "evaluation": {"every_steps": 1, "early_stopping_patience": 3}}
    assert train(tmp_path / "higher", fields, metric=found.__getitem__, better="higher").steps == 7
    assert train(tmp_path / "lower", fields, metric=found.__getitem__, better="lower").steps == 4


def test_an_evaluation_that_is_no_number_is_no_gain(tmp_path: Path) -> None:
    fields = {
        "max_steps": 6,
        "optimizer": SGD,
        "max_grad_norm": 0.0,
        "evaluation": {"every_steps": 1, "keep": "best", "early_stopping_patience": 2},
    }
    found = {1: math.nan, 2: 0.2, 3: math.nan, 4: math.nan, 5: 0.3, 6: 0.3}
    trained = train(tmp_path, fields, metric=found.__getitem__, better="higher")
    assert trained.steps == 4
    assert trained.weights == pytest.approx([0.9**2] * 4)


@pytest.mark.parametrize(
    ("keep", "better", "kept_after"), [("best", "lower", 2), ("best", "higher", 4), ("last", "lower", 6)]
)
def test_the_weights_of_the_best_or_of_the_last_evaluation_are_kept(
    tmp_path: Path, keep: str, better: Better, kept_after: int
) -> None:
    found = {2: 0.1, 4: 0.3, 6: 0.2}
    fields = {"max_steps": 6, "optimizer": SGD, "max_grad_norm": 0.0, "evaluation": {"every_steps": 2, "keep": keep}}
    trained = train(tmp_path, fields, metric=found.__getitem__, better=better)
    assert trained.weights == pytest.approx([0.9**kept_after] * 4)


def test_without_examples_to_validate_on_the_last_weights_are_kept(tmp_path: Path) -> None:
    evaluation = {"every_steps": 2, "keep": "best", "early_stopping_patience": 1}
    trained = train(tmp_path, {"max_steps": 6, "optimizer": SGD, "max_grad_norm": 0.0, "evaluation": evaluation})
    assert (trained.steps, trained.evaluated) == (6, [])
    assert trained.weights == pytest.approx([0.9**6] * 4)


def test_a_plateau_follows_the_direction_of_the_metric(tmp_path: Path) -> None:
    fields: dict[str, Any] = {
        "max_steps": 5,
        "log_every_steps": 1,
        "evaluation": {"every_steps": 1},
        "optimizer": SGD,
        "schedule": {"type": "plateau", "patience": 0, "factor": 0.1},
    }
    for better, rates in (("higher", [0.1] * 5), ("lower", [0.1, 0.1, 0.01, 0.001, 0.0001])):
        trained = train(tmp_path / better, fields, metric=lambda step: 0.1 * step, better=better)
        assert _steps(trained, "learning_rate") == pytest.approx(rates)


def test_a_plateau_lowers_the_learning_rate_after_its_patience(tmp_path: Path) -> None:
    fields: dict[str, Any] = {
        "max_steps": 6,
        "log_every_steps": 1,
        "evaluation": {"every_steps": 1},
        "optimizer": SGD,
        "schedule": {"type": "plateau", "patience": 1, "factor": 0.1},
    }
    trained = train(tmp_path, fields, metric=lambda step: 1.0)
    assert _steps(trained, "learning_rate") == pytest.approx([0.1, 0.1, 0.1, 0.01, 0.01, 0.001])


# ---- learning rates


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ({"type": "cosine", "final_fraction": 0.2}, [1.0, 0.92361, 0.72361, 0.47639, 0.27639]),
        ({"type": "linear", "final_fraction": 0.5}, [1.0, 0.9, 0.8, 0.7, 0.6]),
        ({"type": "constant"}, [1.0] * 5),
        ({"type": "step", "every_steps": 2, "factor": 0.1}, [1.0, 1.0, 0.1, 0.1, 0.01]),
        ({"type": "constant", "warmup_steps": 4}, [0.25, 0.5, 0.75, 1.0, 1.0]),
    ],
)
def test_the_learning_rate_follows_the_schedule(tmp_path: Path, schedule: dict[str, Any], rates: list[float]) -> None:
    optimizer = {"type": "sgd", "learning_rate": 0.01}
    trained = train(tmp_path, {"max_steps": 5, "log_every_steps": 1, "optimizer": optimizer, "schedule": schedule})
    assert _steps(trained, "learning_rate") == pytest.approx([0.01 * rate for rate in rates], rel=1e-4)


# ---- what is written


def test_a_checkpoint_every_so_many_steps_of_which_the_newest_are_kept(tmp_path: Path) -> None:
    def saved(folder: Path, **fields: int) -> list[str]:
        store = train(folder, {"max_steps": 10, "checkpoint": fields}).store
        return sorted(path.name for path in (store / "checkpoints").iterdir())

    assert saved(tmp_path / "two", every_steps=3) == ["step-00000009", "step-00000010"]
    assert saved(tmp_path / "three", every_steps=2, keep=3) == ["step-00000006", "step-00000008", "step-00000010"]


def test_a_metric_event_every_so_many_steps(tmp_path: Path) -> None:
    trained = train(tmp_path, {"max_steps": 7, "log_every_steps": 3})
    assert _steps(trained, "cost_unit") == ["audio_s"] * 3
    assert all(cost_per_s > 0 for cost_per_s in _steps(trained, "cost_per_s"))
    assert _steps(trained, "step") == [3, 6, 7]
    assert [len(losses) for losses in _steps(trained, "step_losses")] == [3, 3, 1]


# ---- order


def test_the_seed_decides_the_order(tmp_path: Path) -> None:
    fields = {"max_steps": 5, "batch": {"cost": 2, "micro_batch_cost": 2}}
    orders = [
        train(tmp_path / str(i), fields | {"seed": seed}, utterances=saying(*range(10))).batches[:5]
        for i, seed in enumerate((3, 3, 4))
    ]
    assert orders[0] == orders[1] != orders[2]


# ---- decided from outside


class Pausing:
    """Decides after the second validation: the run ends there, unless it has been decided on before."""

    def __init__(self, store: Path, *, pauses: bool) -> None:
        self._store, self._pauses, self.validations = store, pauses, 0
        self.checkpoints: list[str] = []

    def is_due(self) -> bool:
        return self.validations == 2

    def decide(self) -> None:
        self.validations += 1
        self.checkpoints = sorted(path.name for path in (self._store / "checkpoints").iterdir())
        if self._pauses:
            raise SystemExit

    def metric(self, step: int) -> float:
        self.validations += 1
        return 0.5


def test_a_run_that_is_ended_after_a_validation_has_a_checkpoint_there_and_resumes(tmp_path: Path) -> None:
    fields = {"max_steps": 6, "evaluation": {"every_steps": 2}, "checkpoint": {"every_steps": 100}, "optimizer": SGD}
    whole = train(tmp_path / "whole", fields, metric=lambda step: 0.5)
    for folder, pauses in (("goes on", False), ("pauses", True)):
        pausing = Pausing(tmp_path / folder / "store", pauses=pauses)
        if pauses:
            with pytest.raises(SystemExit):
                train(tmp_path / folder, fields, metric=pausing.metric, decider=pausing)
            resumed = train(tmp_path / folder, fields, metric=pausing.metric)
            assert [step for step, _ in resumed.evaluated] == [6]
        else:
            resumed = train(tmp_path / folder, fields, metric=pausing.metric, decider=pausing)
        assert pausing.checkpoints == ["step-00000004"]
        assert resumed.weights == pytest.approx(whole.weights)
