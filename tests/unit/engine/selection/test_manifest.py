"""The selection on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.config.selection import ReducibleLossConfig
from engine.data.example import Piece
from engine.errors import SelectionError
from engine.segments.segment import Segment
from engine.selection.manifest import (
    FORMAT,
    read_selected,
    read_selection,
    read_summary,
    read_tokens,
    write_selection,
    write_summary,
)
from engine.selection.methods import choose
from tests.unit.engine.selection.pools import pool

CHOICES = choose(pool(40), ReducibleLossConfig(), 30.0, lambda_q=0.0, seed=0)
LEFT_OUT = [Segment("z", (Piece("b.wav", 0.0, 40.0),), "long", None, None, ("z",), 3.0, None, "too_long")]


def test_it_comes_back_as_it_was_written_whatever_the_order(tmp_path: Path) -> None:
    write_selection(tmp_path / "a", CHOICES, LEFT_OUT)
    assert read_selection(tmp_path / "a") == (CHOICES, LEFT_OUT)
    write_selection(tmp_path / "b", CHOICES[::-1], LEFT_OUT)
    assert (tmp_path / "a/segments.parquet").read_bytes() == (tmp_path / "b/segments.parquet").read_bytes()
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["segments.parquet"]


def test_training_gets_the_selected_with_pieces_and_weights(tmp_path: Path) -> None:
    packed = CHOICES[0].candidate.segment
    packed = replace(packed, pieces=(*packed.pieces, Piece("c.wav", 1.0, 0.5)))
    first = replace(CHOICES[0], candidate=replace(CHOICES[0].candidate, segment=packed), selected=True, weight=1.25)
    write_selection(tmp_path, [first, *CHOICES[1:]], LEFT_OUT)
    utterances = read_selected(tmp_path)
    selected = [first, *(c for c in CHOICES[1:] if c.selected)]
    assert [u.id for u in utterances] == [c.candidate.segment.id for c in selected]
    assert [u.weight for u in utterances] == [c.weight for c in selected]
    assert utterances[0].input.stretches() == packed.pieces
    assert utterances[0].input.duration_s == pytest.approx(packed.duration_s)
    assert read_tokens(tmp_path) == {c.candidate.segment.id: c.candidate.tokens for c in selected}


def test_faulty_selections_are_named(tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="two segments have the id 'c0000'"):
        write_selection(tmp_path, [CHOICES[0], CHOICES[0]], [])
    with pytest.raises(SelectionError, match=r"cannot read the selection .*segments\.parquet"):
        read_selected(tmp_path)
    (tmp_path / "segments.parquet").write_bytes(b"PAR1 nonsense PAR1")
    with pytest.raises(SelectionError, match="select again"):
        read_selected(tmp_path)
    with pytest.raises(SelectionError, match=r"no readable selection\.json"):
        read_summary(tmp_path)
    write_summary(tmp_path, {"format": FORMAT, "x": 1})
    assert read_summary(tmp_path)["x"] == 1
    write_summary(tmp_path, {"format": 99})
    with pytest.raises(SelectionError, match="holds a selection of format 99"):
        read_summary(tmp_path)
