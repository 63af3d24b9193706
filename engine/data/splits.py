"""Train, validation and test examples: by the manifest, by group, or at random."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.config.training import SplitConfig
from engine.data.example import AnyExample, Span
from engine.errors import ConfigError, Fault

_LEAST_TEST, _MOST_TEST = 0.1, 0.2  # of the examples, when no group is named
_ALIKE = 1.1  # groups with up to this many times the examples of the smallest count as equally large
_FEW_LEFT = 0.2  # of the examples; fewer to train on is worth a warning
_TOUCH_S = 0.001  # segments that share less than this are neighbours with rounded times


@dataclass(frozen=True, slots=True)
class Splits:
    """Three disjoint sets of examples; no stretch of audio is in two of them."""

    train: list[AnyExample]
    validation: list[AnyExample]
    test: list[AnyExample]
    warnings: tuple[str, ...] = ()
    """What a reader of the run's results has to know about the division."""

    def counts(self) -> dict[str, int]:
        """Utterances in each split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}

    def shared_groups(self) -> list[str]:
        """Speakers who are both trained and tested on."""
        trained = {u.group for u in self.train}
        return sorted({u.group for u in self.test if u.group and u.group in trained})


def divide(examples: Sequence[AnyExample], split: SplitConfig, seed: int) -> Splits:
    """Divide examples as a run's config says; see `split_by_group`."""
    return split_by_group(
        examples,
        split.test_groups,
        split.validation_fraction,
        seed,
        validation_groups=split.validation_groups,
    )


def split_by_group(
    examples: Sequence[AnyExample],
    test_groups: Collection[str],
    validation_fraction: float,
    seed: int,
    validation_groups: Collection[str] = (),
) -> Splits:
    """Divide examples so that no test group occurs in training.

    A `split` in the manifest takes precedence, unless test groups are named or it leaves nothing to train on (a
    corpus with only its test part); it is then ignored with a warning. Otherwise the seed draws test groups that
    together have a tenth to a fifth of the examples: one, or several if each has few. If every group has more than
    a fifth, one of the smallest is drawn. If only one group is known, or all but one together have less than a
    twentieth, a tenth of the recordings is held out instead, and a warning says that test groups occur in training.

    Validation is the manifest's, that of the named groups, or a share of the training examples, spread over texts and
    groups. Utterances that share audio with a held-out one are left out of training (and of validation, if they share it
    with the test).

    Args:
        examples: the whole dataset version.
        test_groups: groups to test on.
        validation_fraction: share of the training examples, 0..1.
        seed: of every random choice.
        validation_groups: groups to validate on.

    Raises:
        ConfigError: a named group does not exist or is in two splits, or nothing is left to train on.
    """
    present = sorted({u.group for u in examples if u.group})
    _check_groups(present, test_groups, validation_groups)
    generator = np.random.default_rng([seed, 0x5B17])
    declared = {u.split for u in examples if u.split}
    divided_anew = bool(examples) and {u.split for u in examples} <= {"validation", "test"}
    if divided_anew:
        examples, declared = [replace(u, split=None) for u in examples], set()
    unused = 0

    if test_groups:
        test = [u for u in examples if u.group in test_groups]
        rest = [u for u in examples if u.group not in test_groups and u.split != "test"]
        unused = len(examples) - len(test) - len(rest)
    elif declared:
        test = [u for u in examples if u.split == "test"]
        rest = [u for u in examples if u.split != "test"]
    elif held_out := _held_out(examples, validation_groups, generator):
        test = [u for u in examples if u.group in held_out]
        rest = [u for u in examples if u.group not in held_out]
    else:
        free = [u for u in examples if u.group not in validation_groups]
        _, test = _cut(free, _LEAST_TEST, generator)
        chosen = {id(u) for u in test}
        rest = [u for u in examples if id(u) not in chosen]

    if validation_groups:
        validation = [u for u in rest if u.group in validation_groups]
        train = [u for u in rest if u.group not in validation_groups]
    elif "validation" in declared:
        validation = [u for u in rest if u.split == "validation"]
        train = [u for u in rest if u.split != "validation"]
    else:
        train, validation = _cut(rest, validation_fraction, generator)
    validation_kept = without_shared(test, validation)
    train_kept = without_shared(test + validation_kept, train)
    if not train_kept:
        raise ConfigError(
            [
                Fault(
                    "training.split",
                    f"no examples are left to train on: the groups are {', '.join(present) or 'unknown'}",
                )
            ]
        )
    splits = Splits(train_kept, validation_kept, test)
    shared = len(train) + len(validation) - len(train_kept) - len(validation_kept)
    warnings = tuple(_warnings(splits, len(examples), unused=unused, shared=shared))
    if divided_anew:
        warnings = (
            "the dataset has no split to train on, only what its author meant for validation or test; it is divided anew "
            "here, and the results cannot be compared with published ones",
            *warnings,
        )
    return replace(splits, warnings=warnings)


