"""The driver of an evaluation: `python -m cluster.evaluate --config FILE`.

    python -m cluster.evaluate --config configs/evaluations/digits.yaml --set measurement.split=all
    ray job submit --working-dir . -- python -m cluster.evaluate --config configs/evaluations/digits.yaml

One task on a node with the requested labels and resources transcribes the utterances and counts the errors of the adapter
and of its base. Without `RAY_ADDRESS` a local cluster starts, without `S3_ENDPOINT_URL` a local object store. Run again
with the same config, a killed or stopped evaluation continues with the missing transcripts, and a finished one returns its
result.

Exit codes: 0 done, or stopped on request; 1 failed; 2 rejected (config, data and resources do not fit together; retrying
is useless); 130 interrupted.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cluster import command
from cluster.config import EvaluationRunConfig
from cluster.errors import ClusterError, InfeasibleError, RefusedError, RunFailedError, last_line
from cluster.evaluation_task import EvaluationTask, work
from cluster.failures import tell_failure
from cluster.finished import given_again
from cluster.launch import CONFIG_KEY, RESULT_KEY, check_same_run, read_result
from engine.errors import EngineError, Fault

if TYPE_CHECKING:
    from cluster.storage.run_store import S3RunStore
    from cluster.storage.settings import S3Settings

_SAME: Final = ("model", "base_model", "adapter", "data", "training", "measurement")
_PROJECT: Final = Path(__file__).resolve().parents[1]
_log = logging.getLogger("cluster.evaluate")


def run(config: EvaluationRunConfig) -> Mapping[str, Any]:
    """Evaluate on the cluster and wait for the end; returns the figures of `result.json`.

    Raises:
        ConfigError: the evaluation exists already, with another model, data or config.
        ClusterError: no cluster or store, resources that no node has, or a task that failed permanently.
    """
    from cluster.event_relay import EventRelay
    from cluster.runtime import check_feasible, start_or_connect
    from cluster.stop_flag import STOP_KEY
    from cluster.storage.client import ensure_bucket, make_client, parse_s3_uri
    from cluster.storage.embedded import connected
    from cluster.storage.run_store import S3RunStore
    from cluster.storage.settings import S3Settings

    job_id = os.environ.get("LIM_JOB_ID") or None
    with contextlib.ExitStack() as stack:
        storage = stack.enter_context(connected(S3Settings.from_environment()))
        uri = config.storage or f"s3://{storage.bucket}/evaluations/{config.name}"
        bucket, prefix = parse_s3_uri(uri)
        client = make_client(storage)
        if bucket != storage.bucket:
            ensure_bucket(client, bucket, storage.region)
        store = S3RunStore(client, bucket, prefix)
        check_same_run(store, config, _SAME)
        if read_result(store, "succeeded") is not None:
            return _finished_before(config, store, storage)
        store.put_bytes(CONFIG_KEY, config.model_dump_json(indent=1).encode())
        if job_id is None:
            store.delete(STOP_KEY)
        stack.enter_context(start_or_connect(dashboard=False))
        try:
            try:
                check_feasible(config.resources)
            except InfeasibleError as error:
                faults = [Fault(f"resources.{fault.path}".rstrip("."), fault.message) for fault in error.faults]
                raise InfeasibleError(faults) from None
            beside = tuple(dict.fromkeys((str(Path.cwd()), str(_PROJECT))))
            _log.info("evaluation %s: files go to %s", config.name, uri)
            return _on_cluster(EvaluationTask(config, storage, uri, beside, job_id), store)
        except (EngineError, ClusterError) as error:
            with EventRelay(store, job_id) as events:
                tell_failure(events, error)
            raise


def _finished_before(config: EvaluationRunConfig, store: S3RunStore, storage: S3Settings) -> Mapping[str, Any]:
    """The stored result, if it was made from the same model, adapter and data."""
    from cluster.evaluation_task import local_adapter
    from cluster.storage.dataset_cache import local_dataset
    from cluster.storage.model_cache import fetch_model
    from engine.run.provenance.stages import evaluation_inputs

    beside = [Path.cwd(), _PROJECT]
    model = fetch_model(config.model, storage)
    base_model = fetch_model(config.base_model, storage) if config.base_model is not None else None
    data = local_dataset(
        config.data, storage, beside=beside, language=config.training.task.text_language, task=config.training.task.type
    )
    with tempfile.TemporaryDirectory(prefix="lim-evaluation-") as folder:
        adapter = local_adapter(config.adapter, storage, Path(folder), beside) if config.adapter is not None else None
        inputs = evaluation_inputs(model, adapter, data, config.training, config.measurement, base_model)
    return given_again(store, inputs, "measured", _log)


def _on_cluster(task: EvaluationTask, store: S3RunStore) -> Mapping[str, Any]:
    import ray
    from ray.exceptions import RayError

    resources = task.config.resources
    options: dict[str, Any] = {"num_cpus": resources.cpus_per_worker, "max_retries": resources.max_failures}
    if resources.gpus_per_worker:
        options["num_gpus"] = resources.gpus_per_worker
    if resources.memory_bytes_per_worker:
        options["memory"] = resources.memory_bytes_per_worker
    if resources.label_selector:
        options["label_selector"] = dict(resources.label_selector)
    try:
        outcome: Mapping[str, Any] = ray.get(ray.remote(work).options(**options).remote(task))
    except RayError as error:
        raise RunFailedError(f"the task failed permanently: {last_line(error)}") from error
    if "refused" in outcome:
        raise RefusedError(str(outcome["refused"]))
    if outcome["status"] == "stopped":
        store.put_bytes(RESULT_KEY, json.dumps(outcome, indent=1).encode())
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""

    def measure(where: str, overrides: Sequence[str]) -> Mapping[str, Any]:
        return run(command.read_config(EvaluationRunConfig, where, overrides))

    return command.main("cluster.evaluate", __doc__ or "", measure, _log, arguments)


if __name__ == "__main__":
    sys.exit(main())
