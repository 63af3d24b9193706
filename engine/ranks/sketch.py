"""Sketch the gradient of every layer's weights with probe adapters, without storing a gradient of that size.

An adapter adds B A x to a layer's W x, so that with G, the gradient of W, the gradient of B is G A^T and that of A is
B^T G. The first pass has a random A and B = 0: the gradient of B is a random sketch of G's columns, of which Q is an
orthonormal basis. The second pass has B = Q and A = 0, and the gradient of A is Q^T G. In both passes B A = 0: the model
computes what the base computes.

Legend: O outputs of a layer, I its inputs, K rank of the probe, R = min(O, K) directions of the basis.

Source: Halko, Martinsson and Tropp 2011, "Finding structure with randomness", algorithms 4.1 and 5.1.
"""

from __future__ import annotations

import contextlib
import random
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import peft
import torch
from torch import nn

from engine.adapters.lora import quiet
from engine.config.training import BatchConfig
from engine.data.batching import BatchOrder, Costs
from engine.data.example import AnyExample
from engine.errors import ConfigError, Fault, TrainingError
from engine.families.binding import Bound
from engine.families.contract import Indivisible, PadsSomeWhole
from engine.training.micro_batches import MicroBatching
from engine.training.parallel import Parallel
from engine.training.prefetch import Prefetcher
from engine.training.randomness import seed_worker

