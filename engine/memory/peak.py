"""Peak memory of a run's worker, by phase and part, known before anything is loaded. Does not import torch.

A run loads its model, trains, measures its base and what it trained, and saves. Each phase holds some of the parts at once;
the run needs what its largest phase does. Weights, adapters and what a step keeps are counted exactly, operation by operation
(`engine.memory.tape`); what libraries and temporary tensors take is calibrated (`engine.memory.calibration`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from engine.config.context import AutoContextConfig, ShortContextConfig, resolve_context
from engine.config.methods.lora import LoraFields, QloraConfig
from engine.config.training import MOST_COST, BatchConfig, TrainingConfig
from engine.families.costing import costs_module
from engine.families.memory import memory_module, rules_of
from engine.memory.calibration import CPU, Calibration
from engine.memory.record import FLOAT32, Rules
from engine.memory.shape import BatchShape, Longest
from engine.memory.sizes import Sizes
from engine.memory.tape import Tape

_AHEAD: Final = 4
"""Steps whose features are held: the one that is computed, and those that are prepared (`engine.training.prefetch`)."""
_LEAST_COST: Final = 1.0
_SAME: Final = 0.9
"""Share of the float32 weights that a file of float32 has at least."""
UNKNOWN: Final = Longest()
"""Data that nothing is known of."""

Part = Literal[
    "runtime",
    "vocabulary",
    "base_weights",
    "adapter",
    "gradients",
    "optimizer_states",
    "weight_copies",
    "activations",
    "workspace",
    "features",
    "published_base",
    "model_file",
]
Phase = Literal["loading", "training", "evaluating_base", "evaluating"]


@dataclass(frozen=True, slots=True)
class Peak:
    """Peak memory of one worker in bytes."""

    phases: dict[Phase, dict[Part, int]]
    """The parts of each phase."""

    @property
    def totals(self) -> dict[Phase, int]:
        """Sum of the parts of each phase."""
        return {phase: sum(parts.values()) for phase, parts in self.phases.items()}

    @property
    def phase(self) -> Phase:
        """The phase that needs most."""
        totals = self.totals
        return max(totals, key=lambda phase: totals[phase])

    @property
    def parts(self) -> dict[Part, int]:
        """The parts of the phase that needs most."""
        return self.phases[self.phase]

    @property
    def bytes(self) -> int:
        """Sum of those parts."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a config that would lower its peak."""

    path: str
    value: object
    peak_bytes: int
    """Peak with only this change, in bytes."""


