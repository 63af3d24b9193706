"""Successive halving that remembers the trials of an interrupted sweep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, cast

from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from tuning.sweep.algorithms import AshaScheduler, Scheduler
from tuning.sweep.trials import Report

LOSS: Final = "loss"
VALIDATION: Final = "validation"
REPORT: Final = "report"
"""The whole report as JSON: Ray Tune would flatten an object."""
_MOST_VALIDATIONS: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Earlier:
    """A trial that ended before the sweep was interrupted, as far as the scheduler looks at it."""

    trial_id: str


def scheduler_of(config: Scheduler, ended: Iterable[tuple[int, list[Report]]]) -> TrialScheduler:
    """The scheduler of a sweep.

    Ray Tune does not keep what a scheduler knows: one that starts empty would let the first trials of a resumed sweep go
    on, however bad. It is therefore told again what the trials that have ended reported.

    Args:
        config: which scheduler.
        ended: number and reports of the trials that have ended.
    """
    if not isinstance(config, AshaScheduler):
        return FIFOScheduler()
    # Not more validations than a trial can have: trials end by themselves, and not by the scheduler.
    scheduler = ASHAScheduler(
        time_attr=VALIDATION,
        metric=LOSS,
        mode="min",
        max_t=_MOST_VALIDATIONS,
        grace_period=config.grace_validations,
        reduction_factor=config.reduction_factor,
    )
    told = [(report, number) for number, reports in ended for report in reports]
    trials = {number: cast(Trial, _Earlier(f"earlier-{number}")) for _, number in told}
    nobody = cast(Any, None)  # the controller, which this scheduler does not use
    for trial in trials.values():
        scheduler.on_trial_add(nobody, trial)
    for report, number in sorted(told, key=lambda each: each[0].time):
        scheduler.on_trial_result(nobody, trials[number], as_tune_result(report))
    return scheduler


def as_tune_result(report: Report) -> dict[str, Any]:
    """What Ray Tune is told of a report."""
    return {VALIDATION: report.validation, LOSS: report.loss, REPORT: report.model_dump_json()}
