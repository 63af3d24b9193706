"""Trials: what each reports, and the files from which an interrupted sweep goes on. Imports neither torch nor Ray.

trials/0003/trial.json     written by the driver when the trial begins and when it ends
trials/0003/reports.json   written by the trial after each validation
trials/0003/...            the files of its training: checkpoints, events, adapter
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from engine.config.training import TrainingConfig
from engine.errors import ObjectNotFoundError
from engine.metrics.registry import Values, metric_named
from engine.run.store import RunStore
from tuning.sweep.dimensions import Value

State = Literal["running", "paused", "finished", "pruned", "stopped", "failed"]
Rank = tuple[float, float]
"""What trials are compared by, less is better: the metric, and where it is equal, the loss."""
TRIALS: Final = "trials"
ENDED: Final[frozenset[State]] = frozenset({"finished", "pruned", "failed"})
"""States in which a trial is not started again."""
_CHECKPOINTS: Final = "checkpoints"
_TRIAL: Final = "trial.json"
_REPORTS: Final = "reports.json"


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Report(_Stored):
    """What a trial has found in a validation."""

    validation: int
    """Counts from 1."""
    step: int
    """Optimizer steps so far."""
    primary: str
    """The metric that trials are compared by."""
    metrics: Values
    """All metrics on the validation examples."""
    validation_loss: float | None = None
    """Loss per target on some of the validation examples, measured at rungs and at the end; None also if it is not finite."""
    total_steps: int | None = None
    """Optimizer steps of the whole training."""
    peak_bytes: int
    """Peak memory of the trial so far."""
    trainable_parameters: int
    seconds: float
    """Spent on the trial so far, over all its processes: loading, training and validations."""
    time: str
    """When it was reported, in UTC."""

    @property
    def value(self) -> float:
        """The metric that trials are compared by."""
        return self.metrics[self.primary]

    @property
    def loss(self) -> float:
        """The value, negated if more is better: less is always better."""
        return self.value if metric_named(self.primary).better == "lower" else -self.value

    @property
    def rank(self) -> Rank:
        """Less is better; what is not a number comes last."""
        found = (self.loss, math.nan if self.validation_loss is None else self.validation_loss)
        return tuple(math.inf if math.isnan(each) else each for each in found)  # type: ignore[return-value]


class Trial(_Stored):
    """One training of a sweep."""

    number: int
    """Counts from 0."""
    values: dict[str, Value]
    """The value of each dimension, by its path."""
    config: TrainingConfig | None
    """The training with these values, and with ranks from the shared sketch, if there is one; None: the values are not
    allowed together, and the trial has failed."""
    selection: str | None = None
    """Folder of the selection that it trains on, in the sweep's files."""
    state: State = "running"
    """`paused`: waits at a rung until it is among the best; `pruned`: it never will be. `stopped`: with the sweep; it goes on
    with it."""
    promoted: int = 0
    """Validations at the last rung from which it went on; 0: at none yet."""
    error: str | None = None
    """Why it failed."""


class TrialResult(_Stored):
    """A trial as results and readers see it."""

    number: int
    """Counts from 0."""
    values: dict[str, Value]
    """The value of each dimension, by its path."""
    seed: int | None = None
    """Of its training."""
    state: State
    """`paused`: waits until other trials have come as far, and goes on if it is among the best; `pruned`: stopped early,
    because others were better."""
    primary: str | None = None
    """The metric that trials are compared by; unset before the first validation."""
    value: float | None = None
    """Its value for the weights that the trial would keep: of the best validation, or of the last one, as
    `evaluation.keep` says."""
    metrics: Values = {}
    """All metrics of that validation."""
    validation_loss: float | None = None
    """Loss per target in that validation; of trials with an equal value, the one with less is better."""
    validations: int = 0
    """Validations so far."""
    step: int = 0
    """Optimizer steps so far."""
    total_steps: int | None = None
    """Optimizer steps of the whole training; unset before the first validation."""
    seconds: float = 0.0
    """Spent on it, over all its processes: loading, training and validations."""
    peak_bytes: int | None = None
    """Its peak memory."""
    trainable_parameters: int | None = None
    error: str | None = None
    """Why it failed."""


