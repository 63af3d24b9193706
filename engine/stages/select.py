"""The selection stage: read, find speech, segment, score, choose, write.

Audio is read in batches and not kept; only one row per segment stays in memory. Each step is a function over a batch,
or a reducer over rows without audio:

    training_pool        manifest -> training utterances           engine.selection.pool
    segment_batch        batch of utterances -> segments           engine.segments.segmenting
    pack                 segments -> segments                      engine.segments.packing
    assign_roles         segments -> warm-up or held-out roles     here
    Scorer               batch of segments -> scores               engine.selection.scorer
    train_briefly        segments -> a warmed-up adapter           engine.selection.warm_up
    decide               held-out scores -> weight of disagreement engine.selection.self_disable
    choose               scores -> choices                         engine.selection.methods
    write_selection      choices -> segments.parquet               engine.selection.manifest
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from engine.config.selection import QuantizationAwareConfig, SamplerFields, SelectionConfig, WrongTextFields
from engine.config.selection_for import selection_for
from engine.config.training import TrainingConfig
from engine.data.example import Utterance
from engine.data.version_files import MANIFEST_NAME
from engine.errors import SelectionError, StoppedError
from engine.families.binding import Bound, bind
from engine.families.contract import DecidesByData, ScoresTokens
from engine.methods.build import build_method
from engine.models.catalogue import reference_to
from engine.models.reference import ModelReference
from engine.run.code_version import code_version
from engine.run.events import EventSink, MemorySink, now_rfc3339
from engine.run.provenance.digests import file_sha256
from engine.run.provenance.inputs import as_begun, begin, say_shown_again
from engine.run.provenance.stages import selection_inputs
from engine.run.reporter import Reporter
from engine.run.store import LocalRunStore
from engine.segments.packing import pack
from engine.segments.segment import Segment
from engine.segments.segmenting import SegmentLimits, TextLimit, whole_segment
from engine.selection.candidate import Candidate, Role
from engine.selection.manifest import SEGMENTS_NAME, SUMMARY_NAME, write_selection, write_summary
from engine.selection.methods import METHODS, Needs, choose, disagreement_residuals, settled
from engine.selection.pool import Pool, budget_s, encoder_s, looks_at_audio, training_pool
from engine.selection.result import Figures, Measured, SelectionResult, fault_warnings, figures_of
from engine.selection.sampling import check_budget, random_order
from engine.selection.saving import Saving, predict_saving
from engine.selection.scorer import Loss, token_scores
from engine.selection.self_disable import Decision, decide
from engine.selection.steps import LocalSteps, Steps
from engine.selection.warm_up import AsLog, attach, brief, train_briefly
from engine.selection.wrong_texts import find_wrong_texts
from engine.training.loop import Progress

ItemT = TypeVar("ItemT")


def select(
    data: Path,
    config: SelectionConfig,
    *,
    model: str | ModelReference,
    training: TrainingConfig,
    out: Path,
    work_dir: Path,
    events: EventSink | None = None,
    threads: int | None = None,
    encoder_s_per_s: float | None = None,
    steps: Callable[[Bound], Steps] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> SelectionResult:
    """Choose the segments of a dataset that a run trains on.

    A second call with the same inputs and `out` returns the stored result and emits an event that says so.
    `segments.parquet` depends on the set of training utterances, not on their order in the manifest (although a random
    split does).

    Args:
        data: dataset version: a folder with `manifest.jsonl`.
        config: how to choose.
        model: reference to, or name of, the base model.
        training: the run that the selection is for: its split decides which utterances may be selected, its method the
            precision of the base.
        out: folder for `segments.parquet` and, last, `selection.json`.
        work_dir: scratch on the local disk, with the checkpoints of the warm-up.
        events: receives the selection's events.
        threads: compute threads of this process; None keeps the current number.
        encoder_s_per_s: speed of training, in seconds of encoder input per second; None: measured in the warm-up, if
            there is one.
        steps: factory of the steps that read audio, given the task of the loaded model; None: steps in this process.
        should_stop: polled often; true raises `StoppedError`.

    Raises:
        StoppedError: `should_stop` returned true.
        EngineError: model, dataset and config do not fit together; the message says what to do.
    """
    config = selection_for(config, training)
    model = reference_to(model)
    inputs = as_begun(LocalRunStore(out), selection_inputs(model, data, config, training))
    if (finished := begin(LocalRunStore(out), inputs, parts=(), result_key=SUMMARY_NAME)) is not None:
        result = SelectionResult.model_validate_json(finished)
        say_shown_again(events or MemorySink(), result.model_dump(mode="json"), "selected")
        return result
    fingerprint = inputs.digest()
    if threads is not None:
        torch.set_num_threads(threads)
    selection = _Selection(data, config, model, training, out, work_dir, events or MemorySink(), fingerprint)
    if should_stop is not None:
        selection.should_stop = should_stop
    return selection.run(encoder_s_per_s, steps)


def assign_roles(ids: Sequence[str], config: SelectionConfig) -> dict[str, Role]:
    """Draw the segments of the warm-up and the held-out segments of the disagreement test, at random and disjoint."""
    needs = METHODS[config.method.type].needs
    warm_up = max(1, round(config.warm_up.data_share * len(ids))) if needs.warm_up else 0
    held_out = 0
    if isinstance(config.method, QuantizationAwareConfig):
        held_out = round(config.method.held_out_share * len(ids))
    order = random_order(ids, config.seed, "roles")
    roles: dict[str, Role] = dict.fromkeys(ids, "pool")
    roles |= {ids[i]: "warm_up" for i in order[:warm_up]}
    roles |= {ids[i]: "held_out" for i in order[warm_up : warm_up + held_out]}
    return roles


def limits_of(learner: ScoresTokens, config: SelectionConfig) -> SegmentLimits:
    """Limits of segments for a model and a selection."""
    longest_s = min(learner.window_s, config.cut.longest_s or learner.window_s)
    return SegmentLimits(longest_s, TextLimit(learner.codec, learner.max_text_tokens))


class _Selection:
    """A running selection."""

    def __init__(
        self,
        data: Path,
        config: SelectionConfig,
        model: ModelReference,
        training: TrainingConfig,
        out: Path,
        work_dir: Path,
        events: EventSink,
        fingerprint: str,
    ) -> None:
        self.started = time.perf_counter()
        self.data, self.config, self.model, self.training = data, config, model, training
        self.out, self.work_dir, self.events, self.fingerprint = out, work_dir, events, fingerprint
        self.reporter = Reporter(events, prefix="selection/")
        self.needs: Needs = METHODS[config.method.type].needs
        self.took_s = dict.fromkeys(("segmenting", "before", "warm_up", "after", "held_out"), 0.0)
        self.warm_up_steps = 0
        self.should_stop: Callable[[], bool] = lambda: False
        self.measured_encoder_s_per_s: float | None = None

    def run(self, encoder_s_per_s: float | None, steps: Callable[[Bound], Steps] | None) -> SelectionResult:
        pool = self._load()
        local = LocalSteps(self.data, self.config, self.model, self.training, self.bound)
        self.steps: Steps = steps(self.bound) if steps else local
        segments = self._timed("segmenting", lambda: self._segments(pool))
        usable = sorted((s for s in segments if s.fault is None), key=lambda s: s.id)
        left_out = [s for s in segments if s.fault is not None]
        warnings = fault_warnings(left_out)
        for warning in warnings:
            self.reporter.say("warning", warning.split(":")[0], warning)
        if not usable:
            raise SelectionError(
                f"none of {len(segments)} segments can be trained on: {'; '.join(warnings) or 'there are none'}"
            )
        candidates = self._candidates(usable)
        limit_s = budget_s(self.config, pool)
        if self.config.method.type != "full":  # fail before an hour of scoring, not after it
            check_budget(np.array([c.encoder_s for c in candidates]), limit_s)
        decision: Decision | None = None
        if self.needs.model:
            candidates, decision = self._scored(candidates, pool)
        lambda_q = decision.lambda_q if decision else 0.0
        method = settled(self.config.method, limit_s / max(pool.encoder_s, 1e-9))
        choices = choose(candidates, method, limit_s, lambda_q=lambda_q, seed=self.config.seed)
        warnings += self._wrong_texts(candidates)
        write_selection(self.out, choices, left_out)
        figures = figures_of(pool, segments, left_out, choices, limit_s)
        saving = self._saving(pool, figures, encoder_s_per_s or self.measured_encoder_s_per_s)
        result = SelectionResult(
            fingerprint=self.fingerprint,
            dataset_sha256=file_sha256(self.data / MANIFEST_NAME),
            model=self.model.id,
            config=self.config,
            training=self.training,
            decision=decision,
            tau=method.tau if isinstance(method, SamplerFields) else None,
            figures=figures,
            saving=saving,
            measured=Measured(
                **{f"{name}_s": seconds for name, seconds in self.took_s.items()},
                warm_up_steps=self.warm_up_steps,
                wall_s=time.perf_counter() - self.started,
            ),
            warnings=warnings,
            finished_at=now_rfc3339(),
            code_version=code_version(),
        )
        write_summary(self.out, result.model_dump(mode="json"))
        self._say(result)
        return result

    def _load(self) -> Pool:
        """Load the model and resolve its context and language in `training`."""
        bound = bind(self.model, self.training)
        self.scores, learner = token_scores(bound), bound.learner
        self.window_s = self.scores.window_s
        pool = training_pool(self.data, bound.config, self.window_s)
        notes = list(learner.notes)
        if isinstance(learner, DecidesByData) and (decision := learner.decide(pool.utterances, self.data)) is not None:
            learner.follow(decision)
            notes += [decision.note] if decision.note else []
        for number, note in enumerate(notes):
            self.reporter.say("warning", f"model/{number}", note)
        self.bound, self.training = bound, bound.config
        return pool

    # ---- segments ------------------------------------------------------------------------------------------

    def _segments(self, pool: Pool) -> list[Segment]:
        limits = limits_of(self.scores, self.config)
        if looks_at_audio(self.config, pool.utterances, limits.longest_s):
            told = self._told("segmenting", self.steps.segment(pool.utterances, limits), len(pool.utterances))
            segments = list(told)
        else:
            segments = [whole_segment(u, limits) for u in pool.utterances]
        return pack(segments, self.config.pack, limits.longest_s, limits.fits)

    def _candidates(self, segments: Sequence[Segment]) -> list[Candidate]:
        roles = assign_roles([s.id for s in segments], self.config)
        return [
            Candidate(
                segment,
                encoder_s=encoder_s([segment.duration_s], self.training, self.window_s),
                tokens=self.bound.learner.target_count([segment.as_utterance()]),
                role=roles[segment.id],
            )
            for segment in segments
        ]

    # ---- scores --------------------------------------------------------------------------------------------

    def _scored(self, candidates: list[Candidate], pool: Pool) -> tuple[list[Candidate], Decision | None]:
        if self.needs.before or self.needs.full_precision:
            candidates = self._timed("before", lambda: self._before(candidates))
        if not self.needs.warm_up:
            return candidates, None
        adapted = attach(self.bound, self.training)
        self._timed("warm_up", lambda: self._warm_up(adapted, candidates, pool))
        candidates = self._timed("after", lambda: self._after(candidates))
        if not isinstance(self.config.method, QuantizationAwareConfig):
            return candidates, None
        method = self.config.method
        return candidates, self._timed("held_out", lambda: self._decide(adapted, candidates, method))

    def _before(self, candidates: list[Candidate]) -> list[Candidate]:
        self.bound.base.model.eval()
        found = self._losses(candidates, None, self.needs.full_precision)
        return [
            dataclasses.replace(c, nll_before=loss.nll, disagreement=loss.disagreement)
            for c, loss in _with(candidates, found)
        ]

    def _after(self, candidates: list[Candidate]) -> list[Candidate]:
        if self.needs.after:
            found = self._losses(candidates, self._adapter("warm_up"))
            candidates = [
                dataclasses.replace(c, nll_after=loss.nll, el2n=loss.el2n, contradiction=loss.contradiction)
                for c, loss in _with(candidates, found)
            ]
        if self.needs.transcripts:
            heard = {
                row.id: (row.word_errors, row.words)
                for row in self.steps.transcripts(_utterances(candidates), self._adapter("warm_up"))
            }
            candidates = [
                dataclasses.replace(c, word_errors=errors, words=words)
                for c, (errors, words) in _with(candidates, heard)
            ]
        return candidates

    def _warm_up(self, adapted: Any, candidates: Sequence[Candidate], pool: Pool) -> None:
        chosen = [c for c in candidates if c.role == "warm_up"]
        steps = max(1, round(self.config.warm_up.steps_share * pool.steps))
        progress = self._train(adapted, brief(self.training, steps), chosen, "warm_up")
        self.warm_up_steps = progress.step
        padding = sum(c.encoder_s for c in chosen) / sum(c.segment.duration_s for c in chosen)
        if progress.training_s > 0:
            self.measured_encoder_s_per_s = padding * progress.cost / progress.training_s

    def _decide(self, adapted: Any, candidates: Sequence[Candidate], method: QuantizationAwareConfig) -> Decision:
        """Train one epoch on the held-out segments to test whether their disagreement predicts the drop of their loss.

        Each segment is seen once, so none is memorised before the others.
        """
        held_out = [c for c in candidates if c.role == "held_out"]
        drops = np.zeros(len(held_out))
        if len(held_out) >= method.least_held_out:
            self._train(adapted, brief(self.training, None, epochs=1.0), held_out, "held_out")
            found = self._losses(held_out, self._adapter("held_out"))
            drops = np.array([(c.nll_after or 0.0) - loss.nll for c, loss in _with(held_out, found)])
        places = [i for i, c in enumerate(candidates) if c.role == "held_out"]
        return decide(
            disagreement_residuals(candidates)[places],
            drops,
            np.array([c.rho for c in held_out], dtype=np.float64),
            lambda_q=method.lambda_q,
            confidence=method.confidence,
            draws=method.bootstrap_draws,
            least=method.least_held_out,
            seed=self.config.seed,
        )

    def _train(self, adapted: Any, config: TrainingConfig, chosen: Sequence[Candidate], name: str) -> Progress:
        progress = train_briefly(
            adapted,
            self.bound,
            config,
            _utterances(chosen),
            self.data,
            store=LocalRunStore(self.work_dir / name),
            events=AsLog(self.events, name),
            fingerprint=f"{self.fingerprint}/{name}",
            should_stop=self.should_stop,
        )
        self._stop_if_asked()
        folder = self._adapter(name)
        folder.mkdir(parents=True, exist_ok=True)
        build_method(self.training.method).save(adapted, self.bound.base, self.bound.learner, folder)
        return progress

    def _adapter(self, name: str) -> Path:
        return self.work_dir / name / "adapter"

    def _losses(
        self, candidates: Sequence[Candidate], adapter: Path | None, full_precision: bool = False
    ) -> dict[str, Loss]:
        name = f"scoring {adapter.parent.name if adapter else 'the base'}"
        losses = self._told(name, self.steps.losses(_utterances(candidates), adapter, full_precision), len(candidates))
        return {loss.id: loss for loss in losses}

    def _wrong_texts(self, candidates: Sequence[Candidate]) -> list[str]:
        if not isinstance(self.config.method, WrongTextFields):
            return []
        wrong = find_wrong_texts(candidates, self.config.method)
        self.reporter.say("info", "wrong_texts", wrong.reason)
        if not wrong.contradicted:
            return []
        ids = sorted(wrong.ids)
        shown = f" ({', '.join(ids[:5])}{', ...' if len(ids) > 5 else ''}): listen to them" if ids else ""
        return [f"wrong_text: {wrong.reason}{shown}"]

    # ---- results -------------------------------------------------------------------------------------------

    def _saving(self, pool: Pool, figures: Figures, encoder_s_per_s: float | None) -> Saving | None:
        if encoder_s_per_s is None:
            return None
        seen = looks_at_audio(self.config, pool.utterances, limits_of(self.scores, self.config).longest_s)
        speed = {"detector_audio_s_per_s": pool.audio_s / self.took_s["segmenting"]} if seen else {}
        return predict_saving(
            self.config,
            epochs=pool.epochs,
            encoder_s_per_s=encoder_s_per_s,
            pool_audio_s=pool.audio_s,
            pool_encoder_s=pool.encoder_s,
            scored_encoder_s=figures.candidates_encoder_s,
            selected_encoder_s=figures.selected_encoder_s,
            detects_speech=seen,
            **speed,
        )

    def _say(self, result: SelectionResult) -> None:
        figures, decision = result.figures, result.decision
        self.reporter.say(
            "info",
            "selected",
            f"selected {figures.selected} of {figures.candidates} segments, {figures.selected_encoder_s:.0f} of "
            f"{figures.utterances_encoder_s:.0f} encoder seconds (budget {figures.budget_encoder_s:.0f})",
        )
        if decision is not None:
            self.reporter.say("info", "decision", f"disagreement {decision.reason}", **decision.model_dump())
        if result.saving is not None:
            self.reporter.say("info", "saving", result.saving.sentence())
        for name in (SEGMENTS_NAME, SUMMARY_NAME):
            self.reporter.artifact(f"selection/{name}", "selection", self.out / name)
        self.reporter.flush()

    def _told(self, name: str, items: Iterable[ItemT], total: int) -> Iterator[ItemT]:
        """Pass items on, and log progress at every tenth of the total."""
        tenth = max(1, math.ceil(total / 10))
        for done, item in enumerate(items, start=1):
            yield item
            self._stop_if_asked()
            if done % tenth == 0:
                self.reporter.say(
                    "info", f"{name}/{done}", f"{name}: {done} of about {total}", progress=min(1.0, done / total)
                )

    def _stop_if_asked(self) -> None:
        if self.should_stop():
            raise StoppedError("the selection was asked to stop; start it again to continue")

    def _timed(self, name: str, step: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        self.reporter.phase(f"selection_{name}")
        done = step()
        self.took_s[name] += time.perf_counter() - started
        return done


def _utterances(candidates: Sequence[Candidate]) -> list[Utterance]:
    return [c.segment.as_utterance() for c in candidates]


def _with(candidates: Sequence[Candidate], found: dict[str, Any]) -> list[tuple[Candidate, Any]]:
    return [(c, found[c.segment.id]) for c in candidates]
