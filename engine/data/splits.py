"""Train, validation and test utterances: by the manifest, by speaker, or at random."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.data.example import Piece, Utterance
from engine.errors import ConfigError, Fault

_LEAST_TEST, _MOST_TEST = 0.1, 0.2  # of the utterances, when no speaker is named
_ALIKE = 1.1  # speakers with up to this many times the utterances of the smallest count as equally large
_FEW_LEFT = 0.2  # of the utterances; fewer to train on is worth a warning
_TOUCH_S = 0.001  # segments that share less than this are neighbours with rounded times


@dataclass(frozen=True, slots=True)
class Splits:
    """Three disjoint sets of utterances; no stretch of audio is in two of them."""

    train: list[Utterance]
    validation: list[Utterance]
    test: list[Utterance]
    warnings: tuple[str, ...] = ()
    """What a reader of the run's error rates has to know about the division."""

    def counts(self) -> dict[str, int]:
        """Utterances in each split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}

    def shared_speakers(self) -> list[str]:
        """Speakers who are both trained and tested on."""
        trained = {u.group for u in self.train}
        return sorted({u.group for u in self.test if u.group and u.group in trained})


def split_by_speaker(
    utterances: Sequence[Utterance],
    test_speakers: Collection[str],
    validation_fraction: float,
    seed: int,
    validation_speakers: Collection[str] = (),
) -> Splits:
    """Divide utterances so that no test speaker occurs in training.

    A `split` in the manifest takes precedence, unless test speakers are named or it leaves nothing to train on (a
    corpus with only its test part); it is then ignored with a warning. Otherwise the seed draws test speakers who
    together have a tenth to a fifth of the utterances: one, or several if each has few. If every speaker has more than
    a fifth, one of the smallest is drawn. If only one speaker is known, or all but one together have less than a
    twentieth, a tenth of the recordings is held out instead, and a warning says that test voices occur in training.

    Validation is the manifest's, that of the named speakers, or a share of the training utterances, spread over texts and
    speakers. Utterances that share audio with a held-out one are left out of training (and of validation, if they share it
    with the test).

    Args:
        utterances: the whole dataset version.
        test_speakers: speakers to test on.
        validation_fraction: share of the training utterances, 0..1.
        seed: of every random choice.
        validation_speakers: speakers to validate on.

    Raises:
        ConfigError: a named speaker does not exist or is in two splits, or nothing is left to train on.
    """
    present = sorted({u.group for u in utterances if u.group})
    _check_speakers(present, test_speakers, validation_speakers)
    generator = np.random.default_rng([seed, 0x5B17])
    declared = {u.split for u in utterances if u.split}
    divided_anew = bool(utterances) and {u.split for u in utterances} <= {"validation", "test"}
    if divided_anew:
        utterances, declared = [replace(u, split=None) for u in utterances], set()
    unused = 0

    if test_speakers:
        test = [u for u in utterances if u.group in test_speakers]
        rest = [u for u in utterances if u.group not in test_speakers and u.split != "test"]
        unused = len(utterances) - len(test) - len(rest)
    elif declared:
        test = [u for u in utterances if u.split == "test"]
        rest = [u for u in utterances if u.split != "test"]
    elif held_out := _held_out(utterances, validation_speakers, generator):
        test = [u for u in utterances if u.group in held_out]
        rest = [u for u in utterances if u.group not in held_out]
    else:
        free = [u for u in utterances if u.group not in validation_speakers]
        _, test = _cut(free, _LEAST_TEST, generator)
        chosen = {id(u) for u in test}
        rest = [u for u in utterances if id(u) not in chosen]

    if validation_speakers:
        validation = [u for u in rest if u.group in validation_speakers]
        train = [u for u in rest if u.group not in validation_speakers]
    elif "validation" in declared:
        validation = [u for u in rest if u.split == "validation"]
        train = [u for u in rest if u.split != "validation"]
    else:
        train, validation = _cut(rest, validation_fraction, generator)
    validation_kept = without_audio_of(test, validation)
    train_kept = without_audio_of(test + validation_kept, train)
    if not train_kept:
        raise ConfigError(
            [
                Fault(
                    "training.split",
                    f"no utterances are left to train on: the speakers are {', '.join(present) or 'unknown'}",
                )
            ]
        )
    splits = Splits(train_kept, validation_kept, test)
    shared = len(train) + len(validation) - len(train_kept) - len(validation_kept)
    warnings = tuple(_warnings(splits, len(utterances), unused=unused, shared=shared))
    if divided_anew:
        warnings = (
            "the dataset has no split to train on, only what its author meant for validation or test; it is divided anew "
            "here, and error rates cannot be compared with published ones",
            *warnings,
        )
    return replace(splits, warnings=warnings)


def _held_out(
    utterances: Sequence[Utterance], validation_speakers: Collection[str], generator: np.random.Generator
) -> set[str]:
    """Speakers to test on; none if that would leave too little to train or to test on."""
    counts = Counter(u.group for u in utterances if u.group)
    free = sorted(counts.keys() - set(validation_speakers))
    if len(counts) < 2 or not free:
        return set()
    total = len(utterances)
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
    """Warnings about splits of `total` utterances.

    Of these, `unused` are in no split, and `shared` were left out because they share audio with held-out ones.
    """
    if len(splits.train) < _FEW_LEFT * total:
        held_out = f"{len(splits.test)} are tested on, {len(splits.validation)} validated on"
        yield (
            f"only {len(splits.train)} of {total} utterances are left to train on ({held_out}); to train on more, name "
            "speakers with fewer utterances in split.test_speakers, or divide the dataset anew"
        )
    if not splits.test:
        yield (
            "no utterance is tested on, so that no error rate of the result will be known: the dataset names none for the "
            "test; name split.test_speakers, or give the dataset a test split"
        )
    trained = {u.group for u in splits.train}
    named = splits.shared_speakers()
    of_them = [u for u in splits.test if u.group in named]
    nameless = [u for u in splits.test if u.group is None]
    if of_them:
        whose = f"{', '.join(named[:10])}{', ...' if len(named) > 10 else ''}"
        yield (
            f"{len(of_them)} of {len(splits.test)} test utterances are of speakers who are trained on too ({whose}): error "
            "rates on voices that were never heard will be higher; name split.test_speakers to measure those"
        )
    elif nameless:
        yield (
            f"the speakers of {len(nameless)} of {len(splits.test)} test utterances are not known, and may be trained on "
            "too: error rates on voices that were never heard may be higher; give the dataset a column speaker"
        )
    elif splits.test and None in trained:
        count = sum(u.group is None for u in splits.train)
        yield (
            f"the speakers of {count} of {len(splits.train)} training utterances are not known, and may be those that are "
            "tested on: error rates on voices that were never heard may be higher; give the dataset a column speaker"
        )
    if unused:
        yield (
            f"{unused} utterances of the dataset's own test split are neither trained nor tested on, because "
            "split.test_speakers names other speakers"
        )
    if shared:
        yield f"{shared} utterances share audio with utterances that are held out, and are not trained on"


def _check_speakers(present: list[str], test: Collection[str], validation: Collection[str]) -> None:
    faults = []
    known = ", ".join(present[:50]) or "none: the recordings name no speakers"
    for field, names in (("test_speakers", test), ("validation_speakers", validation)):
        for name in names:
            if name not in present:
                faults.append(Fault(f"training.split.{field}", f"no speaker {name!r}; the speakers are {known}"))
    for name in sorted(set(test) & set(validation)):
        faults.append(Fault("training.split", f"{name!r} is named for test and for validation; name it once"))
    if faults:
        raise ConfigError(faults)


def _cut(
    utterances: list[Utterance], fraction: float, generator: np.random.Generator
) -> tuple[list[Utterance], list[Utterance]]:
    """The rest and a random `fraction`, evenly over texts and speakers, both in their original order."""
    count = round(fraction * len(utterances))
    if fraction <= 0 or len(utterances) < 2:
        return utterances, []
    count = min(max(count, 1), len(utterances) - 1)
    order = generator.permutation(len(utterances))
    # Round-robin over strata: after sorting by the rank within its stratum, any prefix takes evenly from all.
    place: dict[tuple[str, str | None], int] = {}
    ranked = []
    for index in order.tolist():
        u: Utterance = utterances[index]
        stratum = (u.target.text, u.group)
        place[stratum] = place.get(stratum, 0) + 1
        ranked.append((place[stratum], index))
    ranked.sort(key=lambda item: item[0])
    taken = {index for _, index in ranked[:count]}
    return (
        [u for i, u in enumerate(utterances) if i not in taken],
        [u for i, u in enumerate(utterances) if i in taken],
    )


def without_audio_of(held_out: Sequence[Utterance], utterances: Sequence[Utterance]) -> list[Utterance]:
    """The utterances that share no audio with held-out ones."""
    segments: dict[str, list[tuple[float, float]]] = {}
    for u in held_out:
        for piece in u.input.stretches():
            segments.setdefault(piece.audio, []).append((piece.start_s, piece.start_s + piece.duration_s))
    stretches = {audio: _merged(found) for audio, found in segments.items()}

    def is_shared(piece: Piece) -> bool:
        starts, ends = stretches.get(piece.audio, ([], []))
        # The last held-out stretch that begins before this one ends.
        at = bisect.bisect_left(starts, piece.start_s + piece.duration_s - _TOUCH_S) - 1
        return at >= 0 and ends[at] > piece.start_s + _TOUCH_S

    return [u for u in utterances if not any(is_shared(piece) for piece in u.input.stretches())]


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