_PROBE: Final = "default"
_LEAST_STEPS: Final = 8
"""Batches are made small enough for this many, so that each half has several."""
_FLOAT16_SCALE: Final = 1024.0
"""The loss is multiplied by this in float16, which rounds small gradients to zero."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """Singular values of the gradient at the base, and what they were measured on."""

    values: Mapping[str, list[float]]
    """By layer, largest first."""
    positions_per_cost: Mapping[str, float]
    """Rows that pass through each layer for a unit of cost; with gradient checkpointing 0, as none are kept."""
    examples: int
    steps: int
    cost: float
    """Cost of the examples, padding included."""


def sketch(
    bound: Bound,
    layers: Collection[str],
    train: Sequence[AnyExample],
    folder: Path,
    *,
    examples: int,
    probe_rank: int,
    parallel: Parallel,
) -> Sketch:
    """Measure the singular values of the mean gradient of each layer's weights.

    The batches of one pass over the examples alternate between two halves; `shared_singular_values` counts what the halves
    have in common. All random choices depend on the config's seed; the number of workers, which share each batch, changes
    the rounding.

    Args:
        bound: the base with its task; probes are attached to it and removed again.
        layers: full names of the linear layers to measure.
        train: the training examples.
        folder: of the dataset version.
        examples: how many of them to draw.
        probe_rank: K, the largest number of singular values of a layer.
        parallel: this worker's rank; every worker must call this.

    Raises:
        ConfigError: the examples are fewer than two batches.
        TrainingError: a gradient is not finite.
    """
    passes = _Passes(bound, train, folder, examples, parallel)
    with _probed(bound, layers, probe_rank) as probes:
        for probe in probes:
            probe.begin_columns(bound.config.seed)
        with _counted(probes, are_kept=not bound.config.gradient_checkpointing) as rows:
            passes.run(lambda half: None)
        for probe in probes:
            probe.begin_rows(parallel)

        def use(half: int) -> None:
            for probe in probes:
                probe.use(half)

        passes.run(use)
        values = {probe.name: probe.values(parallel, passes.divisors) for probe in probes}
    positions = parallel.sum_(torch.tensor([*rows.values()], dtype=torch.float64, device=bound.device)).tolist()
    per_cost = {name: count / passes.cost for name, count in zip(rows, positions, strict=True)}
    return Sketch(values, per_cost, len(passes.drawn), passes.steps, passes.cost)


def shared_singular_values(first_RI: torch.Tensor, second_RI: torch.Tensor) -> list[float]:
    """Singular values of the mean of two matrices, counting only what both have in common; largest first.

    With the singular vectors u_k and v_k of the mean, sigma_k^2 = max(0, <u_k, G1 v_k> <u_k, G2 v_k>). For equal matrices
    these are their singular values; a direction that only noise has given one of them counts little or nothing.
    """
    U_RK, _, Vh_KI = torch.linalg.svd((first_RI + second_RI) / 2, full_matrices=False)
    first_K, second_K = (((U_RK.T @ half_RI) * Vh_KI).sum(dim=1) for half_RI in (first_RI, second_RI))
    found: list[float] = (first_K * second_K).clamp(min=0.0).sqrt().tolist()
    return sorted(found, reverse=True)


# ---- probes ------------------------------------------------------------------------------------------------


class _Probe:
    """The adapter of a layer, while it measures."""

    def __init__(self, name: str, layer: Any) -> None:
        self.name = name
        self.A: nn.Linear = layer.lora_A[_PROBE]
        self.B: nn.Linear = layer.lora_B[_PROBE]
        self.halves_KI: list[torch.Tensor] = []
        """Q^T G, summed over the steps of each half."""

    def begin_columns(self, seed: int) -> None:
        """Before the first pass: A is random, and only B's gradient is computed."""
        # By name, so that neither the order of layers nor which others there are changes it.
        generator = torch.Generator().manual_seed(zlib.crc32(f"{seed}/{self.name}".encode()))
        _put(self.A.weight, torch.randn(self.A.weight.shape, generator=generator), trained=False)
        _put(self.B.weight, torch.zeros(self.B.weight.shape), trained=True)

    def begin_rows(self, parallel: Parallel) -> None:
        """Between the passes: B becomes a basis of its gradient, and only A's gradient is computed."""
        gradient_OK = self.B.weight.grad
        assert gradient_OK is not None
        basis_OR = torch.linalg.qr(_finite(self.name, parallel.sum_(gradient_OK))).Q
        Q_OK = torch.zeros_like(gradient_OK)
        if parallel.is_first:  # another processor may round to another basis, so all take the first worker's
            Q_OK[:, : basis_OR.shape[1]] = basis_OR.to(Q_OK)
        _put(self.B.weight, parallel.sum_(Q_OK), trained=False)
        _put(self.A.weight, torch.zeros(self.A.weight.shape), trained=True)
        self.halves_KI = [torch.zeros_like(self.A.weight) for _ in range(2)]

    def use(self, half: int) -> None:
        """Add the gradients of the next step to those of its half."""
        self.A.weight.grad = self.halves_KI[half]

    def values(self, parallel: Parallel, divisors: Sequence[float]) -> list[float]:
        """The layer's singular values, as many as it can have; `divisors` make a mean of the sum of each half."""
        first_KI, second_KI = (
            _finite(self.name, parallel.sum_(half_KI)) / divisor
            for half_KI, divisor in zip(self.halves_KI, divisors, strict=True)
        )
        return shared_singular_values(first_KI, second_KI)[: min(self.A.in_features, self.B.out_features)]


def _put(weight: torch.Tensor, value: torch.Tensor, *, trained: bool) -> None:
    weight.data = value.to(weight.device, torch.float32)
    weight.requires_grad_(trained)
    weight.grad = torch.zeros_like(weight) if trained else None


def _finite(name: str, gradient: torch.Tensor) -> torch.Tensor:
    """A gradient in float64 on the CPU.

    Raises:
        TrainingError: it is not finite.
    """
    found = gradient.detach().double().cpu()
    if not bool(found.isfinite().all()):
        raise TrainingError(
            f"the gradient of {name} is not finite at the base, so that no ranks can be allocated; set precision: float32"
        )
    return found


