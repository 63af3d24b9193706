"""What trials share is made once, on a node: the sketch of the gradient, and selections.

Imports neither torch nor the engine's stages at the top: the driver reads this module too.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cluster.errors import ClusterError, ObjectStorageError, RefusedError, RunFailedError, last_line
from cluster.event_relay import EventRelay
from cluster.storage.run_store import S3RunStore
from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.errors import EngineError
from engine.ranks.ranks import RANKS_KEY, Ranks
from tuning.sweep.trial import Surroundings

SKETCH: Final = "sketch"
SELECTIONS: Final = "selections"
_SELECTION_FILES: Final = ("segments.parquet", "selection.json")
"""The last one is written last."""


def shared_sketch(surroundings: Surroundings, store: S3RunStore, training: TrainingConfig) -> Ranks:
    """The sketch of the gradient, with the ranks of the training as it stands; measured unless it is there.

    Raises:
        RefusedError: data, model and config do not fit together.
        RunFailedError: the task failed permanently.
    """
    key = f"{SKETCH}/{RANKS_KEY}"
    if key not in store.list(SKETCH):
        _on_a_node(_measure, surroundings, training)
    return Ranks.model_validate_json(store.get_bytes(key))


def shared_selection(
    surroundings: Surroundings, store: S3RunStore, training: TrainingConfig, selection: SelectionConfig
) -> str:
    """Folder of a selection in the sweep's files; it is made unless it is there.

    Raises:
        RefusedError: data, model and config do not fit together.
        RunFailedError: the task failed permanently.
    """
    folder = f"{SELECTIONS}/{hashlib.sha256(selection.model_dump_json().encode()).hexdigest()[:12]}"
    if f"{folder}/{_SELECTION_FILES[-1]}" not in store.list(folder):
        _on_a_node(_select, surroundings, training, selection, folder)
    return folder


def _on_a_node(task: Callable[..., str | None], surroundings: Surroundings, *arguments: object) -> None:
    """Run a task with the resources of a trial, and wait for it; it returns why it was refused, if it was."""
    import ray
    from ray.exceptions import RayError

    resources = surroundings.resources
    options: dict[str, Any] = {"num_cpus": resources.cpus_per_worker, "max_retries": resources.max_failures}
    if resources.gpus_per_worker:
        options["num_gpus"] = resources.gpus_per_worker
    if resources.memory_bytes_per_worker:
        options["memory"] = resources.memory_bytes_per_worker
    if resources.label_selector:
        options["label_selector"] = dict(resources.label_selector)
    try:
        refused = ray.get(ray.remote(task).options(**options).remote(surroundings, *arguments))
    except RayError as error:
        raise RunFailedError(f"the task failed permanently: {last_line(error)}") from error
    if refused is not None:
        raise RefusedError(str(refused))


def _measure(surroundings: Surroundings, training: TrainingConfig) -> str | None:
    storage, _ = surroundings.on_this_node()
    own = S3RunStore.at(f"{surroundings.uri}/{SKETCH}", storage)
    try:
        model, data = surroundings.inputs(training, storage)
        from engine.stages.allocate import allocate_ranks

        with EventRelay(own) as events:
            allocate_ranks(
                model=model,
                data=data,
                config=training,
                store=own,
                events=events,
                threads=int(os.environ["OMP_NUM_THREADS"]),
            )
    except ObjectStorageError:
        raise  # a store that does not answer may answer later
    except (EngineError, ClusterError) as error:
        return str(error)
    return None


def _select(
    surroundings: Surroundings, training: TrainingConfig, selection: SelectionConfig, folder: str
) -> str | None:
    storage, store = surroundings.on_this_node()
    own = S3RunStore.at(f"{surroundings.uri}/{folder}", storage)
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lim-selection-")))
        events = stack.enter_context(EventRelay(own))
        try:
            model, data = surroundings.inputs(training, storage)
            from engine.stages.select import select

            select(
                data,
                selection,
                model=model,
                training=training,
                out=work / "selection",
                work_dir=work / "work",
                events=events,
                threads=int(os.environ["OMP_NUM_THREADS"]),
            )
        except ObjectStorageError:
            raise
        except (EngineError, ClusterError) as error:
            return str(error)
        for name in _SELECTION_FILES:
            store.put(f"{folder}/{name}", work / "selection" / name)
    return None
