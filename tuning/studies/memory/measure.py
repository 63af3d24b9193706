"""Measure one run in this fresh process: `python -m tuning.studies.memory.measure SPEC.json OUT.json`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any


class Phases:
    """The peak of resident memory in each phase of a run. An event sink."""

    def __init__(self) -> None:
        self.peaks: dict[str, int] = {}
        self.ends: dict[str, int] = {}
        self._now = "start"
        _reset()

    def emit(self, event: Any) -> None:
        """Note the peak of the phase that ends."""
        if event.kind == "status":
            self.end()
            self._now = event.data["phase"]

    def end(self) -> None:
        """The phase ends."""
        peak, resident = _status("VmHWM"), _status("VmRSS")
        self.peaks[self._now] = max(self.peaks.get(self._now, 0), peak)
        self.ends[self._now] = resident
        _reset()

    def flush(self) -> None:
        """Nothing is buffered."""


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}; the study needs Linux")


def _reset() -> None:
    """Let VmHWM begin anew with what is resident now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def main(spec_path: str, out_path: str) -> None:
    """Run the stage and write what it took."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    from engine.config.training import TrainingConfig
    from engine.families.lookup import family_for
    from engine.run.store import LocalRunStore
    from engine.stages.finetune import finetune

    config = TrainingConfig.model_validate(spec["config"])
    family_for(spec["family"], config.task.type)
    before = _status("VmRSS")
    phases = Phases()
    with tempfile.TemporaryDirectory(prefix="lim-memory-") as folder:
        result = finetune(
            model=spec["model"],
            data=Path(spec["data"]),
            config=config,
            store=LocalRunStore(Path(folder) / "store"),
            events=phases,
            work_dir=Path(folder) / "scratch",
            threads=spec["threads"],
        )
    phases.end()
    found = {
        "start_bytes": before,
        "peaks": phases.peaks,
        "ends": phases.ends,
        "peak_bytes": max(phases.peaks.values()),
        "result_peak_bytes": result.peak_bytes,
        "wall_s": round(result.wall_s, 1),
        "training_s": round(result.training_s, 2),
    }
    Path(out_path).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
