"""Confusion matrix: count it, and draw it.

Legend: C classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.metrics.pairs import check_pairs

_MOST_WRITTEN: Final = 30
"""Maximum number of classes whose counts are written into their cells."""
_LARGEST_IN: Final = 30.0
"""Maximum side of a drawing in inches; from 130 classes, names overlap."""


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """How often each class was predicted for each class."""

    classes: tuple[str, ...]
    counts_CC: NDArray[np.int64]
    """Row: class of the reference. Column: predicted class."""


def count_confusions(
    references: Sequence[str], predictions: Sequence[str], classes: Sequence[str] | None = None
) -> Confusion:
    """Count each pair of reference and predicted class.

    Args:
        references: class of each example.
        predictions: predicted class of each example.
        classes: rows and columns, in this order; None takes those that occur, in order of name.

    Raises:
        ValueError: no examples, another number of predictions than of references, or a class that is not in `classes`.
    """
    check_pairs(references, predictions)
    names = tuple(sorted({*references, *predictions}) if classes is None else classes)
    places = {name: place for place, name in enumerate(names)}
    unknown = sorted({*references, *predictions} - places.keys())
    if unknown:
        raise ValueError(f"classes {', '.join(map(repr, unknown))} occur and are not in the list of classes")
    counts_CC = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts_CC, ([places[r] for r in references], [places[p] for p in predictions]), 1)
    return Confusion(names, counts_CC)


def draw_confusions(confusion: Confusion, target: Path) -> None:
    """Draw a confusion matrix to a PNG, readable for up to 60 classes.

    Colour shows the share of the row, so rare classes are as visible as frequent ones. Up to 30 classes, each cell that
    is not 0 has its count.
    """
    from matplotlib.figure import Figure  # slow to import, and most processes draw nothing

    counts_CC = confusion.counts_CC
    names = [_shortened(name) for name in confusion.classes]
    shares_CC = counts_CC / np.maximum(counts_CC.sum(axis=1, keepdims=True), 1)
    has_counts = len(names) <= _MOST_WRITTEN
    side_in = min(4 + (0.3 if has_counts else 0.2) * len(names), _LARGEST_IN)
    figure = Figure(figsize=(side_in + 1, side_in), layout="constrained")
    axis = figure.add_subplot()
    image = axis.imshow(shares_CC, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axis, label="share of the row", shrink=0.8)
    places = range(len(names))
    axis.set_xticks(places, names, rotation=90, fontsize=8, parse_math=False)
    axis.set_yticks(places, names, fontsize=8, parse_math=False)
    axis.set_xlabel("predicted class")
    axis.set_ylabel("class of the reference")
    if has_counts:
        for row, column in zip(*np.nonzero(counts_CC), strict=True):
            colour = "white" if shares_CC[row, column] > 0.5 else "black"
            axis.text(column, row, f"{counts_CC[row, column]}", ha="center", va="center", color=colour, fontsize=7)
    with warnings.catch_warnings():
        # Matplotlib's own font has no Chinese characters and shows boxes for them.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(target, format="png", dpi=120)


def _shortened(name: str, most: int = 28) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
