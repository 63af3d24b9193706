"""The evaluation stage: error rates of an adapter and of its base on any dataset version."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from engine.adapters import lora
from engine.adapters.settings import EARLIER_LANGUAGE, read_settings
from engine.config.context import TrainedContext
from engine.config.measurement import MeasurementConfig
from engine.config.training import FullConfig, PretrainConfig, TrainingConfig
from engine.data.example import Utterance
from engine.data.manifest import read_manifest
from engine.data.splits import split_by_speaker
from engine.data.version_files import MANIFEST_NAME
from engine.errors import ConfigError, Fault, ObjectNotFoundError, StoppedError
from engine.metrics.registry import Values
from engine.models.base import DETECTED, BaseModel, load_base
from engine.models.catalogue import reference_to
from engine.models.family import read_language
from engine.models.reference import ModelReference
from engine.process.peak_memory import peak_bytes
from engine.run.code_version import code_version
from engine.run.events import Event, EventSink, now_rfc3339
from engine.run.provenance.inputs import begin, say_shown_again
from engine.run.provenance.stages import evaluation_inputs
from engine.run.result import MeasuredResult
from engine.run.store import RunStore
from engine.stages.preparation import speech_facts
from engine.tasks.fitting import cut_note, left_out_note, named, without
from engine.tasks.spoken_language import spoken_language, with_language
from engine.tasks.task import build_task

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
        ConfigError: the split has no utterances.
        StoppedError: `should_stop` returned true.
        EngineError: model, adapter and dataset do not fit together.
    """
    model = reference_to(model)
    base_model = reference_to(base_model) if base_model is not None else None
    inputs = evaluation_inputs(model, adapter, data, training, measurement, base_model)
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
        if isinstance(training.method, PretrainConfig):  # load the trained model instead of initialising a new one
            training = training.model_copy(update={"method": FullConfig()})
        self.measurement = measurement
        self.settings = read_settings(adapter) if adapter is not None else None
        self.training = training
        self.training = self._as_trained()
        self.store, self.events, self.should_stop = store, events, should_stop
        self.attempt = f"{time.time_ns():x}"
        self.done = 0
        self.predicted_cost = self.predicting_s = 0.0
        if threads is not None:
            torch.set_num_threads(threads)

    def run(self) -> EvaluationResult:
        self._phase("loading")
        utterances = self._utterances()
        with_adapter = self.measurement.base and self.adapter is not None
        base_model = self.model if with_adapter else self.base_model
        self.passes = 2 if base_model else 1

        base: Values | None = None
        base_context: TrainedContext | None = None
        if base_model is not None:
            self._phase("evaluating_base")
            base_context = self._load(base_model, utterances, published=True).context.type
            utterances = self._fitting(utterances)
            base, _ = self._measured("base", utterances)
            del self.task  # one model at a time
        loaded = self._load(self.model, utterances)
        if base_model is None:
            utterances = self._fitting(utterances)
        if self.adapter is not None:
            lora.load(loaded.speech, self.adapter)
        self._phase("evaluating")
        tuned, texts = self._measured("tuned", utterances)
        self._phase("saving")
        rows = [
            {"id": u.id, "speaker": u.group, "reference": u.target.text, "hypothesis": texts[u.id]} for u in utterances
        ]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        self.store.put_bytes(PREDICTIONS, lines.encode())
        result = EvaluationResult(
            model=self.model.id,
            split=self.measurement.split,
            examples=len(utterances),
            cost=sum(u.input.duration_s for u in utterances),
            groups=sorted({u.group for u in utterances if u.group}),
            task=self.training.task.type,
            primary=self.primary,
            base=base,
            tuned=tuned,
            by_group=self._by_group(utterances, texts),
            facts=speech_facts(loaded, base_context, self.references_cut),
            left_out_count=len(self.left_out),
            left_out=named(self.left_out),
            peak_bytes=peak_bytes(loaded.device),
            wall_s=time.perf_counter() - self.started,
            cost_unit=self.task.cost_unit,
            cost_per_s=self.predicted_cost / max(self.predicting_s, 1e-9),
            finished_at=now_rfc3339(),
            code_version=code_version(),
        )
        # Last: the result's presence marks a finished evaluation.
        self.events.flush()
        self.store.put_bytes("result.json", result.model_dump_json(indent=1).encode())
        self._phase("done", result.status)
        return result

    def _as_trained(self) -> TrainingConfig:
        """The training's config, with the context and the language that the trained model or adapter names."""
        training = self.training
        if self.settings is not None:
            task = training.task.model_copy(update={"language": self.settings.task.language})
            return training.model_copy(update={"context": self.settings.context, "task": task})
        if self.adapter is None and training.task.language in {None, DETECTED}:
            task = training.task.model_copy(update={"language": read_language(self.model)})
            return training.model_copy(update={"task": task})
        return training

    def _load(self, model: ModelReference, utterances: Sequence[Utterance], *, published: bool = False) -> BaseModel:
        """Load a model for prediction; a language that is not set is detected in `utterances`."""
        torch.manual_seed(self.training.seed)
        loaded = load_base(model, self.training, published=published)
        notes = dict(enumerate(loaded.notes))
        told = loaded.config.task.language
        if self.settings is not None and told is None and loaded.speech.codec.languages:
            loaded = with_language(loaded, EARLIER_LANGUAGE)
        elif (spoken := spoken_language(loaded, utterances, self.folder)) is not None:
            loaded = with_language(loaded, spoken.code)
            notes |= {len(notes): spoken.note} if spoken.note else {}
        for number, note in notes.items():
            self._warn(f"model/{number}", note)
        self.task = build_task(loaded.config, loaded.speech, loaded.device, loaded.dtype)
        self.primary: str = self.task.primary(utterances)
        loaded.speech.model.eval()
        return loaded

    def _fitting(self, utterances: Sequence[Utterance]) -> list[Utterance]:
        """The utterances that fit the model; warns about the others."""
        self.left_out: dict[str, str] = self.task.misfits(utterances)
        if self.left_out:
            self._warn("left_out", left_out_note(self.left_out))
        fitting = without(utterances, self.left_out, "measure on")
        self.references_cut: int = self.task.cut_references(fitting)
        if self.references_cut:
            self._warn("cut", cut_note(self.references_cut, len(fitting), self.training.task.max_new_tokens))
        self.to_do = len(fitting) * self.passes
        return fitting

    def _utterances(self) -> list[Utterance]:
        """The utterances to measure, longest first, so that a chunk needs little padding."""
        everything = read_manifest(self.folder / MANIFEST_NAME)
        wanted: Sequence[Utterance] = everything
        if self.measurement.split != "all":
            split = self.training.split
            splits = split_by_speaker(
                everything,
                split.test_speakers,
                split.validation_fraction,
                self.training.seed,
                validation_speakers=split.validation_speakers,
            )
            wanted = getattr(splits, self.measurement.split)
            for number, warning in enumerate(splits.warnings):
                self.events.emit(Event("log", f"split/{number}", {"level": "warning", "message": warning}))
        if not wanted:
            raise ConfigError(
                [
                    Fault(
                        "measurement.split",
                        f"{self.measurement.split} has none of the {len(everything)} utterances; "
                        "name another split, or all",
                    )
                ]
            )
        return sorted(wanted, key=lambda u: (-u.input.duration_s, u.id))

    def _measured(self, which: Which, utterances: Sequence[Utterance]) -> tuple[Values, dict[str, str]]:
        texts: dict[str, str] = {}
        started = time.perf_counter()
        for index, chunk in enumerate(self._chunks(utterances)):
            texts.update(self._predicted(which, index, chunk))
            self.done += len(chunk)
            data: dict[str, Any] = {"progress": self.done / self.to_do}
            if self.predicting_s:
                data |= {"cost_per_s": self.predicted_cost / self.predicting_s, "cost_unit": self.task.cost_unit}
            self.events.emit(Event("metric", f"{self.attempt}/progress/{self.done}", data))
        found: Values = self.task.score([u.target.text for u in utterances], [texts[u.id] for u in utterances])
        data = {
            # The platform shows the metrics of the split `test` as `base` and `tuned`.
            "split": "test",
            "measured": self.measurement.split,
            "which": which,
            "step": 0,
            "primary": self.primary,
            "metrics": found,
            "examples": len(utterances),
            "wall_s": time.perf_counter() - started,
        }
        self.events.emit(Event("metric", f"evaluation/{which}", data))
        return found, texts

    def _chunks(self, utterances: Sequence[Utterance]) -> Iterator[Sequence[Utterance]]:
        size = self.measurement.chunk_utterances
        for start in range(0, len(utterances), size):
            yield utterances[start : start + size]

    def _predicted(self, which: Which, index: int, chunk: Sequence[Utterance]) -> dict[str, str]:
        key = f"{PARTS}/{which}-{index:06d}.json"
        with contextlib.suppress(ObjectNotFoundError, ValueError):
            kept = json.loads(self.store.get_bytes(key))
            if isinstance(kept, dict) and kept.keys() == {u.id for u in chunk}:
                return kept
        if self.should_stop():
            raise StoppedError(f"stopped after {self.done} of {self.to_do} predictions; they are kept")
        started = time.perf_counter()
        texts = self.task.predict(chunk, self.folder)
        self.predicting_s += time.perf_counter() - started
        self.predicted_cost += sum(u.input.duration_s for u in chunk)
        by_id = {u.id: text for u, text in zip(chunk, texts, strict=True)}
        self.store.put_bytes(key, json.dumps(by_id, ensure_ascii=False).encode())
        return by_id

    def _by_group(self, utterances: Sequence[Utterance], texts: dict[str, str]) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {}
        for group in sorted({u.group for u in utterances if u.group}):
            own = [u for u in utterances if u.group == group]
            values: Values = self.task.score([u.target.text for u in own], [texts[u.id] for u in own])
            for metric, value in values.items():
                found.setdefault(metric, {})[group] = value
        return found

    def _warn(self, key: str, message: str) -> None:
        self.events.emit(Event("log", f"evaluation/{key}", {"level": "warning", "message": message}))

    def _phase(self, phase: str, status: str | None = None) -> None:
        data = {"phase": phase, "process": os.getpid()} | ({"status": status} if status else {})
        self.events.emit(Event("status", f"{self.attempt}/{phase}", data))
        if phase == "done":
            self.events.flush()
