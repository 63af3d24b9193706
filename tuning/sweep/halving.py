"""Successive halving: which trials go on from a rung. Knows no Ray.

A trial pauses at each rung, and goes on when it is among the best `1 / reduction_factor` of the trials that have come as
far. Of trials with equal metrics too, only that share goes on. Ray's `ASHAScheduler` decides once, when a trial arrives, by a
percentile of those before it: what is equal to it goes on, and if trials begin from the worst to the best, all go on.

Everything follows from the reports of the trials, so that an interrupted sweep decides as it would have.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2. It is for an endless supply of
trials; here, the best trial of a rung goes on too when no more will reach it, so that one trains to its end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuning.sweep.algorithms import AshaScheduler
from tuning.sweep.trials import ENDED, Rank, State


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a trial has come."""

    state: State
    ranks: Sequence[Rank]
    """Its rank after each validation so far: less is better."""
    promoted: int
    """Validations at the last rung from which it went on; 0: at none yet."""

    @property
    def validations(self) -> int:
        """Validations so far."""
        return len(self.ranks)


class Halving:
    """The rungs of a sweep."""

    def __init__(self, config: AshaScheduler, trials: int) -> None:
        """The rungs.

        Args:
            config: where they are, and how many trials go on.
            trials: of the sweep, begun or not.
        """
        self._config, self._total = config, trials

    def promotable(self, trials: Mapping[int, Standing]) -> list[int]:
        """Numbers of the paused trials that go on: from the highest rung first, and from each the best first."""
        found: list[int] = []
        # Those that may still reach the next rung, and whether others can come to be among them.
        expected, complete = set(trials), len(trials) == self._total
        for rung in self._config.rungs_to(max((trial.validations for trial in trials.values()), default=0)):
            arrived = {number for number in expected if trials[number].validations >= rung}
            complete = complete and all(trials[number].state in ENDED for number in expected - arrived)
            share = self._share(trials, rung, complete)
            found[:0] = [number for number in share if _waits_at(trials[number], rung)]
            expected = {number for number in arrived if trials[number].promoted >= rung} | set(share)
        return found

    def planned_validations(self, of_one: int) -> int:
        """Validations of all trials together, if one that trains to its end makes so many."""
        whole, going, before = 0, self._total, 0
        for rung in self._config.rungs_to(of_one - 1):
            whole += going * (rung - before)
            going, before = max(1, math.floor(going / self._config.reduction_factor)), rung
        return whole + going * (of_one - before)

    def _share(self, trials: Mapping[int, Standing], rung: int, complete: bool) -> list[int]:
        """Numbers of the trials that go on from a rung, the best first. One that fails makes room for another."""
        arrived = [number for number, trial in trials.items() if trial.validations >= rung and trial.state != "failed"]
        arrived.sort(key=lambda number: (trials[number].ranks[rung - 1], number))
        most = math.floor(len(arrived) / self._config.reduction_factor + 1e-9)
        return arrived[: max(most, 1) if complete else most]


def _waits_at(trial: Standing, rung: int) -> bool:
    return trial.state == "paused" and trial.validations == rung and trial.promoted < rung
