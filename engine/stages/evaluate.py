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
from pydantic import BaseModel

from engine.adapters import lora
from engine.adapters.settings import EARLIER_LANGUAGE, read_settings
from engine.config.measurement import MeasurementConfig
from engine.config.training import FullConfig, PretrainConfig, TrainingConfig
from engine.data.manifest import Utterance, read_manifest
from engine.data.splits import split_by_speaker
from engine.data.version_files import MANIFEST_NAME
from engine.errors import ConfigError, Fault, ObjectNotFoundError, StoppedError
from engine.metrics.primary import ErrorRate, primary_rate
from engine.metrics.word_errors import ErrorCounts
from engine.models.base import DETECTED, load_base
from engine.models.base import BaseModel as LoadedModel
from engine.models.catalogue import find_model
from engine.models.family import read_language
from engine.process.peak_memory import peak_bytes
from engine.run.code_version import code_version
from engine.run.events import Event, EventSink, now_rfc3339
from engine.run.provenance.inputs import begin, say_shown_again
from engine.run.provenance.stages import evaluation_inputs
from engine.run.store import RunStore
from engine.tasks.fitting import cut_note, left_out_note, named, without
from engine.tasks.spoken_language import spoken_language, with_language
from engine.tasks.task import build_task

PARTS = "parts"
PREDICTIONS = "predictions.jsonl"
Which = Literal["base", "adapter"]


class EvaluationResult(BaseModel):
    """The result of an evaluation, saved as `result.json`."""

    status: Literal["succeeded"] = "succeeded"
    model: str
    split: str
    utterances: int
    audio_s: float
    speakers: list[str]
    primary: ErrorRate = "wer"
    """The headline error rate: `cer` if most texts are in scripts without spaces between words."""
    base_wer: float | None = None
    base_cer: float | None = None
    adapter_wer: float
    """WER with the adapter, or of the model itself if there is no adapter."""
    adapter_cer: float
    wer_by_speaker: dict[str, float]
    """As `adapter_wer`, for each named speaker."""
    cer_by_speaker: dict[str, float] = {}
    """As `adapter_cer`, for each named speaker."""
    context: Literal["short", "full"] | None = None
    """Audio context of the adapter, or of the model itself."""
    base_context: Literal["short", "full"] | None = None
    """Audio context of the base, as its publisher trained it; unset if the base was not measured."""
    language: str | None = None
    """Language token of a multilingual model; unset for models of one language."""
    left_out_utterances: int = 0
    """Number of utterances that do not fit the model."""
    left_out: dict[str, str] = {}
    """The reason by id, for the first hundred of these utterances."""
    references_cut: int = 0
    """Number of texts longer than `max_new_tokens`, which no transcript can match."""
    peak_bytes: int
    wall_s: float
    audio_s_per_s: float
    """Seconds of speech transcribed per second in this attempt; 0 if all transcripts were stored already."""
    finished_at: str | None = None
    """End time, in UTC."""
    code_version: str | None = None


