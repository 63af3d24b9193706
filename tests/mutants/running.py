"""One mutant against the tests that must fail because of it, each in a process forked for it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.mutants.fields import Mutant
from tests.mutants.mutation import Reads, remove_effect

Status = Literal["killed", "survived", "broken"]
Remove = Callable[[Mutant], Reads]


@dataclass(frozen=True)
class Verdict:
    """What came of a mutant."""

    key: str
    status: Status
    """`broken`: its tests do not run, or failed without reading the field."""
    neutral: str
    killed_by: str
    """The first test that failed."""
    reason: str
    """The last line of its failure, or what is wrong."""
    reads: int
    """Reads that were misled."""
    wall_s: float


class _Failures:
    """Collects the tests that failed; a failed setup is not a test's judgement."""

    def __init__(self) -> None:
        self.failed: list[tuple[str, str]] = []
        self.broken: list[str] = []
        self.passed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase of one test."""
        if report.failed and report.when == "call":
            self.failed.append((report.nodeid, _last_line(report.longreprtext)))
        elif report.failed:
            self.broken.append(f"{report.nodeid}: {_last_line(report.longreprtext)}")
        self.passed += report.passed and report.when == "call"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that cannot be collected."""
        if report.failed:
            self.broken.append(f"{report.nodeid}: {_last_line(str(report.longrepr))}")


def judge(mutant: Mutant | None, tests: Sequence[str], remove: Remove = remove_effect) -> Verdict:
    """Run tests in a forked process, with a field's effect removed, or without (None), where all must pass.

    What was imported before is there already, and nothing of a mutant outlives its process.
    """
    with tempfile.TemporaryDirectory(prefix="lim-mutant-") as folder:
        process = start(mutant, tests, Path(folder), remove)
        os.waitpid(process, 0)
        return verdict(mutant, Path(folder))


def start(mutant: Mutant | None, tests: Sequence[str], folder: Path, remove: Remove = remove_effect) -> int:
    """Begin the process that judges a mutant, and give its id; `verdict` reads what it leaves in the folder."""
    process = os.fork()
    if process:
        return process
    try:
        _in_child(mutant, tests, folder, remove)
    except BaseException:  # noqa: BLE001 - the log is all that is left of this process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def verdict(mutant: Mutant | None, folder: Path) -> Verdict:
    """What a process that `start` began has found, once it has ended."""
    with contextlib.suppress(FileNotFoundError):
        return Verdict(**json.loads((folder / "verdict.json").read_text()))
    key = mutant.key if mutant else "none"
    log = (folder / "log.txt").read_text(errors="replace")
    return Verdict(key, "broken", "", "", f"the process died: {log[-300:]}", 0, 0.0)


def judge_all(
    table: Mapping[str, tuple[Mutant, Sequence[str]]], processes: int, remove: Remove = remove_effect
) -> Iterator[Verdict]:
    """A verdict for each mutant, as they come, from several processes at once."""
    waiting = list(table.values())
    running: dict[int, tuple[Mutant, tempfile.TemporaryDirectory[str]]] = {}
    while waiting or running:
        while waiting and len(running) < processes:
            mutant, tests = waiting.pop(0)
            folder = tempfile.TemporaryDirectory(prefix="lim-mutant-")
            running[start(mutant, tests, Path(folder.name), remove)] = mutant, folder
        ended, _ = os.wait()
        if ended in running:
            mutant, folder = running.pop(ended)
            yield verdict(mutant, Path(folder.name))
            folder.cleanup()


def _in_child(mutant: Mutant | None, tests: Sequence[str], folder: Path, remove: Remove) -> None:
    log = os.open(folder / "log.txt", os.O_CREAT | os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    started = time.perf_counter()
    reads = remove(mutant) if mutant else Reads()
    failures = _Failures()
    options = ["--exitfirst"] if mutant else []
    options += ["-p", "no:cacheprovider", "--basetemp", str(folder / "tmp")]
    # Plugins that were imported before pytest could rewrite their assertions have none that matter here.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    code = pytest.main([*tests, *options], [failures])
    status, killed_by, reason = _judgement(mutant, code, failures, reads)
    neutral = "" if mutant is None else repr(mutant.neutral)
    key = mutant.key if mutant else "none"
    found = Verdict(key, status, neutral, killed_by, reason, reads.count, time.perf_counter() - started)
    (folder / "verdict.json").write_text(json.dumps(asdict(found)))


def _judgement(
    mutant: Mutant | None, code: int | pytest.ExitCode, failures: _Failures, reads: Reads
) -> tuple[Status, str, str]:
    if failures.broken or (not failures.failed and code != pytest.ExitCode.OK):
        return "broken", "", "; ".join(failures.broken) or f"pytest ended with {code!r}"
    if not failures.failed:
        told = (
            "no test reads the field where its value differs from the neutral one" if mutant and not reads.count else ""
        )
        return "survived", "", told
    if mutant and not reads.count:
        return "broken", failures.failed[0][0], "a test failed although no value was replaced"
    return "killed", *failures.failed[0]


def _last_line(text: str) -> str:
    """The line of a failure that says most: the first that pytest marks as the error, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marked = [line.removeprefix("E").strip() for line in lines if line.startswith("E ")]
    return (marked or lines or [""])[0][:200]
