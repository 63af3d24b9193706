"""Process a block of a selection on a node: a few minutes of audio in, rows out. Loads its models once per process.

A fault in the data returns as a row with the fault, because a retry would meet it again. A fault that may pass (a store
that does not answer) is raised and ends the driver, which continues on restart. Ray retries dead workers.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cluster.errors import ClusterError, ObjectStorageError
from cluster.selection.parts import Row
from cluster.storage.dataset_cache import local_dataset
from cluster.storage.model_cache import fetch_model
from cluster.storage.settings import S3Settings, usable_home
from engine.config.selection import SelectionConfig
from engine.config.training import TrainingConfig
from engine.data.example import AudioInput, Example, Piece, Text, TimedText, Utterance
from engine.errors import EngineError
from engine.models.reference import ModelReference
from engine.process.heap import release_free_memory

if TYPE_CHECKING:
    import pyarrow as pa

    from engine.segments.segmenting import SegmentLimits
    from engine.selection.scorer import Scorer

_BLOCKS = 16
_SHORTEST_S, _LONGEST_S = 300.0, 1800.0
_MOST_BLOCKS_PER_TASK = 4

Batches = Sequence[Sequence[Utterance]]
BlockT = TypeVar("BlockT")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Source of the audio for a node."""

    data: str
    """A dataset version or recordings, as in `SelectionRunConfig.data`."""
    storage: S3Settings
    """Object store with an endpoint; its home is the driver's and used only if this node can create the folder."""
    beside: tuple[str, ...] = ()
    """Folders that relative paths are looked up in."""
    language: str | None = None
    """Spoken language, for ingestion."""

    def folder(self) -> Path:
        """The dataset version on this node, downloaded once."""
        return _folder(self)

    def local_storage(self) -> S3Settings:
        """The object store, with a home on this node."""
        return dataclasses.replace(self.storage, home=usable_home(self.storage.home))


@functools.lru_cache(maxsize=2)
def _folder(source: Source) -> Path:
    beside = [Path(folder) for folder in source.beside]
    return local_dataset(source.data, source.local_storage(), beside=beside, language=source.language)


# ---- blocks and tasks -------------------------------------------------------------------------------------


def to_text(batches: Batches) -> str:
    """Batches of utterances as JSON."""
    return json.dumps([[dataclasses.asdict(u) for u in batch] for batch in batches], sort_keys=True)


def from_text(text: str) -> list[list[Utterance]]:
    """Read the output of `to_text`."""
    return [[_utterance(row) for row in batch] for batch in json.loads(text)]


def _utterance(row: dict[str, Any]) -> Utterance:
    given, target = row["input"], row["target"]
    given["pieces"] = tuple(Piece(**piece) for piece in given["pieces"])
    target["times"] = tuple(TimedText(**part) for part in target["times"])
    return Example(**row | {"input": AudioInput(**given), "target": Text(**target)})


def in_blocks(batches: Iterable[Sequence[Utterance]], audio_s: float | None) -> list[list[list[Utterance]]]:
    """Group neighbouring batches, up to `audio_s` seconds; a longer batch alone.

    Without `audio_s`, up to a sixteenth of all audio, clamped to 300 to 1800 s: a function of the data alone, so that
    another cluster finds the same blocks.
    """
    if audio_s is None:
        batches = list(batches)
        total_s = sum(u.input.duration_s for batch in batches for u in batch)
        audio_s = min(max(total_s / _BLOCKS, _SHORTEST_S), _LONGEST_S)
    blocks: list[list[list[Utterance]]] = []
    seconds = 0.0
    for batch in batches:
        batch_s = sum(u.input.duration_s for u in batch)
        if not blocks or seconds + batch_s > audio_s:
            blocks.append([])
            seconds = 0.0
        blocks[-1].append(list(batch))
        seconds += batch_s
    return blocks