def _held_out(
    examples: Sequence[AnyExample], validation_groups: Collection[str], generator: np.random.Generator
) -> set[str]:
    """Speakers to test on; none if that would leave too little to train or to test on."""
    counts = Counter(u.group for u in examples if u.group)
    free = sorted(counts.keys() - set(validation_groups))
    if len(counts) < 2 or not free:
        return set()
    total = len(examples)
    most = max(_MOST_TEST * total, _ALIKE * min(counts[name] for name in free))
    fitting = [name for name in free if counts[name] <= most]
    chosen = [str(generator.choice(fitting))]
    taken = counts[chosen[0]]
    if taken < _LEAST_TEST * total:
        for name in generator.permutation([name for name in fitting if name != chosen[0]]).tolist():
            if taken + counts[name] <= _MOST_TEST * total:
                chosen.append(name)
                taken += counts[name]
            if taken >= _LEAST_TEST * total:
                break
    return set(chosen) if taken >= _LEAST_TEST / 2 * total else set()


def _warnings(splits: Splits, total: int, *, unused: int, shared: int) -> Iterator[str]:
    """Warnings about splits of `total` examples.

    Of these, `unused` are in no split, and `shared` were left out because they share audio with held-out ones.
    """
    if len(splits.train) < _FEW_LEFT * total:
        held_out = f"{len(splits.test)} are tested on, {len(splits.validation)} validated on"
        yield (
            f"only {len(splits.train)} of {total} examples are left to train on ({held_out}); to train on more, name "
            "groups with fewer examples in split.test_groups, or divide the dataset anew"
        )
    if not splits.test:
        yield (
            "no example is tested on, so that nothing will be known of the result: the dataset names none for the "
            "test; name split.test_groups, or give the dataset a test split"
        )
    trained = {u.group for u in splits.train}
    named = splits.shared_groups()
    of_them = [u for u in splits.test if u.group in named]
    nameless = [u for u in splits.test if u.group is None]
    if of_them:
        whose = f"{', '.join(named[:10])}{', ...' if len(named) > 10 else ''}"
        yield (
            f"{len(of_them)} of {len(splits.test)} test examples are of groups that are trained on too ({whose}): "
            "results on groups that were never seen will be worse; name split.test_groups to measure those"
        )
    elif nameless:
        yield (
            f"the groups of {len(nameless)} of {len(splits.test)} test examples are not known, and may be trained on "
            "too: results on groups that were never seen may be worse; give the dataset a column group or speaker"
        )
    elif splits.test and None in trained:
        count = sum(u.group is None for u in splits.train)
        yield (
            f"the groups of {count} of {len(splits.train)} training examples are not known, and may be those that are "
            "tested on: results on groups that were never seen may be worse; give the dataset a column group or speaker"
        )
    if unused:
        yield (
            f"{unused} examples of the dataset's own test split are neither trained nor tested on, because "
            "split.test_groups names other groups"
        )
    if shared:
        yield f"{shared} examples share audio with examples that are held out, and are not trained on"


def _check_groups(present: list[str], test: Collection[str], validation: Collection[str]) -> None:
    faults = []
    known = ", ".join(present[:50]) or "none: the examples name no groups"
    for field, names in (("test_groups", test), ("validation_groups", validation)):
        for name in names:
            if name not in present:
                faults.append(Fault(f"training.split.{field}", f"no group {name!r}; the groups are {known}"))
    for name in sorted(set(test) & set(validation)):
        faults.append(Fault("training.split", f"{name!r} is named for test and for validation; name it once"))
    if faults:
        raise ConfigError(faults)


def _cut(
    examples: list[AnyExample], fraction: float, generator: np.random.Generator
) -> tuple[list[AnyExample], list[AnyExample]]:
    """The rest and a random `fraction`, evenly over texts and groups, both in their original order."""
    count = round(fraction * len(examples))
    if fraction <= 0 or len(examples) < 2:
        return examples, []
    count = min(max(count, 1), len(examples) - 1)
    order = generator.permutation(len(examples))
    # Round-robin over strata: after sorting by the rank within its stratum, any prefix takes evenly from all.
    place: dict[tuple[str, str | None], int] = {}
    ranked = []
    for index in order.tolist():
        u: AnyExample = examples[index]
        stratum = (u.target.key(), u.group)
        place[stratum] = place.get(stratum, 0) + 1
        ranked.append((place[stratum], index))
    ranked.sort(key=lambda item: item[0])
    taken = {index for _, index in ranked[:count]}
    return (
        [u for i, u in enumerate(examples) if i not in taken],
        [u for i, u in enumerate(examples) if i in taken],
    )


def without_shared(held_out: Sequence[AnyExample], examples: Sequence[AnyExample]) -> list[AnyExample]:
    """The examples whose inputs share nothing with held-out ones."""
    segments: dict[str, list[tuple[float, float]]] = {}
    for example in held_out:
        for span in example.input.spans():
            segments.setdefault(span.source, []).append((span.start, span.end))
    stretches = {source: _merged(found) for source, found in segments.items()}

    def is_shared(span: Span) -> bool:
        starts, ends = stretches.get(span.source, ([], []))
        # The last held-out stretch that begins before this one ends.
        at = bisect.bisect_left(starts, span.end - _TOUCH_S) - 1
        return at >= 0 and ends[at] > span.start + _TOUCH_S

    return [example for example in examples if not any(map(is_shared, example.input.spans()))]


def _merged(segments: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Starts and ends of the stretches covered by segments."""
    starts: list[float] = []
    ends: list[float] = []
    for start, end in sorted(segments):
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return starts, ends
