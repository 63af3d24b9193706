"""The steps of a selection that read audio, mapped over the nodes of a cluster by Ray Data.

Paths and times go in, rows come out: tasks open the audio, which never travels. A task takes several blocks of some minutes
of audio, because a worker waits between tasks, and yields each block's rows as soon as they are ready. Ray Data starts as
many tasks as fit, retries tasks of dead workers, and applies backpressure. Results are matched by the name of their block,
so none is lost or counted twice. Each is stored in the run's files, and a restarted selection continues from there.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.errors import RunFailedError, last_line
from cluster.selection.blocks import (
    Scoring,
    Source,
    import_early,
    in_blocks,
    in_tasks,
    score_blocks,
    segment_blocks,
    to_text,
)
from cluster.selection.config import SelectionResources
from cluster.selection.parts import Parts, Row, part_name
from engine.config.selection import SelectionConfig
from engine.data.example import Utterance
from engine.errors import SelectionError
from engine.families.binding import Bound
from engine.models.reference import ModelReference
from engine.run.store import RunStore
from engine.segments.rows import from_row
from engine.segments.segment import Segment
from engine.segments.segmenting import SegmentLimits, reading_batches
from engine.selection.scorer import Loss, Transcribed, scoring_batches

if TYPE_CHECKING:
    import pyarrow as pa

_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Starting:
    """Background start-up work; keep it until the first step."""

    imports: list[Any]
    """Tasks that import."""
    ray_data: threading.Thread
    """Runs a dataset of one row."""

    def wait(self) -> None:
        """Wait until all of it is done; optional."""
        import ray

        ray.get(self.imports)
        self.ray_data.join()


def start_workers(resources: SelectionResources) -> Starting:
    """Do slow start-up work while the driver loads its model.

    As many processes as there will be tasks import what tasks need. Ray Data runs a dataset of one row, because a
    cluster's first dataset starts two actors.
    """
    import ray

    places = readers(resources)
    options: dict[str, Any] = {"num_cpus": places.cpus, "max_retries": 0}
    if resources.label_selector:
        options["label_selector"] = dict(resources.label_selector)
    begin = ray.remote(import_early).options(**options)
    imports = [begin.remote() for _ in range(places.tasks)]
    ray_data = threading.Thread(target=_start_ray_data, name="start-ray-data", daemon=True)
    ray_data.start()
    return Starting(imports, ray_data)


@dataclass(frozen=True, slots=True)
class Places:
    """Number of concurrent tasks of a step, and the resources of each."""

    tasks: int
    cpus: float
    """CPUs that Ray reserves for each."""
    gpus: float = 0.0


def scorers(resources: SelectionResources) -> Places:
    """Scoring tasks: as many as CPUs and GPUs allow, since each holds a model."""
    fit = _room(resources, resources.gpus_per_scorer)
    return Places(min(fit, resources.most_workers or fit), resources.cpus_per_worker, resources.gpus_per_scorer)


def readers(resources: SelectionResources) -> Places:
    """Reading tasks: as many as CPUs allow plus the spare ones, all of which share those CPUs."""
    fit = _room(resources)
    if resources.most_workers is not None:
        return Places(min(fit, resources.most_workers), resources.cpus_per_worker)
    tasks = fit + resources.spare_readers
    # Ray counts in ten-thousandths of a CPU; rounded down, so that all tasks fit.
    return Places(tasks, math.floor(resources.cpus_per_worker * fit / tasks * 10_000) / 10_000)


def task_options(resources: SelectionResources, room: Places) -> dict[str, Any]:
    """Ray's options for each task of a step.

    Tasks, not actors: a worker process keeps torch imported from one step to the next, and Ray would silently wait for an
    actor that does not fit.
    """
    options: dict[str, Any] = {"num_cpus": room.cpus}
    if room.gpus:
        options["num_gpus"] = room.gpus
    if resources.memory_bytes_per_worker:
        options["memory"] = resources.memory_bytes_per_worker
    if resources.label_selector:
        options["label_selector"] = dict(resources.label_selector)
    return options


def _room(resources: SelectionResources, gpus: float = 0.0) -> int:
    from cluster.runtime import live_nodes, room_for

    return max(1, room_for(resources.worker(gpus), live_nodes()))


def _start_ray_data() -> None:
    import ray.data
    from ray.exceptions import RayError

    from cluster.selection.ray_data_context import set_up

    set_up()
    try:
        ray.data.from_items([0]).take_all()
    except (RayError, RuntimeError):  # the first step reports it; at the end of the process Ray may be gone
        _log.debug("an early dataset failed", exc_info=True)


class RayDataSteps:
    """Steps on the cluster that this process is connected to."""

    def __init__(
        self,
        source: Source,
        config: SelectionConfig,
        model: ModelReference,
        resources: SelectionResources,
        store: RunStore,
        bound: Bound,
    ) -> None:
        """Steps of one selection.

        Args:
            source: the audio.
            config: the selection.
            model: reference to the base model.
            resources: placement and resources of the tasks.
            store: of the selection's files, with the finished blocks.
            bound: this process's model; its config is the run's, resolved for the model, and it decides which
                utterances share a batch.
        """
        self._source, self._config, self._resources, self._store = source, config, resources, store
        self._model, self._bound = model, bound

    def segment(self, utterances: Sequence[Utterance], limits: SegmentLimits) -> Iterable[Segment]:
        """Cut and trim utterances."""
        batches = reading_batches(utterances, self._config.batch_audio_s)
        told: list[object] = [self._config.model_dump(mode="json", include={"activity", "trim", "cut"})]
        function = functools.partial(
            segment_blocks,
            source=self._source,
            config=self._config,
            limits=limits,
            threads=self._resources.threads_per_worker,
        )
        told += [limits.longest_s, self._model.name]
        rows = self._mapped(batches, "segments", told, function, readers)
        return (from_row(row) for row in rows)

    def losses(self, utterances: Sequence[Utterance], adapter: Path | None, full_precision: bool) -> Iterable[Loss]:
        """Score utterances under teacher forcing."""
        rows = self._scored("losses", utterances, adapter, full_precision=full_precision)
        return (Loss(**row) for row in rows)

    def transcripts(self, utterances: Sequence[Utterance], adapter: Path) -> Iterable[Transcribed]:
        """Count word errors of transcripts."""
        rows = self._scored("transcripts", utterances, adapter, full_precision=False, transcribe=True)
        return (Transcribed(**row) for row in rows)

    def _scored(
        self, name: str, utterances: Sequence[Utterance], adapter: Path | None, **settings: bool
    ) -> Iterator[Row]:
        files = tuple((file, (adapter / file).read_bytes()) for file in _ADAPTER_FILES) if adapter else None
        training = self._bound.config.model_dump_json()
        told: list[object] = [self._model.name, training, settings]
        told += [[file, hashlib.sha256(content).hexdigest()] for file, content in files or ()]
        scoring = Scoring(self._source, self._model, training, files, **settings)
        function = functools.partial(score_blocks, scoring=scoring, threads=self._resources.threads_per_worker)
        batches = scoring_batches(self._bound.learner, utterances, self._config.batch_audio_s)
        return self._mapped(batches, name, told, function, scorers)

    # ---- Ray Data ------------------------------------------------------------------------------------------

    def _mapped(
        self,
        batches: Iterable[Sequence[Utterance]],
        name: str,
        told: Sequence[object],
        function: Callable[[pa.Table], pa.Table],
        places: Callable[[SelectionResources], Places],
    ) -> Iterator[Row]:
        """Rows of every block, the stored ones first, otherwise in any order."""
        parts = Parts(self._store, name)
        blocks = {
            part_name(text, *told): text for text in map(to_text, in_blocks(batches, self._resources.block_audio_s))
        }
        there = parts.names() & blocks.keys()
        for block in sorted(there):
            rows = parts.read(block)
            if rows is not None:
                del blocks[block]
                yield from rows
        if there:
            _log.info("%s: %d blocks already done, %d left", name, len(there), len(blocks))
        failures = 0
        while blocks:
            try:
                for block, rows in self._computed(blocks, function, places):
                    parts.write(block, rows)
                    del blocks[block]
                    yield from rows
            except RunFailedError as error:
                failures += 1
                if failures > self._resources.max_failures:
                    raise
                _log.warning("%s: %s; retrying the %d blocks that are left", name, error, len(blocks))

    def _computed(
        self,
        blocks: dict[str, str],
        function: Callable[[pa.Table], pa.Table],
        places: Callable[[SelectionResources], Places],
    ) -> Iterator[tuple[str, list[Row]]]:
        import pyarrow
        import ray.data
        from ray.data import TaskPoolStrategy
        from ray.exceptions import RayError

        from cluster.selection.ray_data_context import set_up

        set_up()
        waiting = set(blocks)
        room = places(self._resources)
        tasks = [
            pyarrow.table({"name": [name for name, _ in task], "batches": [text for _, text in task]})
            for task in in_tasks(list(blocks.items()), room.tasks)
        ]
        dataset = ray.data.from_arrow(tasks).map_batches(
            function,
            batch_size=1,
            batch_format="pyarrow",
            compute=TaskPoolStrategy(room.tasks),
            **task_options(self._resources, room),
        )
        try:
            tables: Iterable[Any] = dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
            for table in tables:
                for row in table.to_pylist():
                    if row["error"] is not None:
                        raise SelectionError(row["error"])
                    if row["name"] in waiting:  # Ray may deliver a result twice
                        waiting.remove(row["name"])
                        yield row["name"], json.loads(row["rows"])
        except RayError as error:
            raise RunFailedError(f"the cluster could not read or score the audio: {last_line(error)}") from error
        if waiting:
            raise RunFailedError(f"Ray Data gave nothing for {len(waiting)} of {len(blocks)} blocks; start again")
