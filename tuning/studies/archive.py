"""The cells of a study in one file beside its report: others make the report again without running it, and go on from it.

A cell is taken for a trial only if it was measured in the same setting and on the same basis.
"""

from __future__ import annotations

import fcntl
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from engine.errors import EngineError
from tuning.studies.cells import replace_file
from tuning.studies.trials import Arm, Cell, Dial, Plan, digest

_FORMAT: Final = 2


@dataclass(frozen=True, slots=True)
class Conditions:
    """What all cells of a run have in common; cells of other conditions stay apart."""

    setting: Mapping[str, Any]
    """What the study's options say: steps, examples, rank."""
    basis: Mapping[str, Any]
    """What the options do not say: version of the arithmetic, digests of the recipe, the model and the data."""

    @property
    def digest(self) -> str:
        """Names them."""
        return digest({"setting": self.setting, "basis": self.basis})


PlanT = TypeVar("PlanT")
CellT = TypeVar("CellT")


@dataclass(frozen=True, slots=True)
class RunOf(Generic[PlanT, CellT]):
    """A plan with the cells that there are under some conditions."""

    conditions: Conditions
    plan: PlanT
    cells: Mapping[str, CellT]
    """By key."""

    @property
    def setting(self) -> Mapping[str, Any]:
        """What the study's options say."""
        return self.conditions.setting


class ArchiveOf(ABC, Generic[PlanT, CellT]):
    """Runs of a study in a JSON file, a cell a line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def runs(self) -> list[RunOf[PlanT, CellT]]:
        """All runs, in the order in which they were first put; none if there is no file.

        Raises:
            EngineError: the file is not of this version.
        """
        if not self.path.exists():
            return []
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            return [self._run(each) for each in stored["runs"]]
        except (ValueError, KeyError, TypeError) as error:
            message = f"{self.path} holds no cells of this version ({error!r}): move it away, or give another --report"
            raise EngineError(message) from error

    def cells(self, conditions: Conditions) -> Mapping[str, CellT]:
        """The cells that were measured under these conditions."""
        return next((run.cells for run in self.runs() if run.conditions.digest == conditions.digest), {})

    def put(self, conditions: Conditions, plan: PlanT, cells: Mapping[str, CellT]) -> None:
        """Store a run in place of one of the same conditions. Cells that only the file has are kept."""
        with self._locked():
            runs = {run.conditions.digest: run for run in self.runs()}
            before = runs.get(conditions.digest)
            kept = before.cells if before is not None else {}
            runs[conditions.digest] = RunOf(conditions, plan, {**kept, **cells})
            replace_file(self.path, self._text(list(runs.values())))

    @abstractmethod
    def plan_from(self, stored: Mapping[str, Any]) -> PlanT:
        """A plan from its JSON."""

    @abstractmethod
    def cell_from(self, stored: Mapping[str, Any]) -> CellT:
        """A cell from its JSON."""

    @abstractmethod
    def key_of(self, cell: CellT) -> str:
        """The key of a cell."""

    @abstractmethod
    def told(self, cell: CellT) -> Mapping[str, Any]:
        """A cell as JSON."""

    @abstractmethod
    def plan_told(self, plan: PlanT) -> Mapping[str, Any]:
        """A plan as JSON."""

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Two processes that measure one study on two models do not overwrite each other's cells."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _text(self, runs: list[RunOf[PlanT, CellT]]) -> str:
        parts = []
        for run in runs:
            lines = ",\n".join(_compact(self.told(cell)) for _, cell in sorted(run.cells.items()))
            parts.append(
                f'{{"setting": {_compact(run.setting)},\n"basis": {_compact(run.conditions.basis)},\n'
                f'"plan": {_compact(self.plan_told(run.plan))},\n"cells": [\n{lines}\n]}}'
            )
        return f'{{"format": {_FORMAT}, "runs": [\n' + ",\n".join(parts) + "\n]}\n"

    def _run(self, stored: Mapping[str, Any]) -> RunOf[PlanT, CellT]:
        cells = [self.cell_from(cell) for cell in stored["cells"]]
        conditions = Conditions(stored["setting"], stored["basis"])
        return RunOf(conditions, self.plan_from(stored["plan"]), {self.key_of(cell): cell for cell in cells})


def _compact(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), separators=(",", ":"), ensure_ascii=False)


def rounded(figures: Mapping[str, float]) -> dict[str, float]:
    """Seconds and the like to hundredths, and shares as they are."""
    return {name: round(value, 2) if value > 1.0 else value for name, value in figures.items()}


Run = RunOf[Plan, Cell]
"""A run of a study that compares arms."""


class Archive(ArchiveOf[Plan, Cell]):
    """Runs of a study that compares arms."""

    def plan_from(self, stored: Mapping[str, Any]) -> Plan:
        """A plan from its JSON."""
        arms = tuple(
            Arm(
                **{
                    **arm,
                    "dials": tuple(Dial(**{**dial, "points": tuple(dial["points"])}) for dial in arm["dials"]),
                    "instead": tuple((name, value) for name, value in arm["instead"]),
                }
            )
            for arm in stored["arms"]
        )
        return Plan(**{**stored, "arms": arms, "judged_on": tuple(stored["judged_on"])})

    def plan_told(self, plan: Plan) -> Mapping[str, Any]:
        """A plan as JSON."""
        return asdict(plan)

    def cell_from(self, stored: Mapping[str, Any]) -> Cell:
        """A cell from its JSON."""
        return Cell(**stored)

    def key_of(self, cell: Cell) -> str:
        """That of its trial."""
        return cell.key

    def told(self, cell: Cell) -> Mapping[str, Any]:
        """A cell with its figures rounded. Dials are not: its key is made of them."""
        return asdict(replace(cell, figures=rounded(cell.figures), ranks=rounded(cell.ranks)))
