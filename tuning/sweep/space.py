"""The space of a sweep: points as trainings and selections, and the faults of their values. Imports neither torch nor Ray."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from engine.config.allocations.sketch import SketchFields
from engine.config.base import Config, parse
from engine.config.methods.lora import LoraFields
from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.errors import ConfigError, Fault
from tuning.sweep.algorithms import Point
from tuning.sweep.dimensions import Dimension, Value

ConfigT = TypeVar("ConfigT", bound=Config)
SELECTION: Final = "selection"
_COMPARED_BY: Final = {
    "task": "trials of other tasks, or that are judged otherwise, cannot be compared",
    "split": "trials that are measured on other examples cannot be compared",
    "seed": "it decides the split too, and trials that are measured on other examples cannot be compared",
    "evaluation": "it decides on which weights, and how often, trials are compared",
}
_OF_THE_SKETCH: Final = frozenset(
    {
        "context",
        "precision",
        "method.type",
        "method.groups",
        "method.target_modules",
        "method.quantization",
        "method.double_quantization",
        "method.allocation.type",
        "method.allocation.unit",
        "method.allocation.examples",
        "method.allocation.probe_rank",
    }
)
_MOST_POINTS_TOLD: Final = 5


def sketched(training: TrainingConfig) -> SketchFields | None:
    """The allocation by a sketch of the gradient, which all trials share; None: the training has another one."""
    method = training.method
    return method.allocation if isinstance(method, LoraFields) and isinstance(method.allocation, SketchFields) else None


def training_at(point: Point, training: TrainingConfig) -> TrainingConfig:
    """The training with the values of a point.

    Raises:
        ConfigError: the values are not allowed, or not together.
    """
    return _laid({path: value for path, value in point.items() if not _is_of_selection(path)}, training)


def selection_at(point: Point, selection: SelectionConfig | None) -> SelectionConfig | None:
    """The selection with the values of a point; None: there is none.

    Raises:
        ConfigError: the values are not allowed, or not together.
    """
    own = {path.removeprefix(f"{SELECTION}."): value for path, value in point.items() if _is_of_selection(path)}
    return None if selection is None else _laid(own, selection)


def heaviest(dimensions: Mapping[str, Dimension], training: TrainingConfig) -> TrainingConfig:
    """The training that probably needs most memory: every dimension at its largest, if that is allowed."""
    try:
        return training_at({path: dimension.heaviest for path, dimension in dimensions.items()}, training)
    except ConfigError:
        return training


def space_faults(
    dimensions: Mapping[str, Dimension], training: TrainingConfig, selection: SelectionConfig | None
) -> list[Fault]:
    """Every faulty value of every dimension; paths are relative to a config with a `search`."""
    faults: dict[Fault, None] = {}
    for path, dimension in dimensions.items():
        where = f"search.dimensions.{path}"
        if (reason := _why_not(path, dimension, training, selection)) is not None:
            faults[Fault(where, reason)] = None
            continue
        for field, value in dimension.ends().items():
            for fault in _faults_at({path: value}, training, selection):
                if fault.path == path and fault.message.startswith("no such field"):
                    message = "is no field of the training; see `lim schema --kind training` for the fields that exist"
                    faults[Fault(where, message)] = None
                else:
                    own = fault.path == path or fault.path.startswith(f"{path}.")
                    told = fault.message if own else f"then {fault.path}: {fault.message}"
                    faults[Fault(f"{where}.{field}", told)] = None
    return list(faults)


def point_faults(points: Iterable[Point], training: TrainingConfig, selection: SelectionConfig | None) -> list[Fault]:
    """Values that are allowed by themselves, but not together; the first few of them."""
    faults: dict[str, Fault] = {}
    for point in points:
        for fault in _faults_at(point, training, selection):
            told = f"{json.dumps(dict(point))} is not allowed: {fault.path}: {fault.message}"
            faults.setdefault(f"{fault.path}: {fault.message}", Fault("search.dimensions", told))
        if len(faults) >= _MOST_POINTS_TOLD:
            break
    return list(faults.values())


def _why_not(
    path: str, dimension: Dimension, training: TrainingConfig, selection: SelectionConfig | None
) -> str | None:
    """Why a field cannot be searched at all; None: it can."""
    first = path.partition(".")[0]
    if first in _COMPARED_BY:
        return f"cannot be searched: {_COMPARED_BY[first]}"
    if _is_of_selection(path):
        if selection is None:
            return "there is no selection whose fields could be searched; give selection"
        if dimension.listed() is None:
            return f"found {dimension.type}; each selection is made before the trials: take choice or grid"
    if sketched(training) is not None and any(path == each or path.startswith(f"{each}.") for each in _OF_THE_SKETCH):
        return (
            "cannot be searched with method.allocation.type sketch: all trials share one sketch of the gradient, which "
            "depends on it; run a sweep for each value"
        )
    return None


def _is_of_selection(path: str) -> bool:
    return path.partition(".")[0] == SELECTION


def _faults_at(point: Point, training: TrainingConfig, selection: SelectionConfig | None) -> Iterator[Fault]:
    """Faults of a point; paths are those of dimensions."""
    try:
        training_at(point, training)
    except ConfigError as error:
        yield from error.faults
    try:
        selection_at(point, selection)
    except ConfigError as error:
        yield from (Fault(f"{SELECTION}.{fault.path}", fault.message) for fault in error.faults)


def _laid(values: Mapping[str, Value], config: ConfigT) -> ConfigT:
    if not values:
        return config
    laid: dict[str, Any] = config.model_dump(mode="json")
    faults = []
    for path, value in values.items():
        node: Any = laid
        *folders, field = path.split(".")
        for depth, folder in enumerate(folders):
            node = node.get(folder) if isinstance(node, dict) else None
            if not isinstance(node, dict):
                found = ".".join(folders[: depth + 1])
                faults.append(Fault(path, f"no such field: {found} has no fields of its own"))
                break
        else:
            node[field] = value
    if faults:
        raise ConfigError(faults)
    try:
        return type(config).model_validate(laid)
    except ValidationError:
        return parse(type(config), laid)  # tells all faults
