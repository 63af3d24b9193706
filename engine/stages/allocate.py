"""The allocation stage: measure a model on data, and choose the ranks of its adapters, without training."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch
import yaml

from engine.config.training import TrainingConfig
from engine.data.manifest import read_examples
from engine.data.splits import divide
from engine.data.version_files import MANIFEST_NAME
from engine.errors import ConfigError, Fault
from engine.methods.build import build_method
from engine.methods.contract import AllocatesRanks
from engine.models.catalogue import reference_to
from engine.models.reference import ModelReference
from engine.ranks.deciding import decide_ranks
from engine.ranks.picture import draw_ranks
from engine.ranks.ranks import FIXED_KEY, RANKS_KEY, RANKS_PICTURE, Ranks
from engine.run.events import Event, EventSink
from engine.run.provenance.inputs import begin
from engine.run.provenance.stages import training_inputs
from engine.run.store import RunStore
from engine.stages.preparation import prepare
from engine.training.parallel import SINGLE


def allocate_ranks(
    *,
    model: str | ModelReference,
    data: Path,
    config: TrainingConfig,
    store: RunStore,
    events: EventSink,
    threads: int | None = None,
) -> Ranks:
    """The ranks that a training of this config would give its adapters, with a picture of them.

    Writes `ranks.json`, `ranks.png` and, to paste into a config, `fixed.yaml` to the store. A second call with the same store and inputs returns what is there.

    Args:
        model: reference, or a name: an id in the catalogue, a folder, or a hub id.
        data: dataset version: a folder with `manifest.jsonl`.
        config: of the training; its method says how ranks are allocated.
        store: of the stage's files.
        events: receives warnings.
        threads: compute threads of this process; None keeps the current number.

    Raises:
        EngineError: model, dataset and config do not fit together, the config allocates nothing, or the store holds the
            ranks of other inputs.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    method = build_method(config.method)
    if not isinstance(method, AllocatesRanks):
        raise ConfigError(
            [Fault("training.method.type", f"found {config.method.type}, which has no ranks: lora, qlora")]
        )
    model = reference_to(model)
    finished = begin(store, training_inputs(model, data, config, None), parts=(), result_key=RANKS_KEY)
    ranks = Ranks.model_validate_json(finished) if finished is not None else None
    if ranks is None:
        ranks = _measured(method, model, data, config, store, events)
    with tempfile.TemporaryDirectory(prefix="lim-ranks-") as folder:
        picture = Path(folder) / RANKS_PICTURE
        draw_ranks(ranks, picture)
        store.put(RANKS_PICTURE, picture)
    store.put_bytes(FIXED_KEY, yaml.safe_dump(ranks.as_fixed().model_dump(mode="json"), sort_keys=False).encode())
    return ranks


def _measured(
    method: AllocatesRanks,
    model: ModelReference,
    data: Path,
    config: TrainingConfig,
    store: RunStore,
    events: EventSink,
) -> Ranks:
    splits = divide(read_examples(data / MANIFEST_NAME), config.split, config.seed)
    prepared = prepare(model, config, splits, data, store, SINGLE)
    ranks = decide_ranks(method, prepared.bound, prepared.splits.train, data, store, SINGLE)
    if ranks is None:
        message = (
            "found uniform: every layer has the method's rank; --set training.method.allocation.type=sketch measures"
        )
        raise ConfigError([Fault("training.method.allocation.type", message)])
    for number, warning in enumerate([*splits.warnings, *prepared.warnings.values(), *filter(None, [ranks.unspent()])]):
        key = f"allocation/{time.time_ns():x}/{number}"
        events.emit(Event("log", key, {"level": "warning", "message": warning}))
    return ranks
