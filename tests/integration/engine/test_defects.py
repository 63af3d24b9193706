"""The corpus of defects at a few hundred items: what the large run shows, in seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.stages.ingest import ingest
from tests.corpora.defect_kinds import BAD_KINDS, codes_of
from tests.corpora.defects import compare, write_dataset
from tests.corpora.languages import LANGUAGES


def test_defects_are_found_and_good_items_stay(tmp_path: Path) -> None:
    kinds = write_dataset(tmp_path, items=300, seed=11)
    report = ingest(tmp_path / "dataset", tmp_path / "version")
    lines, wrong = compare(kinds, report)
    bad = [line for line in lines if not line.kind.startswith("good/")]
    assert sum(line.items for line in bad) > 60
    assert len(bad) > 25
    missed = sum(line.items - line.found for line in bad)
    assert missed <= 1, wrong
    assert sum(line.set_aside for line in lines if line.kind.startswith("good/")) == 0, wrong


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_they_are_found_in_every_script(code: str, tmp_path: Path) -> None:
    kinds = write_dataset(tmp_path, items=150, seed=11, language=LANGUAGES[code])
    lines, wrong = compare(kinds, ingest(tmp_path / "dataset", tmp_path / "version"))
    bad = [line for line in lines if not line.kind.startswith("good/")]
    assert sum(line.items for line in bad) > 30
    assert sum(line.items - line.found for line in bad) <= 1, wrong
    assert sum(line.set_aside for line in lines if line.kind.startswith("good/")) == 0, wrong


def test_every_kind_names_a_code() -> None:
    assert all(codes_of(kind) for kind in BAD_KINDS)
