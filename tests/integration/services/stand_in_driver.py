"""A driver in the training driver's place: counts steps slowly, keeps its place in the run's files, tells the hub.

`python stand_in_driver.py --config s3://bucket/runs/<job>/config-request.json`. It goes on from its last step when
it is started again, ends with `stopped` at the stop flag, and dies in the way that its learning rate asks for.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import ray

from cluster.config import RunConfig
from cluster.storage.client import parse_s3_uri
from cluster.storage.from_hub import adopt_storage
from cluster.storage.run_store import S3RunStore
from cluster.storage.settings import S3Settings
from engine.errors import ObjectNotFoundError
from engine.run.events import Event

DIES_ONCE = 0.11
FAILS = 0.12
STEP_S = 0.05


def main(config_uri: str) -> int:
    """Run to the end."""
    adopt_storage()
    settings = S3Settings.from_environment()
    folder = config_uri.rpartition("/")[0]
    config = RunConfig.model_validate_json(S3RunStore.at(folder, settings).get_bytes("config-request.json"))
    assert config.storage is not None
    assert parse_s3_uri(config.storage) == parse_s3_uri(folder)
    store = S3RunStore.at(config.storage, settings)
    fate = config.training.optimizer.learning_rate
    steps = config.training.max_steps or 1

    hub = ray.get_actor("lim-hub", "less-is-more")

    def tell(step: int) -> None:
        event = Event("metric", f"train/{step}", {"step": step, "loss": 1 / step, "progress": step / steps})
        store.put_bytes(f"events/{step:08d}.jsonl", json.dumps(event.to_json()).encode())
        hub.push.remote(os.environ["LIM_JOB_ID"], [event.to_json()])

    try:
        step = int(store.get_bytes("checkpoints/step"))
    except ObjectNotFoundError:
        step = 0
    began_at = step
    while step < steps:
        if "stop" in store.list("stop"):
            store.put_bytes("result.json", json.dumps({"status": "stopped", "steps": step}).encode())
            return 0
        step += 1
        time.sleep(STEP_S)
        tell(step)
        store.put_bytes("checkpoints/step", str(step).encode())
        if fate == DIES_ONCE and began_at == 0 and step == steps // 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if fate == FAILS:
            sys.stderr.write("the data cannot be learned\n")
            return 2
    store.put_bytes("adapter/adapter_model.safetensors", b"weights")
    store.put_bytes("result.json", json.dumps({"status": "succeeded", "steps": step}).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[sys.argv.index("--config") + 1]))
