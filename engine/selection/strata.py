"""Build strata, over which a draw is spread evenly.

Legend: N segments.
"""

from __future__ import annotations

import numpy as np

from engine.selection.standardise import Floats


def quantile_classes(values_N: Floats, classes: int) -> list[int]:
    """The quantile class of each value, from 0 for the lowest, with about equal counts; equal values share a class."""
    edges = np.quantile(values_N, np.arange(1, classes) / classes) if classes > 1 and len(values_N) else np.zeros(0)
    return [int(place) for place in np.searchsorted(edges, values_N, side="left")]


def cross(*named: tuple[str, Floats | None, int]) -> list[str]:
    """Strata from several properties: `nll2-duration0-snr1`. A property that was not measured (None) is left out.

    Args:
        named: name of a property, its values_N, and the number of classes.
    """
    columns = [
        [f"{name}{place}" for place in quantile_classes(values_N, classes)]
        for name, values_N, classes in named
        if values_N is not None and classes > 1
    ]
    if not columns:
        count = next((len(values_N) for _, values_N, _ in named if values_N is not None), 0)
        return ["all"] * count
    return ["-".join(parts) for parts in zip(*columns, strict=True)]
