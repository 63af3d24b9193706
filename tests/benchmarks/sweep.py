"""What stopping trials early saves, and whether an interrupted sweep ends with the same trials.

Eight learning rates on whisper-pico and the bundled recordings, three times: every one trained to its end (the full grid);
with successive halving; and the same once more, whose driver and its process group are killed in the middle and started
again by the same command. Trials run one after the other on one thread, so that the second and the third sweep differ by
the kill alone. Trial-seconds are those that trials report: loading, training and validations, without the start of their
processes. The metric is the best trial's WER on the validation speakers, in percent.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from cluster.storage.run_store import S3RunStore
from cluster.storage.settings import S3Settings
from services.demo_data import BUNDLED
from tuning.sweep.result import SweepResult
from tuning.sweep.trials import TrialResult

_ROOT: Final = Path(__file__).resolve().parents[2]
_RATES: Final = {"type": "grid", "low": 1e-5, "high": 1e-1, "points": 8, "log": True}
_VALIDATIONS: Final = 6
_POINTS: Final = 0.5
_SHARE: Final = 0.5
_EXAMPLES: Final = """\
examples:
  python -m tests.benchmarks.sweep                 three sweeps of 8 trials, about 10 minutes
  python -m tests.benchmarks.sweep --steps 12      see that it runs
"""


def main() -> int:
    """Measure, print a table, write the report."""
    arguments = _parser().parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-sweep-") as scratch, _cluster(Path(scratch) / "home") as environment:
        made = _Sweeps(Path(scratch), environment, arguments.steps)
        grid = made.run("grid", {"type": "none"})
        asha = made.run("asha", {"type": "asha", "reduction_factor": 3, "grace_validations": 1})
        restored = made.run("restored", {"type": "asha", "reduction_factor": 3, "grace_validations": 1}, kill=True)
    figures: dict[str, Any] = {
        "grid_trial_s": _seconds(grid),
        "asha_trial_s": _seconds(asha),
        "grid_metric": _metric(grid),
        "asha_metric": _metric(asha),
        "restored_equal": _told(restored) == _told(asha),
        "trials": {name: [_row(trial) for trial in made.trials] for name, made in (("grid", grid), ("asha", asha))},
        "steps": arguments.steps,
        "load": os.getloadavg()[0],
    }
    _print(figures)
    arguments.out.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


class _Sweeps:
    """Sweeps that differ in their scheduler."""

    def __init__(self, folder: Path, environment: Mapping[str, str], steps: int) -> None:
        self._folder, self._environment, self._steps = folder, environment, steps
        self._settings = S3Settings.from_environment(environment)

    def run(self, name: str, scheduler: Mapping[str, Any], *, kill: bool = False) -> SweepResult:
        """A sweep, with `kill` from two drivers."""
        every = max(1, self._steps // _VALIDATIONS)
        config = {
            "name": name,
            "model": "whisper-pico",
            "data": str(BUNDLED),
            "training": {
                "method": {"type": "qlora", "rank": 8, "alpha": 16},
                "context": {"type": "short", "bucket_s": 0.5, "tail_s": 0.1},
                "batch": {"cost": 6, "micro_batch_cost": 6, "max_examples": 8},
                "schedule": {"type": "cosine", "warmup_steps": every},
                "max_steps": self._steps,
                "split": {"test_groups": ["amara"], "validation_groups": ["bruno", "chae"]},
                "evaluation": {"every_steps": every},
                "checkpoint": {"every_steps": every},
            },
            "search": {
                "dimensions": {"optimizer.learning_rate": _RATES},
                "algorithm": {"type": "grid"},
                "scheduler": dict(scheduler),
            },
            "resources": {"trials_at_once": 1, "threads_per_trial": 1},
        }
        path = self._folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(config))
        store = S3RunStore.at(f"s3://{self._settings.bucket}/sweeps/{name}", self._settings)
        if kill:
            with self._driver(path) as driver:
                _wait_until_trial(4, store, driver)
                os.killpg(driver.pid, signal.SIGKILL)
        with self._driver(path) as driver:
            if driver.wait() != 0:
                raise SystemExit(path.with_suffix(".log").read_text())
        return SweepResult.model_validate_json(store.get_bytes("sweep.json"))

    @contextmanager
    def _driver(self, path: Path) -> Iterator[subprocess.Popen[bytes]]:
        with path.with_suffix(".log").open("ab") as log:
            driver = subprocess.Popen(
                [sys.executable, "-m", "tuning.sweep", "--config", str(path)],
                cwd=_ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield driver
        finally:
            if driver.poll() is None:
                os.killpg(driver.pid, signal.SIGKILL)
            driver.wait()


def _wait_until_trial(number: int, store: S3RunStore, driver: subprocess.Popen[bytes]) -> None:
    """Until a trial has trained for a while."""
    while not store.list(f"trials/{number:04d}/reports.json"):
        if driver.poll() is not None:
            raise SystemExit("the sweep ended before it could be killed; take more --steps")
        time.sleep(0.05)


@contextmanager
def _cluster(home: Path) -> Iterator[dict[str, str]]:
    """The environment in which drivers reach a cluster and an object store, which end with this."""
    os.environ["LIM_HOME"] = str(home)
    home.mkdir(parents=True)
    from cluster.runtime import start_local
    from cluster.storage.embedded import EmbeddedS3

    with EmbeddedS3.start(home) as s3, start_local(dashboard=False) as runtime:
        own = {"LIM_HOME": str(home), "PYTHONPATH": str(_ROOT)}
        yield {**os.environ, **s3.settings.environment(), **runtime.environment(), **own}


def _seconds(result: SweepResult) -> float:
    return sum(trial.seconds for trial in result.trials)


def _metric(result: SweepResult) -> float:
    if result.best is None or result.best.value is None:
        raise SystemExit("no trial has a value")
    return 100 * result.best.value


def _told(result: SweepResult) -> list[dict[str, Any]]:
    """What of the trials does not depend on how long they took."""
    return [trial.model_dump(exclude={"seconds", "peak_bytes"}) for trial in result.trials]


def _row(trial: TrialResult) -> dict[str, Any]:
    return trial.model_dump(include={"values", "state", "value", "validations", "seconds", "peak_bytes"})


def _print(figures: Mapping[str, Any]) -> None:
    share = figures["asha_trial_s"] / figures["grid_trial_s"]
    gap = figures["asha_metric"] - figures["grid_metric"]
    print(f"{'':24}{'full grid':>12}{'halving':>12}")
    print(f"{'trial-seconds':24}{figures['grid_trial_s']:>12.0f}{figures['asha_trial_s']:>12.0f}")
    print(f"{'best WER, percent':24}{figures['grid_metric']:>12.2f}{figures['asha_metric']:>12.2f}")
    print(f"share of the grid's trial-seconds: {share:.0%} (goal: at most {_SHARE:.0%})")
    print(f"difference in WER: {gap:+.2f} points (goal: at most {_POINTS})")
    print(f"killed and started again, it ended with the same trials: {'yes' if figures['restored_equal'] else 'no'}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=36, help="optimizer steps of a whole trial (default 36)")
    parser.add_argument("--out", type=Path, default=Path("build/bench-sweep.json"))
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
