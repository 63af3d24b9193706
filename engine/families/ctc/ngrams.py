"""N-gram language models over words, from ARPA text files. Does not import torch.

A reader of its own, because KenLM's Python package is built from C++ on each machine. It keeps all n-grams in memory,
about 200 bytes each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.errors import ConfigError, Fault

START: Final = "<s>"
END: Final = "</s>"
UNKNOWN: Final = "<unk>"
_LN_10: Final = math.log(10.0)
_IMPOSSIBLE: Final = -99.0 * _LN_10  # as ARPA files write the logarithm of zero
_PATH: Final = "decoding.language_model"


@dataclass(frozen=True, slots=True)
class Ngrams:
    """A backoff model of words."""

    order: int
    """Longest n-grams, in words."""
    entries: dict[tuple[str, ...], tuple[float, float]]
    """Natural log-probability of the last word after the others, and the backoff weight of the whole, by n-gram."""

    def knows(self, word: str) -> bool:
        """Whether the vocabulary has a word."""
        return (word,) in self.entries

    def log_probability(self, word: str, history: tuple[str, ...]) -> float:
        """Natural log-probability of a word after others, the last of which are used.

        A word that the vocabulary lacks has the probability of `<unk>`.

        Source: Katz 1987; the file format is that of SRILM's `ngram-format(5)`.
        """
        word = word if self.knows(word) else UNKNOWN
        context = tuple(w if self.knows(w) else UNKNOWN for w in history[max(0, len(history) - self.order + 1) :])
        backoff = 0.0
        while True:
            found = self.entries.get((*context, word))
            if found is not None:
                return backoff + found[0]
            if not context:
                return backoff + _IMPOSSIBLE
            backoff += self.entries.get(context, (0.0, 0.0))[1]
            context = context[1:]


def read_ngrams(path: Path) -> Ngrams:
    """Read an ARPA file.

    Raises:
        ConfigError: no such file, or not an ARPA file.
    """
    entries: dict[tuple[str, ...], tuple[float, float]] = {}
    order = number = 0
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                text, number = line.strip(), number + 1
                if text.startswith("\\"):
                    order = int(text[1 : -len("-grams:")]) if text.endswith("-grams:") else 0
                    if text == "\\end\\":
                        break
                elif order and text:
                    probability, *rest = text.split()
                    backoff = float(rest[order]) if len(rest) > order else 0.0
                    if len(rest) < order:
                        raise ValueError(f"an n-gram of {order} words has {len(rest)}")
                    entries[tuple(rest[:order])] = (float(probability) * _LN_10, backoff * _LN_10)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            [Fault(_PATH, f"cannot read {path}: {error}; give an n-gram model as an ARPA text file")]
        ) from error
    except ValueError as error:
        raise ConfigError([Fault(_PATH, f"line {number} of {path} is not that of an ARPA file: {error}")]) from error
    if not entries:
        raise ConfigError(
            [Fault(_PATH, f"{path} has no n-grams; give an ARPA text file, as `lmplz` of KenLM writes it")]
        )
    return Ngrams(max(map(len, entries)), entries)
