"""The training stage: load, train, measure base and adapter, save."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import torch

from engine.adapters import lora
from engine.adapters.settings import write_settings
from engine.config.context import AutoContextConfig
from engine.config.training import LoraFields, PretrainConfig, QloraConfig, TrainingConfig
from engine.data.example import Utterance
from engine.data.manifest import read_manifest
from engine.data.splits import Splits, split_by_speaker
from engine.data.version_files import MANIFEST_NAME
from engine.errors import ConfigError, Fault, ObjectNotFoundError
from engine.metrics.registry import Values, metric_named
from engine.models.base import load_base
from engine.models.catalogue import reference_to
from engine.models.precision import best_device
from engine.models.reference import ModelReference
from engine.process.peak_memory import peak_bytes
from engine.run.card import adapter_card
from engine.run.code_version import code_version
from engine.run.curves import draw_curves
from engine.run.events import Event, EventSink, now_rfc3339
from engine.run.provenance.inputs import Inputs, begin, say_shown_again
from engine.run.provenance.stages import training_inputs
from engine.run.result import MeasuredResult
from engine.run.store import RunStore
from engine.selection.for_training import selected_for_training
from engine.stages.preparation import prepare, speech_facts
from engine.tasks.fitting import named
from engine.tasks.task import build_task
from engine.training.checkpoints import Checkpoints, file_sha256
from engine.training.loop import TrainingLoop, Validation
from engine.training.optimizers import check_paging, paging_warning
from engine.training.parallel import SINGLE, Parallel
from engine.training.randomness import seed_worker

_BASE_METRICS: Final = "base_metrics.json"
Phase = Literal["loading", "evaluating_base", "training", "evaluating", "saving", "done"]


class RunResult(MeasuredResult):
    """The result of a run."""

    status: Literal["succeeded", "stopped"]
    model: str
    method: str
    steps: int
    trainable_parameters: int
    total_parameters: int
    saved_bytes: int = 0
    """Size of the saved weights: the adapter's, or the whole model's if every weight was trained."""
    training_s: float
    """Seconds in optimizer steps, over all attempts; `cost_per_s` is counted over them."""
    train_examples: int
    train_cost: float
    """Cost of one pass over the training examples."""
    test_examples: int
    test_groups: list[str]
    """Groups (such as speakers) of the test examples, if they are known."""
    warnings: list[str] = []
    """Warnings that affect how the metrics should be read."""


def never() -> bool:
    """Default for `should_stop`: never stop."""
    return False


def finetune(
    *,
    model: str | ModelReference,
    data: Path,
    config: TrainingConfig,
    store: RunStore,
    events: EventSink,
    work_dir: Path,
    parallel: Parallel = SINGLE,
    should_stop: Callable[[], bool] = never,
    threads: int | None = None,
    selection: Path | None = None,
) -> RunResult:
    """Train an adapter (or a model) and measure it against its base on utterances held out of training.

    A second call with the same store and inputs resumes from the newest complete checkpoint; a finished run returns its
    stored result and emits an event that says so. Every worker calls this; only the first one writes to the store and
    emits events.

    Args:
        model: reference, or a name: an id in the catalogue, a folder, or a hub id.
        data: dataset version: a folder with `manifest.jsonl`.
        config: what to train, and how.
        store: of the run's files.
        events: receives the run's events.
        work_dir: scratch on the local disk.
        parallel: this worker's rank.
        should_stop: polled between steps; true makes the run write a checkpoint and return with status `stopped`.
        threads: compute threads of this process; None keeps the current number.
        selection: folder from `engine.stages.select.select` for this dataset; the run then trains on the selected
            segments with their weights. None trains on all training utterances.

    Raises:
        EngineError: model, dataset, selection and config do not fit together; the message says what to do.
    """
    model = reference_to(model)
    own = training_inputs(model, data, config, selection).model_dump(mode="json") if parallel.is_first else None
    inputs = Inputs.model_validate(parallel.gather_json(own)[0])
    finished = begin(store, inputs, parts=("checkpoints", _BASE_METRICS), write=parallel.is_first)
    if finished is not None:
        result = RunResult.model_validate_json(finished)
        if parallel.is_first:
            say_shown_again(events, result.model_dump(), "trained")
        return result
    fingerprint = inputs.digest()
    return _Run(
        model, data, config, store, events, work_dir, parallel, should_stop, threads, selection, fingerprint
    ).run()


class _Run:
    def __init__(
        self,
        model: ModelReference,
        data: Path,
        config: TrainingConfig,
        store: RunStore,
        events: EventSink,
        work_dir: Path,
        parallel: Parallel,
        should_stop: Callable[[], bool],
        threads: int | None,
        selection: Path | None,
        fingerprint: str,
    ) -> None:
        self.started = time.perf_counter()
        self.model, self.folder, self.config = model, data, config
        self.store, self.events, self.work_dir = store, events, work_dir
        self.parallel, self.should_stop, self.selection = parallel, should_stop, selection
        self.fingerprint = fingerprint
        self.attempt = f"{time.time_ns():x}"
        self.warnings: list[str] = []
        if threads is not None:
            torch.set_num_threads(threads)

    def run(self) -> RunResult:
        self._phase("loading")
        check_paging(self.config.optimizer, best_device())
        manifest = self.folder / MANIFEST_NAME
        config = self.config
        splits = split_by_speaker(
            read_manifest(manifest),
            config.split.test_speakers,
            config.split.validation_fraction,
            config.seed,
            validation_speakers=config.split.validation_speakers,
        )
        for number, warning in enumerate(splits.warnings):
            self._warn(f"split/{number}", warning)
        if self.selection is not None:
            splits, warnings = selected_for_training(self.selection, manifest, splits)
            for warning in warnings:
                self._warn("selection/left_out", warning)
        prepared = prepare(self.model, self.config, splits, self.folder, self.store, self.parallel)
        for key, warning in prepared.warnings.items():
            self._warn(key, warning)
        splits, self.task = prepared.splits, prepared.task
        self.base, self.config = prepared.base, prepared.base.config
        self.speech, self.device, self.dtype = self.base.speech, self.base.device, self.base.dtype
        config = self.config
        self.primary = self.task.primary([*splits.train, *splits.validation, *splits.test])
        validation = _spread(splits.validation, config.split.max_validation_utterances)
        self._check_validation(validation)

        base = None
        is_adapter = isinstance(config.method, LoraFields)
        measures_base = config.evaluation.base and bool(splits.test) and not isinstance(config.method, PretrainConfig)
        # With an adapter the base does not change and is measured after training; otherwise it must be measured now.
        if measures_base and not is_adapter:
            base = self._base_metrics(splits.test)

        trained = self._attach()
        trainable, total = lora.count_parameters(trained)
        not_paged = paging_warning(config.optimizer, [p for p in trained.parameters() if p.requires_grad])
        if not_paged:
            self._warn("optimizer/not_paged", not_paged)
        loop = TrainingLoop(
            config,
            model=trained,
            task=self.task,
            train=splits.train,
            folder=self.folder,
            window_s=self.speech.window_s,
            checkpoints=Checkpoints(self.store, config.checkpoint.keep),
            events=self.events,
            parallel=self.parallel,
            device=self.device,
            dtype=self.dtype,
            fingerprint=self.fingerprint,
            validation=self._validation(validation),
            should_stop=self.should_stop,
        )
        self._phase("training")
        outcome = loop.run()

        # Save before the base is measured, which needs more memory.
        saved_bytes = self._save(trained) if self.parallel.is_first else 0
        tuned = None
        if outcome == "finished" and measures_base and is_adapter:
            base = self._base_metrics(splits.test, trained)
        if outcome == "finished" and splits.test:
            self._phase("evaluating")
            trained.eval()
            tuned = self._metrics(splits.test, "test", "tuned", loop.progress.step, keep_predictions=True)
        self._phase("saving")
        result = RunResult(
            status="succeeded" if outcome == "finished" else "stopped",
            model=self.model.id,
            method=config.method.type,
            steps=loop.progress.step,
            task=config.task.type,
            primary=self.primary,
            base=base,
            tuned=tuned,
            trainable_parameters=trainable,
            total_parameters=total,
            saved_bytes=saved_bytes,
            peak_bytes=max(self.parallel.gather_json(peak_bytes(self.device))),
            wall_s=time.perf_counter() - self.started,
            training_s=loop.progress.training_s,
            cost_unit=self.task.cost_unit,
            cost_per_s=loop.progress.cost / max(loop.progress.training_s, 1e-9),
            train_examples=len(splits.train),
            train_cost=sum(u.input.duration_s for u in splits.train),
            test_examples=len(splits.test),
            test_groups=sorted({u.group for u in splits.test if u.group}),
            warnings=self.warnings,
            finished_at=now_rfc3339(),
            facts=speech_facts(self.base, self.speech.trained_context if base else None, prepared.references_cut),
            left_out_count=len(prepared.left_out),
            left_out=named(prepared.left_out),
            code_version=code_version(),
        )
        if self.parallel.is_first:
            self._publish(result, splits, prepared.left_out)
        self.parallel.barrier()
        self._phase("done", result.status)
        return result

    def _check_validation(self, validation: Sequence[Utterance]) -> None:
        """Without validation utterances, reject a run that bases decisions on them; otherwise warn."""
        config = self.config
        if validation or not config.evaluation.every_steps:
            return
        found = f"split.validation_fraction is {config.split.validation_fraction:g}"
        found += f", split.validation_speakers {', '.join(config.split.validation_speakers) or 'is empty'}"
        none = f"the data leave no utterances for validation ({found})"
        cure = "set split.validation_fraction greater than 0, or name split.validation_speakers"
        decided = config.decided_by_evaluations()
        if decided:
            raise ConfigError(
                [Fault(f"training.{path}", f"{none}, and it depends on them; {cure}") for path in decided]
            )
        every = config.evaluation.every_steps
        self._warn("validation/none", f"{none}: nothing is measured every {every} steps; {cure}")

    def _attach(self) -> Any:
        method = self.config.method
        torch.manual_seed(self.config.seed)
        trained = self.speech.model
        if isinstance(method, LoraFields):
            trained = lora.attach(self.speech, method, self.base.reference)
        else:
            trained.requires_grad_(True)
            self.speech.freeze_constants()
        if self.config.gradient_checkpointing:
            self.base.checkpoint_activations()
        seed_worker(self.config.seed, self.parallel)
        return trained

    # ---- evaluation ----------------------------------------------------------------------------------------

    def _base_metrics(self, test: Sequence[Utterance], adapted: Any = None) -> Values:
        """The base model's metrics, stored so that a resumed run does not repeat the measurement."""
        self._phase("evaluating_base")
        found: Values | None = None
        with contextlib.suppress(ObjectNotFoundError):
            found = json.loads(self.store.get_bytes(_BASE_METRICS))
        if self.parallel.any(found is None) or found is None:
            with self._published_base(adapted) as task:
                found = self._metrics(test, "test", "base", 0, task=task)
            if self.parallel.is_first:
                self.store.put_bytes(_BASE_METRICS, json.dumps(found).encode())
        return found

    @contextlib.contextmanager
    def _published_base(self, adapted: Any) -> Iterator[Any]:
        """The task bound to the base as published: in float32, not in 4 bits, and with its own audio context."""
        if isinstance(self.config.method, QloraConfig):
            base = load_base(self.model, self.config, published=True)
            yield build_task(base.config, base.speech, base.device, base.dtype)
            return
        self.speech.model.eval()
        config = self.config.model_copy(update={"context": AutoContextConfig()})
        with adapted.disable_adapter() if adapted is not None else contextlib.nullcontext():
            yield build_task(config, self.speech, self.device, torch.float32)

    def _validation(self, validation: Sequence[Utterance]) -> Validation | None:
        if not validation:
            return None
        primary = self.primary
        return Validation(
            metric_named(primary), lambda step: self._metrics(validation, "validation", "tuned", step)[primary]
        )

    def _metrics(
        self,
        utterances: Sequence[Utterance],
        split: str,
        which: Literal["base", "tuned"],
        step: int,
        keep_predictions: bool = False,
        task: Any = None,
    ) -> Values:
        started = time.perf_counter()
        task = task or self.task
        mine = list(utterances)[self.parallel.rank :: self.parallel.world_size]
        texts = task.predict(mine, self.folder) if mine else []
        rows = [{"id": u.id, "reference": u.target.text, "hypothesis": t} for u, t in zip(mine, texts, strict=True)]
        rows = [row for part in self.parallel.gather_json(rows) for row in part]
        rows.sort(key=lambda row: row["id"])
        found: Values = task.score([r["reference"] for r in rows], [r["hypothesis"] for r in rows])
        if self.parallel.is_first:
            data = {
                "split": split,
                "which": which,
                "step": step,
                "primary": self.primary,
                "metrics": found,
                "examples": len(rows),
                "wall_s": time.perf_counter() - started,
            }
            key = f"evaluation/{split}/{which}" + (f"/{step}" if split == "validation" else "")
            self.events.emit(Event("metric", key, data))
            if keep_predictions:
                lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
                self.store.put_bytes("predictions.jsonl", lines.encode())
        return found

    # ---- results -------------------------------------------------------------------------------------------

    def _save(self, trained: Any) -> int:
        """Write the adapter (or model) to the store; return the size of its weights in bytes."""
        is_adapter = isinstance(self.config.method, LoraFields)
        name = "adapter" if is_adapter else "model"
        folder = self.work_dir / name
        folder.mkdir(parents=True, exist_ok=True)
        if is_adapter:
            lora.save(trained, folder)
            write_settings(folder, self.config)
        else:
            self.speech.save(folder, self.base.context.type)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.store.put(f"{name}/{path.relative_to(folder).as_posix()}", path)
        return sum(path.stat().st_size for path in folder.rglob("*.safetensors"))

    def _publish(self, result: RunResult, splits: Splits, left_out: Mapping[str, str]) -> None:
        name = "adapter" if isinstance(self.config.method, LoraFields) else "model"
        folder = self.work_dir / name
        card = adapter_card(result, self.config, splits)
        (folder / "README.md").write_text(card, encoding="utf-8")
        self.store.put(f"{name}/README.md", folder / "README.md")
        self.store.put_bytes("splits.json", json.dumps(_ids(splits) | {"left_out": dict(left_out)}, indent=1).encode())
        self.events.flush()
        picture = self.work_dir / "curves.png"
        if draw_curves(self.store, picture):
            self.store.put("curves.png", picture)
            self._artifact("curves.png", "plot", picture)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self._artifact(f"{name}/{path.relative_to(folder).as_posix()}", name, path)
        # Last: the result's presence marks a finished run.
        self.store.put_bytes("result.json", result.model_dump_json(indent=1).encode())

    def _artifact(self, key: str, kind: str, path: Path) -> None:
        data = {"name": key, "kind": kind, "key": key, "size": path.stat().st_size, "sha256": file_sha256(path)}
        self.events.emit(Event("artifact", f"artifact/{key}", data))

    def _warn(self, key: str, message: str) -> None:
        """Emit a warning and keep it for the result."""
        self.warnings.append(message)
        if self.parallel.is_first:
            self.events.emit(Event("log", key, {"level": "warning", "message": message}))

    def _phase(self, phase: Phase, status: str | None = None) -> None:
        if self.parallel.is_first:
            data = {"phase": phase, "process": os.getpid()} | ({"status": status} if status else {})
            self.events.emit(Event("status", f"{self.attempt}/{phase}", data))
            if phase == "done":
                self.events.flush()


def _spread(utterances: Sequence[Utterance], most: int) -> list[Utterance]:
    """At most `most` items, evenly spaced."""
    if len(utterances) <= most:
        return list(utterances)
    return [utterances[i * len(utterances) // most] for i in range(most)]


def _ids(splits: Splits) -> dict[str, Any]:
    named = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    return {name: [u.id for u in part] for name, part in named.items()}
