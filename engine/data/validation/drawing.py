"""Plot the measures of a dataset."""

from __future__ import annotations

import io
from collections.abc import Sequence

from engine.data.report import Histogram


def draw_histograms(histograms: Sequence[Histogram]) -> bytes:
    """Draw histograms in a grid, as a PNG. Thread-safe: no state of pyplot is used."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    columns = 2
    rows = -(-len(histograms) // columns)
    figure = Figure(figsize=(4.5 * columns, 2.4 * rows))
    figure.subplots_adjust(0.08, 0.07, 0.98, 0.98, wspace=0.2, hspace=0.4)  # a layout engine draws all of it twice
    FigureCanvasAgg(figure)
    for number, histogram in enumerate(histograms, start=1):
        axis = figure.add_subplot(rows, columns, number)
        axis.stairs(histogram.counts, histogram.edges, fill=True, alpha=0.8)
        axis.set_xlabel(f"{histogram.name} ({histogram.unit})", fontsize=8)
        axis.set_ylabel("items", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.3)
        if histogram.edges[-1] - histogram.edges[-2] > 2 * (histogram.edges[2] - histogram.edges[1]):
            axis.set_xscale("log")
        used = [place for place, count in enumerate(histogram.counts) if count]
        if used:
            axis.set_xlim(histogram.edges[used[0]], histogram.edges[used[-1] + 1])
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100, metadata={"Software": None})
    return file.getvalue()
