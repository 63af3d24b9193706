"""Findings about the classes of a dataset: their sizes, their splits, their names."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from engine.data.example import AnyExample, Label, Labels, Split
from engine.data.report import DatasetCode, Finding, named
from engine.data.validation.config import ValidationConfig

_FEWEST_LETTERS = 5  # of names that may differ by a slip; short words differ by one letter and are others: cat, car
_RARE = 0.1  # a slip has at most this share of the items of the right name


class LabelFindings:
    """Counts the items of each class."""

    def __init__(self, config: ValidationConfig) -> None:
        self._config = config
        self._items: Counter[str] = Counter()
        self._splits: dict[Split | None, Counter[str]] = defaultdict(Counter)

    def add(self, example: AnyExample) -> None:
        """Count an item."""
        found = labels_of(example)
        self._items.update(found)
        self._splits[example.split].update(found)

    def findings(self) -> Iterator[Finding]:
        """All findings."""
        yield from self._sizes()
        yield from self._one_split()
        yield from self._names()

    def _sizes(self) -> Iterator[Finding]:
        config, counts = self._config, self._items
        if len(counts) == 1:
            yield _finding(
                "few_classes",
                f"all items have the class {next(iter(counts))!r}; needed: two classes and more",
                "add recordings of other classes: with one, there is nothing to tell apart",
            )
            return
        few = [
            f"{name!r} ({count})" for name, count in reversed(counts.most_common()) if count < config.fewest_of_class
        ]
        if few:
            yield _finding(
                "few_examples",
                f"{len(few)} of {len(counts)} classes have fewer than {config.fewest_of_class} examples: {named(few)}",
                "add recordings of these classes, or join them with others: a model hardly learns them, and a test of so "
                "few says little",
            )
        if counts:
            (often, most), *_, (seldom, fewest) = counts.most_common() if len(counts) > 1 else [("", 1), ("", 1)]
            if most > config.class_ratio * fewest:
                yield _finding(
                    "imbalance",
                    f"the class {often!r} has {most} items and {seldom!r} has {fewest}; allowed: up to "
                    f"{config.class_ratio:g} times as many",
                    "add recordings of the rare classes: a model guesses the frequent ones",
                )

    def _one_split(self) -> Iterator[Finding]:
        train = self._splits.get("train", Counter())
        for split in ("validation", "test"):
            held_out = self._splits.get(split, Counter())
            if not train or not held_out:
                continue
            unknown, untested = sorted(held_out.keys() - train.keys()), sorted(train.keys() - held_out.keys())
            if unknown:
                yield _finding(
                    "label_in_one_split",
                    f"{len(unknown)} classes are in {split} and not in train: {_quoted(unknown, held_out)}",
                    f"put recordings of each class into train: a model never gives a class that it has not seen, so {split} "
                    "counts all of them as wrong",
                )
            if untested:
                yield _finding(
                    "label_in_one_split",
                    f"{len(untested)} classes are in train and not in {split}: {_quoted(untested, train)}",
                    f"put recordings of each class into {split}: how well a model knows the others is not measured",
                )

    def _names(self) -> Iterator[Finding]:
        groups = list(_alike(self._items))
        for names in groups:
            yield _finding(
                "similar_labels",
                f"the classes {_quoted(names, self._items)} may be one: their names differ only by case, blanks, accents, "
                "an ending or a letter; they were kept apart",
                "write one name in all rows, if they are one class",
            )


def labels_of(example: AnyExample) -> tuple[str, ...]:
    """The classes of an item."""
    match example.target:
        case Label(label):
            return (label,)
        case Labels(labels):
            return labels
    return ()


def _alike(counts: Mapping[str, int]) -> Iterator[list[str]]:
    """Groups of names that may be one: those with the same form, and rare ones that are one letter from a frequent one."""
    forms: dict[str, list[str]] = defaultdict(list)
    for name in sorted(counts):
        forms[_form(name)].append(name)
    for names in forms.values():
        if len(names) > 1:
            yield names
    near: dict[str, set[str]] = defaultdict(set)
    for form in forms:
        if len(form) >= _FEWEST_LETTERS and not any(c.isdigit() for c in form):
            for shorter in {form, *(form[:at] + form[at + 1 :] for at in range(len(form)))}:
                near[shorter].add(form)
    sizes = {form: sum(counts[name] for name in names) for form, names in forms.items()}
    pairs = {(a, b) for found in near.values() for a in found for b in found if sizes[a] <= _RARE * sizes[b]}
    for rare, frequent in sorted(pairs):
        yield sorted([*forms[rare], *forms[frequent]])


def _form(name: str) -> str:
    """A name without case, accents, blanks and punctuation, and without the ending of a plural."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    kept = "".join(c for c in plain if c.isalnum() or unicodedata.category(c) == "Mc")
    return kept[:-1] if len(kept) >= _FEWEST_LETTERS - 1 and kept.endswith("s") and not kept.endswith("ss") else kept


def _quoted(names: list[str], counts: Mapping[str, int]) -> str:
    return named([f"{name!r} ({counts[name]})" for name in names])


def _finding(code: DatasetCode, reason: str, action: str) -> Finding:
    return Finding(path=None, code=code, severity="dataset", reason=reason, action=action)
