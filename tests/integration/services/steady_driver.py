"""A driver in the training driver's place that takes its time: what it says goes the way that training's words go.

`python steady_driver.py --config s3://bucket/runs/<job>/config-request.json`. A step takes as many seconds as the
learning rate says; the steps do not wait for anything, so that whoever misses one has lost it.
"""

from __future__ import annotations

import json
import os
import sys
import time

from cluster.config import RunConfig
from cluster.event_relay import EventRelay
from cluster.storage.from_hub import adopt_storage
from cluster.storage.run_store import S3RunStore
from cluster.storage.settings import S3Settings
from engine.run.events import Event


def main(config_uri: str) -> int:
    """Run to the end."""
    adopt_storage()
    settings = S3Settings.from_environment()
    store = S3RunStore.at(config_uri.rpartition("/")[0], settings)
    config = RunConfig.model_validate_json(store.get_bytes("config-request.json"))
    step_s = config.training.optimizer.learning_rate
    steps = config.training.max_steps or 1

    with EventRelay(store, os.environ["LIM_JOB_ID"]) as events:
        for step in range(1, steps + 1):
            time.sleep(step_s)
            data = {"step": step, "loss": 1 / step, "progress": step / steps}
            events.emit(Event("metric", f"train/{step}", data))
        events.flush()
        store.put_bytes("adapter/adapter_model.safetensors", b"weights")
        store.put_bytes("result.json", json.dumps({"status": "succeeded", "steps": steps}).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[sys.argv.index("--config") + 1]))
