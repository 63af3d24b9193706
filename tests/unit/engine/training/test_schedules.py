from __future__ import annotations

import pytest

from engine.config.training import ConstantConfig, CosineConfig, LinearConfig, PlateauConfig, StepConfig
from engine.training.schedules import Schedule


def test_every_schedule_warms_up_linearly() -> None:
    for config in (CosineConfig, LinearConfig, ConstantConfig, StepConfig, PlateauConfig):
        schedule = Schedule(config(warmup_steps=4), 100)
        assert [schedule.factor(step) for step in range(4)] == [0.25, 0.5, 0.75, 1.0], config


def test_cosine_and_linear_end_where_they_should() -> None:
    cosine = Schedule(CosineConfig(warmup_steps=10, final_fraction=0.1), 110)
    assert cosine.factor(10) == pytest.approx(1.0)
    assert cosine.factor(60) == pytest.approx(0.55)
    assert cosine.factor(110) == pytest.approx(0.1)
    linear = Schedule(LinearConfig(final_fraction=0.0), 100)
    assert linear.factor(25) == pytest.approx(0.75)
    assert linear.factor(100) == pytest.approx(0.0)


def test_steps_drop_and_constant_stays() -> None:
    step = Schedule(StepConfig(every_steps=10, factor=0.5), 100)
    assert [step.factor(s) for s in (0, 9, 10, 25)] == [1.0, 1.0, 0.5, 0.25]
    assert Schedule(ConstantConfig(), 10).factor(1000) == 1.0


def test_plateau_drops_after_patience_and_its_state_survives() -> None:
    schedule = Schedule(PlateauConfig(patience=1, factor=0.1), 100)
    for improved in (True, True, False):
        schedule.evaluated(improved=improved)
    assert schedule.factor(50) == 1.0
    again = Schedule(PlateauConfig(patience=1, factor=0.1), 100)
    again.restore(schedule.state())
    again.evaluated(improved=False)
    assert again.factor(50) == pytest.approx(0.1)


def test_a_gain_starts_the_patience_anew() -> None:
    schedule = Schedule(PlateauConfig(patience=1, factor=0.1), 100)
    for improved in (False, True, False):
        schedule.evaluated(improved=improved)
    assert schedule.factor(50) == 1.0
    schedule.evaluated(improved=False)
    assert schedule.factor(50) == pytest.approx(0.1)


def test_the_state_of_an_earlier_release_is_read() -> None:
    schedule = Schedule(PlateauConfig(patience=1, factor=0.1), 100)
    schedule.restore({"best": 0.4, "worse_evaluations": 1, "drops": 1})
    schedule.evaluated(improved=False)
    assert schedule.factor(50) == pytest.approx(0.01)
