"""The mixes of the study on gates: what is in them is known."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.data.example import Utterance, make_utterance
from engine.data.manifest import read_manifest, write_manifest
from engine.data.shards import RATE_HZ, ShardWriter
from engine.data.waves import read_wave
from engine.errors import ConfigError
from tuning.studies.temporal.mixes import MIXES, MixFacts, read_facts, sounds_in, write_mixes

TONE = 6000
"""Level of every recording, in 16 bits."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of 0.2 s, each of a constant level; the text says which one it is."""
    folder = tmp_path_factory.mktemp("source")
    writer, utterances = ShardWriter(folder, 600.0), []
    for speaker in ("ann", "bob", "cleo", "dan"):
        for number in range(12):
            samples_T = np.full(RATE_HZ // 5, TONE, np.int16)
            samples_T[::2] *= -1
            shard, start_s = writer.add(samples_T)
            utterances.append(
                make_utterance(f"{speaker}-{number:02d}", shard, start_s, 0.2, f"{speaker}{number}", speaker)
            )
    writer.close()
    write_manifest(folder / "manifest.jsonl", utterances)
    return folder


def _mixes(
    source: Path, folder: Path, *, is_dev: bool = False, sounds: Path | None = None
) -> tuple[dict[str, Utterance], dict[str, MixFacts]]:
    write_mixes(
        source,
        folder,
        sounds_in(sounds),
        train=["ann", "bob"],
        test=["cleo", "dan"],
        per_mix=8,
        test_per_mix=6,
        seed=3,
        is_dev=is_dev,
    )
    return {u.id: u for u in read_manifest(folder / "manifest.jsonl")}, dict(read_facts(folder))


def test_there_are_as_many_of_each_kind(source: Path, tmp_path: Path) -> None:
    written, facts = _mixes(source, tmp_path)
    counts = Counter((u.split, facts[name].mix) for name, u in written.items())
    assert counts == {(split, mix): n for split, n in (("train", 8), ("test", 6)) for mix in MIXES}
    assert {u.group for u in written.values() if u.split == "test"} == {"cleo", "dan"}
    assert {u.group for u in written.values() if u.split == "train"} == {"ann", "bob"}


def test_what_is_no_speech_is_known(source: Path, tmp_path: Path) -> None:
    written, facts = _mixes(source, tmp_path)
    for name, u in written.items():
        spoken_s = 0.2 * len(u.target.text.split())
        assert u.input.duration_s == pytest.approx(spoken_s + facts[name].non_speech_s, abs=2e-3)
        loud_T = np.abs(read_wave(tmp_path, u)) > 0.5 * TONE / 32768
        if facts[name].mix != "noise":
            assert loud_T.mean() * u.input.duration_s == pytest.approx(spoken_s, abs=2e-3)
    assert all(0.6 <= fact.non_speech_s <= 2.0 for fact in facts.values() if fact.mix in ("silence", "noise"))


def test_speakers_change_at_every_turn(source: Path, tmp_path: Path) -> None:
    written, facts = _mixes(source, tmp_path)
    for name, fact in facts.items():
        speakers = [word.rstrip("0123456789") for word in written[name].target.text.split()]
        assert speakers[0] == fact.speaker == written[name].group
        if fact.mix == "change":
            assert len(speakers) in (2, 3)
            assert all(now != after for now, after in itertools.pairwise(speakers))
        else:
            assert len(speakers) == 1


def test_dev_and_test_share_no_recording_and_no_sound(source: Path, tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for number in range(9):  # each a constant level, so that what is outside speech tells which one it is
        soundfile.write(sounds / f"{number}.wav", np.full(RATE_HZ, (number + 1) / 100), RATE_HZ)
    dev, _ = _mixes(source, tmp_path / "dev", is_dev=True, sounds=sounds)
    test, _ = _mixes(source, tmp_path / "test", sounds=sounds)

    def said(written: dict[str, Utterance]) -> set[str]:
        return {word for u in written.values() if u.split == "test" for word in u.target.text.split()}

    assert said(dev) and not said(dev) & said(test)
    order = sounds_in(sounds)
    assert len(order) == 9 and not set(order[1::3]) & set(order[2::3])


def test_noise_goes_on_before_and_after_the_recording(source: Path, tmp_path: Path) -> None:
    written, facts = _mixes(source, tmp_path)
    for name, u in written.items():
        edges_T = np.concatenate([read_wave(tmp_path, u)[:1600], read_wave(tmp_path, u)[-1600:]])
        level_db = 10 * np.log10(np.mean(np.square(edges_T)) + 1e-12)
        if facts[name].mix == "noise":
            assert level_db > -45
        elif facts[name].mix == "silence":
            assert -80 < level_db < -55


def test_a_change_of_the_speaker_needs_two(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="data.test: found cleo; a change of the speaker needs two"):
        write_mixes(
            source,
            tmp_path,
            [],
            train=["ann", "bob"],
            test=["cleo"],
            per_mix=1,
            test_per_mix=1,
            seed=0,
            is_dev=False,
        )
