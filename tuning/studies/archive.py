"""The cells of a study in one file beside its report: others make the report again without running it, and go on from it.

A cell is taken for a trial only if it was measured in the same setting and on the same basis.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from engine.errors import EngineError
from tuning.studies.cells import replace_file
from tuning.studies.trials import Arm, Cell, Cells, Dial, Plan, digest

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


@dataclass(frozen=True, slots=True)
class Run:
    """A plan with the cells that there are under some conditions."""

    conditions: Conditions
    plan: Plan
    cells: Cells

    @property
    def setting(self) -> Mapping[str, Any]:
        """What the study's options say."""
        return self.conditions.setting


class Archive:
    """Runs of a study in a JSON file, a cell a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def runs(self) -> list[Run]:
        """All runs, in the order in which they were first put; none if there is no file.

        Raises:
            EngineError: the file is not of this version.
        """
        if not self._path.exists():
            return []
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            return [_run(each) for each in stored["runs"]]
        except (ValueError, KeyError, TypeError) as error:
            message = f"{self._path} holds no cells of this version ({error!r}): move it away, or give another --report"
            raise EngineError(message) from error

    def cells(self, conditions: Conditions) -> Cells:
        """The cells that were measured under these conditions."""
        return next((run.cells for run in self.runs() if run.conditions.digest == conditions.digest), {})

    def put(self, conditions: Conditions, plan: Plan, cells: Cells) -> None:
        """Store a run in place of one of the same conditions. Cells that only the file has are kept."""
        with self._locked():
            runs = {run.conditions.digest: run for run in self.runs()}
            before = runs.get(conditions.digest)
            kept = before.cells if before is not None else {}
            runs[conditions.digest] = Run(conditions, plan, {**kept, **cells})
            replace_file(self._path, _text(list(runs.values())))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Two processes that measure one study on two models do not overwrite each other's cells."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


def _text(runs: list[Run]) -> str:
    parts = []
    for run in runs:
        lines = ",\n".join(_compact(_stored(cell)) for _, cell in sorted(run.cells.items()))
        parts.append(
            f'{{"setting": {_compact(dict(run.setting))},\n"basis": {_compact(dict(run.conditions.basis))},\n'
            f'"plan": {_compact(asdict(run.plan))},\n"cells": [\n{lines}\n]}}'
        )
    return f'{{"format": {_FORMAT}, "runs": [\n' + ",\n".join(parts) + "\n]}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _stored(cell: Cell) -> dict[str, Any]:
    """A cell with its figures rounded. Dials are not: the key of the cell is made of them."""
    figures = {name: round(value, 2) if value > 1.0 else value for name, value in cell.figures.items()}
    ranks = {name: round(value, 2) for name, value in cell.ranks.items()}
    return asdict(replace(cell, figures=figures, ranks=ranks))


def _run(stored: Mapping[str, Any]) -> Run:
    plan = dict(stored["plan"])
    arms = tuple(
        Arm(
            **{
                **arm,
                "dials": tuple(Dial(**{**dial, "points": tuple(dial["points"])}) for dial in arm["dials"]),
                "instead": tuple((name, value) for name, value in arm["instead"]),
            }
        )
        for arm in plan["arms"]
    )
    cells = [Cell(**cell) for cell in stored["cells"]]
    known = Plan(**{**plan, "arms": arms, "judged_on": tuple(plan["judged_on"])})
    conditions = Conditions(stored["setting"], stored["basis"])
    return Run(conditions, known, {cell.key: cell for cell in cells})
