"""What Ray, Serve and the database cost around the training loop.

Three figures: the time from a job's submission through the API to its first optimizer step, on a cluster that stands;
the time from the request to stop it to its end; and the time of a step under Ray Train beside the same loop called
directly in a process of its own. Both sides of the last take turns of a second (`tests/benchmarks/turns.py`) and write the
same events, whose own times are the clock. While the direct one has its turn, driver, controller and worker of the other
are stopped; the platform stands beside both.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import yaml

from engine.run.store import LocalRunStore, RunStore
from services.client import Client
from services.demo_data import BUNDLED, pack
from services.platform import Platform
from tests.benchmarks.turns import TURN_S, Turns, step_times_s

_ROOT = Path(__file__).resolve().parents[2]
_MODEL = "whisper-pico"
_PASSWORD = "four long words, no name"
_FIRST_STEPS = 10  # not on the clock: allocators and caches fill
_EXAMPLES = """\
examples:
  python -m tests.benchmarks.orchestration                          3 jobs, 6 pairs of runs, 12 to 15 minutes
  python -m tests.benchmarks.orchestration --jobs 1 --runs 1 --steps 40     see that it runs
"""


def main() -> int:
    """Measure, print a table, write the report."""
    arguments = _parser().parse_args()
    if arguments.steps <= _FIRST_STEPS + 1:
        raise SystemExit(f"--steps must be more than {_FIRST_STEPS + 1}: the first {_FIRST_STEPS} are not on the clock")
    if arguments.runs < 1:
        raise SystemExit("--runs must be at least 1: the overhead is that of pairs of runs")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    load_before = os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory(prefix="bench-orchestration-") as scratch,
        _environment(Path(scratch) / "home"),
        Platform.start(port=0) as platform,
    ):
        first_step_s, stop_s = _waits(platform, Path(scratch), arguments.jobs)
        pairs = [_pair(platform, Path(scratch), number, arguments) for number in range(arguments.runs)]
    overheads = [pair["ray_train"] / pair["direct"] - 1 for pair in pairs]
    report = {
        "first_step_s": first_step_s,
        "stop_s": stop_s,
        "step_s": {side: [pair[side] for pair in pairs] for side in ("direct", "ray_train")},
        "overhead": statistics.fmean(overheads),
        "overhead_standard_error": _standard_error(overheads) if len(overheads) > 1 else None,
        "overhead_each": overheads,
        "settings": {name: str(value) for name, value in vars(arguments).items()} | {"load_before": load_before},
    }
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nsubmission to first step    {', '.join(f'{value:.1f} s' for value in first_step_s)}")
    print(f"request to stop to stopped  {', '.join(f'{value:.1f} s' for value in stop_s)}")
    error = "" if len(overheads) < 2 else f" +- {100 * _standard_error(overheads):.1f}"
    told = ", ".join(f"{100 * value:+.1f}" for value in overheads)
    print(
        f"overhead of Ray Train       {100 * statistics.fmean(overheads):+.1f}{error} % (mean and standard error of {told})"
    )
    print(f"written to {arguments.out}")
    return 0


def _standard_error(values: Sequence[float]) -> float:
    return float(statistics.stdev(values) / len(values) ** 0.5)


def _waits(platform: Platform, scratch: Path, jobs: int) -> tuple[list[float], list[float]]:
    """Seconds of each job from its creation (the API's clock) to its first training event (the worker's), and from the
    request to stop it to its end, a checkpoint included."""
    archive = scratch / "speech.zip"
    pack(BUNDLED, archive)
    config = {
        "max_steps": 100_000,
        "log_every_steps": 1,
        "evaluation": {"base": False},
        "split": {"validation_fraction": 0.0},
    }
    waited, stopped = [], []
    with Client(platform.url) as client:
        client.signup("bench", "bench@example.com", _PASSWORD)
        client.login("bench", _PASSWORD)
        dataset = client.upload_dataset("speech", archive)
        for number in range(jobs):
            job = client.create_job(_MODEL, dataset.id, config, name=f"bench-{number}")
            first = next(e for e in client.watch_job(job.id) if e.kind == "metric" and e.data.get("step") == 1)
            began = client.read_job(job.id).created_at
            waited.append((datetime.fromisoformat(str(first.data["time"])) - began).total_seconds())
            next(e for e in client.watch_job(job.id) if e.kind == "metric" and e.data.get("step") == _FIRST_STEPS)
            asked_s = time.perf_counter()
            client.stop_job(job.id)
            for _ in client.watch_job(job.id):  # to its end: the next one must find the cluster idle
                pass
            stopped.append(time.perf_counter() - asked_s)
            ended = client.read_job(job.id)
            if ended.status != "stopped" or not (ended.result or {}).get("steps"):
                raise SystemExit(f"job {number} ended {ended.status} with {ended.result}; it was to be stopped")
            print(f"job {number}: first step after {waited[-1]:.1f} s, stopped after {stopped[-1]:.1f} s", flush=True)
    return waited, stopped


def _run_config(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    training = {
        "max_steps": arguments.steps,
        "log_every_steps": 1,
        "batch": {"cost": 24, "max_examples": 16},
        "checkpoint": {"every_steps": arguments.steps},
        "evaluation": {"base": False},
        "split": {"validation_fraction": 0.0},
    }
    resources = {"threads_per_worker": arguments.threads, "cpus_per_worker": max(1, arguments.threads or 1)}
    return {"name": name, "model": _MODEL, "data": str(BUNDLED), "training": training, "resources": resources}


class _Run:
    """A run in processes of its own, from its start to its end."""

    def __init__(
        self,
        command: Sequence[str],
        scratch: Path,
        config: Mapping[str, Any],
        store: RunStore,
        variables: Mapping[str, str],
    ) -> None:
        self.store = store
        self._on_cluster = bool(variables)  # what reaches the cluster
        self._log = scratch / f"{config['name']}.log"
        path = scratch / f"{config['name']}.yaml"
        path.write_text(yaml.safe_dump(dict(config)))
        environment = {**os.environ, **variables, "PYTHONPATH": str(_ROOT)}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command, str(path)], cwd=scratch, env=environment, stdout=log, stderr=log
            )

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def processes(self) -> list[psutil.Process]:
        """Its own, and those that Ray Train has for it: no other run is on this cluster."""
        own = [psutil.Process(self._process.pid)]
        if not self._on_cluster:
            return own
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any(part.startswith(("ray::TrainController", "ray::RayTrainWorker")) for part in process.cmdline()):
                    own.append(process)
        return own

    def steps(self) -> dict[int, float]:
        """When each step ended."""
        ends: dict[int, float] = {}
        for key in self.store.list("events"):
            for line in self.store.get_bytes(key).splitlines():
                event = json.loads(line)
                if event["key"].startswith("train/"):
                    ends[event["data"]["step"]] = datetime.fromisoformat(event["time"]).timestamp()
        return ends

    def wait_for_step(self, step: int) -> None:
        while self.is_alive() and max(self.steps(), default=0) < step:
            time.sleep(0.5)
        if not self.is_alive():
            self.check()
            raise SystemExit(f"{self._log.stem} ended before the other run began; give it more --steps")

    def check(self) -> None:
        """Wait for its end, which must be a good one."""
        if code := self._process.wait():
            raise SystemExit(f"{self._log.stem} ended with code {code}:\n{self._log.read_text(errors='replace')}")


def _pair(platform: Platform, scratch: Path, number: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds of a step on each side."""
    starts = {"direct": _directly, "ray_train": _under_ray_train}
    runs: dict[str, _Run] = {}
    turns = Turns(arguments.turn_s)
    try:
        for side in list(starts)[:: -1 if number % 2 else 1]:
            runs[side] = starts[side](platform, scratch, _run_config(f"{side.replace('_', '-')}-{number}", arguments))
            runs[side].wait_for_step(_FIRST_STEPS)
            turns.hold(side, runs[side].processes())
        span = turns.alternate(lambda: all(run.is_alive() for run in runs.values()))
    finally:
        turns.free()
    for run in runs.values():
        run.check()
    seconds = step_times_s({side: run.steps() for side, run in runs.items()}, turns, span)
    told = ", ".join(f"{side.replace('_', ' ')} {1000 * value:.1f}" for side, value in sorted(seconds.items()))
    print(f"pair {number}: {told} ms a step", flush=True)
    return seconds


