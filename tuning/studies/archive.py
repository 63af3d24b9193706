"""The cells of a study in one file beside its report, so that others can make the report again without running it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from engine.errors import EngineError
from tuning.studies.cells import replace
from tuning.studies.trials import Arm, Cell, Cells, Dial, Plan, digest

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Run:
    """A setting of a study with the plan and the cells that there are."""

    setting: Mapping[str, Any]
    plan: Plan
    cells: Cells


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

    def put(self, setting: Mapping[str, Any], plan: Plan, cells: Cells) -> None:
        """Store a run in place of one of the same setting. Cells that only the file has are kept."""
        runs = {digest(run.setting): run for run in self.runs()}
        before = runs.get(digest(setting))
        runs[digest(setting)] = Run(setting, plan, {**(before.cells if before is not None else {}), **cells})
        replace(self._path, _text(list(runs.values())))


def _text(runs: list[Run]) -> str:
    parts = []
    for run in runs:
        lines = ",\n".join(_compact(asdict(cell)) for _, cell in sorted(run.cells.items()))
        parts.append(
            f'{{"setting": {_compact(dict(run.setting))},\n"plan": {_compact(asdict(run.plan))},\n"cells": [\n{lines}\n]}}'
        )
    return f'{{"format": {_FORMAT}, "runs": [\n' + ",\n".join(parts) + "\n]}\n"


def _compact(value: Any) -> str:
    return json.dumps(_rounded(value), separators=(",", ":"), ensure_ascii=False)


def _rounded(value: Any) -> Any:
    """Seconds to hundredths, and the same of what else is no whole number above 1."""
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return round(value, 2) if isinstance(value, float) and value > 1.0 and not value.is_integer() else value


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
    return Run(stored["setting"], known, {cell.key: cell for cell in cells})