class _Run:
    """The tapes of a run, and what follows from them."""

    def __init__(
        self, sizes: Sizes, config: TrainingConfig, compute_bytes: int, longest: Longest, workers: int, on_gpu: bool
    ) -> None:
        self.sizes, self.config, self.compute_bytes = sizes, config, compute_bytes
        self.module = memory_module(sizes.family, config.task.type)
        self.costing = costs_module(sizes.family, config.task.type).costing(config, sizes.values, 1.0)
        self.longest, self.workers, self.on_gpu = longest, workers, on_gpu
        rules = rules_of(config, compute_bytes, on_gpu=on_gpu)
        self.tape = max((self._play(rules, shape) for shape in self._shapes()), key=_step_bytes)
        self.trained = _trained(self.tape, config)

    def _play(self, rules: Rules, batch: BatchShape) -> Tape:
        tape = Tape(rules)
        self.module.play(tape, self.config, self.sizes.values, batch)
        return tape

    def _shapes(self) -> Iterator[BatchShape]:
        """Micro-batches, of which one is the worst."""
        batch, shape = self.config.batch, self.module.longest(self.config, self.sizes.values, self.longest)
        yield replace(shape, examples=self._examples(self.costing.padded(self.longest.seconds)))
        if self.costing.whole_window_share:
            whole = self.costing.whole_window_cost
            yield replace(shape, examples=max(1, int(batch.micro_batch_cost / whole)), padded_s=whole)

    def _examples(self, cost: float) -> int:
        """Examples of this cost in a micro-batch of one worker."""
        batch = self.config.batch
        step = max(1, min(batch.max_examples, int(batch.cost / cost + 1e-6)))
        unit = getattr(self.config.task, "group_size", 1)
        most = max(unit, int(batch.micro_batch_cost / cost + 1e-6) // unit * unit)
        return max(1, min(most, math.ceil(step / self.workers)))

    @property
    def micro_batches(self) -> int:
        """Micro-batches of a worker's step."""
        batch, cost = self.config.batch, self.costing.padded(self.longest.seconds)
        step = max(1, min(batch.max_examples, int(batch.cost / cost + 1e-6)))
        return math.ceil(step / (self.workers * self._examples(cost)))

    def evaluation(self, *, published: bool = False) -> Tape:
        """A batch of predictions, without gradients."""
        config = self.config
        if published:  # in its own context
            config = config.model_copy(update={"context": AutoContextConfig()})
        shape = self.module.longest(config, self.sizes.values, self.longest)
        costing = costs_module(self.sizes.family, config.task.type).costing(config, self.sizes.values, 1.0)
        cost = costing.padded(self.longest.seconds)
        examples = max(1, int(config.evaluation.batch_cost / cost))
        if self.longest.test_examples is not None:
            examples = min(examples, self.longest.test_examples)
        compute = FLOAT32 if published else self.compute_bytes
        return self._play(Rules("heads", compute, on_gpu=self.on_gpu), replace(shape, examples=examples))


def peak_memory(
    sizes: Sizes,
    config: TrainingConfig,
    compute_bytes: int,
    *,
    longest: Longest = UNKNOWN,
    workers: int = 1,
    on_gpu: bool = False,
    calibration: Calibration = CPU,
) -> Peak:
    """Peak memory of one worker.

    Args:
        sizes: of the base.
        config: of the run.
        compute_bytes: bytes per value of the compute type: 4, or 2 in half precision.
        longest: the longest example of the data.
        workers: that share a step.
        on_gpu: whether it computes on a GPU; the peak is then the GPU's.
        calibration: of the device.
    """
    run = _Run(sizes, config, compute_bytes, longest, workers, on_gpu)
    tape, method = run.tape, config.method
    counts, trained = run.trained, sum(run.trained)
    base = sum(each.bytes for each in tape.weights if each.kind != "adapter")
    adapter = FLOAT32 * trained - sum(each.bytes for each in tape.weights if each.trains and each.kind != "adapter")
    float_weights = sum(FLOAT32 * each.count for each in tape.weights if each.kind in ("base", "four_bit"))
    file_bytes = 0 if method.from_scratch or not calibration.maps_files else sizes.file_bytes or float_weights
    # Weights of a float32 file are its mapped pages; of another one, or in 4 bits, they are new.
    is_copied = method.four_bit is not None or file_bytes < _SAME * float_weights
    always: dict[Part, float] = {
        "runtime": calibration.runtime_bytes(compute_bytes),
        "base_weights": base,
        "vocabulary": calibration.vocabulary * sizes.vocabulary_bytes * run.module.READS_TEXT,
    }
    held = always | {
        "adapter": adapter,
        "optimizer_states": sum(config.optimizer.state_bytes(count) for count in counts),
        # A moving average and the best weights so far are kept in float32, in addition to the trained ones.
        "weight_copies": FLOAT32 * trained * (bool(config.ema_decay) + (config.evaluation.keep == "best")),
    }
    phases: dict[Phase, dict[Part, float]] = {
        "loading": always | {"model_file": file_bytes * is_copied},
        "training": held | _step(run, trained, calibration),
    }
    tested = run.evaluation()
    phases["evaluating"] = held | {
        "gradients": FLOAT32 * trained,
        "workspace": calibration.evaluation * (tested.largest_bytes + _unpacked(tape)) + tested.cached_bytes,
        "features": tested.input_bytes,
    }
    if config.evaluation.base and not method.from_scratch:
        published = run.evaluation(published=True)
        predicting = calibration.evaluation * published.largest_bytes + published.cached_bytes
        if method.four_bit is not None:
            # The base is loaded once more, in float32, with the 4-bit one in place.
            loading = file_bytes * (file_bytes < _SAME * float_weights)
            phases["evaluating_base"] = held | {
                "gradients": FLOAT32 * trained,
                "published_base": float_weights + max(loading, predicting),
                "features": published.input_bytes,
            }
        else:
            phases["evaluating_base"] = phases["evaluating"] | {"workspace": predicting}
    return Peak(
        {phase: {part: round(count) for part, count in parts.items() if count} for phase, parts in phases.items()}
    )


def _step(run: _Run, trained: int, calibration: Calibration) -> dict[Part, float]:
    """What the worst moment of an optimizer step holds beside weights and states."""
    tape = run.tape
    # A checkpointed layer is recomputed in the backward pass, not at the end of the forward pass.
    activations = tape.kept_bytes + tape.recomputed_bytes
    computing = max(tape.passing_bytes(calibration.step), tape.kept_bytes + tape.recomputing_bytes(calibration.step))
    passing = max(0.0, computing - activations) + calibration.step * _unpacked(tape)
    gradients = FLOAT32 * trained
    moments: list[dict[Part, float]] = [
        # The end of the forward pass; earlier micro-batches of the step left their gradients.
        {
            "gradients": gradients * (run.micro_batches > 1),
            "activations": tape.kept_bytes,
            "workspace": tape.loss_bytes,
        },
        {
            "gradients": gradients + max(0.0, tape.summed_bytes - activations)
            if run.micro_batches > 1
            else max(0.0, tape.backward_bytes - activations),
            "activations": activations,
            "workspace": passing,
        },
        {"gradients": gradients, "workspace": FLOAT32 * max((w.count for w in tape.weights if w.trains), default=0)},
    ]
    if run.workers > 1:  # one tensor of all gradients is summed over the workers
        moments.append({"gradients": gradients, "workspace": gradients})
    worst = max(moments, key=lambda moment: sum(moment.values()))
    steps = min(_AHEAD, run.config.max_steps or _AHEAD)
    return {"features": 0.0 if run.on_gpu else steps * run.micro_batches * tape.input_bytes, **worst}


def _unpacked(tape: Tape) -> float:
    """Bytes of the largest 4-bit layer when it is unpacked for its product."""
    return tape.largest_four_bit * tape.rules.compute_bytes


def _step_bytes(tape: Tape) -> float:
    return max(tape.kept_bytes + max(tape.recomputed_bytes, tape.loss_bytes), tape.backward_bytes)


def checkpoint_bytes(sizes: Sizes, config: TrainingConfig) -> int:
    """Bytes that a run keeps in its store: checkpoints with optimizer states and weight copies, and the result.

    Args:
        sizes: of the base.
        config: of the run.
    """
    # A new checkpoint is written before the oldest is deleted.
    kept = (config.checkpoint.keep + 1) * one_checkpoint_bytes(sizes, config)
    return kept + FLOAT32 * trainable_parameters(sizes, config)


def one_checkpoint_bytes(sizes: Sizes, config: TrainingConfig) -> int:
    """Bytes of one checkpoint, with optimizer states and weight copies."""
    counts = trained_tensors(sizes, config)
    copies = 1 + bool(config.ema_decay) + (config.evaluation.keep == "best")
    return FLOAT32 * sum(counts) * copies + sum(config.optimizer.state_bytes(count) for count in counts)


def trainable_parameters(sizes: Sizes, config: TrainingConfig) -> int:
    """Number of weights that the run trains."""
    return sum(trained_tensors(sizes, config))


def trained_tensors(sizes: Sizes, config: TrainingConfig) -> list[int]:
    """Number of weights in each tensor that the run trains."""
    return _Run(sizes, config, FLOAT32, UNKNOWN, 1, on_gpu=False).trained


def _trained(tape: Tape, config: TrainingConfig) -> list[int]:
    """Number of weights in each trained tensor; an allocation of ranks spends its budget as if evenly."""
    method = config.method
    adapters = [each.count for each in tape.weights if each.kind == "adapter"]
    others = [each.count for each in tape.weights if each.trains and each.kind != "adapter"]
    if not (adapters and isinstance(method, LoraFields)):
        return adapters + others
    per_rank = sum(adapters) // method.rank
    per_weight = 2 * FLOAT32 + config.optimizer.state_bytes(per_rank) / per_rank
    average = method.allocation.average_rank(method.rank, len(adapters) // 2, per_rank, per_weight)
    return [math.ceil(average * count / method.rank) for count in adapters] + others


def changes(
    sizes: Sizes,
    config: TrainingConfig,
    compute_bytes: int,
    *,
    longest: Longest = UNKNOWN,
    workers: int = 1,
    on_gpu: bool = False,
    calibration: Calibration = CPU,
) -> Iterator[Change]:
    """Single changes that would lower the peak, the least harmful first; for the arguments see `peak_memory`."""

    def peak(changed: TrainingConfig) -> int:
        return peak_memory(
            sizes,
            changed,
            compute_bytes,
            longest=longest,
            workers=workers,
            on_gpu=on_gpu,
            calibration=calibration,
        ).bytes

    now = peak(config)
    for path, value, changed in _lighter(sizes, config):
        if (bytes_then := peak(changed)) < now:
            yield Change(path, value, bytes_then)


def largest_micro_batch(
    sizes: Sizes,
    config: TrainingConfig,
    compute_bytes: int,
    usable_bytes: float,
    *,
    longest: Longest = UNKNOWN,
    workers: int = 1,
    on_gpu: bool = False,
    calibration: Calibration = CPU,
) -> float | None:
    """The largest `batch.micro_batch_cost`, in whole examples of the longest kind, whose peak is at most `usable_bytes`.

    None: not even one example fits. For the other arguments see `peak_memory`.
    """
    cost = costs_module(sizes.family, config.task.type).costing(config, sizes.values, 1.0).padded(longest.seconds)

    def fits(examples: int) -> bool:
        asked = min(max(cost * examples, _LEAST_COST), MOST_COST)
        batch = config.batch.model_copy(update={"micro_batch_cost": asked, "cost": max(asked, config.batch.cost)})
        peak = peak_memory(
            sizes,
            config.model_copy(update={"batch": batch}),
            compute_bytes,
            longest=longest,
            workers=workers,
            on_gpu=on_gpu,
            calibration=calibration,
        )
        return peak.bytes <= usable_bytes

    most = max(1, min(config.batch.max_examples, int(config.batch.cost / cost)))
    if not fits(1):
        return None
    least = 1
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if fits(middle) else (least, middle - 1)
    return round(least * cost, 3)


def _lighter(sizes: Sizes, config: TrainingConfig) -> Iterator[tuple[str, object, TrainingConfig]]:
    batch = config.batch
    cost = batch.micro_batch_cost
    while cost > _LEAST_COST:
        cost /= 2
        smaller = BatchConfig.model_validate(batch.model_dump() | {"micro_batch_cost": cost})
        yield "batch.micro_batch_cost", cost, config.model_copy(update={"batch": smaller})
    # Short context would degrade the result of a model that was not trained in it.
    context = resolve_context(config.context, sizes.trained_context)
    if sizes.trained_context == "short" and not isinstance(context, ShortContextConfig):
        yield "context.type", "short", config.model_copy(update={"context": ShortContextConfig()})
    elif isinstance(context, ShortContextConfig) and context.whole_window_share:
        without = context.model_copy(update={"whole_window_share": 0.0})
        yield "context.whole_window_share", 0.0, config.model_copy(update={"context": without})
    if not config.gradient_checkpointing:
        yield "gradient_checkpointing", True, config.model_copy(update={"gradient_checkpointing": True})
    if (lighter := config.optimizer.lighter()) is not None:
        yield "optimizer.type", lighter.type, config.model_copy(update={"optimizer": lighter})
    if config.method.four_bit is None:
        yield "method.type", "qlora", config.model_copy(update={"method": QloraConfig()})
    if config.evaluation.base:
        unmeasured = config.evaluation.model_copy(update={"base": False})
        yield "evaluation.base", False, config.model_copy(update={"evaluation": unmeasured})
