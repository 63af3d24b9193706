"""The training stage: load, train, measure base and adapter, save."""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import torch

from engine.adapters import lora
from engine.adapters.settings import write_settings
from engine.config.training import TrainingConfig
from engine.data.example import AnyExample
from engine.data.manifest import read_examples
from engine.data.splits import Splits, divide
from engine.data.version_files import MANIFEST_NAME
from engine.errors import ConfigError, Fault, ObjectNotFoundError, TrainingError
from engine.families.binding import Bound, bind
from engine.families.contract import TargetSpace
from engine.methods.build import build_method
from engine.methods.contract import AllocatesRanks, HasForms, Method
from engine.metrics.registry import Values, metric_named
from engine.models.catalogue import reference_to
from engine.models.precision import best_device
from engine.models.reference import ModelReference
from engine.process.peak_memory import peak_bytes
from engine.ranks.picture import draw_ranks
from engine.ranks.ranks import RANKS_KEY, RANKS_PICTURE, Ranks, RankSummary
from engine.run.card import adapter_card
from engine.run.code_version import code_version
from engine.run.curves import draw_curves
from engine.run.events import Event, EventSink, now_rfc3339
from engine.run.provenance.inputs import Inputs, as_begun, begin, say_shown_again
from engine.run.provenance.stages import training_inputs
from engine.run.result import Fact, MeasuredResult
from engine.run.step_downs import MEMORY_KILLS_KEY, STEP_DOWNS_KEY, StepDown
from engine.run.store import RunStore
from engine.selection.for_training import selected_for_training
from engine.stages.attachment import SEEN_KEY, attach
from engine.stages.preparation import Prepared, base_facts, prepare
from engine.tasks.contract import Draws
from engine.tasks.fitting import named
from engine.temporal.record import frame_records
from engine.training.checkpoints import Checkpoints, file_sha256
from engine.training.loop import Decider, TrainingLoop, Validation
from engine.training.optimizers import check_paging, paging_warning
from engine.training.parallel import SINGLE, Parallel
from engine.training.step_down import StepDowns
from engine.training.validation_loss import LOSS_EXAMPLES, loss_of

_BASE_METRICS: Final = "base_metrics.json"
_PREDICTIONS: Final = "predictions.jsonl"
_PARTS: Final = ("checkpoints", _BASE_METRICS, SEEN_KEY, RANKS_KEY, STEP_DOWNS_KEY, MEMORY_KILLS_KEY)
"""What an unfinished run leaves."""
Phase = Literal["loading", "allocating", "evaluating_base", "training", "evaluating", "saving", "done"]


