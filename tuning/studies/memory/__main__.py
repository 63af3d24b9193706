"""Measure configurations, each in a fresh process, beside what the memory model says: `make study-memory`."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Final

from engine.config.training import TrainingConfig
from engine.errors import TrainingError
from engine.models.catalogue import reference_to
from engine.stages import probe
from tuning.studies.memory import data, models
from tuning.studies.memory.cells import REAL, STEPS, Cell, cells
from tuning.studies.memory.data import TEST_EXAMPLES

_BUNDLED: Final = "whisper-pico"


def main() -> None:
    """Run the cells that are not measured yet, then write the report."""
    parser = argparse.ArgumentParser(
        prog="python -m tuning.studies.memory",
        description="Peak resident memory of runs, each in a fresh process, beside the memory model's prediction.",
        epilog="example: python -m tuning.studies.memory --model ../models/whisper-tiny.en --minutes 30",
    )
    parser.add_argument("--model", type=Path, help=f"folder of the real {REAL}; without it those cells are left out")
    parser.add_argument("--work", type=Path, default=Path("build/memory"), help="models, data and cells (%(default)s)")
    parser.add_argument("--minutes", type=float, help="stop after so many minutes; another call goes on")
    parser.add_argument("--report", type=Path, default=Path("docs/studies"), help="folder of the report (%(default)s)")
    asked = parser.parse_args()
    until = time.monotonic() + 60 * asked.minutes if asked.minutes else float("inf")
    wanted = [cell for cell in cells() if cell.model != REAL or asked.model]
    for number, cell in enumerate(wanted, 1):
        path = asked.work / "cells" / f"{cell.key}.json"
        if path.is_file() or time.monotonic() > until:
            continue
        print(f"{number} of {len(wanted)}: {cell.model}, {cell.task}, {cell.method['type']}", flush=True)
        measure(cell, path, asked.work, asked.model)
    from tuning.studies.memory.report import row, write_report

    rows = []
    for cell in wanted:
        path = asked.work / "cells" / f"{cell.key}.json"
        if path.is_file():
            measured = json.loads(path.read_text(encoding="utf-8"))
            rows.append(row(cell, location(cell, asked.work, asked.model), measured))
    if not rows:
        parser.exit(1, "nothing is measured yet\n")
    write_report(rows, len(wanted), asked.report)
    print(f"{len(rows)} of {len(wanted)} configurations: {asked.report / 'memory.md'}")


def location(cell: Cell, work: Path, real: Path | None) -> str:
    """Where a cell's model is; one with random weights is written."""
    if cell.model == REAL:
        return str(real)
    return cell.model if cell.model == _BUNDLED else str(models.write(cell.model, work / "models"))


def measure(cell: Cell, path: Path, work: Path, real: Path | None) -> None:
    """Run a cell in a process of its own; print the error of one that fails; the next call repeats it."""
    count = STEPS * cell.examples * cell.accumulated + TEST_EXAMPLES
    folder = work / "data" / f"{cell.task}-{cell.seconds:g}-{cell.letters}-{count}"
    if not folder.is_dir():
        data.write(folder, cell.task, cell.seconds, cell.letters, count)
    path.parent.mkdir(parents=True, exist_ok=True)
    model, config = reference_to(location(cell, work, real)), TrainingConfig.model_validate(cell.config())
    try:
        with tempfile.TemporaryDirectory(prefix="lim-memory-") as scratch:
            found = probe.measure(model, folder, config, threads=1, work=Path(scratch), steps=STEPS)
    except TrainingError as error:
        print(f"  {error}", flush=True)
        return
    path.write_text(json.dumps(asdict(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
