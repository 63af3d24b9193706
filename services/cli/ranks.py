"""`lim ranks`: the ranks that a training would give its adapters, measured on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from engine.errors import ConfigError, Fault
from services.cli.configs import read_asked
from services.cli.output import cell
from services.cli.report import print_table
from services.cli.reporting import reported
from services.cli.train import PROJECT, threads_here

if TYPE_CHECKING:
    from engine.config.training import TrainingConfig
    from engine.ranks.grid import Grid
    from engine.ranks.ranks import Ranks

RANKS: Final = Path("build/ranks")
_UNITS: Final = {"average_rank": "parameters", "parameters": "parameters", "bytes": "bytes"}


def ranks(
    path: Path, overrides: Sequence[str], *, data: str | None, model: str | None, out: Path | None, threads: int | None
) -> None:
    """Measure and allocate; print a table for each part of the model, and draw the same to `out`."""
    with reported(str(path)):
        training, runs_model, runs_data = read_asked(path, overrides)
        asked, model = data or runs_data, model or runs_model
        if asked is None:
            raise ConfigError([Fault("data", "is missing: a training has no data; give --data FOLDER")])
        from cluster.storage.dataset_cache import local_dataset
        from cluster.storage.settings import S3Settings
        from engine.ranks.ranks import FIXED_KEY, RANKS_KEY, RANKS_PICTURE
        from engine.run.store import LocalRunStore
        from engine.stages.allocate import allocate_ranks
        from services.cli.progress import RunProgress

        task = training.task
        folder = local_dataset(
            asked, S3Settings.from_environment(), beside=[PROJECT], language=task.text_language, task=task.type
        )
        out = out or RANKS / f"{path.stem}-{_digest(training, model, folder)}"
        with RunProgress() as progress:
            found = allocate_ranks(
                model=model,
                data=folder,
                config=training,
                store=LocalRunStore(out),
                events=progress,
                threads=threads_here(threads),
            )
        _show(found, ", ".join(str(out / name) for name in (RANKS_KEY, RANKS_PICTURE, FIXED_KEY)))


def _digest(training: TrainingConfig, model: str, data: Path) -> str:
    """Tells the ranks of one question from those of another, so that neither is overwritten."""
    asked = json.dumps([training.model_dump(mode="json"), model, str(data)], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()[:8]


def _show(found: Ranks, where: str) -> None:
    from engine.ranks.grid import grids

    summary = found.summary()
    console = Console()
    for grid in grids(found):
        console.print(_table(grid))
    rows = {
        name: f"{group.mean_rank:.2f} on average, {group.adapted} of {group.layers} layers, {group.parameters:,} parameters"
        for name, group in summary.groups.items()
    }
    rows["Parameters"] = f"{summary.parameters:,}"
    if found.budget is not None:
        rows["Budget"] = f"{found.budget.spent:,.0f} of {found.budget.allowed:,.0f} {_UNITS[found.budget.unit]}"
    if found.measured is not None:
        told = found.measured
        rows["Measured on"] = f"{told.examples} examples in {told.steps} batches, {told.wall_s:.0f} s"
    rows["Path"] = where
    print_table(f"{found.model}, {summary.allocation}", rows)


def _table(grid: Grid) -> Table:
    table = Table(title=cell(grid.group))
    table.add_column("block", style="bold", overflow="fold")
    for column in grid.columns:
        table.add_column(cell(column), justify="right", overflow="fold")
    for row, cells in zip(grid.rows, grid.ranks, strict=True):
        table.add_row(cell(row), *("" if rank is None else str(rank) for rank in cells))
    return table