def in_tasks(blocks: Sequence[BlockT], workers: int) -> list[list[BlockT]]:
    """Assign blocks to tasks: several at first, one each at the end, so that all workers finish together.

    A worker waits for the driver between tasks, not within one. A dead worker costs the blocks of its task that have not
    arrived, so a task has at most four (guided self-scheduling: Polychronopoulos and Kuck, 1987).
    """
    tasks: list[list[BlockT]] = []
    place = 0
    while place < len(blocks):
        left = len(blocks) - place
        size = min(-(-left // (2 * workers)), _MOST_BLOCKS_PER_TASK)
        tasks.append(list(blocks[place : place + size]))
        place += size
    return tasks


# ---- on the node ------------------------------------------------------------------------------------------


def import_early() -> None:
    """Import what blocks need, and load the speech detector; ignores faults, which the first block reports."""
    try:
        import ray.data  # noqa: F401  tasks of Ray Data need it

        import engine.selection.scorer  # noqa: F401  the model, too
        from engine.segments.speech_activity import load_speech_activity

        load_speech_activity()
    except (ImportError, OSError, EngineError):
        _log.exception("an early import failed")


def segment_blocks(
    table: pa.Table, *, source: Source, config: SelectionConfig, limits: SegmentLimits, threads: int | None = None
) -> pa.Table:
    """Read, decode, resample, find speech and cut: blocks in, segments out, on `threads` threads or Ray's default."""
    _compute_with(threads)

    def segments(batches: Batches) -> list[Row]:
        from engine.segments.rows import to_row
        from engine.segments.segmenting import segment_batch

        folder = source.folder()
        return [to_row(segment) for batch in batches for segment in segment_batch(batch, folder, config, limits)]

    return _mapped(table, segments)


@dataclass(frozen=True, slots=True)
class Scoring:
    """Model and options for scoring blocks."""

    source: Source
    """The audio."""
    model: ModelReference
    """Base model."""
    training: str
    """Config of the run as JSON; gives the precision of the base."""
    adapter: tuple[tuple[str, bytes], ...] | None
    """Name and content of the adapter's files, if the model has one."""
    full_precision: bool = False
    """Whether to measure the divergence from the base in full precision."""
    transcribe: bool = False
    """Count word errors of transcripts instead of losses."""


def score_blocks(table: pa.Table, *, scoring: Scoring, threads: int | None = None) -> pa.Table:
    """Score with a model that this process keeps until it gets another: blocks in, losses or word errors out."""
    _compute_with(threads)

    def scores(batches: Batches) -> list[Row]:
        scorer = _scorer(scoring)
        score: Callable[[Sequence[Utterance]], Sequence[Any]] = (
            scorer.transcripts if scoring.transcribe else scorer.losses
        )
        return [dataclasses.asdict(row) for batch in batches for row in score(batch)]

    return _mapped(table, scores)


def _compute_with(threads: int | None) -> None:
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


@functools.lru_cache(maxsize=1)
def _scorer(scoring: Scoring) -> Scorer:
    from engine.selection.scorer import Scorer

    model = fetch_model(scoring.model, scoring.source.local_storage())
    with tempfile.TemporaryDirectory(prefix="lim-adapter-") as folder:
        for name, content in scoring.adapter or ():
            (Path(folder) / name).write_bytes(content)
        return Scorer.load(
            model,
            TrainingConfig.model_validate_json(scoring.training),
            scoring.source.folder(),
            adapter=Path(folder) if scoring.adapter else None,
            full_precision=scoring.full_precision,
        )


def _mapped(table: pa.Table, rows_of: Callable[[Batches], list[Row]]) -> pa.Table:
    import pyarrow

    names, told, errors = [], [], []
    for name, text in zip(table["name"].to_pylist(), table["batches"].to_pylist(), strict=True):
        error: str | None = None
        rows: list[Row] = []
        try:
            rows = rows_of(from_text(text))
        except ObjectStorageError:
            raise
        except (EngineError, ClusterError) as fault:
            _log.exception("block %s failed", name)
            error = str(fault)
        release_free_memory()
        names.append(name)
        told.append(json.dumps(rows))
        errors.append(error)
    return pyarrow.table({"name": names, "rows": told, "error": pyarrow.array(errors, pyarrow.string())})
