"""Beam search over the texts that a CTC output spells, with an n-gram model of words. Does not import torch.

Legend: F frames, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.config.tasks.decoding import CtcDecodingConfig
from engine.families.ctc.ngrams import END, START, Ngrams
from engine.families.ctc.spelling import Spelling

Labels = tuple[int, ...]
_NEVER: Final = -math.inf


@dataclass(slots=True)
class _Beam:
    """A text so far, with the log-probability of the paths that spell it."""

    blank: float = _NEVER
    """Of the paths that end in a blank."""
    label: float = _NEVER
    """Of the paths that end in the last label."""

    @property
    def total(self) -> float:
        return _plus(self.blank, self.label)


class PrefixSearch:
    """Finds the most probable text, where a greedy search finds the text of the most probable path.

    A text's score is ln p(text | audio) + weight ln p(words) + bonus x words. The language model scores a word once it is
    complete.

    Source: Graves and Jaitly 2014, "Towards End-to-End Speech Recognition with Recurrent Neural Networks", algorithm 1;
    Hannun et al. 2014, "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs".
    """

    def __init__(self, spelling: Spelling, config: CtcDecodingConfig, ngrams: Ngrams | None = None) -> None:
        self._spelling, self._config, self._ngrams = spelling, config, ngrams
        self._space = spelling.ids.get(" ")

    def text(self, logs_FV: npt.NDArray[np.float32]) -> str:
        """The best text.

        Args:
            logs_FV: natural log-probabilities of the labels in each frame.
        """
        blank = self._spelling.blank
        beams: dict[Labels, _Beam] = {(): _Beam(blank=0.0)}
        words: dict[Labels, float] = {}
        """Language model score of the complete words of each text so far."""
        for logs_V in logs_FV:
            likely = np.flatnonzero(logs_V >= min(self._config.least_log_probability, float(logs_V.max()))).tolist()
            logs = logs_V.tolist()
            following: dict[Labels, _Beam] = {}
            for labels, beam in beams.items():
                for index in likely:
                    gain = logs[index]
                    if index == blank:
                        kept = following.setdefault(labels, _Beam())
                        kept.blank = beam.total + gain
                        continue
                    before = beam.total
                    if labels and labels[-1] == index:
                        # The same label again continues the last one; it is a new one only after a blank.
                        kept = following.setdefault(labels, _Beam())
                        kept.label = _plus(kept.label, beam.label + gain)
                        before = beam.blank
                    longer = following.setdefault((*labels, index), _Beam())
                    longer.label = _plus(longer.label, before + gain)
            scores = {labels: beam.total + self._words(labels, words) for labels, beam in following.items()}
            best = _best(scores)[: self._config.beams]
            beams = {labels: following[labels] for labels in best}
            words = {labels: words[labels] for labels in best if labels in words}
        ends = {labels: beam.total + self._ended(labels, words) for labels, beam in beams.items()}
        return self._spelling.write(_best(ends)[0])

    def _words(self, labels: Labels, known: dict[Labels, float]) -> float:
        """Score of the complete words of a text; that of the text before its last label is known."""
        if self._ngrams is None or not labels:
            return 0.0
        if labels not in known:
            # Its beginning may have left the beams, while the text itself is still among them.
            score = known.get(labels[:-1])
            if labels[-1] != self._space and score is not None:
                known[labels] = score
            else:
                complete = self._spelling.write(labels[: _last(labels, self._space)]).split()
                known[labels] = self._score(complete)
        return known[labels]

    def _ended(self, labels: Labels, known: dict[Labels, float]) -> float:
        """Score of a text's words when nothing follows."""
        if self._ngrams is None:
            return 0.0
        words = self._spelling.write(labels).split()
        weight = self._config.language_model_weight
        return self._score(words) + weight * self._ngrams.log_probability(END, (START, *map(self._known, words)))

    def _score(self, words: list[str]) -> float:
        """Score of words from the beginning of a text."""
        if self._ngrams is None:
            return 0.0
        config, history, total = self._config, [START], 0.0
        for word in map(self._known, words):
            total += config.language_model_weight * self._ngrams.log_probability(word, tuple(history))
            total += config.word_bonus
            total -= 0.0 if self._ngrams.knows(word) else config.unknown_word_penalty
            history.append(word)
        return total

    def _known(self, word: str) -> str:
        """The word in a case that the language model has."""
        forms = (word, word.lower(), word.upper())
        return next((form for form in forms if self._ngrams is not None and self._ngrams.knows(form)), word)


def _best(scores: dict[Labels, float]) -> list[Labels]:
    """Texts by falling score; the order of equal ones does not depend on how they were found."""
    return sorted(scores, key=lambda labels: (-scores[labels], labels))


def _last(labels: Labels, space: int | None) -> int:
    """Number of labels before the last space; none without one."""
    return next((place for place in range(len(labels) - 1, -1, -1) if labels[place] == space), 0)


def _plus(first: float, second: float) -> float:
    """ln(e^first + e^second)."""
    low, high = (first, second) if first < second else (second, first)
    return high if low == _NEVER else high + math.log1p(math.exp(low - high))
