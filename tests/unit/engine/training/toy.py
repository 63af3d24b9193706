"""A task of one line of arithmetic, for the training loop: weights learn the mean of the numbers that utterances say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from engine.config.training import TrainingConfig
from engine.data.example import Utterance, make_utterance
from engine.data.padding import padded_s
from engine.families.contract import AnyLearner, Base, Prediction, Seeds
from engine.methods.contract import Method
from engine.metrics.registry import Better, Metric
from engine.models.reference import ModelReference
from engine.run.events import MemorySink
from engine.run.result import Fact
from engine.run.store import LocalRunStore
from engine.training.checkpoints import Checkpoints
from engine.training.loop import Decider, TrainingLoop, Validation
from engine.training.parallel import SINGLE
from engine.training.step_down import StepDowns

WEIGHTS = 4
START = 1.0


def saying(*numbers: float, duration_s: float = 1.0) -> list[Utterance]:
    """Utterances that say these numbers."""
    return [
        make_utterance(f"u{i}", "a.wav", 0.0, duration_s, str(number), None, None) for i, number in enumerate(numbers)
    ]


@dataclass(frozen=True)
class ToyBatch:
    numbers_B: torch.Tensor
    cost: float


class ToyModel(nn.Module):
    """A vector of weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((WEIGHTS,), START))


@dataclass
class ToyLearner:
    """The loss of a number is half of its squared distance from every weight."""

    model: ToyModel
    config: TrainingConfig
    batches: list[list[str]] = field(default_factory=list)
    """Ids of the utterances of every micro-batch, in the order in which they were made."""
    cost_unit: str = "audio_s"
    notes: tuple[str, ...] = ()

    def facts(self) -> dict[str, Fact]:
        return {}

    def save(self, folder: Path) -> None:
        pass

    def costs(self, examples: Sequence[Utterance]) -> list[float]:
        return [u.input.duration_s for u in examples]

    def padded_costs(self, examples: Sequence[Utterance]) -> list[float]:
        return [padded_s(cost, self.config.context, 30.0) for cost in self.costs(examples)]

    def misfits(self, examples: Sequence[Utterance]) -> dict[str, str]:
        return {}

    def collate(self, examples: Sequence[Utterance], folder: Path, seeds: Seeds | None = None) -> ToyBatch:
        self.batches.append([u.id for u in examples])
        return ToyBatch(torch.tensor([float(u.target.text) for u in examples]), sum(self.costs(examples)))

    def loss(self, batch: ToyBatch) -> tuple[torch.Tensor, int]:
        distances_BW = self.model.weight[None, :] - batch.numbers_B[:, None]
        return 0.5 * distances_BW.square().sum(), len(batch.numbers_B)

    def target_count(self, examples: Sequence[Utterance]) -> int:
        return len(examples)

    def predict(
        self, examples: Sequence[Utterance], folder: Path, on_progress: Callable[[int], None] | None = None
    ) -> list[Prediction]:
        return []


class AllOfIt:
    """The method: what requires a gradient is trained in every step."""

    def attach(self, base: Base, reference: ModelReference) -> nn.Module:
        return base.model

    def before_step(self, step: int) -> None:
        pass

    def save(self, trained: Any, base: Base, learner: AnyLearner, folder: Path) -> None:
        pass


@dataclass
class ToyBound:
    """Of a bound model, what stepping down needs."""

    learner: ToyLearner
    can_checkpoint_activations: ClassVar[bool] = False


@dataclass
class Trained:
    """What a run of the loop left."""

    weights: list[float]
    steps: int
    events: list[dict[str, Any]]
    """Data of its metric events."""
    evaluated: list[tuple[int, float]]
    """Step and first weight at each evaluation."""
    batches: list[list[str]]
    store: Path


def train(
    folder: Path,
    fields: dict[str, Any],
    *,
    utterances: Sequence[Utterance] | None = None,
    metric: Callable[[int], float] | None = None,
    better: Better = "lower",
    method: Method | None = None,
    decider: Decider | None = None,
) -> Trained:
    """Train with the one loop.

    Args:
        folder: for its store.
        fields: of the training config; a constant learning rate unless they say otherwise.
        utterances: what is trained on; by default one that says 0.
        metric: what an evaluation after a step finds; None: nothing is evaluated.
        better: the direction that is better.
        method: says what is trained; None: all of it.
        decider: decides after validations whether it goes on.
    """
    context = {"type": "short", "tail_s": 0.1}
    config = TrainingConfig.model_validate({"schedule": {"type": "constant"}, "context": context} | fields)
    model, events, evaluated = ToyModel(), MemorySink(), []
    learner = ToyLearner(model, config)
    store = LocalRunStore(folder / "store")

    def measure(step: int) -> float:
        assert metric is not None
        evaluated.append((step, float(model.weight.detach()[0])))
        return metric(step)

    loop = TrainingLoop(
        config,
        model=model,
        learner=learner,
        method=method or AllOfIt(),
        train=utterances or saying(0.0),
        folder=folder,
        checkpoints=Checkpoints(store, config.checkpoint.keep),
        step_downs=StepDowns(ToyBound(learner), config, store, events, SINGLE),  # type: ignore[arg-type]
        events=events,
        parallel=SINGLE,
        device=torch.device("cpu"),
        dtype=torch.float32,
        fingerprint="toy",
        validation=Validation(Metric("toy", "toy", "a toy", better), measure) if metric is not None else None,
        should_stop=lambda: False,
        decider=decider,
    )
    assert loop.run() == "finished"
    metrics = [event.data for event in events.events if event.kind == "metric"]
    weights = model.weight.detach().tolist()
    return Trained(weights, loop.progress.step, metrics, evaluated, learner.batches, folder / "store")