def result_of(trial: Trial, reports: Sequence[Report]) -> TrialResult:
    """A trial with what it has reported."""
    told: dict[str, Any] = {"seed": trial.config.seed} if trial.config is not None else {}
    if reports and trial.config is not None:
        last, kept = reports[-1], kept_of(trial.config, reports)
        told |= {
            "primary": last.primary,
            "value": kept.value,
            "metrics": kept.metrics,
            "validation_loss": kept.validation_loss,
            "validations": last.validation,
            "step": last.step,
            "total_steps": last.total_steps,
            "seconds": last.seconds,
            "peak_bytes": max(report.peak_bytes for report in reports),
            "trainable_parameters": last.trainable_parameters,
        }
    return TrialResult(
        number=trial.number,
        values=trial.values,
        state=trial.state,
        error=trial.error,
        **told,
    )


def kept_of(config: TrainingConfig, reports: Sequence[Report]) -> Report:
    """The report of the weights that a training keeps."""
    if config.evaluation.keep == "last":
        return reports[-1]
    return min(reports, key=lambda report: report.rank[0])


def ranks_of(config: TrainingConfig, reports: Sequence[Report]) -> list[Rank]:
    """After each validation, the rank of the weights that the training would keep if it ended there."""
    return [kept_of(config, reports[: count + 1]).rank for count in range(len(reports))]


def best_of(trials: Sequence[TrialResult]) -> TrialResult | None:
    """The best of the trials that trained to their end; if none did, the best of all. None: no trial has a value."""
    measured = [trial for trial in trials if trial.value is not None and not math.isnan(trial.value)]
    ended = [trial for trial in measured if trial.state == "finished"] or measured
    return min(ended, key=lambda trial: (*_rank(trial), trial.number)) if ended else None


def _rank(trial: TrialResult) -> Rank:
    assert trial.primary is not None
    assert trial.value is not None
    value = trial.value if metric_named(trial.primary).better == "lower" else -trial.value
    return value, math.inf if trial.validation_loss is None else trial.validation_loss


# ---- files ------------------------------------------------------------------------------------------------

_REPORT_LIST: Final = TypeAdapter(list[Report])


def folder_of(number: int) -> str:
    """Folder of a trial, in the sweep's files."""
    return f"{TRIALS}/{number:04d}"


def write_trial(store: RunStore, trial: Trial) -> None:
    """Write what is asked of a trial, and its state."""
    store.put_bytes(f"{folder_of(trial.number)}/{_TRIAL}", trial.model_dump_json(indent=1).encode())


def read_trial(store: RunStore, number: int) -> Trial | None:
    """A trial; None: it has not begun."""
    with contextlib.suppress(ObjectNotFoundError):
        return Trial.model_validate_json(store.get_bytes(f"{folder_of(number)}/{_TRIAL}"))
    return None


def read_trials(store: RunStore) -> list[Trial]:
    """All trials that have begun, by number."""
    keys = [key for key in store.list(TRIALS) if key.endswith(f"/{_TRIAL}")]
    return sorted((Trial.model_validate_json(store.get_bytes(key)) for key in keys), key=lambda each: each.number)


def keep_newest_checkpoint(store: RunStore, number: int) -> None:
    """Delete all checkpoints of a trial but the newest whole one: a manifest is written last."""
    keys = store.list(f"{folder_of(number)}/{_CHECKPOINTS}")
    whole = sorted(key.rpartition("/")[0] for key in keys if key.endswith("/manifest.json"))
    for older in whole[:-1]:
        store.delete(older)


def delete_checkpoints(store: RunStore, number: int) -> None:
    """Delete all checkpoints of a trial."""
    store.delete(f"{folder_of(number)}/{_CHECKPOINTS}")


def write_reports(store: RunStore, number: int, reports: Sequence[Report]) -> None:
    """Write all reports of a trial."""
    store.put_bytes(f"{folder_of(number)}/{_REPORTS}", _REPORT_LIST.dump_json(list(reports)))


def read_reports(store: RunStore, number: int) -> list[Report]:
    """The reports of a trial, in order."""
    with contextlib.suppress(ObjectNotFoundError):
        return _REPORT_LIST.validate_json(store.get_bytes(f"{folder_of(number)}/{_REPORTS}"))
    return []
