"""The configs of algorithms and schedulers: how trials are chosen, and when they are stopped early."""

from __future__ import annotations

import itertools
import math
import random
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from engine.config.base import Config, Name
from engine.errors import Fault
from tuning.sweep.dimensions import Dimension, Value

MOST_TRIALS: Final = 200
Trials = Annotated[int, Field(ge=1, le=MOST_TRIALS)]
Point = Mapping[str, Value]
"""The value of each dimension, by its path."""


class AlgorithmFields(Config):
    """How the next trial is chosen."""

    type: Name
    """Name of the algorithm."""

    def faults(self, dimensions: Mapping[str, Dimension]) -> Sequence[Fault]:
        """What does not go together with the dimensions; paths are relative to the search."""
        return ()

    @abstractmethod
    def count(self, dimensions: Mapping[str, Dimension]) -> int:
        """Number of trials."""

    def known_points(self, dimensions: Mapping[str, Dimension], seed: int) -> list[Point] | None:
        """All points, if they do not depend on what trials find."""
        return None


class RandomAlgorithm(AlgorithmFields):
    """Each trial is drawn at random, regardless of the others."""

    type: Literal["random"] = "random"
    trials: Trials = 8
    """Number of trials."""

    def count(self, dimensions: Mapping[str, Dimension]) -> int:
        """As given."""
        return self.trials

    def known_points(self, dimensions: Mapping[str, Dimension], seed: int) -> list[Point]:
        """Each drawn by the seed and its number alone, so that more trials leave the first ones as they are."""
        points: list[Point] = []
        for number in range(self.trials):
            generator = random.Random(f"{seed}/{number}")
            points.append({path: dimensions[path].drawn(generator) for path in sorted(dimensions)})
        return points


class OptunaAlgorithm(AlgorithmFields):
    """Optuna's tree-structured Parzen estimator: trials gather where earlier ones were good.

    Source: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization".
    """

    type: Literal["optuna"] = "optuna"
    trials: Trials = 16
    """Number of trials."""
    random_trials: Annotated[int, Field(ge=1, le=MOST_TRIALS)] = 6
    """Number of first trials that are drawn at random."""

    def count(self, dimensions: Mapping[str, Dimension]) -> int:
        """As given."""
        return self.trials


class GridAlgorithm(AlgorithmFields):
    """Every combination of the dimensions' values."""

    type: Literal["grid"] = "grid"

    def faults(self, dimensions: Mapping[str, Dimension]) -> Sequence[Fault]:
        """Dimensions without a list of values, and too many combinations."""
        faults = [
            Fault(
                f"dimensions.{path}.type",
                f"found {dimension.type}, whose values cannot be listed; a grid takes choice and grid, or take the "
                "algorithm random or optuna",
            )
            for path, dimension in dimensions.items()
            if dimension.listed() is None
        ]
        if not faults and (count := self.count(dimensions)) > MOST_TRIALS:
            message = f"found {count} combinations; a sweep has at most {MOST_TRIALS} trials: give fewer values"
            faults.append(Fault("algorithm", message))
        return faults

    def count(self, dimensions: Mapping[str, Dimension]) -> int:
        """The product of the numbers of values."""
        return math.prod(len(dimension.listed() or ()) for dimension in dimensions.values())

    def known_points(self, dimensions: Mapping[str, Dimension], seed: int) -> list[Point]:
        """All combinations; the last dimension changes fastest."""
        listed = [dimension.listed() or () for dimension in dimensions.values()]
        return [dict(zip(dimensions, values, strict=True)) for values in itertools.product(*listed)]


class SchedulerFields(Config):
    """When a trial is stopped early."""

    type: Name
    """Name of the scheduler."""

    def is_rung(self, validation: int) -> bool:
        """Whether it is decided after this validation, counted from 1, if a trial goes on."""
        return False


class NoScheduler(SchedulerFields):
    """Every trial trains to its end."""

    type: Literal["none"] = "none"


class AshaScheduler(SchedulerFields):
    """Asynchronous successive halving: after 1, 3, 9, ... validations (rungs), only the best third of the trials goes on.

    Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2.
    """

    type: Literal["asha"] = "asha"
    reduction_factor: Annotated[float, Field(ge=1.1, le=16.0)] = 3.0
    """The best of so many trials goes on, and the number of validations to the next decision grows by this factor."""
    grace_validations: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Validations before the first decision."""

    def rungs_to(self, validations: int) -> list[int]:
        """The rungs, in validations of a trial, up to and including this number of them."""
        found: list[int] = []
        rung = self.grace_validations
        while rung <= validations:
            found.append(rung)
            spaced = math.ceil(self.grace_validations * self.reduction_factor ** len(found) - 1e-9)
            rung = max(spaced, rung + 1)
        return found

    def is_rung(self, validation: int) -> bool:
        """Whether it is a rung."""
        return validation in self.rungs_to(validation)


if TYPE_CHECKING:
    Algorithm = AlgorithmFields
    Scheduler = SchedulerFields
else:
    Algorithm = Annotated[RandomAlgorithm | OptunaAlgorithm | GridAlgorithm, Field(discriminator="type")]
    Scheduler = Annotated[NoScheduler | AshaScheduler, Field(discriminator="type")]