class RunResult(MeasuredResult):
    """The result of a run."""

    status: Literal["succeeded", "stopped"]
    model: str
    method: str
    steps: int
    trainable_parameters: int
    total_parameters: int
    ranks: RankSummary | None = None
    """Ranks of the adapters, if the method allocated them; unset if all are the same."""
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
    forms: dict[str, Values] = {}
    """Metrics of simpler forms of what was trained, by name; `static`: an adapter without its gates, as plain peft loads
    it."""
    step_downs: list[StepDown] = []
    """How micro-batches or activations were made to fit when memory ran out, in order."""
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
    fingerprint = inputs.digest()
    return _Run(
        model,
        data,
        config,
        store,
        events,
        work_dir,
        parallel,
        should_stop,
        threads,
        selection,
        measure_test,
        measures_loss,
        decider,
        fingerprint,
        while_training,
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
        measure_test: bool,
        measures_loss: Callable[[int], bool] | None,
        decider: Decider | None,
        fingerprint: str,
        while_training: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.started = time.perf_counter()
        self.model, self.folder, self.config = model, data, config
        self.store, self.events, self.work_dir = store, events, work_dir
        self.parallel, self.should_stop, self.selection = parallel, should_stop, selection
        self.measure_test, self.measures_loss, self.decider = measure_test, measures_loss, decider
        self.fingerprint, self.while_training = fingerprint, while_training
        self.attempt = f"{time.time_ns():x}"
        self.warnings: list[str] = []
        self.base_facts: dict[str, Fact] = {}
        self.pictures: list[Path] = []
        if threads is not None:
            torch.set_num_threads(threads)

    def run(self) -> RunResult:
        self._phase("loading")
        check_paging(self.config.optimizer, best_device())
        manifest = self.folder / MANIFEST_NAME
        config = self.config
        splits = divide(read_examples(manifest), config.split, config.seed)
        for number, warning in enumerate(splits.warnings):
            self._warn(f"split/{number}", warning)
        if self.selection is not None:
            splits, warnings = selected_for_training(self.selection, manifest, splits)
            for warning in warnings:
                self._warn("selection/left_out", warning)
        prepared = prepare(self.model, self.config, splits, self.folder, self.store, self.parallel)
        for key, warning in prepared.warnings.items():
            self._warn(key, warning)
        splits, self.bound = prepared.splits, prepared.bound
        self.config, self.learner, self.device = self.bound.config, self.bound.learner, self.bound.device
        config, method = self.config, build_method(self.config.method)
        self.primary = self.bound.task.primary([*splits.train, *splits.validation, *splits.test])
        validation = _spread(splits.validation, config.split.max_validation_examples)
        self._check_validation(validation)

        base = None
        is_adapter = config.method.leaves_base
        measures_base = self._measures_base(splits)
        # With an adapter the base does not change and is measured after training; otherwise it must be measured now.
        if measures_base and not is_adapter:
            base = self._base_metrics(splits.test)

        if isinstance(method, AllocatesRanks):
            self._phase("allocating")
        attached = attach(method, self.bound, splits.train, self.folder, self.store, self.parallel)
        for key, warning in attached.warnings.items():
            self._warn(key, warning)
        trained, ranks = attached.model, attached.ranks
        step_downs = StepDowns(self.bound, config, self.store, self.events, self.parallel)
        trainable, total = lora.count_parameters(trained)
        not_paged = paging_warning(config.optimizer, [p for p in trained.parameters() if p.requires_grad])
        if not_paged:
            self._warn("optimizer/not_paged", not_paged)
        loop = TrainingLoop(
            config,
            model=trained,
            learner=self.learner,
            method=method,
            train=splits.train,
            folder=self.folder,
            checkpoints=Checkpoints(self.store, config.checkpoint.keep),
            step_downs=step_downs,
            events=self.events,
            parallel=self.parallel,
            device=self.device,
            dtype=self.bound.dtype,
            fingerprint=self.fingerprint,
            validation=self._validation(validation),
            should_stop=self.should_stop,
            decider=self.decider,
        )
        self._phase("training", trainable_parameters=trainable, total_steps=loop.total_steps)
        with self.while_training():
            outcome = loop.run()

        # Save before the base is measured, which needs more memory.
        saved_bytes = self._save(method, trained) if self.parallel.is_first else 0
        tuned = None
        forms: dict[str, Values] = {}
        if outcome == "finished" and measures_base and is_adapter:
            base = self._base_metrics(splits.test, trained)
        if outcome == "finished" and splits.test and self.measure_test:
            self._phase("evaluating")
            trained.eval()
            tuned = self._metrics(splits.test, "test", "tuned", loop.progress.step, kept_as=_PREDICTIONS)
            forms = self._forms(method, trained, splits.test)
            self._record_frames(splits.test)
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
            forms=forms,
            step_downs=step_downs.all,
            trainable_parameters=trainable,
            total_parameters=total,
            ranks=ranks.summary() if ranks is not None else None,
            saved_bytes=saved_bytes,
            peak_bytes=max(self.parallel.gather_json(peak_bytes(self.device))),
            wall_s=time.perf_counter() - self.started,
            training_s=loop.progress.training_s,
            cost_unit=self.learner.cost_unit,
            cost_per_s=loop.progress.cost / max(loop.progress.training_s, 1e-9),
            train_examples=len(splits.train),
            train_cost=sum(self.learner.costs(splits.train)),
            test_examples=len(splits.test),
            test_groups=sorted({u.group for u in splits.test if u.group}),
            warnings=self.warnings,
            finished_at=now_rfc3339(),
            facts=self._facts(prepared),
            left_out_count=len(prepared.left_out),
            left_out=named(prepared.left_out),
            code_version=code_version(),
        )
        if self.parallel.is_first:
            self._publish(result, splits, prepared.left_out, ranks)
        self.parallel.barrier()
        self._phase("done", status=result.status)
        return result

    def _check_validation(self, validation: Sequence[AnyExample]) -> None:
        """Without validation utterances, reject a run that bases decisions on them; otherwise warn."""
        config = self.config
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
        self._warn("validation/none", f"{none}: nothing is measured every {every} steps; {cure}")

    def _facts(self, prepared: Prepared) -> dict[str, Fact]:
        cut = {"references_cut": prepared.references_cut} if prepared.references_cut else {}
        return {**self.learner.facts(), **self.base_facts, **cut}

    def _measures_base(self, splits: Splits) -> bool:
        """Whether there is a base that predicts anything, and examples to measure it on."""
        if not (self.config.evaluation.base and splits.test and self.measure_test) or self.config.method.from_scratch:
            return False
        if self.bound.base.has_new_head:
            message = "the base has no head for this task, and is not measured: before it is trained it can only guess"
            self._warn("model/new_head", message)
            return False
        return True

    # ---- evaluation ----------------------------------------------------------------------------------------

    def _base_metrics(self, test: Sequence[AnyExample], adapted: Any = None) -> Values:
        """The base model's metrics, stored so that a resumed run does not repeat the measurement."""
        self._phase("evaluating_base")
        found: Values | None = None
        with contextlib.suppress(ObjectNotFoundError, KeyError):
            kept = json.loads(self.store.get_bytes(_BASE_METRICS))
            found, self.base_facts = kept["metrics"], kept["facts"]
        if self.parallel.any(found is None) or found is None:
            with self._published_base(adapted) as bound:
                self.base_facts = base_facts(bound)
                found = self._metrics(test, "test", "base", 0, bound=bound)
            if self.parallel.is_first:
                self.store.put_bytes(_BASE_METRICS, json.dumps({"metrics": found, "facts": self.base_facts}).encode())
        return found

    @contextlib.contextmanager
    def _published_base(self, adapted: Any) -> Iterator[Bound]:
        """The base as published: in float32, not in 4 bits, and with its own audio context."""
        if self.config.method.four_bit is not None:
            yield bind(self.model, self.config, space=self.bound.space, published=True)
            return
        self.bound.base.model.eval()
        with adapted.disable_adapter() if adapted is not None else contextlib.nullcontext():
            yield self.bound.as_published()

    def _validation(self, validation: Sequence[AnyExample]) -> Validation | None:
        if not validation:
            return None
        primary = self.primary

        some = _spread(validation, LOSS_EXAMPLES)

        def measure(step: int) -> float:
            more: dict[str, float] = {}
            if self.measures_loss is not None and self.measures_loss(step):
                loss = loss_of(self.learner, some, self.folder, self.config.batch)
                more |= {"validation_loss": loss} if math.isfinite(loss) else {}
            values = self._metrics(validation, "validation", "tuned", step, more=more)
            if primary not in values:
                raise TrainingError(
                    f"{primary} cannot be measured on the {len(validation)} validation examples: none has anything to find; "
                    "take others, or validate on none"
                )
            return values[primary]

        return Validation(metric_named(primary), measure)

    def _metrics(
        self,
        examples: Sequence[AnyExample],
        split: str,
        which: Literal["base", "tuned"],
        step: int,
        kept_as: str | None = None,
        reports: bool = True,
        bound: Bound | None = None,
        more: Mapping[str, float] = MappingProxyType({}),
    ) -> Values:
        started = time.perf_counter()
        bound = bound or self.bound
        ordered = sorted(examples, key=lambda example: example.id)
        mine = ordered[self.parallel.rank :: self.parallel.world_size]
        own = bound.learner.predict(mine, self.folder) if mine else []
        parts = self.parallel.gather_json(own)
        predictions = [parts[i % len(parts)][i // len(parts)] for i in range(len(ordered))]
        found: Values = bound.task.score(ordered, predictions)
        if self.parallel.is_first and kept_as is not None:
            rows = bound.task.rows(ordered, predictions)
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            self.store.put_bytes(kept_as, lines.encode())
        if self.parallel.is_first and reports:
            data = {
                "split": split,
                "which": which,
                "step": step,
                "primary": self.primary,
                "metrics": found,
                "examples": len(ordered),
                "wall_s": time.perf_counter() - started,
                **more,
            }
            key = f"evaluation/{split}/{which}" + (f"/{step}" if split == "validation" else "")
            self.events.emit(Event("metric", key, data))
            if kept_as is not None and isinstance(bound.task, Draws):
                for picture in bound.task.draw(ordered, predictions, self.work_dir):
                    self.store.put(picture.name, picture)
                    self.pictures.append(picture)
        return found

    def _forms(self, method: Method, trained: Any, test: Sequence[AnyExample]) -> dict[str, Values]:
        """Metrics of simpler forms of what was trained."""
        found: dict[str, Values] = {}
        for name, form in (method.forms(trained) if isinstance(method, HasForms) else {}).items():
            with form:
                kept_as = f"predictions-{name}.jsonl"
                found[name] = self._metrics(test, "test", "tuned", 0, kept_as=kept_as, reports=False)
            metric = metric_named(self.primary)
            shown = metric.shown(found[name][self.primary]) if self.primary in found[name] else "not measured"
            self._say("info", f"evaluation/test/{name}", f"{metric.title} of the {name} form: {shown}")
        return found

    def _record_frames(self, test: Sequence[AnyExample]) -> None:
        """Store what the gates of an adapter do over some of the test examples, if it has gates."""
        if not self.parallel.is_first:
            return
        for name, content in frame_records(self.bound.base, self.learner, test, self.folder).items():
            path = self.work_dir / name
            path.write_bytes(content)
            self.store.put(name, path)
            self.pictures.append(path)

    # ---- results -------------------------------------------------------------------------------------------

    def _save(self, method: Method, trained: Any) -> int:
        """Write the adapter (or model) to the store; return the size of its weights in bytes."""
        name = self.config.method.output
        folder = self.work_dir / name
        folder.mkdir(parents=True, exist_ok=True)
        method.save(trained, self.bound.base, self.learner, folder)
        if name == "adapter":
            write_settings(folder, self.config, self.bound.space if self.bound.base.has_new_head else TargetSpace())
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.store.put(f"{name}/{path.relative_to(folder).as_posix()}", path)
        return sum(path.stat().st_size for path in folder.rglob("*.safetensors"))

    def _publish(self, result: RunResult, splits: Splits, left_out: Mapping[str, str], ranks: Ranks | None) -> None:
        name = self.config.method.output
        folder = self.work_dir / name
        card = adapter_card(result, self.config, splits, self.learner.usage())
        (folder / "README.md").write_text(card, encoding="utf-8")
        self.store.put(f"{name}/README.md", folder / "README.md")
        self.store.put_bytes("splits.json", json.dumps(_ids(splits) | {"left_out": dict(left_out)}, indent=1).encode())
        self.events.flush()
        picture = self.work_dir / "curves.png"
        if draw_curves(self.store, picture):
            self.store.put("curves.png", picture)
            self._artifact("curves.png", "plot", picture)
        if ranks is not None:
            picture = self.work_dir / RANKS_PICTURE
            draw_ranks(ranks, picture)
            self.store.put(RANKS_PICTURE, picture)
            self._artifact(RANKS_PICTURE, "plot", picture)
            self.store.get(RANKS_KEY, self.work_dir / RANKS_KEY)
            self._artifact(RANKS_KEY, "ranks", self.work_dir / RANKS_KEY)
        for picture in self.pictures:
            self._artifact(picture.name, "plot" if picture.suffix == ".png" else "report", picture)
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
        self._say("warning", key, message)

    def _say(self, level: Literal["info", "warning"], key: str, message: str) -> None:
        if self.parallel.is_first:
            self.events.emit(Event("log", key, {"level": level, "message": message}))

    def _phase(self, phase: Phase, **more: str | int) -> None:
        if self.parallel.is_first:
            data = {"phase": phase, "process": os.getpid(), **more}
            self.events.emit(Event("status", f"{self.attempt}/{phase}", data))
            if phase == "done":
                self.events.flush()


def _spread(utterances: Sequence[AnyExample], most: int) -> list[AnyExample]:
    """At most `most` items, evenly spaced."""
    if len(utterances) <= most:
        return list(utterances)
    return [utterances[i * len(utterances) // most] for i in range(most)]


def _ids(splits: Splits) -> dict[str, Any]:
    named = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    return {name: [u.id for u in part] for name, part in named.items()}
