"""The configs of dimensions: which values a field may take in a sweep. Imports neither torch nor Ray."""

from __future__ import annotations

import math
import random
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, model_validator

from engine.config.base import Config, DisagreementError, Name
from engine.errors import Fault

Text = Annotated[str, Field(max_length=500)]
Number = Annotated[float, Field(ge=-1e12, le=1e12)]
Scalar = bool | Annotated[int, Field(ge=-(10**12), le=10**12)] | Number | Text
Value = Scalar | Annotated[list[Scalar], Field(max_length=20)]
"""What a field can be set to: a scalar, or a short list of them."""
MOST_VALUES: Final = 64


class DimensionFields(Config):
    """The values that one field may take."""

    type: Name
    """Name of the dimension's type."""

    @abstractmethod
    def ends(self) -> Mapping[str, Value]:
        """Values that must all be allowed, by the path of the field here that gives them."""

    @abstractmethod
    def drawn(self, generator: random.Random) -> Value:
        """A value at random."""

    def listed(self) -> Sequence[Value] | None:
        """All values, if they can be listed."""
        return None

    @property
    def heaviest(self) -> Value:
        """The largest number, or the first value: what probably needs most memory."""
        numbers = [value for value in self.ends().values() if isinstance(value, int | float)]
        return max(numbers) if numbers else next(iter(self.ends().values()))


class RangeFields(DimensionFields):
    """A range of numbers."""

    low: Number
    """Smallest value."""
    high: Number
    """Largest value."""
    whole: bool = False
    """Round to whole numbers, for fields such as ranks and steps."""

    @model_validator(mode="after")
    def _ordered(self) -> RangeFields:
        faults = [*self._range_faults()]
        if faults:
            raise DisagreementError(faults)
        return self

    def _range_faults(self) -> Sequence[Fault]:
        faults = []
        if self.high <= self.low:
            faults.append(Fault("high", f"found {self.high:g}, not more than low {self.low:g}"))
        if self.whole:
            ends = {"low": self.low, "high": self.high}
            faults += [
                Fault(name, f"found {end:g}; with whole, both ends are whole numbers")
                for name, end in ends.items()
                if end != round(end)
            ]
        return faults

    def ends(self) -> Mapping[str, Value]:
        """Smallest and largest."""
        return {"low": self.rounded(self.low), "high": self.rounded(self.high)}

    def rounded(self, value: float) -> float | int:
        """The value, within the range and whole if it must be."""
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else value


class UniformDimension(RangeFields):
    """Numbers of a range, all equally probable."""

    type: Literal["uniform"] = "uniform"

    def drawn(self, generator: random.Random) -> Value:
        """A number of the range."""
        return self.rounded(generator.uniform(self.low, self.high))


class LoguniformDimension(RangeFields):
    """Numbers of a range whose logarithms are equally probable, as for learning rates and for weights, which are ratios."""

    type: Literal["loguniform"] = "loguniform"

    def _range_faults(self) -> Sequence[Fault]:
        return [*super()._range_faults(), *_positive(self.low)]

    def drawn(self, generator: random.Random) -> Value:
        """A number of the range."""
        return self.rounded(math.exp(generator.uniform(math.log(self.low), math.log(self.high))))


class ListedFields(DimensionFields):
    """Values that can be listed."""

    @abstractmethod
    def listed(self) -> Sequence[Value]:
        """All values, in order."""

    def drawn(self, generator: random.Random) -> Value:
        """One of the values."""
        return generator.choice(self.listed())


class ChoiceDimension(ListedFields):
    """Given values."""

    type: Literal["choice"] = "choice"
    values: Annotated[list[Value], Field(min_length=1, max_length=MOST_VALUES)]
    """The values."""

    def ends(self) -> Mapping[str, Value]:
        """All of them."""
        return {f"values.{place}": value for place, value in enumerate(self.values)}

    def listed(self) -> Sequence[Value]:
        """As given."""
        return self.values


class GridDimension(RangeFields, ListedFields):
    """Evenly spaced numbers of a range, both ends included."""

    type: Literal["grid"] = "grid"
    points: Annotated[int, Field(ge=2, le=MOST_VALUES)]
    """How many numbers."""
    log: bool = False
    """Space their logarithms evenly, so that neighbours have the same ratio."""

    def _range_faults(self) -> Sequence[Fault]:
        return [*super()._range_faults(), *(_positive(self.low) if self.log else ())]

    def listed(self) -> Sequence[Value]:
        """From the smallest to the largest, each once."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        steps = [low + (high - low) * place / (self.points - 1) for place in range(self.points)]
        return list(dict.fromkeys(self.rounded(math.exp(step) if self.log else step) for step in steps))


def _positive(low: float) -> Sequence[Fault]:
    return [] if low > 0 else [Fault("low", f"found {low:g}; logarithms need numbers greater than 0")]


if TYPE_CHECKING:
    Dimension = DimensionFields
else:
    Dimension = Annotated[
        UniformDimension | LoguniformDimension | ChoiceDimension | GridDimension, Field(discriminator="type")
    ]