@contextlib.contextmanager
def _probed(bound: Bound, layers: Collection[str], probe_rank: int) -> Iterator[list[_Probe]]:
    """The base with a probe on each layer, in training mode; afterwards as it was."""
    model = bound.base.model
    trained = {parameter: parameter.requires_grad for parameter in model.parameters()}
    model.requires_grad_(False)
    with quiet():
        adapted = peft.get_peft_model(
            model,
            peft.LoraConfig(r=probe_rank, lora_alpha=probe_rank, target_modules=list(layers), bias="none"),
        )
    try:
        if bound.config.gradient_checkpointing:
            bound.checkpoint_activations()
        adapted.train()
        yield [_Probe(name, model.get_submodule(name)) for name in layers]
    finally:
        adapted.unload()
        model.eval()
        for parameter, required in trained.items():
            parameter.requires_grad_(required)


@contextlib.contextmanager
def _counted(probes: Sequence[_Probe], *, are_kept: bool) -> Iterator[dict[str, int]]:
    """The rows that pass through each layer, if they are kept for the backward pass."""
    rows = {probe.name: 0 for probe in probes}

    def count(name: str, output: torch.Tensor) -> None:
        rows[name] += output.shape[:-1].numel() if are_kept else 0

    hooks = [
        probe.A.register_forward_hook(lambda _module, _inputs, output, name=probe.name: count(name, output))
        for probe in probes
    ]
    try:
        yield rows
    finally:
        for hook in hooks:
            hook.remove()


# ---- passes ------------------------------------------------------------------------------------------------


class _Passes:
    """Goes over the same batches again and again, with the same random numbers."""

    def __init__(
        self, bound: Bound, train: Sequence[AnyExample], folder: Path, examples: int, parallel: Parallel
    ) -> None:
        self._bound, self._folder, self._parallel = bound, folder, parallel
        learner, config = bound.learner, bound.config
        ordered = sorted(train, key=lambda example: example.id)
        self.drawn = random.Random(config.seed).sample(ordered, min(examples, len(ordered)))
        self._costs = Costs(learner.costs(self.drawn), learner.padded_costs(self.drawn))
        self.cost = sum(self._costs.padded)
        self._batch = self._small_batches()
        self.steps = self._order().steps_per_epoch()
        if self.steps < 2:
            message = (
                f"found {len(self.drawn)} training examples, which make {self.steps} batch; the sketch compares two halves of "
                "them: give it more examples, or take allocation: uniform"
            )
            raise ConfigError([Fault("training.method.allocation.examples", message)])
        self._scale = _FLOAT16_SCALE if bound.dtype == torch.float16 else 1.0
        self.divisors = [self._scale * count for count in (-(-self.steps // 2), self.steps // 2)]
        """For each half: its sum of gradients is so many times their mean."""

    def run(self, before_step: Callable[[int], object]) -> None:
        """One pass; gradients of the loss per target add up.

        Args:
            before_step: called with the half, 0 or 1, that the step belongs to.
        """
        bound, config = self._bound, self._bound.config
        limit = self._batch.micro_batch_cost
        micro_batching = MicroBatching(
            bound.learner,
            self.drawn,
            self._folder,
            costs=self._costs,
            limit=limit,
            parallel=self._parallel,
            seed=config.seed,
        )
        with Prefetcher(self._order(), micro_batching, limit) as steps:
            for number, step in zip(range(self.steps), steps, strict=False):
                before_step(number % 2)
                seed_worker(config.seed, self._parallel, number)
                for batch in step.micro_batches:
                    loss_sum, _ = bound.learner.loss(batch)
                    (self._scale * loss_sum / step.target_count).backward()

    def _order(self) -> BatchOrder:
        learner = self._bound.learner
        share = learner.whole_window_share if isinstance(learner, PadsSomeWhole) else 0.0
        return BatchOrder(self._costs, self._batch, seed=self._bound.config.seed, whole_window_share=share)

    def _small_batches(self) -> BatchConfig:
        """Batches of one micro-batch, or less if there would be too few."""
        batch, learner = self._bound.config.batch, self._bound.learner
        unit = learner.unit if isinstance(learner, Indivisible) else 1
        cost = max(min(self.cost / _LEAST_STEPS, batch.micro_batch_cost), unit * max(self._costs.padded))
        return batch.model_copy(update={"cost": cost, "short_first_steps": 0})
