"""Text files in other encodings than UTF-8, in every structure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.stages.ingest import ingest
from tests.unit.engine.data.corpora import STRUCTURES, Files, expected, spoken, utterances
from tests.unit.engine.data.recordings import UNJUDGED, folder_of

TEXTS = [
    "сегодня очень хорошая погода",
    "вчера он купил три новые книги",
    "откройте пожалуйста окно",
    "мы едем в город завтра утром",
    "где находится большая библиотека",
    "она читает интересную статью",
    "дети играют на зелёной траве",
]
AUDIO = ("wav", "flac", "mp3", "parquet", "arrow", "tar")


def _encoded(files: Files, encoding: str) -> Files:
    return {name: data if name.endswith(AUDIO) else data.decode().encode(encoding) for name, data in files.items()}


def _hold_texts(structure: str) -> bool:
    return any(not name.endswith(AUDIO) for name in STRUCTURES[structure].write(spoken()))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32-le", "utf-8-sig", "cp1251", "koi8-r"])
@pytest.mark.parametrize("structure", [name for name in STRUCTURES if _hold_texts(name)])
def test_every_structure_is_read_in_every_encoding(tmp_path: Path, structure: str, encoding: str) -> None:
    corpus = [replace(s, text=text) for s, text in zip(spoken(), TEXTS, strict=True)]
    files = _encoded(STRUCTURES[structure].write(corpus), encoding)
    report = ingest(folder_of(tmp_path / "source", files), tmp_path / "out", validation=UNJUDGED)
    assert utterances(tmp_path / "out") == expected(STRUCTURES[structure].expected(corpus))
    is_escaped = all(data.isascii() for name, data in files.items() if not name.endswith(AUDIO))
    if encoding != "utf-8-sig" and not is_escaped:
        assert any(encoding in warning or f"{encoding}-le" in warning for warning in report.warnings), report.warnings
