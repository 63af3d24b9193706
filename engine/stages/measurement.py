"""Measure a training: its base, validations on the way, and what was trained."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from engine.data.example import AnyExample
from engine.errors import ObjectNotFoundError, TrainingError
from engine.families.binding import Bound, bind
from engine.methods.contract import HasForms, Method
from engine.metrics.registry import Values, metric_named
from engine.models.reference import ModelReference
from engine.run.events import Event
from engine.run.reporter import Reporter
from engine.run.result import Fact
from engine.run.store import RunStore
from engine.stages.preparation import base_facts
from engine.tasks.contract import Draws
from engine.temporal.record import frame_records
from engine.training.loop import Validation
from engine.training.parallel import Parallel
from engine.training.validation_loss import LOSS_EXAMPLES, loss_of

BASE_METRICS: Final = "base_metrics.json"
"""The base's metrics in an unfinished run."""
PREDICTIONS: Final = "predictions.jsonl"


class Measurement:
    """Measures a model on examples of its run; every worker predicts its share, the first one stores and reports."""

    def __init__(
        self,
        bound: Bound,
        primary: str,
        *,
        folder: Path,
        store: RunStore,
        work_dir: Path,
        reporter: Reporter,
        parallel: Parallel,
    ) -> None:
        """A measurement of a run's model.

        Args:
            bound: the model with its task.
            primary: the metric that decides.
            folder: of the dataset version.
            store: of the run's files.
            work_dir: scratch on the local disk.
            reporter: of the run.
            parallel: this worker's rank.
        """
        self.primary = primary
        self.base_facts: dict[str, Fact] = {}
        """What the result says about the base."""
        self.made: list[Path] = []
        """Pictures and records that were stored."""
        self._bound, self._folder, self._store, self._work_dir = bound, folder, store, work_dir
        self._reporter, self._parallel = reporter, parallel

    def base(self, model: ModelReference, test: Sequence[AnyExample], adapted: Any = None) -> Values:
        """The base's metrics, stored so that a resumed run does not repeat the measurement.

        Args:
            model: reference to the base.
            test: the test examples.
            adapted: the base with an adapter; None: nothing is attached to it.
        """
        self._reporter.phase("evaluating_base")
        found: Values | None = None
        with contextlib.suppress(ObjectNotFoundError, KeyError):
            kept = json.loads(self._store.get_bytes(BASE_METRICS))
            found, self.base_facts = kept["metrics"], kept["facts"]
        if self._parallel.any(found is None) or found is None:
            with self._published(model, adapted) as bound:
                self.base_facts = base_facts(bound)
                found = self._measured(bound, test, "evaluation/test/base", split="test", which="base", step=0)
            if self._parallel.is_first:
                self._store.put_bytes(BASE_METRICS, json.dumps({"metrics": found, "facts": self.base_facts}).encode())
        return found

    @contextlib.contextmanager
    def _published(self, model: ModelReference, adapted: Any) -> Iterator[Bound]:
        """The base as published: in float32, not in 4 bits, and with its own audio context."""
        bound = self._bound
        if bound.config.method.four_bit is not None:
            yield bind(model, bound.config, space=bound.space, published=True)
            return
        bound.base.model.eval()
        with adapted.disable_adapter() if adapted is not None else contextlib.nullcontext():
            yield bound.as_published()

    def validation(
        self, examples: Sequence[AnyExample], measures_loss: Callable[[int], bool] | None
    ) -> Validation | None:
        """How the model is measured while it trains; None: there is nothing to measure on.

        Args:
            examples: to measure on.
            measures_loss: whether the validation after a step measures the loss too, on some of the examples.
        """
        if not examples:
            return None
        some = spread(examples, LOSS_EXAMPLES)

        def measure(step: int) -> float:
            more: dict[str, float] = {}
            if measures_loss is not None and measures_loss(step):
                loss = loss_of(self._bound.learner, some, self._folder, self._bound.config.batch)
                more |= {"validation_loss": loss} if math.isfinite(loss) else {}
            key = f"evaluation/validation/tuned/{step}"
            values = self._measured(self._bound, examples, key, split="validation", which="tuned", step=step, more=more)
            if self.primary not in values:
                raise TrainingError(
                    f"{self.primary} cannot be measured on the {len(examples)} validation examples: none has anything to "
                    "find; take others, or validate on none"
                )
            return values[self.primary]

        return Validation(metric_named(self.primary), measure)

    def trained(self, test: Sequence[AnyExample], step: int) -> Values:
        """Metrics of what was trained, after a step; stores predictions and the task's pictures."""
        key = "evaluation/test/tuned"
        return self._measured(
            self._bound, test, key, split="test", which="tuned", step=step, kept_as=PREDICTIONS, draws=True
        )

    def forms(self, method: Method, trained: Any, test: Sequence[AnyExample]) -> dict[str, Values]:
        """Metrics of simpler forms of what was trained, by name."""
        found: dict[str, Values] = {}
        metric = metric_named(self.primary)
        for name, form in (method.forms(trained) if isinstance(method, HasForms) else {}).items():
            with form:
                found[name] = self._scores(self._bound, test, kept_as=f"predictions-{name}.jsonl")[0]
            shown = metric.shown(found[name][self.primary]) if self.primary in found[name] else "not measured"
            self._reporter.say("info", f"evaluation/test/{name}", f"{metric.title} of the {name} form: {shown}")
        return found

    def record_frames(self, test: Sequence[AnyExample]) -> None:
        """Store what the gates of an adapter do over some of the test examples, if it has gates."""
        if self._parallel.is_first:
            records = frame_records(self._bound.base, self._bound.learner, test, self._folder)
            for name, content in records.items():
                path = self._work_dir / name
                path.write_bytes(content)
                self._keep(path)

    def _measured(
        self,
        bound: Bound,
        examples: Sequence[AnyExample],
        key: str,
        *,
        split: str,
        which: Literal["base", "tuned"],
        step: int,
        kept_as: str | None = None,
        draws: bool = False,
        more: Mapping[str, float] = MappingProxyType({}),
    ) -> Values:
        """Measure, and report it under a key."""
        started = time.perf_counter()
        found, ordered, predictions = self._scores(bound, examples, kept_as)
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
        self._reporter.emit(Event("metric", key, data))
        if draws and self._parallel.is_first and isinstance(bound.task, Draws):
            for picture in bound.task.draw(ordered, predictions, self._work_dir):
                self._keep(picture)
        return found

    def _scores(
        self, bound: Bound, examples: Sequence[AnyExample], kept_as: str | None
    ) -> tuple[Values, list[AnyExample], list[Any]]:
        """Metrics with the examples and predictions that they are of, in the order of ids."""
        ordered = sorted(examples, key=lambda example: example.id)
        mine = ordered[self._parallel.rank :: self._parallel.world_size]
        own = bound.learner.predict(mine, self._folder) if mine else []
        parts = self._parallel.gather_json(own)
        predictions = [parts[i % len(parts)][i // len(parts)] for i in range(len(ordered))]
        found: Values = bound.task.score(ordered, predictions)
        if self._parallel.is_first and kept_as is not None:
            rows = bound.task.rows(ordered, predictions)
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            self._store.put_bytes(kept_as, lines.encode())
        return found, ordered, predictions

    def _keep(self, path: Path) -> None:
        self._store.put(path.name, path)
        self.made.append(path)


def spread(examples: Sequence[AnyExample], most: int) -> list[AnyExample]:
    """At most so many of the examples, evenly spaced."""
    if len(examples) <= most:
        return list(examples)
    return [examples[i * len(examples) // most] for i in range(most)]
