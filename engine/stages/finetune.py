"""The training stage: load, train, measure base and adapter, save."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from engine.adapters import lora
from engine.config.training import TrainingConfig
from engine.data.example import AnyExample
from engine.data.manifest import read_examples
from engine.data.splits import Splits, divide
from engine.data.version_files import MANIFEST_NAME
from engine.errors import ConfigError, Fault
from engine.families.binding import Bound
from engine.methods.build import build_method
from engine.methods.contract import AllocatesRanks
from engine.metrics.registry import Values
from engine.models.catalogue import reference_to
from engine.models.precision import best_device
from engine.models.reference import ModelReference
from engine.process.peak_memory import peak_bytes
from engine.ranks.ranks import RANKS_KEY
from engine.run.code_version import code_version
from engine.run.events import EventSink, now_rfc3339
from engine.run.provenance.inputs import Inputs, as_begun, begin, say_shown_again
from engine.run.provenance.stages import training_inputs
from engine.run.reporter import Reporter
from engine.run.step_downs import MEMORY_KILLS_KEY, STEP_DOWNS_KEY
from engine.run.store import RunStore
from engine.run.training_result import RunResult
from engine.selection.for_training import selected_for_training
from engine.stages.attachment import SEEN_KEY, attach
from engine.stages.measurement import BASE_METRICS, Measurement, spread
from engine.stages.preparation import Prepared, prepare
from engine.stages.publication import Publication
from engine.tasks.fitting import named
from engine.training.checkpoints import Checkpoints
from engine.training.loop import Decider, TrainingLoop
from engine.training.optimizers import check_paging, paging_warning
from engine.training.parallel import SINGLE, Parallel
from engine.training.step_down import StepDowns

_PARTS: Final = ("checkpoints", BASE_METRICS, SEEN_KEY, RANKS_KEY, STEP_DOWNS_KEY, MEMORY_KILLS_KEY)
"""What an unfinished run leaves."""


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
    while_training: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    measure_test: bool = True,
    measures_loss: Callable[[int], bool] | None = None,
    decider: Decider | None = None,
) -> RunResult:
    """Train an adapter (or a model) and measure it against its base on examples held out of training.

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
        while_training: every worker is in this context while it trains: memory that it then lacks, it lacks for steps.
        measure_test: measure the base and what was trained on the test examples in the end. Trials of a search do not:
            they are compared on validation examples, so that the test examples stay unseen.
        measures_loss: whether the validation after a step measures the loss too, on some of its examples. Trials of a search
            do where they are compared: where metrics are equal, losses rarely are. None: never.
        decider: decides after validations whether the run goes on; the run then has one worker.

    Raises:
        EngineError: model, dataset, selection and config do not fit together; the message says what to do.
    """
    model = reference_to(model)
    own = None
    if parallel.is_first:
        own = as_begun(store, training_inputs(model, data, config, selection)).model_dump(mode="json")
    inputs = Inputs.model_validate(parallel.gather_json(own)[0])
    finished = begin(store, inputs, parts=_PARTS, write=parallel.is_first)
    if finished is not None:
        result = RunResult.model_validate_json(finished)
        if parallel.is_first:
            say_shown_again(events, result.model_dump(), "trained")
        return result
    if threads is not None:
        torch.set_num_threads(threads)
    return _Run(
        model=model,
        folder=data,
        config=config,
        store=store,
        events=events,
        work_dir=work_dir,
        parallel=parallel,
        should_stop=should_stop,
        selection=selection,
        while_training=while_training,
        measure_test=measure_test,
        measures_loss=measures_loss,
        decider=decider,
        fingerprint=inputs.digest(),
    ).run()


@dataclass
class _Run:
    """A run; its fields are the arguments of `finetune`."""

    model: ModelReference
    folder: Path
    config: TrainingConfig
    store: RunStore
    events: EventSink
    work_dir: Path
    parallel: Parallel
    should_stop: Callable[[], bool]
    selection: Path | None
    while_training: Callable[[], AbstractContextManager[None]]
    measure_test: bool
    measures_loss: Callable[[int], bool] | None
    decider: Decider | None
    fingerprint: str

    def run(self) -> RunResult:
        started = time.perf_counter()
        self.reporter = reporter = Reporter(self.events, is_silent=not self.parallel.is_first)
        reporter.phase("loading")
        check_paging(self.config.optimizer, best_device())
        prepared = self._prepared()
        splits, bound = prepared.splits, prepared.bound
        config, method = bound.config, build_method(bound.config.method)
        validation = spread(splits.validation, config.split.max_validation_examples)
        self._check_validation(config, validation)
        measurement = Measurement(
            bound,
            bound.task.primary([*splits.train, *splits.validation, *splits.test]),
            folder=self.folder,
            store=self.store,
            work_dir=self.work_dir,
            reporter=reporter,
            parallel=self.parallel,
        )
        publication = Publication(self.store, self.work_dir, config, bound)

        base = None
        is_adapter = config.method.leaves_base
        measures_base = self._measures_base(bound, splits)
        # With an adapter the base does not change and is measured after training; otherwise it must be measured now.
        if measures_base and not is_adapter:
            base = measurement.base(self.model, splits.test)

        if isinstance(method, AllocatesRanks):
            reporter.phase("allocating")
        attached = attach(method, bound, splits.train, self.folder, self.store, self.parallel)
        self._warn_of(attached.warnings)
        trained, ranks = attached.model, attached.ranks
        step_downs = StepDowns(bound, config, self.store, self.events, self.parallel)
        trainable, total = lora.count_parameters(trained)
        not_paged = paging_warning(config.optimizer, [p for p in trained.parameters() if p.requires_grad])
        if not_paged:
            reporter.warn("optimizer/not_paged", not_paged)
        loop = TrainingLoop(
            config,
            model=trained,
            learner=bound.learner,
            method=method,
            train=splits.train,
            folder=self.folder,
            checkpoints=Checkpoints(self.store, config.checkpoint.keep),
            step_downs=step_downs,
            events=self.events,
            parallel=self.parallel,
            device=bound.device,
            dtype=bound.dtype,
            fingerprint=self.fingerprint,
            validation=measurement.validation(validation, self.measures_loss),
            should_stop=self.should_stop,
            decider=self.decider,
        )
        reporter.phase("training", trainable_parameters=trainable, total_steps=loop.total_steps)
        with self.while_training():
            outcome = loop.run()

        # Save before the base is measured, which needs more memory.
        saved_bytes = publication.save(method, trained) if self.parallel.is_first else 0
        tuned = None
        forms: dict[str, Values] = {}
        if outcome == "finished" and measures_base and is_adapter:
            base = measurement.base(self.model, splits.test, trained)
        if outcome == "finished" and splits.test and self.measure_test:
            reporter.phase("evaluating")
            trained.eval()
            tuned = measurement.trained(splits.test, loop.progress.step)
            forms = measurement.forms(method, trained, splits.test)
            measurement.record_frames(splits.test)
        reporter.phase("saving")
        cut = {"references_cut": prepared.references_cut} if prepared.references_cut else {}
        result = RunResult(
            status="succeeded" if outcome == "finished" else "stopped",
            model=self.model.id,
            method=config.method.type,
            steps=loop.progress.step,
            task=config.task.type,
            primary=measurement.primary,
            base=base,
            tuned=tuned,
            forms=forms,
            step_downs=step_downs.all,
            trainable_parameters=trainable,
            total_parameters=total,
            ranks=ranks.summary() if ranks is not None else None,
            saved_bytes=saved_bytes,
            peak_bytes=max(self.parallel.gather_json(peak_bytes(bound.device))),
            wall_s=time.perf_counter() - started,
            training_s=loop.progress.training_s,
            cost_unit=bound.learner.cost_unit,
            cost_per_s=loop.progress.cost / max(loop.progress.training_s, 1e-9),
            train_examples=len(splits.train),
            train_cost=sum(bound.learner.costs(splits.train)),
            test_examples=len(splits.test),
            test_groups=sorted({u.group for u in splits.test if u.group}),
            warnings=reporter.warnings,
            finished_at=now_rfc3339(),
            facts={**bound.learner.facts(), **measurement.base_facts, **cut},
            left_out_count=len(prepared.left_out),
            left_out=named(prepared.left_out),
            code_version=code_version(),
        )
        if self.parallel.is_first:
            publication.publish(
                result, splits, left_out=prepared.left_out, ranks=ranks, made=measurement.made, reporter=reporter
            )
        self.parallel.barrier()
        reporter.phase("done", status=result.status)
        return result

    def _prepared(self) -> Prepared:
        """The model, and the examples that are selected and fit it."""
        manifest = self.folder / MANIFEST_NAME
        splits = divide(read_examples(manifest), self.config.split, self.config.seed)
        self._warn_of({f"split/{number}": warning for number, warning in enumerate(splits.warnings)})
        if self.selection is not None:
            splits, warnings = selected_for_training(self.selection, manifest, splits)
            for warning in warnings:
                self.reporter.warn("selection/left_out", warning)
        prepared = prepare(self.model, self.config, splits, self.folder, self.store, self.parallel)
        self._warn_of(prepared.warnings)
        return prepared

    def _check_validation(self, config: TrainingConfig, validation: Sequence[AnyExample]) -> None:
        """Without validation examples, reject a run that bases decisions on them; otherwise warn."""
        if validation or not config.evaluation.every_steps:
            return
        found = f"split.validation_fraction is {config.split.validation_fraction:g}"
        found += f", split.validation_groups {', '.join(config.split.validation_groups) or 'is empty'}"
        none = f"the data leave no examples for validation ({found})"
        cure = "set split.validation_fraction greater than 0, or name split.validation_groups"
        decided = config.decided_by_evaluations()
        if decided:
            raise ConfigError(
                [Fault(f"training.{path}", f"{none}, and it depends on them; {cure}") for path in decided]
            )
        every = config.evaluation.every_steps
        self.reporter.warn("validation/none", f"{none}: nothing is measured every {every} steps; {cure}")

    def _measures_base(self, bound: Bound, splits: Splits) -> bool:
        """Whether there is a base that predicts anything, and examples to measure it on."""
        if not (bound.config.evaluation.base and splits.test and self.measure_test) or bound.config.method.from_scratch:
            return False
        if bound.base.has_new_head:
            message = "the base has no head for this task, and is not measured: before it is trained it can only guess"
            self.reporter.warn("model/new_head", message)
            return False
        return True

    def _warn_of(self, warnings: Mapping[str, str]) -> None:
        """Report warnings by key."""
        for key, warning in warnings.items():
            self.reporter.warn(key, warning)
