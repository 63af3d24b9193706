"""A run that kills itself with SIGKILL at a given step: `python -m tests.integration.engine.killed_run ...`."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from engine.config.training import TrainingConfig
from engine.events import Event
from engine.finetune import finetune
from engine.storage import LocalRunStore


class KillingSink:
    """Writes each step's loss to a file at once; kills the process when a step is reached."""

    def __init__(self, path: Path, kill_at: int) -> None:
        self._path, self._kill_at = path, kill_at

    def emit(self, event: Event) -> None:
        if event.kind == "metric" and "step_losses" in event.data:
            with self._path.open("a") as stream:
                stream.write(json.dumps([event.data["step"], event.data["step_losses"]]) + "\n")
            if event.data["step"] == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def flush(self) -> None:
        pass


def main() -> None:
    model, data, run, config, kill_at = sys.argv[1:]
    folder = Path(run)
    folder.mkdir(parents=True, exist_ok=True)
    finetune(
        model=model,
        data=Path(data),
        config=TrainingConfig.model_validate_json(config),
        store=LocalRunStore(folder / "store"),
        events=KillingSink(folder / "losses.jsonl", int(kill_at)),
        work_dir=folder / "scratch",
        threads=1,
    )


if __name__ == "__main__":
    main()
