"""Distributions of measures over a dataset: counts in bins, for any number of items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.data.report import Histogram

_QUANTILES = (1, 5, 50, 95, 99)


class Spread:
    """Counts the values of one measure."""

    def __init__(self, name: str, unit: str, edges: Sequence[float]) -> None:
        """Start empty.

        Args:
            name: the measure.
            unit: its unit.
            edges: ascending edges of the bins.
        """
        self._name = name
        self._unit = unit
        self._edges: npt.NDArray[np.float64] = np.asarray(edges, dtype=np.float64)
        self._inner = self._edges[1:-1].tolist()
        self._counts: npt.NDArray[np.int64] = np.zeros(len(edges) - 1, np.int64)

    def add(self, value: float) -> None:
        """Count a value; one beyond the edges counts in the outer bin."""
        self._counts[np.searchsorted(self._inner, value, side="right")] += 1

    def histogram(self) -> Histogram:
        """The counts as a histogram with quantiles."""
        total = int(self._counts.sum())
        cumulated = np.concatenate([[0], np.cumsum(self._counts)])
        quantiles = {}
        if total:
            for percent in _QUANTILES:
                quantiles[f"p{percent}"] = round(float(np.interp(percent / 100 * total, cumulated, self._edges)), 3)
        return Histogram(
            name=self._name,
            unit=self._unit,
            edges=[round(float(edge), 6) for edge in self._edges],
            counts=self._counts.tolist(),
            quantiles=quantiles,
        )


def sound_spreads(longest_s: float) -> dict[str, Spread]:
    """The measures of sounds that are plotted."""
    durations_s = np.geomspace(0.05, max(longest_s, 1.0), 41)
    return {
        "duration": Spread("duration", "s", durations_s.tolist()),
        "level": Spread("level of sound", "dB of full scale", np.arange(-70.0, 1.0, 2.0).tolist()),
    }


def speech_spreads(longest_s: float) -> dict[str, Spread]:
    """The measures of speech that are plotted."""
    return {
        **sound_spreads(longest_s),
        "level": Spread("level of speech", "dB of full scale", np.arange(-70.0, 1.0, 2.0).tolist()),
        "snr": Spread("signal to noise", "dB", np.arange(0.0, 81.0, 2.0).tolist()),
        "words": Spread("speech rate", "words in a second with sound", np.arange(0.0, 8.1, 0.2).tolist()),
        "syllables": Spread("speech rate", "syllables in a second with sound", np.arange(0.0, 16.1, 0.4).tolist()),
    }
