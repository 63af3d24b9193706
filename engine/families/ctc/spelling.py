"""The vocabulary of a CTC model: texts to label ids, paths over frames to texts. Does not import torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any, Final

from engine.config.tasks.speech_to_text import Normalizer
from engine.errors import ModelError
from engine.metrics.text import normalize_basic

PAD: Final = "<pad>"
"""The blank of CTC, as transformers names it."""
UNKNOWN: Final = "<unk>"
DELIMITER: Final = "|"
"""The label between words."""


def target_normalizer(name: Normalizer) -> Callable[[str], str]:
    """How texts are normalised before they are spelt: `alphabet_of` and the learner must use the same.

    `english` writes numbers as digits, which suits the counting of errors and not a model that spells what it hears; it
    trains on `basic` texts.
    """
    return str.strip if name == "none" else normalize_basic


def alphabet_of(texts: Iterable[str], normalizer: Callable[[str], str]) -> tuple[str, ...]:
    """The characters of the normalised texts, sorted by code point; whitespace becomes the word delimiter.

    The delimiter's own character `|` is left out, as a vocabulary always has it.
    """
    characters = {character for text in texts for character in normalizer(text)}
    return tuple(sorted(c for c in characters if not c.isspace() and c != DELIMITER))


def vocabulary_of(alphabet: Sequence[str]) -> dict[str, int]:
    """Ids of a new vocabulary: blank 0, unknown 1, word delimiter 2, then the alphabet in its order.

    Raises:
        ModelError: an entry that is not one character, a space, or an entry that is there twice.
    """
    if not alphabet:
        raise ModelError(
            "the model has no CTC head, and no alphabet is given to build one for; give the characters of the training "
            "texts (alphabet_of)"
        )
    faulty = sorted({repr(c) for c in alphabet if len(c) != 1 or c.isspace() or c == DELIMITER})
    if faulty:
        raise ModelError(
            f"the alphabet holds {', '.join(faulty[:5])}; each entry is one character, and neither a space nor "
            f"{DELIMITER!r}, which separates words"
        )
    if len(set(alphabet)) < len(alphabet):
        raise ModelError(f"the alphabet has {len(alphabet) - len(set(alphabet))} repeated characters; give each once")
    return {label: index for index, label in enumerate((PAD, UNKNOWN, DELIMITER, *alphabet))}


@dataclass(frozen=True)
class Spelling:
    """How a CTC model writes texts.

    Labels are spelt in the vocabulary's case: an upper-case vocabulary takes lower-case texts and the other way round.
    """

    ids: Mapping[str, int]
    """Id of each label that is written; the delimiter is a space."""
    blank: int
    """Id of the blank, which separates repeated labels."""
    unknown: int | None
    """Id of characters that the vocabulary lacks; None: they are left out."""
    lowers: bool = False
    """Whether texts are lower-cased after decoding, for a vocabulary of capitals."""

    @classmethod
    def of_tokenizer(cls, tokenizer: Any, blank: int) -> Spelling:
        """The spelling of a `Wav2Vec2CTCTokenizer`."""
        ids = {str(label): int(index) for label, index in tokenizer.encoder.items()}
        delimiter, unknown = tokenizer.word_delimiter_token, ids.get(tokenizer.unk_token)
        special = {tokenizer.pad_token, tokenizer.unk_token, tokenizer.bos_token, tokenizer.eos_token}
        written = {label: index for label, index in ids.items() if label not in special and index != blank}
        if delimiter in written:
            written[" "] = written.pop(delimiter)
        return cls(written, blank, unknown, bool(tokenizer.do_lower_case))

    def encode(self, text: str) -> list[int]:
        """Label ids of a text, with a delimiter between words; characters that the vocabulary lacks are unknown."""
        labels = (self._id_of(part) for part in self._parts.findall(" ".join(text.split())))
        return [label for label in labels if label is not None]

    def decode(self, path: Iterable[int]) -> str:
        """The text of a path, one id per frame: repeats merged, blanks and special labels removed."""
        return self.write([label for label, _ in groupby(path)])

    def write(self, labels: Iterable[int]) -> str:
        """The text of label ids, without blanks and special labels."""
        text = " ".join("".join(self._labels.get(label, "") for label in labels).split())
        return text.lower() if self.lowers else text

    def label_of(self, index: int) -> str:
        """What an id writes: a space for the delimiter, nothing for the blank and special labels."""
        return self._labels.get(index, "")

    def is_known(self, label: int) -> bool:
        """Whether an id stands for a character, and not for the unknown or a space."""
        return not self._labels.get(label, " ").isspace()

    @cached_property
    def _labels(self) -> dict[int, str]:
        return {index: label for label, index in self.ids.items()}

    @cached_property
    def _parts(self) -> re.Pattern[str]:
        """Labels of several characters, the longest first, or single characters."""
        several = sorted((label for label in self.ids if len(label) > 1), key=lambda label: (-len(label), label))
        return re.compile("|".join([*map(re.escape, several), "."]), re.DOTALL)

    def _id_of(self, part: str) -> int | None:
        for form in (part, part.upper(), part.lower()):
            if form in self.ids:
                return self.ids[form]
        return None if part == " " else self.unknown


def frames_needed(labels: Sequence[int]) -> int:
    """Least number of frames of a path that spells these labels: one each, and a blank between repeated labels.

    Source: Graves et al. 2006, "Connectionist Temporal Classification", section 3.1.
    """
    return len(labels) + sum(first == second for first, second in pairwise(labels))
