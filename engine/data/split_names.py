"""Names of splits in columns, folders and file names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.data.example import Split

_CALLED: Mapping[Split, str] = {
    "train": "train training trainset trainingset traindata trn",
    "validation": "validation valid val dev devel development devset valset validset validationset",
    "test": "test testing tests testset testdata tst eval evaluation evalset heldout holdout devtest",
}
SPLIT_NAMES: Mapping[str, Split] = {name: split for split, names in _CALLED.items() for name in names.split()}
"""Splits by their names in folders and columns."""


def split_of_name(name: str) -> Split | None:
    """The only split in the words of a name such as `train-00000-of-00002` or `dev_clean`; None for none or several."""
    found = {SPLIT_NAMES[word] for word in _words(name) if word in SPLIT_NAMES}
    return found.pop() if len(found) == 1 else None


def split_of_folders(folder: str) -> Split | None:
    """The split of the innermost folder whose name begins or ends with one: `data/train/7`, `test-clean`, `wav_dev`."""
    for part in reversed(folder.split("/")):
        words = _words(part)
        if words and (words[0] in SPLIT_NAMES or words[-1] in SPLIT_NAMES) and (split := split_of_name(part)):
            return split
    return None


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z]+", name.lower()) if word]
