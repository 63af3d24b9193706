"""Mixes of real recordings, with known stretches of silence, noise and changes of the speaker.

- `clean`: a recording as it is.
- `silence`: a recording between stretches of a quiet microphone's noise.
- `noise`: a recording inside an environmental sound, which begins before it and goes on after it.
- `change`: two or three recordings, each of another speaker than the one before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from engine.audio.reading import Wave, read_audio
from engine.data.example import Split, Utterance, make_utterance
from engine.data.manifest import read_manifest, write_manifest
from engine.data.shards import RATE_HZ, ShardWriter, to_int16
from engine.data.version_files import MANIFEST_NAME
from engine.data.waves import read_wave
from engine.errors import ConfigError, Fault

MixName = Literal["clean", "silence", "noise", "change"]
MIXES: Final[tuple[MixName, ...]] = get_args(MixName)
FACTS: Final = "mixes.json"
SIDE_S: Final = (0.3, 1.0)
"""Silence or noise on each side of a recording."""
GAP_S: Final = (0.1, 0.4)
"""Between two speakers."""
SNR_DB: Final = (0.0, 15.0)
QUIET_DB: Final = (-75.0, -60.0)
"""Level of silence, relative to full scale."""
_SHARD_S: Final = 600.0
_SOUND_ENDINGS: Final = frozenset({".wav", ".flac", ".ogg", ".mp3"})


@dataclass(frozen=True, slots=True)
class MixFacts:
    """What is known of a mix because it was made."""

    mix: MixName
    speaker: str
    """The first one."""
    non_speech_s: float
    """Outside the recordings."""


def write_mixes(
    source: Path,
    folder: Path,
    sounds: Sequence[Path],
    *,
    train: Sequence[str],
    test: Sequence[str],
    per_mix: int,
    test_per_mix: int,
    seed: int,
    is_dev: bool,
) -> None:
    """Write a dataset version: mixes of some speakers to train on, and of others to test on, with their facts.

    Sounds and recordings of dev and test are disjoint, and so are the sounds of training and testing.

    Args:
        source: dataset version with speakers.
        folder: target.
        sounds: recordings without speech, in an order that mixes their kinds; none: noise is pink.
        train: speakers to train on, at least two.
        test: speakers to test on, at least two.
        per_mix: number of each kind of training mixes.
        test_per_mix: of each kind of test mixes.
        seed: of all draws.
        is_dev: test on dev.

    Raises:
        ConfigError: fewer than two speakers on a side.
    """
    for name, speakers in (("train", train), ("test", test)):
        if len(speakers) < 2:
            found = ", ".join(speakers) or "none"
            raise ConfigError([Fault(f"data.{name}", f"found {found}; a change of the speaker needs two")])
    by_speaker: dict[str, list[Utterance]] = {}
    for u in sorted(read_manifest(source / MANIFEST_NAME), key=lambda u: u.id):
        by_speaker.setdefault(u.group or "", []).append(u)
    writer = ShardWriter(folder, _SHARD_S)
    written: list[Utterance] = []
    facts: dict[str, MixFacts] = {}
    parts: tuple[tuple[Split, Sequence[str], int], ...] = (("train", train, per_mix), ("test", test, test_per_mix))
    for split, speakers, count in parts:
        part = 0 if split == "train" else 1 if is_dev else 2
        own = {name: _part(by_speaker[name], part) for name in speakers}
        maker = _Maker(source, own, list(sounds)[part::3], np.random.default_rng([seed, part, 0x713]))
        for mix in MIXES:
            for number in range(count):
                wave_T, text, fact = maker.make(mix, speakers[number % len(speakers)])
                name = f"{split}-{mix}-{number:04d}"
                samples_T, _ = to_int16(np.clip(wave_T, -1.0, 1.0))
                shard, start_s = writer.add(samples_T)
                written.append(
                    make_utterance(name, shard, start_s, len(samples_T) / RATE_HZ, text, fact.speaker, split)
                )
                facts[name] = fact
    writer.close()
    write_manifest(folder / MANIFEST_NAME, written)
    (folder / FACTS).write_text(json.dumps({name: asdict(fact) for name, fact in facts.items()}), encoding="utf-8")


def read_facts(folder: Path) -> Mapping[str, MixFacts]:
    """The facts of each mix, by its id."""
    values = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return {name: MixFacts(**value) for name, value in values.items()}


def sounds_in(folder: Path | None) -> list[Path]:
    """The sounds in a folder, in an order that does not depend on their kinds."""
    if folder is None:
        return []
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SOUND_ENDINGS)
    order = np.random.default_rng(0x50D).permutation(len(found))
    return [found[place] for place in order]


def pink_noise(samples: int, generator: np.random.Generator) -> Wave:
    """Noise whose power falls with frequency, of unit power."""
    spectrum = np.fft.rfft(generator.standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1.0))
    spectrum[0] = 0.0
    wave_T = np.fft.irfft(spectrum, samples)
    return np.asarray(wave_T / max(float(np.sqrt(np.mean(np.square(wave_T)))), 1e-9), np.float32)


def _part(utterances: Sequence[Utterance], part: int) -> list[Utterance]:
    """All recordings to train on; every third is dev, and the others are test."""
    if part == 0:
        return list(utterances)
    return [u for place, u in enumerate(utterances) if (place % 3 == 0) == (part == 1)]


class _Maker:
    """Makes mixes of some speakers' recordings."""

    def __init__(
        self,
        source: Path,
        recordings: Mapping[str, Sequence[Utterance]],
        sounds: Sequence[Path],
        generator: np.random.Generator,
    ) -> None:
        self._source, self._sounds, self._generator = source, sounds, generator
        self._recordings = recordings
        self._next: dict[str, list[int]] = {name: [] for name in recordings}

    def make(self, mix: MixName, speaker: str) -> tuple[Wave, str, MixFacts]:
        """A mix, its text and its facts."""
        if mix == "change":
            return self._change(speaker)
        wave_T, text = self._recording(speaker)
        if mix == "clean":
            return wave_T, text, MixFacts(mix, speaker, 0.0)
        before, after = (self._samples(SIDE_S) for _ in range(2))
        padded_T = np.pad(wave_T, (before, after))
        if mix == "silence":
            padded_T = padded_T + self._quiet(len(padded_T))
        else:
            sound_T = self._sound(len(padded_T))
            power = float(np.mean(np.square(wave_T)))
            level = np.sqrt(power / 10 ** (self._generator.uniform(*SNR_DB) / 10))
            padded_T = padded_T + np.float32(level) * sound_T
            padded_T = padded_T / max(1.0, float(np.abs(padded_T).max()))
        return padded_T.astype(np.float32), text, MixFacts(mix, speaker, (before + after) / RATE_HZ)

    def _change(self, speaker: str) -> tuple[Wave, str, MixFacts]:
        names = list(self._recordings)
        waves, texts, silent, now = [], [], 0, speaker
        for turn in range(int(self._generator.integers(2, 4))):
            if turn:
                gap = self._samples(GAP_S)
                waves.append(self._quiet(gap))
                silent += gap
                others = [name for name in names if name != now]
                now = others[int(self._generator.integers(len(others)))]
            wave_T, text = self._recording(now)
            waves.append(wave_T)
            texts.append(text)
        return np.concatenate(waves), " ".join(texts), MixFacts("change", speaker, silent / RATE_HZ)

    def _recording(self, speaker: str) -> tuple[Wave, str]:
        """The next recording of a speaker, all of them in turn, at its usual level."""
        if not self._next[speaker]:
            self._next[speaker] = self._generator.permutation(len(self._recordings[speaker])).tolist()
        u = self._recordings[speaker][self._next[speaker].pop()]
        return read_wave(self._source, u), u.target.text

    def _sound(self, samples: int) -> npt.NDArray[np.float32]:
        """A stretch of a sound whose power is 1 on average."""
        if not self._sounds:
            return pink_noise(samples, self._generator)
        wave_T = read_audio(self._sounds[int(self._generator.integers(len(self._sounds)))], RATE_HZ)
        # Many clips end in digital silence, which is no noise.
        heard = np.flatnonzero(np.abs(wave_T) > 1e-4)
        if not len(heard):
            return pink_noise(samples, self._generator)
        wave_T = wave_T[heard[0] : heard[-1] + 1]
        wave_T = wave_T / np.sqrt(np.mean(np.square(wave_T)))
        wave_T = np.tile(wave_T, -(-samples // len(wave_T)))
        start = int(self._generator.integers(len(wave_T) - samples + 1))
        return np.asarray(wave_T[start : start + samples], np.float32)

    def _quiet(self, samples: int) -> npt.NDArray[np.float32]:
        level = 10 ** (self._generator.uniform(*QUIET_DB) / 20)
        return (level * self._generator.standard_normal(samples)).astype(np.float32)

    def _samples(self, seconds: tuple[float, float]) -> int:
        return round(float(self._generator.uniform(*seconds)) * RATE_HZ)
