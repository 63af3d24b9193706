"""The contract of a task: what is asked of a model, and how its answers are judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from engine.data.example import AnyExample
from engine.families.contract import Prediction
from engine.metrics.registry import Values


class Task(Protocol):
    """Judges predictions; knows nothing of how a model makes them."""

    def misfits(self, examples: Sequence[AnyExample]) -> dict[str, str]:
        """Why examples are none of this task, by id: another input or target."""
        ...

    def primary(self, examples: Sequence[AnyExample]) -> str:
        """Name of the metric that decides, for these examples."""
        ...

    def score(self, examples: Sequence[AnyExample], predictions: Sequence[Prediction]) -> Values:
        """Metrics of predictions; without examples there are none."""
        ...

    def rows(self, examples: Sequence[AnyExample], predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
        """Each example with its `id`, `reference` and `hypothesis`, for people.

        Where a metric can judge a single example, `metric` is its name and `value` this example's value.
        """
        ...

    def warnings(self, train: Sequence[AnyExample], test: Sequence[AnyExample]) -> Iterator[str]:
        """What a reader of the metrics has to know about the examples."""
        ...


@runtime_checkable
class Draws(Protocol):
    """A task that has a picture of its predictions."""

    def draw(self, examples: Sequence[AnyExample], predictions: Sequence[Prediction], folder: Path) -> Sequence[Path]:
        """Draw into a folder; returns the files."""
        ...


@runtime_checkable
class RespellsEnglish(Protocol):
    """A base whose publisher counts British and American spellings as equal."""

    @property
    def spellings(self) -> Any:
        """American spellings by British spelling."""
        ...
