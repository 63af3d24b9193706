"""Detect items unlike the rest of their dataset: another sample rate, pitch or rate of speech.

Decided after the last item; about 20 bytes are kept for each.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from engine.data.report import WarningCode
from engine.data.validation.config import ValidationConfig
from engine.data.validation.examine import Recording

Outlier = tuple[int, WarningCode, str]
"""Number of the item, code and reason."""

_FEWEST_ITEMS = 30  # with texts of similar length, to know what is usual
_FEWEST_OF_SPEAKER = 8
_SHORT_S = 0.15  # added to the seconds with sound, so that hundredths do not decide about the shortest words
_ROBUST = 1.4826  # median of absolute deviations to standard deviation


class Outliers:
    """Collects the measures of the good items."""

    def __init__(self, config: ValidationConfig) -> None:
        self._config = config
        self._item = array("I")
        self._rate_hz = array("I")
        self._speaker = array("I")
        self._sound_s = array("f")
        self._syllables = array("f")
        self._pitch_hz = array("f")
        self._speakers: dict[str, int] = {}

    def add(self, item: int, recording: Recording, speaker: str | None) -> None:
        """Remember an item."""
        self._item.append(item)
        self._rate_hz.append(recording.info.rate_hz)
        number = 0 if speaker is None else self._speakers.setdefault(speaker, len(self._speakers) + 1)
        self._speaker.append(number)
        # Negative if the level does not tell pauses from speech.
        self._sound_s.append(recording.levels.sound_s if recording.levels.pauses_known else -1.0)
        self._syllables.append(recording.syllables)
        self._pitch_hz.append(recording.pitch_hz)

    def find(self) -> Iterator[Outlier]:
        """Every outlier, kind by kind, in the order of the items."""
        if not len(self._item):
            return
        yield from self._other_rates()
        deviation_I = self._deviations()
        yield from self._unusual_rates(deviation_I)
        yield from self._wrong_rates(deviation_I)

    def _other_rates(self) -> Iterator[Outlier]:
        counts = Counter(self._rate_hz.tolist())
        usual_hz, most = counts.most_common(1)[0]
        if most < self._config.usual_rate_share * len(self._item):
            return
        for item, rate_hz in zip(self._item, self._rate_hz, strict=True):
            if counts[rate_hz] < (1 - self._config.usual_rate_share) * len(self._item) and rate_hz != usual_hz:
                share = 100 * most / len(self._item)
                yield (
                    item,
                    "other_rate",
                    f"its sample rate is {rate_hz} Hz; {share:.0f} % of the items have {usual_hz} Hz",
                )

    def _deviations(self) -> npt.NDArray[np.float64]:
        """Log ratio of the seconds with sound to the median of items with about as many syllables; NaN if unknown."""
        sound_I, syllables_I = np.array(self._sound_s, np.float64), np.array(self._syllables, np.float64)
        known_I = (sound_I > 0) & (syllables_I > 0)
        log_I = np.log(np.where(known_I, sound_I, 1.0) + _SHORT_S)
        # Steps of a quarter, and of half a syllable at least.
        step_I = np.where(
            syllables_I < 2, np.rint(2 * syllables_I), np.rint(np.log(np.maximum(syllables_I, 1.0)) * 4) + 100
        )
        deviation_I = np.full(len(log_I), np.nan)
        for step in np.unique(step_I[known_I]):
            alike = np.flatnonzero(known_I & (step_I == step))
            if len(alike) >= _FEWEST_ITEMS:
                deviation_I[alike] = log_I[alike] - np.median(log_I[alike])
        return deviation_I

    def _unusual_rates(self, deviation_I: npt.NDArray[np.float64]) -> Iterator[Outlier]:
        known_I = np.isfinite(deviation_I)
        if not known_I.any():
            return
        spread = _ROBUST * float(np.median(np.abs(deviation_I[known_I])))
        least = max(np.log(self._config.usual_rate_factor), self._config.usual_rate_deviations * spread)
        for at in np.flatnonzero(known_I & (np.abs(deviation_I) > least)).tolist():
            factor = float(np.exp(abs(deviation_I[at])))
            longer = "longer" if deviation_I[at] > 0 else "shorter"
            yield (
                self._item[at],
                "unusual_rate",
                f"its {self._sound_s[at]:.2f} s with sound are {factor:.1f} times {longer} than those of items with as "
                f"much text; usual: up to {float(np.exp(least)):.1f} times",
            )

    def _wrong_rates(self, deviation_I: npt.NDArray[np.float64]) -> Iterator[Outlier]:
        """Voices that are higher and faster, or lower and slower, than their speaker's usual one by the same factor."""
        pitch_I, speaker_I = np.array(self._pitch_hz, np.float64), np.array(self._speaker)
        for speaker in range(1, len(self._speakers) + 1):
            own = np.flatnonzero((speaker_I == speaker) & (pitch_I > 0) & np.isfinite(deviation_I))
            if len(own) < _FEWEST_OF_SPEAKER:
                continue
            usual_hz = float(np.median(pitch_I[own]))
            higher_I = np.log(pitch_I[own] / usual_hz)
            shorter_I = np.median(deviation_I[own]) - deviation_I[own]
            least = np.log(self._config.wrong_rate_factor)
            wrong_I = (np.abs(higher_I) > least) & (np.abs(higher_I - shorter_I) < self._config.wrong_rate_agreement)
            for at in own[wrong_I].tolist():
                factor = pitch_I[at] / usual_hz
                yield (
                    self._item[at],
                    "wrong_rate",
                    f"its voice is at {pitch_I[at]:.0f} Hz, its speaker's is at {usual_hz:.0f} Hz, and it is as much "
                    f"{'shorter' if factor > 1 else 'longer'}: as if it were played at {factor:.2f} times its speed",
                )
