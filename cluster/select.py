"""The driver of a selection: `python -m cluster.select --config FILE`.

    python -m cluster.select --config configs/selection-runs/digits.yaml --set selection.budget.fraction=0.3
    ray job submit --working-dir . -- python -m cluster.select --config configs/selection-runs/digits.yaml

Ray Data tasks on the cluster's nodes read, cut and score the audio; this process holds the model, warms the adapter up and
chooses. A run uses the result with `selection: s3://bucket/selections/<name>/selection`.

Without `RAY_ADDRESS` a local cluster starts, without `S3_ENDPOINT_URL` a local object store. Run again with the same
config, a killed or stopped selection continues with the missing blocks.

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
from cluster.failures import failure_told
from cluster.finished import given_again
from cluster.launch import CONFIG_KEY, RESULT_KEY, check_same_run, read_result
from cluster.selection.config import FOLDER, SelectionRunConfig
from cluster.selection.parts import PARTS
from engine.config.selection_for import selection_for
from engine.data.telling import tell_report
from engine.errors import StoppedError
from engine.run.events import Event, EventSink
from engine.run.provenance.inputs import Inputs, begin
from engine.run.provenance.stages import selection_inputs

if TYPE_CHECKING:
    from cluster.storage.run_store import S3RunStore
    from cluster.storage.settings import S3Settings

FILES: Final = ("segments.parquet", "selection.json")
"""Files of a selection; the last one is written last."""

_SHOWN: Final = {"figures", "decision", "saving", "measured", "warnings", "finished_at", "code_version"}
_SAME: Final = ("model", "data", "selection", "training")
_PROJECT: Final = Path(__file__).resolve().parents[1]
_log = logging.getLogger("cluster.select")


def run(config: SelectionRunConfig) -> Mapping[str, Any]:
    """Select on the cluster and wait for the end; returns the figures of `selection.json`.

    Raises:
        ConfigError: the selection exists already, with another model, data or config.
        EngineError: data, model and config do not fit together.
        ClusterError: no cluster or store, or resources that no node has.
    """
    config = config.model_copy(update={"selection": selection_for(config.selection, config.training)})
    from cluster.storage.client import ensure_bucket, make_client, parse_s3_uri
    from cluster.storage.embedded import connected
    from cluster.storage.run_store import S3RunStore
    from cluster.storage.settings import S3Settings

    with connected(S3Settings.from_environment()) as storage:
        uri = config.storage or f"s3://{storage.bucket}/selections/{config.name}"
        bucket, prefix = parse_s3_uri(uri)
        client = make_client(storage)
        if bucket != storage.bucket:
            ensure_bucket(client, bucket, storage.region)
        store = S3RunStore(client, bucket, prefix)
        check_same_run(store, config, _SAME)
        if read_result(store, "succeeded") is not None:
            return given_again(store, _inputs(config, storage), "selected", _log)
        store.put_bytes(CONFIG_KEY, config.model_dump_json(indent=1).encode())
        return _select(config, uri, store, storage)


def _inputs(config: SelectionRunConfig, storage: S3Settings) -> Inputs:
    """The selection's inputs on this node."""
    from cluster.storage.dataset_cache import local_dataset
    from cluster.storage.model_cache import fetch_model

    model = fetch_model(config.model, storage)
    data = local_dataset(
        config.data,
        storage,
        beside=[Path.cwd(), _PROJECT],
        language=config.training.task.text_language,
        task=config.training.task.type,
    )
    return selection_inputs(model, data, config.selection, config.training)


def _select(config: SelectionRunConfig, uri: str, store: S3RunStore, storage: S3Settings) -> Mapping[str, Any]:
    from cluster.event_relay import EventRelay
    from cluster.runtime import check_feasible, live_nodes, start_or_connect
    from cluster.selection.blocks import Source
    from cluster.selection.ray_steps import RayDataSteps, start_workers
    from cluster.stop_flag import STOP_KEY, StopFlag
    from cluster.storage.dataset_cache import ON_PLATFORM, report_address
    from cluster.storage.model_cache import fetch_model
    from engine.process.threads import compute_threads, wait_passively

    job_id = os.environ.get("LIM_JOB_ID") or None
    threads = config.resources.threads_per_worker
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ.setdefault("OMP_NUM_THREADS", str(compute_threads()))
    wait_passively()
    with contextlib.ExitStack() as stack:
        stack.enter_context(start_or_connect(dashboard=False))
        nodes = live_nodes()
        check_feasible(config.resources.worker(), nodes)
        check_feasible(config.resources.worker(config.resources.gpus_per_scorer), nodes)
        early = start_workers(config.resources)
        if job_id is None:
            store.delete(STOP_KEY)
        events = _Narrated(stack.enter_context(EventRelay(store, job_id)))
        should_stop = stack.enter_context(StopFlag(store))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lim-selection-")))
        beside = tuple(dict.fromkeys((str(Path.cwd()), str(_PROJECT))))
        stack.enter_context(failure_told(events))
        begin(store, _inputs(config, storage), parts=(PARTS,))
        source = Source(config.data, storage, beside, config.training.task.text_language)
        data = source.folder()
        tell_report(events, data, ON_PLATFORM if job_id else report_address(config.data, data))
        out = folder / "selection"
        _log.info("selection %s: files go to %s", config.name, uri)

        from engine.families.binding import Bound
        from engine.stages.select import select

        def steps(bound: Bound) -> RayDataSteps:
            return RayDataSteps(
                source,
                config.selection,
                fetch_model(config.model, storage),
                config.resources,
                store,
                bound,
            )

        try:
            result = select(
                data,
                config.selection,
                model=fetch_model(config.model, storage),
                training=config.training,
                out=out,
                work_dir=folder / "work",
                events=events,
                threads=int(os.environ["OMP_NUM_THREADS"]),
                steps=steps,
                should_stop=should_stop,
            )
            del early
        except StoppedError as stopped:
            return _kept(store, {"status": "stopped", "reason": str(stopped)})
        for name in FILES:
            store.put(f"{FOLDER}/{name}", out / name)
        told = result.model_dump(mode="json", include=_SHOWN)
        return _kept(store, {"status": "succeeded", "selection": f"{uri}/{FOLDER}", **told})


class _Narrated:
    """Also writes events to the driver's log."""

    def __init__(self, events: EventSink) -> None:
        self._events = events

    def emit(self, event: Event) -> None:
        """Pass an event on, and log messages."""
        if event.kind == "log":
            _log.info("%s", event.data["message"])
        self._events.emit(event)

    def flush(self) -> None:
        """Flush the sink."""
        self._events.flush()


def _kept(store: S3RunStore, result: Mapping[str, Any]) -> Mapping[str, Any]:
    store.put_bytes(RESULT_KEY, json.dumps(result, indent=1).encode())
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""

    def choose(where: str, overrides: Sequence[str]) -> Mapping[str, Any]:
        return run(command.read_config(SelectionRunConfig, where, overrides))

    return command.main("cluster.select", __doc__ or "", choose, _log, arguments)


if __name__ == "__main__":
    sys.exit(main())