def evaluate(
    *,
    model: str,
    adapter: Path | None,
    data: Path,
    training: TrainingConfig,
    measurement: MeasurementConfig,
    store: RunStore,
    events: EventSink,
    should_stop: Callable[[], bool],
    threads: int | None = None,
    base_model: str | None = None,
) -> EvaluationResult:
    """Transcribe the utterances of a dataset version and count errors.

    Transcripts are stored in chunks. A second call with the same store and inputs resumes after the last chunk; a
    finished evaluation returns its stored result and emits an event that says so.

    Args:
        model: id in the catalogue, a folder, a hub id or a fetched address: the base, or a fully fine-tuned model.
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
        model: str,
        adapter: Path | None,
        data: Path,
        training: TrainingConfig,
        measurement: MeasurementConfig,
        store: RunStore,
        events: EventSink,
        should_stop: Callable[[], bool],
        threads: int | None,
        base_model: str | None,
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
        self.transcribed_audio_s = self.transcribing_s = 0.0
        if threads is not None:
            torch.set_num_threads(threads)

    def run(self) -> EvaluationResult:
        self._phase("loading")
        utterances = self._utterances()
        self.primary = primary_rate(u.text for u in utterances)
        with_adapter = self.measurement.base and self.adapter is not None
        base_model = self.model if with_adapter else self.base_model
        self.passes = 2 if base_model else 1

        base: ErrorCounts | None = None
        base_context = None
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
        counts, texts = self._measured("adapter", utterances)
        self._phase("saving")
        rows = [{"id": u.id, "speaker": u.speaker, "reference": u.text, "hypothesis": texts[u.id]} for u in utterances]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        self.store.put_bytes(PREDICTIONS, lines.encode())
        by_speaker = self._by_speaker(utterances, texts)
        result = EvaluationResult(
            model=self.model,
            split=self.measurement.split,
            utterances=len(utterances),
            audio_s=sum(u.duration_s for u in utterances),
            speakers=sorted({u.speaker for u in utterances if u.speaker}),
            primary=self.primary,
            base_wer=base.wer if base else None,
            base_cer=base.cer if base else None,
            adapter_wer=counts.wer,
            adapter_cer=counts.cer,
            wer_by_speaker={speaker: counts.wer for speaker, counts in by_speaker.items()},
            cer_by_speaker={speaker: counts.cer for speaker, counts in by_speaker.items()},
            context=loaded.context.type,
            base_context=base_context,
            language=loaded.speech.codec.language,
            left_out_utterances=len(self.left_out),
            left_out=named(self.left_out),
            references_cut=self.references_cut,
            peak_bytes=peak_bytes(loaded.device),
            wall_s=time.perf_counter() - self.started,
            audio_s_per_s=self.transcribed_audio_s / max(self.transcribing_s, 1e-9),
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
            card = find_model(self.model)
            task = training.task.model_copy(update={"language": read_language(card.family, card.location())})
            return training.model_copy(update={"task": task})
        return training

    def _load(self, model: str, utterances: Sequence[Utterance], *, published: bool = False) -> LoadedModel:
        """Load a model for transcription; a language that is not set is detected in `utterances`."""
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
        return sorted(wanted, key=lambda u: (-u.duration_s, u.id))

    def _measured(self, which: Which, utterances: Sequence[Utterance]) -> tuple[ErrorCounts, dict[str, str]]:
        texts: dict[str, str] = {}
        started = time.perf_counter()
        for index, chunk in enumerate(self._chunks(utterances)):
            texts.update(self._transcribed(which, index, chunk))
            self.done += len(chunk)
            data: dict[str, Any] = {"progress": self.done / self.to_do}
            if self.transcribing_s:
                data["audio_s_per_s"] = self.transcribed_audio_s / self.transcribing_s
            self.events.emit(Event("metric", f"{self.attempt}/progress/{self.done}", data))
        counts: ErrorCounts = self.task.score([u.text for u in utterances], [texts[u.id] for u in utterances])
        data = {
            # The platform shows the rates of the split `test` as `base_wer` and `adapter_wer`.
            "split": "test",
            "measured": self.measurement.split,
            "which": which,
            "step": 0,
            "primary": self.primary,
            "wer": counts.wer,
            "cer": counts.cer,
            "utterances": len(utterances),
            "wall_s": time.perf_counter() - started,
        }
        self.events.emit(Event("metric", f"evaluation/{which}", data))
        return counts, texts

    def _chunks(self, utterances: Sequence[Utterance]) -> Iterator[Sequence[Utterance]]:
        size = self.measurement.chunk_utterances
        for start in range(0, len(utterances), size):
            yield utterances[start : start + size]

    def _transcribed(self, which: Which, index: int, chunk: Sequence[Utterance]) -> dict[str, str]:
        key = f"{PARTS}/{which}-{index:06d}.json"
        with contextlib.suppress(ObjectNotFoundError, ValueError):
            kept = json.loads(self.store.get_bytes(key))
            if isinstance(kept, dict) and kept.keys() == {u.id for u in chunk}:
                return kept
        if self.should_stop():
            raise StoppedError(f"stopped after {self.done} of {self.to_do} transcripts; they are kept")
        started = time.perf_counter()
        texts = self.task.predict(chunk, self.folder)
        self.transcribing_s += time.perf_counter() - started
        self.transcribed_audio_s += sum(u.duration_s for u in chunk)
        by_id = {u.id: text for u, text in zip(chunk, texts, strict=True)}
        self.store.put_bytes(key, json.dumps(by_id, ensure_ascii=False).encode())
        return by_id

    def _by_speaker(self, utterances: Sequence[Utterance], texts: dict[str, str]) -> dict[str, ErrorCounts]:
        by_speaker = {}
        for speaker in sorted({u.speaker for u in utterances if u.speaker}):
            own = [u for u in utterances if u.speaker == speaker]
            by_speaker[speaker] = self.task.score([u.text for u in own], [texts[u.id] for u in own])
        return by_speaker

    def _warn(self, key: str, message: str) -> None:
        self.events.emit(Event("log", f"evaluation/{key}", {"level": "warning", "message": message}))

    def _phase(self, phase: str, status: str | None = None) -> None:
        data = {"phase": phase, "process": os.getpid()} | ({"status": status} if status else {})
        self.events.emit(Event("status", f"{self.attempt}/{phase}", data))
        if phase == "done":
            self.events.flush()
