"""The evaluation task on a node: prepare the inputs of the evaluation stage, and call it.

Imports neither torch nor the engine's stages at the top: the driver reads this module too.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cluster.config import EvaluationRunConfig
from cluster.errors import ClusterError, ObjectStorageError, RefusedError
from cluster.event_relay import EventRelay
from cluster.stop_flag import StopFlag
from cluster.storage.dataset_cache import ON_PLATFORM, local_dataset, report_address
from cluster.storage.model_cache import fetch_model
from cluster.storage.run_store import S3RunStore
from cluster.storage.settings import S3Settings, usable_home
from cluster.worker import Place, prepare_process
from engine.data.telling import tell_report
from engine.errors import EngineError, StoppedError


@dataclass(frozen=True, slots=True)
class EvaluationTask:
    """The task's assignment, sent by the driver."""

    config: EvaluationRunConfig
    storage: S3Settings
    uri: str
    beside: tuple[str, ...]
    job_id: str | None


def work(task: EvaluationTask) -> Mapping[str, Any]:
    """Prepare the inputs of the stage on this node, and call it.

    Returns the result, `{"status": "stopped"}`, or `{"refused": why}` for a failure that a retry would repeat.
    """
    config = task.config
    prepare_process(config.resources, Place())
    storage = replace(task.storage, home=usable_home(task.storage.home))
    store = S3RunStore.at(task.uri, storage)
    with contextlib.ExitStack() as stack:
        events = stack.enter_context(EventRelay(store, task.job_id))
        should_stop = stack.enter_context(StopFlag(store))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lim-evaluation-")))
        beside = [Path(place) for place in task.beside]
        try:
            model = fetch_model(config.model, storage)
            base_model = fetch_model(config.base_model, storage) if config.base_model is not None else None
            data = local_dataset(
                config.data,
                storage,
                beside=beside,
                language=config.training.task.text_language,
                task=config.training.task.type,
            )
            tell_report(events, data, ON_PLATFORM if task.job_id else report_address(config.data, data))
            adapter = None
            if config.adapter is not None:
                adapter = local_adapter(config.adapter, storage, folder, beside)
            from engine.stages.evaluate import evaluate

            return evaluate(
                model=model,
                adapter=adapter,
                data=data,
                training=config.training,
                measurement=config.measurement,
                store=store,
                events=events,
                should_stop=should_stop,
                threads=int(os.environ["OMP_NUM_THREADS"]),
                base_model=base_model,
            ).model_dump(mode="json")
        except StoppedError as stopped:
            return {"status": "stopped", "reason": str(stopped)}
        except ObjectStorageError:
            raise  # a store that does not answer may answer later
        except (EngineError, ClusterError) as error:
            return {"refused": str(error)}


def local_adapter(adapter: str, storage: S3Settings, folder: Path, beside: Sequence[Path]) -> Path:
    """The folder of an adapter on this node; one in object storage is downloaded to `folder`.

    Raises:
        RefusedError: the adapter does not exist.
    """
    if adapter.startswith("s3://"):
        store = S3RunStore.at(adapter, storage)
        keys = [key for key in store.list("") if key.endswith((".json", ".safetensors"))]
        if not any(key.endswith(".safetensors") for key in keys):
            raise RefusedError(f"{adapter} holds no adapter: no .safetensors among {len(keys)} files")
        for key in keys:
            store.get(key, folder / key)
        return folder
    path = Path(adapter).expanduser()
    for place in [path] if path.is_absolute() else [path.absolute(), *(root / path for root in beside)]:
        if (place / "adapter_config.json").is_file():
            return place
    raise RefusedError(f"no adapter_config.json in {adapter} on {os.uname().nodename}; give the folder of an adapter")
