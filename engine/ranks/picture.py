"""Draw ranks by layer and group."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from engine.ranks.grid import Grid, grids
from engine.ranks.ranks import Ranks

_COLUMN_IN: Final = 0.62
_ROW_IN: Final = 0.32
_LARGEST_IN: Final = 30.0


def draw_ranks(ranks: Ranks, target: Path) -> None:
    """Draw ranks to a PNG: a map for each group, a row for each block of layers; colour and number are the rank."""
    from matplotlib.figure import Figure  # slow to import, and most processes draw nothing

    shown = grids(ranks)
    summary = ranks.summary()
    most = max(layer.rank for layer in ranks.layers)
    widths = [1.0 + _COLUMN_IN * len(grid.columns) for grid in shown]
    rows = max(len(grid.rows) for grid in shown)
    size_in = (min(max(6.0, sum(widths) + 1.5), _LARGEST_IN), min(2.6 + _ROW_IN * rows, _LARGEST_IN))
    figure = Figure(figsize=size_in, layout="constrained")
    axes = figure.subplots(1, len(shown), squeeze=False, width_ratios=widths)[0]
    for axis, grid in zip(axes, shown, strict=True):
        image = axis.imshow(_as_array(grid), cmap="viridis", vmin=0, vmax=most, aspect="auto")
        axis.set_xticks(range(len(grid.columns)), grid.columns, rotation=90, fontsize=8, parse_math=False)
        axis.set_yticks(range(len(grid.rows)), grid.rows, fontsize=8, parse_math=False)
        group = summary.groups[grid.group]
        axis.set_title(f"{grid.group}\nmean rank {group.mean_rank:.1f}, {group.parameters:,} parameters", fontsize=9)
        for row, cells in enumerate(grid.ranks):
            for column, rank in enumerate(cells):
                if rank is not None:
                    colour = "black" if rank > 0.6 * most else "white"
                    axis.text(column, row, f"{rank}", ha="center", va="center", color=colour, fontsize=7)
    axes[0].set_ylabel("block")
    figure.colorbar(image, ax=list(axes), label="rank", shrink=0.8)
    figure.suptitle(
        f"{summary.allocation}: {summary.parameters:,} parameters in adapters of {ranks.model}", fontsize=10
    )
    figure.savefig(target, format="png", dpi=120)


def _as_array(grid: Grid) -> np.ndarray:
    return np.array([[np.nan if rank is None else rank for rank in cells] for cells in grid.ranks], dtype=float)
