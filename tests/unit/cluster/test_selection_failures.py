"""Blocks of a selection that the cluster gave up are started again, as often as its resources say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import RunFailedError
from cluster.selection.blocks import Source
from cluster.selection.config import SelectionResources
from cluster.selection.parts import Row
from cluster.selection.ray_steps import Places, RayDataSteps, readers
from cluster.storage.settings import S3Settings
from engine.config.selection import SelectionConfig
from engine.data.example import make_utterance
from engine.run.store import LocalRunStore


class GivesUp(RayDataSteps):
    """A cluster that computes one block at a time, and then loses a node."""

    def _computed(
        self, blocks: dict[str, str], function: Callable[[Any], Any], places: Callable[[SelectionResources], Places]
    ) -> Iterator[tuple[str, list[Row]]]:
        last = len(blocks) == 1
        name = next(iter(blocks))
        yield name, [{"block": name}]
        if not last:
            raise RunFailedError("the cluster could not read or score the audio: a node died")


def _rows(folder: Path, max_failures: int) -> list[Row]:
    steps = GivesUp(
        Source(str(folder), S3Settings(home=folder)),
        SelectionConfig(),
        "whisper-pico",
        SelectionResources(max_failures=max_failures, block_audio_s=1.0),
        LocalRunStore(folder / "store"),
        None,  # type: ignore[arg-type]
    )
    batches = [[make_utterance(f"u{number}", "a.wav", number, 1.0, "one", None)] for number in range(4)]
    return list(steps._mapped(batches, "segments", [], lambda table: table, readers))


def test_what_is_left_is_started_again(tmp_path: Path) -> None:
    rows = _rows(tmp_path, max_failures=3)
    assert len(rows) == len({row["block"] for row in rows}) == 4


def test_there_is_an_end_to_it_and_finished_blocks_are_kept(tmp_path: Path) -> None:
    with pytest.raises(RunFailedError, match="a node died"):
        _rows(tmp_path, max_failures=1)
    assert len(LocalRunStore(tmp_path / "store").list("parts")) == 2
    assert len(_rows(tmp_path, max_failures=1)) == 4
