"""Small sources written in a test, and what ingestion makes of them."""

from __future__ import annotations

from pathlib import Path

from engine.data.manifest import read_manifest
from engine.data.report import IngestReport
from engine.stages.ingest import ingest
from tests.unit.engine.data.recordings import UNJUDGED, folder_of, noise, wav

Found = list[tuple[str, str, str | None, str | None]]


def taken(tmp_path: Path, metadata: dict[str, str | bytes], recordings: list[str]) -> tuple[Found, IngestReport]:
    """Id, text, speaker and split of every item of a source, and the report.

    Args:
        tmp_path: an empty folder.
        metadata: its text files.
        recordings: the names of its recordings, each with a sound of its own.
    """
    files = {name: text.encode() if isinstance(text, str) else text for name, text in metadata.items()}
    files |= {
        name: wav(noise(at), format="FLAC" if name.lower().endswith("flac") else "WAV")
        for at, name in enumerate(recordings)
    }
    report = ingest(folder_of(tmp_path / "source", files), tmp_path / "out", validation=UNJUDGED)
    found = [(u.id, u.target.text, u.group, u.split) for u in read_manifest(tmp_path / "out" / "manifest.jsonl")]
    return found, report


def texts(found: Found) -> dict[str, str]:
    """The text of each item by its id."""
    return {id: text for id, text, _, _ in found}
