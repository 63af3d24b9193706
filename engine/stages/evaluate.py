"""The evaluation stage: metrics of an adapter and of its base on any dataset version."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from engine.adapters import loading
from engine.adapters.settings import EARLIER_LANGUAGE, read_settings, read_space
from engine.config.measurement import MeasurementConfig
from engine.config.methods.whole import FullConfig
from engine.config.training import TrainingConfig
from engine.data.example import AnyExample
from engine.data.manifest import read_examples
from engine.data.splits import divide
from engine.data.version_files import MANIFEST_NAME
from engine.errors import ConfigError, Fault, ObjectNotFoundError, StoppedError
from engine.families.binding import Bound, bind
from engine.families.contract import DecidesByData, Decision, Prediction, TargetSpace
from engine.metrics.registry import Values
from engine.models.catalogue import reference_to
from engine.models.reference import ModelReference
from engine.process.peak_memory import peak_bytes
from engine.run.code_version import code_version
from engine.run.events import Event, EventSink, now_rfc3339
from engine.run.provenance.inputs import as_begun, begin, say_shown_again
from engine.run.provenance.stages import evaluation_inputs
from engine.run.reporter import Reporter
from engine.run.result import Fact, MeasuredResult
from engine.run.store import RunStore
from engine.stages.preparation import base_facts, references_cut
from engine.tasks.fitting import left_out_note, named, without
from engine.temporal.record import frame_records

PARTS = "parts"
PREDICTIONS = "predictions.jsonl"
Which = Literal["base", "tuned"]


class EvaluationResult(MeasuredResult):
    """The result of an evaluation; `tuned` are the metrics with the adapter, or of the model itself without one."""

    status: Literal["succeeded"] = "succeeded"
    model: str
    split: str
    examples: int
    cost: float
    """Total cost of the examples; `cost_per_s` counts this attempt, and is 0 if all predictions were stored already."""
    groups: list[str]
    """Groups (such as speakers) of the examples, if they are known."""
    by_group: dict[str, dict[str, float]] = {}
    """As `tuned`, for each named group: values by metric and group."""


def evaluate(
    *,
    model: str | ModelReference,
    adapter: Path | None,
    data: Path,
    training: TrainingConfig,
    measurement: MeasurementConfig,
    store: RunStore,
    events: EventSink,
    should_stop: Callable[[], bool],
    threads: int | None = None,
    base_model: str | ModelReference | None = None,
) -> EvaluationResult:
    """Predict for the examples of a dataset version, and measure.

    Predictions are stored in chunks. A second call with the same store and inputs resumes after the last chunk; a
    finished evaluation returns its stored result and emits an event that says so.

    Args:
        model: reference to, or name of, the base or of a fully fine-tuned model.
        adapter: folder of the adapter; None if the model itself was trained.
        data: folder with `manifest.jsonl`.
        training: the training's config: precision of the base, audio context, splits.
        measurement: what to measure.
        store: of the evaluation's files.
        events: receives the evaluation's events.
        should_stop: polled between chunks.
        threads: compute threads of this process; None keeps the current number.
        base_model: if the model itself was trained, the model that its training started from; measured as its base.

    Raises:
        ConfigError: the split has no examples.
        StoppedError: `should_stop` returned true.
        EngineError: model, adapter and dataset do not fit together.
    """
    model = reference_to(model)
    base_model = reference_to(base_model) if base_model is not None else None
    inputs = as_begun(store, evaluation_inputs(model, adapter, data, training, measurement, base_model))
    if (finished := begin(store, inputs, parts=(PARTS,))) is not None:
        result = EvaluationResult.model_validate_json(finished)
        say_shown_again(events, result.model_dump(), "measured")
        return result
    return _Evaluation(
        model, adapter, data, training, measurement, store, events, should_stop, threads, base_model
    ).run()


class _Evaluation:
    def __init__(
        self,
        model: ModelReference,
        adapter: Path | None,
        data: Path,
        training: TrainingConfig,
        measurement: MeasurementConfig,
        store: RunStore,
        events: EventSink,
        should_stop: Callable[[], bool],
        threads: int | None,
        base_model: ModelReference | None,
    ) -> None:
        self.started = time.perf_counter()
        self.model, self.adapter, self.folder = model, adapter, data
        self.base_model = base_model if adapter is None and measurement.base else None
        if training.method.from_scratch:  # load the trained model instead of initialising a new one
            training = training.model_copy(update={"method": FullConfig()})
        self.measurement = measurement
        self.settings = read_settings(adapter) if adapter is not None else None
        self.training = training
        self.training = self._as_trained()
        self.store, self.should_stop = store, should_stop
        self.reporter = Reporter(events, prefix="evaluation/")
        self.adapter_facts: dict[str, Fact] = {}
        self.done = 0
        self.predicted_cost = self.predicting_s = 0.0
        if threads is not None:
            torch.set_num_threads(threads)

    def run(self) -> EvaluationResult:
        self.reporter.phase("loading")
        examples = self._examples()
        base_model = self.model if self.measurement.base and self.adapter is not None else self.base_model
        self.passes = 2 if base_model else 1
        bound = self._load(self.model, examples)
        examples = self._fitting(bound, examples)
        if self.adapter is not None:
            self._load_adapter(bound, self.adapter)
        self.reporter.phase("evaluating")
        tuned, predictions = self._measured("tuned", bound, examples)
        self._write_predictions(bound, examples, predictions)
        for name, content in frame_records(bound.base, bound.learner, examples, self.folder).items():
            self.store.put_bytes(name, content)
        by_group = self._by_group(bound, examples, predictions)
        learner, device = bound.learner, bound.device
        cost, cost_unit = sum(learner.costs(examples)), learner.cost_unit
        facts = {**learner.facts(), **self.adapter_facts}
        # The base is measured with what the trained model knows, such as its language.
        self.training = self.training.model_copy(update={"task": bound.config.task})
        del bound, learner  # one model at a time
        base: Values | None = None
        if base_model is not None:
            base, base_facts = self._measured_base(base_model, examples)
            facts |= base_facts
        self.reporter.phase("saving")
        result = EvaluationResult(
            model=self.model.id,
            split=self.measurement.split,
            examples=len(examples),
            cost=cost,
            groups=sorted({example.group for example in examples if example.group}),
            task=self.training.task.type,
            primary=self.primary,
            base=base,
            tuned=tuned,
            by_group=by_group,
            facts=facts | ({"references_cut": self.references_cut} if self.references_cut else {}),
            left_out_count=len(self.left_out),
            left_out=named(self.left_out),
            peak_bytes=peak_bytes(device),
            wall_s=time.perf_counter() - self.started,
            cost_unit=cost_unit,
            cost_per_s=self.predicted_cost / max(self.predicting_s, 1e-9),
            finished_at=now_rfc3339(),
            code_version=code_version(),
        )
        # Last: the result's presence marks a finished evaluation.
        self.reporter.flush()
        self.store.put_bytes("result.json", result.model_dump_json(indent=1).encode())
        self.reporter.phase("done", status=result.status)
        return result

    def _measured_base(
        self, base_model: ModelReference, examples: Sequence[AnyExample]
    ) -> tuple[Values | None, dict[str, Fact]]:
        """Metrics of the base as published, and what a result says about it; nothing for a base without a head."""
        self.reporter.phase("evaluating_base")
        bound = self._load(base_model, examples, published=True)
        if bound.base.has_new_head:
            self.reporter.warn("new_head", "the base has no head for this task, and is not measured")
            return None, {}
        base, _ = self._measured("base", bound, examples)
        return base, base_facts(bound)

    def _load_adapter(self, bound: Bound, adapter: Path) -> None:
        """Load the adapter in the form that is to be measured, and say which one if it has gates."""
        is_gated = loading.load(bound.base, adapter, gates=self.measurement.form == "full")
        if is_gated:
            self.adapter_facts["gates"] = "full"
            self.reporter.say("info", "gates", "the adapter's gates are applied; form: static measures it without them")
        elif loading.has_gates(adapter):
            self.adapter_facts["gates"] = "static"
            self.reporter.say("info", "gates", "the adapter is measured without its gates, as plain peft loads it")

    def _write_predictions(
        self, bound: Bound, examples: Sequence[AnyExample], predictions: dict[str, Prediction]
    ) -> None:
        rows = bound.task.rows(examples, [predictions[example.id] for example in examples])
        groups = {example.id: example.group for example in examples}
        lines = "".join(json.dumps(row | {"group": groups[row["id"]]}, ensure_ascii=False) + "\n" for row in rows)
        self.store.put_bytes(PREDICTIONS, lines.encode())

    def _as_trained(self) -> TrainingConfig:
        """The training's config, with what the trained adapter's settings say was learned."""
        training, settings = self.training, self.settings
        if settings is None:
            return training
        if settings.task.type != training.task.type:
            message = f"found {training.task.type}; the adapter was trained for {settings.task.type}"
            raise ConfigError([Fault("training.task.type", message)])
        task = training.task.as_trained(settings.task)
        return training.model_copy(update={"context": settings.context, "task": task})

    def _load(self, model: ModelReference, examples: Sequence[AnyExample], *, published: bool = False) -> Bound:
        """Load a model for prediction; what it does not know is decided by `examples`."""
        torch.manual_seed(self.training.seed)
        space: TargetSpace | None = TargetSpace()
        if self.adapter is not None:
            space = read_space(self.adapter)
        elif published:  # what a trained model began from: without a head of its own, it gets one for these examples
            space = None
        bound = bind(model, self.training, training=examples, space=space, published=published)
        learner = bound.learner
        notes = list(learner.notes)
        if isinstance(learner, DecidesByData):
            if self.settings is not None and not learner.is_told:
                learner.follow(Decision(EARLIER_LANGUAGE))
            elif (decision := learner.decide(examples, self.folder)) is not None:
                learner.follow(decision)
                notes += [decision.note] if decision.note else []
        for number, note in enumerate(notes):
            self.reporter.warn(f"model/{number}", note)
        self.primary: str = bound.task.primary(examples)
        bound.base.model.eval()
        return bound

    def _fitting(self, bound: Bound, examples: Sequence[AnyExample]) -> list[AnyExample]:
        """The examples that fit the model, in the order in which they are measured; warns about the others."""
        wrong = bound.task.misfits(examples)
        right = [example for example in examples if example.id not in wrong]
        self.left_out: dict[str, str] = wrong | bound.learner.misfits(right)
        if self.left_out:
            self.reporter.warn("left_out", left_out_note(self.left_out))
        fitting = without(examples, self.left_out, "measure on")
        self.references_cut, note = references_cut(bound.learner, fitting)
        if note is not None:
            self.reporter.warn("cut", note)
        self.to_do = len(fitting) * self.passes
        # The most costly first, so that a chunk needs little padding.
        costs = dict(zip((example.id for example in fitting), bound.learner.costs(fitting), strict=True))
        return sorted(fitting, key=lambda example: (-costs[example.id], example.id))

    def _examples(self) -> list[AnyExample]:
        """The examples to measure."""
        everything = read_examples(self.folder / MANIFEST_NAME)
        wanted: Sequence[AnyExample] = everything
        if self.measurement.split != "all":
            splits = divide(everything, self.training.split, self.training.seed)
            wanted = getattr(splits, self.measurement.split)
            for number, warning in enumerate(splits.warnings):
                self.reporter.warn(f"split/{number}", warning)
        if not wanted:
            raise ConfigError(
                [
                    Fault(
                        "measurement.split",
                        f"{self.measurement.split} has none of the {len(everything)} examples; "
                        "name another split, or all",
                    )
                ]
            )
        return list(wanted)

    def _measured(
        self, which: Which, bound: Bound, examples: Sequence[AnyExample]
    ) -> tuple[Values, dict[str, Prediction]]:
        predictions: dict[str, Prediction] = {}
        started = time.perf_counter()
        for index, chunk in enumerate(self._chunks(examples)):
            predictions.update(self._predicted(which, index, bound, chunk))
            self.done += len(chunk)
            data: dict[str, Any] = {"progress": self.done / self.to_do}
            if self.predicting_s:
                data |= {"cost_per_s": self.predicted_cost / self.predicting_s, "cost_unit": bound.learner.cost_unit}
            self.reporter.progress(self.done, **data)
        found: Values = bound.task.score(examples, [predictions[example.id] for example in examples])
        data = {
            # The platform shows the metrics of the split `test` as `base` and `tuned`.
            "split": "test",
            "measured": self.measurement.split,
            "which": which,
            "step": 0,
            "primary": self.primary,
            "metrics": found,
            "examples": len(examples),
            "wall_s": time.perf_counter() - started,
        }
        self.reporter.emit(Event("metric", f"evaluation/{which}", data))
        return found, predictions

    def _chunks(self, examples: Sequence[AnyExample]) -> Iterator[Sequence[AnyExample]]:
        size = self.measurement.chunk_examples
        for start in range(0, len(examples), size):
            yield examples[start : start + size]

    def _predicted(self, which: Which, index: int, bound: Bound, chunk: Sequence[AnyExample]) -> dict[str, Prediction]:
        key = f"{PARTS}/{which}-{index:06d}.json"
        with contextlib.suppress(ObjectNotFoundError, ValueError):
            kept = json.loads(self.store.get_bytes(key))
            if isinstance(kept, dict) and kept.keys() == {example.id for example in chunk}:
                return kept
        if self.should_stop():
            raise StoppedError(f"stopped after {self.done} of {self.to_do} predictions; they are kept")
        started = time.perf_counter()
        predictions = bound.learner.predict(chunk, self.folder)
        self.predicting_s += time.perf_counter() - started
        self.predicted_cost += sum(bound.learner.costs(chunk))
        by_id = {example.id: found for example, found in zip(chunk, predictions, strict=True)}
        self.store.put_bytes(key, json.dumps(by_id, ensure_ascii=False).encode())
        return by_id

    def _by_group(
        self, bound: Bound, examples: Sequence[AnyExample], predictions: dict[str, Prediction]
    ) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {}
        for group in sorted({example.group for example in examples if example.group}):
            own = [example for example in examples if example.group == group]
            for metric, value in bound.task.score(own, [predictions[example.id] for example in own]).items():
                found.setdefault(metric, {})[group] = value
        return found
