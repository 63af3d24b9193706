"""What Ray, Serve and the database cost around the training loop.

Three figures: the time from a job's submission through the API to its first optimizer step, on a cluster that stands;
the time from the request to stop it to its end; and the time of a step under Ray Train beside the same loop called
directly in a process of its own. Both sides of the last run in turns on the same machine, and write the same events; the
clock is the events' own.
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
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from engine.storage import LocalRunStore, RunStore
from services.client import Client
from services.demo_data import BUNDLED, pack
from services.platform import Platform

_ROOT = Path(__file__).resolve().parents[2]
_MODEL = "whisper-pico"
_PASSWORD = "four long words, no name"
_FIRST_STEPS = 10  # not on the clock: allocators and caches fill
_EXAMPLES = """\
examples:
  python -m tests.benchmarks.orchestration                          3 jobs, 5 runs a side, 6 to 8 minutes
  python -m tests.benchmarks.orchestration --jobs 1 --runs 1 --steps 20     see that it runs
"""


def main() -> int:
    """Measure, print a table, write the report."""
    arguments = _parser().parse_args()
    if arguments.steps <= _FIRST_STEPS + 1:
        raise SystemExit(f"--steps must be more than {_FIRST_STEPS + 1}: the first {_FIRST_STEPS} are not on the clock")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    load_before = os.getloadavg()[0]
    seconds: dict[str, list[float]] = {"direct": [], "ray_train": []}
    with (
        tempfile.TemporaryDirectory(prefix="bench-orchestration-") as scratch,
        _environment(Path(scratch) / "home"),
        Platform.start(port=0) as platform,
    ):
        first_step_s, stop_s = _waits(platform, Path(scratch), arguments.jobs)
        for number in range(arguments.runs):
            turns = (("direct", _directly), ("ray_train", _under_ray_train))
            for side, run in turns[:: -1 if number % 2 else 1]:
                name = f"{side.replace('_', '-')}-{number}"
                store = run(platform, Path(scratch), name, _run_config(name, arguments))
                seconds[side].append(step_s(store, arguments.steps))
                print(f"{name}: {1000 * seconds[side][-1]:.1f} ms a step", flush=True)
    best = {side: min(times) for side, times in seconds.items()}
    # A machine's speed drifts by more than what is looked for: each run is held against the one beside it.
    beside = [ours / plain - 1 for ours, plain in zip(seconds["ray_train"], seconds["direct"], strict=True)]
    report = {
        "first_step_s": first_step_s,
        "stop_s": stop_s,
        "step_s": {side: {"each": times, "best": best[side]} for side, times in seconds.items()},
        "overhead": statistics.median(beside),
        "overhead_each": beside,
        "overhead_of_best": best["ray_train"] / best["direct"] - 1,
        "settings": {name: str(value) for name, value in vars(arguments).items()} | {"load_before": load_before},
    }
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nsubmission to first step    {', '.join(f'{value:.1f} s' for value in first_step_s)}")
    print(f"request to stop to stopped  {', '.join(f'{value:.1f} s' for value in stop_s)}")
    for side, value in best.items():
        print(f"{side:28}{1000 * value:.1f} ms a step (best of {arguments.runs})")
    pairs = ", ".join(f"{100 * value:+.1f}" for value in beside)
    print(f"{'overhead of Ray Train':28}{100 * report['overhead']:+.1f} % (median of {pairs})")
    print(f"{'  of the best runs':28}{100 * report['overhead_of_best']:+.1f} %")
    print(f"written to {arguments.out}")
    return 0


def step_s(store: RunStore, steps: int) -> float:
    """Seconds of an optimizer step, everything between two of them included, by the times of a run's events."""
    times: dict[int, datetime] = {}
    for key in store.list("events"):
        for line in store.get_bytes(key).splitlines():
            event = json.loads(line)
            if event["key"].startswith("train/"):
                times[event["data"]["step"]] = datetime.fromisoformat(event["time"])
    return (times[steps] - times[_FIRST_STEPS]).total_seconds() / (steps - _FIRST_STEPS)


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
            first = next(e for e in client.events(job.id) if e.kind == "metric" and e.data.get("step") == 1)
            began = datetime.fromisoformat(str(client.job(job.id).created_at))
            waited.append((datetime.fromisoformat(str(first.data["time"])) - began).total_seconds())
            next(e for e in client.events(job.id) if e.kind == "metric" and e.data.get("step") == _FIRST_STEPS)
            asked_s = time.perf_counter()
            client.stop_job(job.id)
            for _ in client.events(job.id):  # to its end: the next one must find the cluster idle
                pass
            stopped.append(time.perf_counter() - asked_s)
            ended = client.job(job.id)
            if ended.status != "stopped" or not (ended.result or {}).get("steps"):
                raise SystemExit(f"job {number} ended {ended.status} with {ended.result}; it was to be stopped")
            print(f"job {number}: first step after {waited[-1]:.1f} s, stopped after {stopped[-1]:.1f} s", flush=True)
    return waited, stopped


def _run_config(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    training = {
        "max_steps": arguments.steps,
        "log_every_steps": 1,
        "batch": {"audio_s": 24, "max_utterances": 16},
        "checkpoint": {"every_steps": arguments.steps},
        "evaluation": {"base": False},
        "split": {"validation_fraction": 0.0},
    }
    resources = {"threads_per_worker": arguments.threads}
    return {"name": name, "model": _MODEL, "data": str(BUNDLED), "training": training, "resources": resources}


def _directly(platform: Platform, scratch: Path, name: str, config: Mapping[str, Any]) -> RunStore:
    del platform
    _run(["-m", "services.cli.main", "train", "--local"], scratch, name, config, {})
    return LocalRunStore(scratch / "build" / "runs" / name)


def _under_ray_train(platform: Platform, scratch: Path, name: str, config: Mapping[str, Any]) -> RunStore:
    from cluster.storage.run_store import S3RunStore

    s3 = platform.settings.s3
    variables = {**platform.runtime.environment(), **s3.environment()}
    _run(["-m", "cluster.train", "--config"], scratch, name, config, variables)
    return S3RunStore.at(f"s3://{s3.bucket}/runs/{name}", s3)


def _run(command: list[str], scratch: Path, name: str, config: Mapping[str, Any], variables: Mapping[str, str]) -> None:
    path = scratch / f"{name}.yaml"
    path.write_text(yaml.safe_dump(dict(config)))
    environment = {**os.environ, **variables, "PYTHONPATH": str(_ROOT)}
    done = subprocess.run(
        [sys.executable, *command, str(path)],
        cwd=scratch,
        env=environment,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise SystemExit(f"{name} ended with code {done.returncode}:\n{done.stdout}")


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
    parser.add_argument("--runs", type=int, default=5, help="runs of each side, in turns (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=150, help="optimizer steps of a run (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="compute threads of a run (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("build/bench-orchestration.json"), help="report (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
