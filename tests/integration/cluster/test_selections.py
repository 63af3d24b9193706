"""Selections through real drivers, with Ray Data on a real cluster: also when workers and drivers are killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.storage.run_store import S3RunStore
from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.models.catalogue import PROJECT_ROOT
from engine.selection.manifest import read_selection
from engine.stages.ingest import ingest
from engine.stages.select import select
from tests.integration.cluster.conftest import ROOT, Standing

pytestmark = pytest.mark.timeout(600)

TRAINING = {
    "max_steps": 40,
    "method": {"type": "qlora", "rank": 2},
    "split": {"test_groups": ["amara"], "validation_fraction": 0.0},
    "context": {"type": "short", "bucket_s": 0.5},
    "batch": {"cost": 12, "micro_batch_cost": 12},
}
DRAW = {"method": {"type": "random"}}
"""Every recording is read, and no model is asked: what crashes do to it is the same, and sooner seen."""

PATIENCE_S = 300.0


class Selection:
    """A selection on the standing cluster, by its name."""

    def __init__(self, standing: Standing, folder: Path, name: str, data: Path, **changed: Any) -> None:
        self.standing = standing
        self.path = folder / f"{name}.yaml"
        config = {"name": name, "data": str(data), "training": TRAINING, "resources": {"block_audio_s": 4.0}}
        self.path.write_text(yaml.safe_dump(config | changed))
        self.store = S3RunStore.at(f"s3://{standing.settings.bucket}/selections/{name}", standing.settings)
        self.log = folder / f"{name}.log"
        self.files = folder / name

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """Its driver, which does not outlive the test."""
        with self.log.open("ab") as log:
            driver = subprocess.Popen(
                [sys.executable, "-m", "cluster.select", "--config", str(self.path)],
                cwd=ROOT,
                env=self.standing.environment,
                stdout=log,
                stderr=log,
            )
        try:
            yield driver
        finally:
            driver.kill()
            driver.wait()

    def finish(self) -> dict[str, Any]:
        """Its summary, from a driver that ran to the end."""
        with self.started() as driver:
            assert driver.wait(PATIENCE_S) == 0, self.log.read_text()
        return self.summary()

    def summary(self) -> dict[str, Any]:
        for name in ("segments.parquet", "selection.json"):
            self.store.get(f"selection/{name}", self.files / name)
        summary: dict[str, Any] = json.loads((self.files / "selection.json").read_text())
        return summary

    def parts(self) -> list[str]:
        return self.store.list("parts/segments")

    def wait_for_parts(self, driver: subprocess.Popen[bytes]) -> int:
        """How many blocks were done when the first was."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if parts := self.parts():
                return len(parts)
            assert driver.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"no block was ever done:\n{self.log.read_text()}")

    def wait_for_task(self, driver: subprocess.Popen[bytes], *, but: int | None = None) -> int:
        """A process that carries out a block."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for process in self.task_processes():
                if process != but:
                    return process
            assert driver.poll() is None, self.log.read_text()
            time.sleep(0.005)
        raise AssertionError(f"no block was ever begun:\n{self.log.read_text()}")

    def wait_until_it_says(self, what: str, driver: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while what not in self.log.read_text():
            assert driver.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def task_processes(self) -> list[int]:
        """Processes of the standing cluster that carry out a block now."""
        address = self.standing.environment["RAY_ADDRESS"].encode()
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(b"ray::Map"):
                    parent = (entry / "stat").read_text().rpartition(") ")[2].split()[1]
                    if address in Path(f"/proc/{parent}/cmdline").read_bytes():
                        found.append(int(entry.name))
            except OSError:
                continue
        return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("selections")


@pytest.fixture(scope="module")
def speech(folder: Path) -> Path:
    """The bundled recordings of four voices, as a dataset version."""
    source = folder / "source"
    for voice in ("amara", "bruno", "chae", "denny"):
        shutil.copytree(PROJECT_ROOT / "engine" / "data" / "bundled" / "demo-speech" / voice, source / voice)
        for file in (source / voice).iterdir():
            word, take = file.stem.rsplit("_", 1)
            file.rename(file.with_name(f"{word}_{voice}_{take}{file.suffix}"))
    ingest(source, folder / "speech")
    return folder / "speech"


def _select_here(speech: Path, out: Path, config: SelectionConfig) -> Path:
    """The same selection in one process, without a cluster."""
    training = TrainingConfig.model_validate(TRAINING)
    select(speech, config, model="whisper-pico", training=training, out=out, work_dir=out.with_suffix(".work"))
    return out


@pytest.fixture(scope="module")
def drawn(folder: Path, speech: Path) -> bytes:
    """What `DRAW` gives."""
    out = _select_here(speech, folder / "drawn", SelectionConfig.model_validate(DRAW))
    return (out / "segments.parquet").read_bytes()


@pytest.fixture(scope="module")
def whole(standing: Standing, folder: Path, speech: Path) -> Selection:
    """A selection that nothing happened to."""
    selection = Selection(standing, folder, "whole", speech)
    selection.finish()
    return selection


def test_a_cluster_selects_what_one_process_would(whole: Selection, folder: Path, speech: Path) -> None:
    here = _select_here(speech, folder / "here", SelectionConfig())
    choices, left_out = read_selection(whole.files)
    expected, expected_left_out = read_selection(here)
    assert [c.candidate.segment for c in choices] == [c.candidate.segment for c in expected]
    assert left_out == expected_left_out
    assert len(choices) > 250
    for found, wanted in zip(choices, expected, strict=True):
        assert found.candidate.nll_before == pytest.approx(wanted.candidate.nll_before, abs=1e-4)
        assert found.candidate.nll_after == pytest.approx(wanted.candidate.nll_after, abs=1e-3)
    both = {c.candidate.segment.id for c in choices if c.selected} & {
        c.candidate.segment.id for c in expected if c.selected
    }
    assert len(both) >= 0.97 * sum(c.selected for c in expected)
    assert "whole: files go to" in whole.log.read_text()
    assert "selected " in whole.log.read_text()


def test_a_finished_selection_is_given_at_once(whole: Selection) -> None:
    before = whole.store.get_bytes("selection/selection.json")
    whole.finish()
    assert whole.store.get_bytes("selection/selection.json") == before
    assert "has finished already on" in whole.log.read_text()


def test_a_selection_of_the_same_name_with_another_config_is_refused(whole: Selection, folder: Path) -> None:
    other = Selection(whole.standing, folder, "other", Path())
    other.path.write_text(whole.path.read_text().replace("rank: 2", "rank: 3"))
    with other.started() as driver:
        assert driver.wait(60) == 2
    assert "training.method.rank: found 3; the run of the same name that began before has 2" in other.log.read_text()


@pytest.mark.faults
def test_killed_workers_lose_no_segment_and_double_none(
    standing: Standing, folder: Path, speech: Path, drawn: bytes
) -> None:
    selection = Selection(standing, folder, "killed-workers", speech, selection=DRAW)
    with selection.started() as driver:
        first = selection.wait_for_task(driver)
        os.kill(first, signal.SIGSTOP)  # it holds its block while the others are done, however quick the machine is
        done = selection.wait_for_parts(driver)
        os.kill(first, signal.SIGKILL)
        second = selection.wait_for_task(driver, but=first)  # has taken over that block, or one that was left
        os.kill(second, signal.SIGKILL)
        assert driver.wait(PATIENCE_S) == 0, selection.log.read_text()
    assert done < len(selection.parts())
    selection.summary()
    assert (selection.files / "segments.parquet").read_bytes() == drawn


@pytest.mark.faults
def test_a_killed_driver_goes_on_with_the_blocks_that_are_missing(
    standing: Standing, folder: Path, speech: Path, drawn: bytes
) -> None:
    # Blocks of four seconds: most of them are not done when the first one is.
    selection = Selection(standing, folder, "killed-driver", speech, selection=DRAW | {"batch_audio_s": 4.0})
    with selection.started() as driver:
        selection.wait_for_parts(driver)
        driver.kill()
        assert driver.wait(60) == -signal.SIGKILL
    kept = len(selection.parts())
    selection.finish()
    left = len(selection.parts()) - kept
    assert kept > 0
    assert left > 0
    assert f"segments: {kept} blocks already done, {left} left" in selection.log.read_text()
    assert (selection.files / "segments.parquet").read_bytes() == drawn


def test_a_stopped_selection_says_so(standing: Standing, folder: Path, speech: Path) -> None:
    selection = Selection(standing, folder, "stopped", speech, selection=DRAW)
    with selection.started() as driver:
        selection.wait_until_it_says("files go to", driver)
        selection.store.put_bytes("stop", b"")
        assert driver.wait(PATIENCE_S) == 0, selection.log.read_text()
    assert '"status": "stopped"' in selection.log.read_text()
    assert selection.store.list("selection") == []


def test_bad_data_is_refused_with_its_reason(standing: Standing, folder: Path) -> None:
    selection = Selection(standing, folder, "no-data", folder / "nowhere")
    with selection.started() as driver:
        assert driver.wait(120) == 2
    assert "no data at" in selection.log.read_text()
    told = [
        json.loads(line)
        for key in selection.store.list("events")
        for line in selection.store.get_bytes(key).splitlines()
    ]
    (error,) = [event["data"] for event in told if event["data"].get("level") == "error"]
    assert error["message"].startswith("no data at")
