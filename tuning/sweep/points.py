"""Where the next trial comes from: a list of points, or Optuna."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tuning.sweep.algorithms import OptunaAlgorithm, Point
from tuning.sweep.config import SearchConfig
from tuning.sweep.dimensions import Dimension, GridDimension, RangeFields
from tuning.sweep.trials import State

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial that has begun."""

    point: Point
    state: State
    validations: int
    """Validations so far."""
    loss: float | None
    """After the newest of them, of which less is better; None: not known."""


class Points(Protocol):
    """Chooses points. The point of a number depends on the seed and on the trials before it alone."""

    learns: bool
    """Whether it depends on what the trials before it found."""

    def point(self, number: int, tried: Sequence[Tried]) -> Point:
        """The point of a new trial, after all others that have begun."""
        ...


def points_of(search: SearchConfig) -> Points:
    """The points of a search."""
    known = search.known_points()
    if known is not None:
        return ListedPoints(known)
    assert isinstance(search.algorithm, OptunaAlgorithm)
    return OptunaPoints(search.algorithm, search.dimensions, search.seed)


class ListedPoints:
    """Points that do not depend on what trials find."""

    learns = False

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = points

    def point(self, number: int, tried: Sequence[Tried]) -> Point:
        """The one of this number."""
        return self._points[number]


class OptunaPoints:
    """Points that Optuna chooses by what earlier trials found.

    The study is made anew for each trial, and its sampler seeded anew, so that an interrupted sweep that goes on chooses the
    same. A trial that pauses at a rung, or was stopped there, counts as Optuna counts pruned trials: behind those that came
    farther, and among those that came as far by its loss.
    """

    learns = True

    def __init__(self, algorithm: OptunaAlgorithm, dimensions: Mapping[str, Dimension], seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._algorithm, self._dimensions, self._seed = algorithm, dimensions, seed
        self._distributions = {path: _distribution(dimension) for path, dimension in sorted(dimensions.items())}

    def point(self, number: int, tried: Sequence[Tried]) -> Point:
        """A point that Optuna expects to be good."""
        import optuna

        sampler = optuna.samplers.TPESampler(seed=self._seed + number, n_startup_trials=self._algorithm.random_trials)
        study = optuna.create_study(direction="minimize", sampler=sampler)
        study.add_trials([self._as_optuna_sees(each) for each in tried])
        trial = study.ask(self._distributions)
        return {path: self._value(path, trial.params[path]) for path in self._dimensions}

    def _as_optuna_sees(self, tried: Tried) -> optuna.trial.FrozenTrial:
        from optuna.trial import TrialState, create_trial

        known: dict[str, Any] = {"state": TrialState.RUNNING}
        if tried.state == "failed":
            known = {"state": TrialState.FAIL}
        elif tried.loss is not None and tried.state == "finished":
            known = {"state": TrialState.COMPLETE, "value": tried.loss}
        elif tried.loss is not None and tried.state in ("paused", "pruned"):
            known = {"state": TrialState.PRUNED, "intermediate_values": {tried.validations: tried.loss}}
        parameters = {path: self._parameter(path, tried.point[path]) for path in self._distributions}
        return create_trial(params=parameters, distributions=self._distributions, **known)

    def _value(self, path: str, parameter: Any) -> Any:
        listed = self._dimensions[path].listed()
        if listed is not None:
            return listed[parameter]
        dimension = self._dimensions[path]
        return dimension.rounded(parameter) if isinstance(dimension, RangeFields) else parameter

    @functools.cached_property
    def _listed(self) -> dict[str, list[str]]:
        listed = {path: dimension.listed() for path, dimension in self._dimensions.items()}
        return {path: [json.dumps(value) for value in values] for path, values in listed.items() if values is not None}

    def _parameter(self, path: str, value: Any) -> Any:
        return self._listed[path].index(json.dumps(value)) if path in self._listed else value


def _distribution(dimension: Dimension) -> optuna.distributions.BaseDistribution:
    """Optuna's form of a dimension; of listed values, their places, because Optuna knows no lists."""
    from optuna import distributions

    if (listed := dimension.listed()) is not None:
        if isinstance(dimension, GridDimension):
            return distributions.IntDistribution(0, len(listed) - 1)  # ordered: neighbours are alike
        return distributions.CategoricalDistribution(list(range(len(listed))))
    assert isinstance(dimension, RangeFields)
    log = dimension.type == "loguniform"
    if dimension.whole:
        return distributions.IntDistribution(round(dimension.low), round(dimension.high), log=log)
    return distributions.FloatDistribution(dimension.low, dimension.high, log=log)
