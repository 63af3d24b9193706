"""Successive halving: how many trials go on from each rung, in whatever order they begin, fail and tie."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from tuning.sweep.algorithms import AshaScheduler, NoScheduler
from tuning.sweep.halving import Halving, Standing
from tuning.sweep.trials import Rank

WHOLE = 6
"""Validations of a trial that trains to its end."""


class Course:
    """A sweep whose trials run one after another."""

    def __init__(
        self,
        config: AshaScheduler,
        ranks: Sequence[Rank],
        *,
        early: bool = False,
        fails: Collection[tuple[int, int]] = (),
    ) -> None:
        """Run it to its end.

        Args:
            config: the rungs.
            ranks: of each trial, after each of its validations.
            early: whether trials go on from rungs before all have begun.
            fails: trials that fail in place of a validation.
        """
        self._halving, self._config, self._ranks, self._early = Halving(config, len(ranks)), config, ranks, early
        self._fails = fails
        self.trials: dict[int, Standing] = {}
        self.made = 0
        while self._next():
            pass
        for number, trial in self.trials.items():
            if trial.state == "paused":
                self.trials[number] = replace(trial, state="pruned")

    @property
    def validations(self) -> list[int]:
        return [self.trials[number].validations for number in range(len(self._ranks))]

    @property
    def finished(self) -> list[int]:
        return [number for number, trial in self.trials.items() if trial.state == "finished"]

    def _promotable(self) -> list[int]:
        may = self._early or len(self.trials) == len(self._ranks)
        return self._halving.promotable(self.trials) if may else []

    def _next(self) -> bool:
        if promotable := self._promotable():
            number = promotable[0]
            trial = self.trials[number]
            self.trials[number] = replace(trial, state="running", promoted=trial.validations)
        elif len(self.trials) < len(self._ranks):
            number = len(self.trials)
            self.trials[number] = Standing("running", (), 0)
        else:
            return False
        while self.trials[number].state == "running":
            self._train(number)
        return True

    def _train(self, number: int) -> None:
        trial = self.trials[number]
        if (number, trial.validations + 1) in self._fails:
            self.trials[number] = replace(trial, state="failed")
            return
        self.made += 1
        trial = replace(trial, ranks=(*trial.ranks, self._ranks[number]))
        if trial.validations == WHOLE:
            self.trials[number] = replace(trial, state="finished")
            return
        self.trials[number] = trial
        if self._config.is_rung(trial.validations):
            self.trials[number] = replace(trial, state="paused")
            if number in self._promotable():
                self.trials[number] = replace(trial, promoted=trial.validations)


def by_metric(values: Sequence[float]) -> list[Rank]:
    return [(value, 0.0) for value in values]


def test_rungs() -> None:
    config = AshaScheduler(reduction_factor=3, grace_validations=1)
    assert config.rungs_to(30) == [1, 3, 9, 27]
    assert [validation for validation in range(1, 12) if config.is_rung(validation)] == [1, 3, 9]
    assert AshaScheduler(reduction_factor=1.5, grace_validations=2).rungs_to(11) == [2, 3, 5, 7, 11]
    assert AshaScheduler(reduction_factor=1.1, grace_validations=1).rungs_to(6) == [1, 2, 3, 4, 5, 6]
    assert not NoScheduler().is_rung(1)


@pytest.mark.parametrize("values", [[8, 7, 6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6, 7, 8], [3, 5, 4, 2, 1, 6, 8, 7]])
def test_the_same_share_goes_on_in_whatever_order_trials_begin(values: list[float]) -> None:
    config = AshaScheduler(reduction_factor=3, grace_validations=1)
    course = Course(config, by_metric(values))
    best, second = sorted(range(8), key=lambda number: values[number])[:2]
    assert course.finished == [best]
    assert [course.validations[number] for number in (best, second)] == [WHOLE, 3]
    assert sorted(course.validations) == [1] * 6 + [3, WHOLE]
    assert course.made == Halving(config, 8).planned_validations(WHOLE) == 15


def test_of_equal_metrics_the_smaller_loss_goes_on_and_no_more_than_the_share() -> None:
    config = AshaScheduler(reduction_factor=3, grace_validations=1)
    course = Course(config, [(0.0, 0.5 - 0.01 * number) for number in range(8)])
    assert (course.finished, course.made) == ([7], 15)
    course = Course(config, [(0.0, 0.5)] * 8)
    assert (course.finished, course.made) == ([0], 15)


def test_a_search_that_learns_sees_good_trials_go_on_before_all_have_begun() -> None:
    config = AshaScheduler(reduction_factor=3, grace_validations=1)
    course = Course(config, by_metric([1, 2, 3, 4, 5, 6]), early=True)
    assert (course.finished, course.validations) == ([0], [WHOLE, 3, 1, 1, 1, 1])
    halving = Halving(config, 6)
    two = {number: Standing("paused", by_metric([number]), 0) for number in range(2)}
    assert halving.promotable(two) == []
    assert halving.promotable({**two, 2: Standing("paused", by_metric([0.5]), 0)}) == [0]


def test_the_next_best_goes_on_in_place_of_one_that_fails() -> None:
    config = AshaScheduler(reduction_factor=3, grace_validations=1)
    values = by_metric([3, 5, 4, 2, 1, 6, 8, 7])
    course = Course(config, values, fails={(4, 5)})
    assert (course.finished, course.trials[4].state) == ([3], "failed")
    course = Course(config, values, fails={(4, 2), (3, 3)})
    assert (course.finished, course.validations[0]) == ([0], WHOLE)


def test_a_rung_waits_for_those_that_may_still_come() -> None:
    halving = Halving(AshaScheduler(reduction_factor=4, grace_validations=1), 3)
    waiting = {0: Standing("paused", by_metric([1]), 0), 1: Standing("paused", by_metric([2]), 0)}
    assert halving.promotable(waiting) == []
    assert halving.promotable({**waiting, 2: Standing("running", (), 0)}) == []
    assert halving.promotable({**waiting, 2: Standing("failed", (), 0)}) == [0]
    assert halving.promotable({**waiting, 2: Standing("stopped", (), 0)}) == []


def test_one_trains_to_its_end_and_every_trial_is_decided() -> None:
    generator = random.Random(7)
    for _ in range(500):
        count = generator.randint(1, 30)
        config = AshaScheduler(
            reduction_factor=generator.choice([1.1, 1.5, 2.0, 3.0, 4.0, 7.0]), grace_validations=generator.randint(1, 4)
        )
        fails = {
            (generator.randrange(count), generator.randint(1, WHOLE)) for _ in range(generator.randint(0, count // 2))
        }
        ranks = [(generator.choice([0.0, 0.1]), generator.random()) for _ in range(count)]
        course = Course(config, ranks, early=generator.random() < 0.5, fails=fails)
        states = {trial.state for trial in course.trials.values()}
        assert states <= {"finished", "pruned", "failed"}
        assert course.finished or states == {"failed"}
