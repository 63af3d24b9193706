"""Train, validation and test utterances: by the manifest, by speaker, or at random."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from engine.data.manifest import Piece, Utterance
from engine.errors import ConfigError, Fault

_TEST_FRACTION = 0.1  # when nobody is named and there is only one speaker, or none
_TOUCH_S = 0.001  # segments that share less than this are neighbours with rounded times


@dataclass(frozen=True, slots=True)
class Splits:
    """Three disjoint sets of utterances; no stretch of audio is in two of them."""

    train: list[Utterance]
    validation: list[Utterance]
    test: list[Utterance]

    def counts(self) -> dict[str, int]:
        """Utterances in each split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}


def split_by_speaker(
    utterances: Sequence[Utterance],
    test_speakers: Collection[str],
    validation_fraction: float,
    seed: int,
    validation_speakers: Collection[str] = (),
) -> Splits:
    """Divide utterances so that nobody who is tested on was trained on.

    A `split` in the manifest wins, unless test speakers are named. Without either one speaker is kept out, drawn by
    the seed, when there are several; with one speaker or none, a tenth of the utterances. Validation is the
    manifest's, that of the named speakers, or a part of the training utterances, spread over texts and speakers.
    Utterances that share audio with one that is held out are left out of training (and of validation, for the test).

    Args:
        utterances: the whole dataset version.
        test_speakers: speakers to test on.
        validation_fraction: part of the training utterances, 0..1.
        seed: start of every random choice.
        validation_speakers: speakers to validate on.

    Raises:
        ConfigError: a named speaker that does not exist or has two duties, or nobody left to train on.
    """
    present = sorted({u.speaker for u in utterances if u.speaker})
    _check_speakers(present, test_speakers, validation_speakers)
    generator = np.random.default_rng([seed, 0x5B17])
    named = bool(test_speakers)
    declared = {u.split for u in utterances if u.split}

    if named:
        test = [u for u in utterances if u.speaker in test_speakers]
        rest = [u for u in utterances if u.speaker not in test_speakers and u.split != "test"]
    elif declared:
        test = [u for u in utterances if u.split == "test"]
        rest = [u for u in utterances if u.split != "test"]
    elif len(present) > 1:
        chosen = str(generator.choice(present))
        test = [u for u in utterances if u.speaker == chosen]
        rest = [u for u in utterances if u.speaker != chosen]
    else:
        rest, test = _cut(list(utterances), _TEST_FRACTION, generator)

    if validation_speakers:
        validation = [u for u in rest if u.speaker in validation_speakers]
        train = [u for u in rest if u.speaker not in validation_speakers]
    elif "validation" in declared:
        validation = [u for u in rest if u.split == "validation"]
        train = [u for u in rest if u.split != "validation"]
    else:
        train, validation = _cut(rest, validation_fraction, generator)
    validation = without_audio_of(test, validation)
    train = without_audio_of(test + validation, train)
    if not train:
        raise ConfigError(
            [Fault("training.split", f"nobody is left to train on: the speakers are {', '.join(present) or 'unknown'}")]
        )
    return Splits(train, validation, test)


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
    """The rest and a random `fraction`, evenly over texts and speakers, each in its old order."""
    count = round(fraction * len(utterances))
    if fraction <= 0 or len(utterances) < 2:
        return utterances, []
    count = min(max(count, 1), len(utterances) - 1)
    order = generator.permutation(len(utterances))
    # Round-robin over strata: after sorting by the place within its stratum, any head takes evenly from all.
    place: dict[tuple[str, str | None], int] = {}
    ranked = []
    for index in order.tolist():
        stratum = (utterances[index].text, utterances[index].speaker)
        place[stratum] = place.get(stratum, 0) + 1
        ranked.append((place[stratum], index))
    ranked.sort(key=lambda item: item[0])
    taken = {index for _, index in ranked[:count]}
    return (
        [u for i, u in enumerate(utterances) if i not in taken],
        [u for i, u in enumerate(utterances) if i in taken],
    )


def without_audio_of(held_out: Sequence[Utterance], utterances: Sequence[Utterance]) -> list[Utterance]:
    """The utterances that share no audio with those held out."""
    segments: dict[str, list[tuple[float, float]]] = {}
    for u in held_out:
        for piece in u.stretches():
            segments.setdefault(piece.audio, []).append((piece.start_s, piece.start_s + piece.duration_s))
    stretches = {audio: _merged(found) for audio, found in segments.items()}

    def is_shared(piece: Piece) -> bool:
        starts, ends = stretches.get(piece.audio, ([], []))
        # The last held-out stretch that begins before this one ends.
        at = bisect.bisect_left(starts, piece.start_s + piece.duration_s - _TOUCH_S) - 1
        return at >= 0 and ends[at] > piece.start_s + _TOUCH_S

    return [u for u in utterances if not any(is_shared(piece) for piece in u.stretches())]


def _merged(segments: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Starts and ends of the stretches that segments cover together."""
    starts: list[float] = []
    ends: list[float] = []
    for start, end in sorted(segments):
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return starts, ends
