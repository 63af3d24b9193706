"""Blocks of a selection: how they travel, what they are named by, and how a fault of the data comes back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow
import pytest
import soundfile

from cluster.errors import ObjectStorageError
from cluster.selection import blocks
from cluster.selection.blocks import Source, from_text, in_blocks, in_tasks, segment_blocks, to_text
from cluster.selection.parts import Parts, part_name
from cluster.storage.settings import S3Settings
from engine.config.selection import SelectionConfig
from engine.data.example import Piece, TimedText, Utterance, make_utterance
from engine.data.manifest import write_manifest
from engine.run.store import LocalRunStore
from engine.segments.segmenting import SegmentLimits


def _utterance(number: int, duration_s: float = 0.5) -> Utterance:
    return make_utterance(
        f"u{number}", "audio/a.wav", number * duration_s, duration_s, f"text {number}", "ann", "train"
    )


def _takes_all(text: str) -> bool:
    return True


LIMITS = SegmentLimits(30.0, _takes_all)


def _table(*batches: list[Utterance]) -> pyarrow.Table:
    return pyarrow.table({"name": [f"b{i}" for i in range(len(batches))], "batches": [to_text([b]) for b in batches]})


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Two seconds of noise, in four utterances."""
    samples = np.random.default_rng(0).uniform(-0.3, 0.3, 32_000).astype(np.float32)
    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio" / "a.wav", samples, 16_000)
    write_manifest(tmp_path / "manifest.jsonl", [_utterance(i) for i in range(4)])
    return Source(str(tmp_path), S3Settings(home=tmp_path / "home"))


def test_utterances_arrive_as_they_were_sent() -> None:
    pieces = (Piece("audio/a.wav", 0.0, 1.0), Piece("audio/b.wav", 2.0, 0.25))
    joined = make_utterance("j+1", "audio/a.wav", 0.0, 1.25, 'sagt: „ä“ "\u2028', None, None, pieces=pieces, weight=1.5)
    timed = make_utterance("t", "audio/a.wav", 0.0, 1.25, "one two", "x", "test", times=(TimedText(0.0, 0.5, "one"),))
    assert from_text(to_text([[joined], [timed, _utterance(3)]])) == [[joined], [timed, _utterance(3)]]


def test_blocks_hold_whole_batches_and_all_of_them() -> None:
    batches = [[_utterance(i, 2.0), _utterance(i + 100, 2.0)] for i in range(5)] + [[_utterance(9, 20.0)]]
    found = in_blocks(batches, 9.0)
    assert [len(block) for block in found] == [2, 2, 1, 1]
    assert [batch for block in found for batch in block] == batches


@pytest.mark.parametrize(("total_s", "blocks"), [(120.0, 1), (3_600.0, 12), (16_000.0, 16), (36_000.0, 20)])
def test_blocks_of_their_own_size_follow_the_audio_alone(total_s: float, blocks: int) -> None:
    batches = [[_utterance(i, 20.0)] for i in range(round(total_s / 20.0))]
    assert len(in_blocks(batches, None)) == blocks
    assert len(in_blocks(iter(batches), None)) == blocks


def test_segments_of_a_block(source: Source) -> None:
    table = segment_blocks(
        _table([_utterance(0), _utterance(1)], [_utterance(3)]), source=source, config=SelectionConfig(), limits=LIMITS
    )
    assert table["name"].to_pylist() == ["b0", "b1"]
    assert table["error"].to_pylist() == [None, None]
    assert [[row["id"] for row in json.loads(rows)] for rows in table["rows"].to_pylist()] == [["u0", "u1"], ["u3"]]


def test_a_fault_of_the_data_is_told_and_a_store_that_does_not_answer_is_raised(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    beyond = _utterance(7)
    table = segment_blocks(_table([beyond]), source=source, config=SelectionConfig(), limits=LIMITS)
    assert "audio/a.wav" in table["error"].to_pylist()[0]
    assert table["rows"].to_pylist() == ["[]"]

    def silent(_: Source) -> Path:
        raise ObjectStorageError("does not answer")

    monkeypatch.setattr(blocks, "_folder", silent)
    with pytest.raises(ObjectStorageError):  # it may answer the next time
        segment_blocks(_table([_utterance(0)]), source=source, config=SelectionConfig(), limits=LIMITS)


def test_parts_are_read_again_and_a_damaged_one_is_not_there(tmp_path: Path) -> None:
    parts = Parts(LocalRunStore(tmp_path), "segments")
    rows = [{"id": "a", "text": "\u2028ä\n"}, {"id": "b", "text": None}]
    parts.write("p1", rows)
    assert (parts.names(), parts.read("p1"), parts.read("p2")) == ({"p1"}, rows, None)
    (tmp_path / "parts" / "segments" / "p1.jsonl").write_text('{"id": ')
    assert parts.read("p1") is None


def test_a_part_is_named_by_all_that_it_is_made_from() -> None:
    assert part_name("a", {"x": 1, "y": 2}) == part_name("a", {"y": 2, "x": 1})
    assert len({part_name("a"), part_name("b"), part_name("a", 1), part_name("a", 2)}) == 4


def test_tasks_hold_all_blocks_in_order_and_get_smaller() -> None:
    tasks = in_tasks(range(21), workers=2)
    assert [block for task in tasks for block in task] == list(range(21))
    assert [len(task) for task in tasks] == [4, 4, 4, 3, 2, 1, 1, 1, 1]


@pytest.mark.parametrize("workers", [1, 2, 3, 16])
def test_every_worker_gets_a_task_where_there_are_blocks_enough(workers: int) -> None:
    for count in range(40):
        tasks = in_tasks(range(count), workers)
        assert len(tasks) >= min(count, workers)
        assert all(tasks)
        assert [block for task in tasks for block in task] == list(range(count))
