"""Where the next trial comes from: a list of points, or Optuna."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from tuning.sweep.algorithms import OptunaAlgorithm, Point
from tuning.sweep.config import SearchConfig
from tuning.sweep.dimensions import Dimension, GridDimension, RangeFields

if TYPE_CHECKING:
    import optuna


class Points(Protocol):
    """Chooses points. The point of a number depends on the seed and on what was told before."""

    def point(self, number: int) -> Point:
        """The point of a new trial."""
        ...

    def begun(self, number: int, point: Point) -> None:
        """Take in a trial that began before the sweep was interrupted."""

    def ended(self, number: int, loss: float | None) -> None:
        """Take in how a trial ended: its loss, of which less is better; None: it failed."""


def points_of(search: SearchConfig) -> Points:
    """The points of a search."""
    known = search.known_points()
    if known is not None:
        return ListedPoints(known)
    assert isinstance(search.algorithm, OptunaAlgorithm)
    return OptunaPoints(search.algorithm, search.dimensions, search.seed)


class ListedPoints:
    """Points that do not depend on what trials find."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = points

    def point(self, number: int) -> Point:
        """The one of this number."""
        return self._points[number]

    def begun(self, number: int, point: Point) -> None:
        """Nothing depends on it."""

    def ended(self, number: int, loss: float | None) -> None:
        """Nothing depends on it."""


class OptunaPoints:
    """Points that Optuna chooses by what earlier trials found.

    The sampler is seeded anew for each trial, so that a point depends on the trials before it alone, and not on how many
    points this process has chosen: an interrupted sweep that goes on chooses the same.
    """

    def __init__(self, algorithm: OptunaAlgorithm, dimensions: Mapping[str, Dimension], seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._algorithm, self._dimensions, self._seed = algorithm, dimensions, seed
        self._study = optuna.create_study(direction="minimize")
        self._distributions = {path: _distribution(dimension) for path, dimension in sorted(dimensions.items())}
        self._places: dict[int, int] = {}
        """Optuna's number of each trial."""

    def point(self, number: int) -> Point:
        """A point that Optuna expects to be good."""
        import optuna

        self._study.sampler = optuna.samplers.TPESampler(
            seed=self._seed + number, n_startup_trials=self._algorithm.random_trials
        )
        trial = self._study.ask(self._distributions)
        self._places[number] = trial.number
        return {path: self._value(path, trial.params[path]) for path in self._dimensions}

    def begun(self, number: int, point: Point) -> None:
        """Add it to Optuna's study."""
        from optuna.trial import TrialState, create_trial

        parameters = {path: self._parameter(path, point[path]) for path in self._distributions}
        self._places[number] = len(self._study.trials)
        self._study.add_trial(
            create_trial(state=TrialState.RUNNING, params=parameters, distributions=self._distributions)
        )

    def ended(self, number: int, loss: float | None) -> None:
        """Tell Optuna."""
        from optuna.trial import TrialState

        if loss is None:
            self._study.tell(self._places[number], state=TrialState.FAIL)
        else:
            self._study.tell(self._places[number], loss)

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
