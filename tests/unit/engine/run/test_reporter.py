from __future__ import annotations

import hashlib
import os
from pathlib import Path

from engine.run.events import MemorySink
from engine.run.reporter import Reporter, artifact


def test_phases_messages_and_files_become_events(tmp_path: Path) -> None:
    (tmp_path / "curves.png").write_bytes(b"drawn")
    sink = MemorySink()
    reporter = Reporter(sink, prefix="evaluation/")
    reporter.phase("training", total_steps=3)
    reporter.progress(5, progress=0.5)
    reporter.say("info", "gates", "they are applied", count=2)
    reporter.artifact("curves.png", "plot", tmp_path / "curves.png")
    phase, progress, message, file = sink.events
    assert (phase.kind, phase.data) == ("status", {"phase": "training", "process": os.getpid(), "total_steps": 3})
    assert (progress.kind, progress.data) == ("metric", {"progress": 0.5})
    assert (message.kind, message.key) == ("log", "evaluation/gates")
    assert message.data == {"level": "info", "message": "they are applied", "count": 2}
    assert (file.kind, file.key) == ("artifact", "artifact/curves.png")
    sha256 = hashlib.sha256(b"drawn").hexdigest()
    assert file.data == {"name": "curves.png", "kind": "plot", "key": "curves.png", "size": 5, "sha256": sha256}


def test_a_resumed_run_tells_its_phases_again_and_its_messages_once() -> None:
    sink = MemorySink()
    for _attempt in range(2):
        reporter = Reporter(sink)
        reporter.phase("loading")
        reporter.warn("split/0", "few speakers")
    assert len({event.key for event in sink.events if event.kind == "status"}) == 2
    assert len({event.key for event in sink.events if event.kind == "log"}) == 1


def test_a_silent_one_collects_warnings_and_emits_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    sink = MemorySink()
    reporter = Reporter(sink, is_silent=True)
    reporter.phase("done")
    reporter.warn("split/0", "few speakers")
    reporter.artifact("a", "report", tmp_path / "a")
    assert sink.events == []
    assert reporter.warnings == ["few speakers"]


def test_a_file_that_is_stored_again_is_another_event(tmp_path: Path) -> None:
    (tmp_path / "sweep.png").touch()
    of = [artifact("sweep.png", "plot", tmp_path / "sweep.png", version).key for version in ("", "1", "2")]
    assert len(set(of)) == 3
