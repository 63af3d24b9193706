"""One real cluster and one real object store for all of these tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster.storage.embedded import EmbeddedS3
from cluster.storage.settings import S3Settings

if TYPE_CHECKING:
    from tests.integration.cluster.runs import Run

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Standing:
    """A cluster that stands while tests run."""

    environment: dict[str, str]
    """In which drivers reach cluster and store."""
    dashboard_url: str

    @property
    def settings(self) -> S3Settings:
        """Of the store."""
        return S3Settings.from_environment(self.environment)


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """LIM_HOME of these tests: a short path, because a Unix socket's address is."""
    folder = Path(tempfile.mkdtemp(prefix="lim-ct-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def s3(home: Path) -> Iterator[EmbeddedS3]:
    """The embedded object store, with the platform's bucket."""
    with EmbeddedS3.start(home) as server:
        yield server


@contextmanager
def stand(home: Path, shell: Sequence[str] = ()) -> Iterator[Standing]:
    """A cluster on the store of a home.

    Args:
        home: LIM_HOME.
        shell: command that starts another one; the cluster's processes are its children.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE"):
        environment.pop(name, None)
    log = (home / "standing.log").open("w")
    process = subprocess.Popen(
        [*shell, sys.executable, "-m", "tests.integration.cluster.standing_cluster", str(home)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"the cluster does not start:\n{(home / 'standing.log').read_text()}"
        told = json.loads(line)
        yield Standing({**environment, **told["environment"]}, told["dashboard_url"])
    finally:
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        log.close()


@pytest.fixture(scope="session")
def standing(home: Path, s3: EmbeddedS3) -> Iterator[Standing]:
    """The cluster, on the same store."""
    with stand(home) as standing:
        yield standing


@pytest.fixture(scope="session")
def trained(standing: Standing, tmp_path_factory: pytest.TempPathFactory, tiny_whisper: Path, tones: Path) -> Run:
    """A run that nothing happened to."""
    from tests.integration.cluster.runs import Run, config_of  # which import from here

    run = Run(
        standing,
        tmp_path_factory.mktemp("trained"),
        "whole",
        config_of(tiny_whisper, tones, training={"evaluation": {"base": True}}),
    )
    run.finish()
    return run
