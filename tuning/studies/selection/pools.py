"""Pools to select from, made from real recordings: a clean one, and one with copies, wrong labels and silence."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from engine.data.example import Split, Utterance, make_utterance
from engine.data.manifest import read_manifest, write_manifest
from engine.data.shards import RATE_HZ, ShardWriter, to_int16
from engine.data.version_files import MANIFEST_NAME
from engine.data.waves import read_wave
from engine.errors import ConfigError, Fault

PoolName = Literal["clean", "noisy"]

_SHARD_S = 600.0
_WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """Composition of a pool."""

    per_speaker: int = 400
    """Training utterances of each speaker, copies included."""
    copied_share: float = 0.6
    """Noisy pool: share of copies among them, in groups of `copies`, at other levels."""
    copies: int = 4
    """Noisy pool: number of copies of such a recording."""
    wrong_share: float = 0.125
    """Noisy pool: share of all training utterances with the text of another one."""
    silence_share: float = 0.3
    """Noisy pool: share with stretches of silence on both sides."""
    silence_s: tuple[float, float] = (0.3, 0.8)
    """Noisy pool: silence on each side, in seconds."""
    test_per_speaker: int = 250
    """Utterances of each test speaker."""
    fewest_per_speaker: int = 30
    """A speaker with fewer utterances is rejected."""


def write_pool(
    source: Path,
    folder: Path,
    name: PoolName,
    config: PoolConfig,
    *,
    train_speakers: Sequence[str],
    test_groups: Sequence[str],
    seed: int,
    dev: bool = False,
) -> None:
    """Write a dataset version: training utterances of some speakers, test utterances of others.

    Ids of utterances with a wrong text begin with `wrong`. The draw depends only on the seed and the speakers, and both
    pools of a seed use the same recordings as far as possible.

    Args:
        source: dataset version with speakers.
        folder: target.
        name: of the pool.
        config: composition of the pool.
        train_speakers: speakers to train on.
        test_groups: speakers to test on.
        seed: of all draws.
        dev: take the test utterances from the dev part, which no test uses (every third of a speaker's).

    Raises:
        ConfigError: a speaker has too few utterances.
    """
    by_speaker: dict[str, list[Utterance]] = {}
    for u in sorted(read_manifest(source / MANIFEST_NAME), key=lambda u: u.id):
        by_speaker.setdefault(u.group or "", []).append(u)
    _check(by_speaker, [*train_speakers, *test_groups], config.fewest_per_speaker)
    generator = np.random.default_rng([seed, 0x5E1])
    writer = ShardWriter(folder, _SHARD_S)
    written: list[Utterance] = []

    def add(u: Utterance, name: str, text: str, split: Split, level_db: float, silence_s: tuple[float, float]) -> None:
        before, after = (round(s * RATE_HZ) for s in silence_s)
        wave_T = np.pad(read_wave(source, u) * np.float32(10 ** (level_db / 20)), (before, after))
        samples_T, _ = to_int16(np.clip(wave_T, -1.0, 1.0))
        shard, start_s = writer.add(samples_T)
        written.append(make_utterance(name, shard, start_s, len(samples_T) / RATE_HZ, text, u.group, split))

    for speaker in train_speakers:
        own = [by_speaker[speaker][i] for i in generator.permutation(len(by_speaker[speaker]))]
        draw = np.random.default_rng([seed, 0x5E2, len(written)])
        for u, copy in _with_copies(own, name, config):
            text, label, level_db, silence_s = u.target.text, "right", 0.0, (0.0, 0.0)
            if name == "noisy":
                if draw.random() < config.wrong_share:
                    text, label = _other_text(u.target.text, by_speaker[speaker], draw), _WRONG
                if draw.random() < config.silence_share:
                    low, high = config.silence_s
                    silence_s = (float(draw.uniform(low, high)), float(draw.uniform(low, high)))
                level_db = float(draw.uniform(-6.0, 0.0)) if copy else 0.0
            add(u, f"{label}-{u.id}-{copy}", text, "train", level_db, silence_s)
    for speaker in test_groups:
        own = by_speaker[speaker]
        chosen = own[::3] if dev else [u for i, u in enumerate(own) if i % 3]
        for u in chosen[: config.test_per_speaker]:
            add(u, f"test-{u.id}", u.target.text, "test", 0.0, (0.0, 0.0))
    writer.close()
    write_manifest(folder / MANIFEST_NAME, written)


def is_wrong(utterance_id: str) -> bool:
    """Whether an utterance of a pool has another one's text."""
    return utterance_id.startswith(_WRONG)


def _with_copies(own: Sequence[Utterance], name: PoolName, config: PoolConfig) -> list[tuple[Utterance, int]]:
    """Recordings with their copy numbers."""
    if name == "clean":
        return [(u, 0) for u in own[: config.per_speaker]]
    groups = round(config.copied_share * config.per_speaker / config.copies)
    taken = [(u, copy) for u in own[:groups] for copy in range(config.copies)]
    return taken + [(u, 0) for u in own[groups : groups + config.per_speaker - len(taken)]]


def _other_text(text: str, utterances: Sequence[Utterance], draw: np.random.Generator) -> str:
    others = sorted({u.target.text for u in utterances} - {text})
    return others[int(draw.integers(len(others)))]


def _check(by_speaker: dict[str, list[Utterance]], speakers: Sequence[str], fewest: int) -> None:
    faults = [
        Fault("data", f"speaker {speaker} has {found} utterances; at least {fewest} are needed")
        for speaker in speakers
        if (found := len(by_speaker.get(speaker, []))) < fewest
    ]
    if faults:
        raise ConfigError(faults)


def describe(config: PoolConfig) -> dict[str, object]:
    """The pool's settings, for the report."""
    return dataclasses.asdict(config)