def _directly(platform: Platform, scratch: Path, config: Mapping[str, Any]) -> _Run:
    del platform
    store = LocalRunStore(scratch / "build" / "runs" / config["name"])
    return _Run(["-m", "services.cli.main", "train", "--local"], scratch, config, store, {})


def _under_ray_train(platform: Platform, scratch: Path, config: Mapping[str, Any]) -> _Run:
    from cluster.storage.run_store import S3RunStore

    s3 = platform.settings.s3
    variables = {**platform.runtime.environment(), **s3.environment()}
    store = S3RunStore.at(f"s3://{s3.bucket}/runs/{config['name']}", s3)
    return _Run(["-m", "cluster.train", "--config"], scratch, config, store, variables)


@contextlib.contextmanager
def _environment(home: Path) -> Iterator[None]:
    """A platform of its own, whatever this shell is connected to."""
    names = ("DATABASE_URL", "S3_ENDPOINT_URL", "RAY_ADDRESS", "LIM_BUCKET", "LIM_ENVIRONMENT", "LIM_HOME")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ["LIM_HOME"] = str(home)
    try:
        yield
    finally:
        del os.environ["LIM_HOME"]
        os.environ.update(before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.orchestration",
        description="Time from submission to the first step, and the cost of a step under Ray Train.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--jobs", type=int, default=3, help="jobs submitted, one after the other (default: %(default)s)"
    )
    parser.add_argument("--runs", type=int, default=6, help="pairs of runs (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=250, help="optimizer steps of a run (default: %(default)s)")
    parser.add_argument("--turn-s", type=float, default=TURN_S, help="seconds of a turn (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="compute threads of a run (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("build/bench-orchestration.json"), help="report (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
