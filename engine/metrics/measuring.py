"""Measure predictions by the metrics that are functions of references and predictions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from engine.code import import_code
from engine.metrics.registry import METRICS, Values


def measure(names: Iterable[str], references: Sequence[Any], predictions: Sequence[Any]) -> Values:
    """The values of those of the metrics whose registry entry names a function; the task counts the others.

    Args:
        names: of metrics.
        references: of each example, as the functions take them: a list of texts, a class or a set of classes.
        predictions: of each example: a text, a class or a set of classes.
    """
    functions = {name: METRICS[name].code for name in names}
    return {name: import_code(code)(references, predictions) for name, code in functions.items() if code is not None}
