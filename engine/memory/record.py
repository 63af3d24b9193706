"""Record the tensors that a forward pass keeps for its backward pass, and its weights. Does not import torch.

It follows the rules of torch's autograd: each tensor is kept once, a recomputed layer keeps nothing but its inputs, and the
backward pass frees what each operation kept while it adds the gradients of the operation's weights.

Legend: rows are the positions of all examples of a batch together, a width is the number of values of each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from engine.config.adapters import Adapters
from engine.config.methods.base import Trains
from engine.config.quantization import Quantization

FLOAT32: Final = 4
LONG: Final = 8
BOOL: Final = 1


@dataclass(eq=False, slots=True)
class Tensor:
    """A result of an operation."""

    rows: float
    width: float
    bytes_each: int
    """Bytes of a value."""
    grad: bool
    """Whether it needs a gradient."""
    kept: bool = False
    storage: Tensor | None = None
    """The tensor whose memory it shares; None: it has its own."""

    @property
    def bytes(self) -> float:
        """Its size in bytes."""
        return self.rows * self.width * self.bytes_each


@dataclass(frozen=True, slots=True)
class Weights:
    """A weight tensor of the model, or of an adapter."""

    name: str
    group: str | None
    shape: tuple[int, ...]
    kind: Literal["base", "four_bit", "adapter", "head", "original"]
    """A head is new for the task; peft trains a copy of it beside adapters, and the original stays in place."""
    trains: bool
    bytes_each: float

    @property
    def count(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> float:
        """Size in bytes."""
        return self.count * self.bytes_each


@dataclass(frozen=True, slots=True)
class Rules:
    """How a run treats the weights, and where it computes."""

    trains: Trains
    compute_bytes: int
    """Bytes of a value of the type that it computes in."""
    storage_bytes: int = FLOAT32
    """Bytes of a weight that is not in 4 bits."""
    adapters: Adapters | None = None
    four_bit: Quantization | None = None
    checkpointing: bool = False
    on_gpu: bool = False
    """A GPU keeps dropout masks as bits in bytes, a processor as factors; and a processor's fused attention has neither
    dropout nor trained biases, so that it falls back to one that stores the weights."""


class _Layer:
    """What the layer that is being recorded keeps, if it will be recomputed."""

    def __init__(self) -> None:
        self.bytes = 0.0
        self.largest_bytes = 0.0
        self.kept: list[Tensor] = []
        self.needs_grad = False


class Record:
    """What one forward pass keeps, and its weights; `Tape` adds the operations."""

    def __init__(self, rules: Rules) -> None:
        """An empty record."""
        self.rules = rules
        self.weights: list[Weights] = []
        self.kept_bytes = 0.0
        """Bytes that are kept for the backward pass."""
        self.recomputed_bytes = 0.0
        """With checkpointing: the most that one layer keeps while its backward pass runs, without its inputs."""
        self._recomputed: list[tuple[float, float]] = []
        self.loss_bytes = 0.0
        """Bytes that the backward pass of the loss needs for a moment, while all else is still kept."""
        self.largest_bytes = 0.0
        """Largest result of an operation."""
        self.largest_four_bit = 0
        """Weights of the largest layer in 4 bits, which is unpacked for its product."""
        self.cached_bytes = 0.0
        """Keys and values that a decoder holds while it writes an answer."""
        self.input_bytes = 0.0
        """Bytes of the inputs."""
        self._known: dict[str, int] = {}
        self._layer: _Layer | None = None
        self._results: list[tuple[float, float]] = []
        self._trained = 0
        self._summed: list[tuple[float, int]] = []
        self._passed: list[tuple[float, int]] = [(0.0, 0)]

    @property
    def backward_bytes(self) -> float:
        """The most that the backward pass holds of kept tensors and gradients (float32) together.

        It frees what each operation kept while it adds the gradients of the operation's weights.
        """
        most = max(kept + FLOAT32 * (self._trained - before) for kept, before in self._passed)
        return max([most, *(found + FLOAT32 * (self._trained - before) for found, before in self._summed)])

    @property
    def summed_bytes(self) -> float:
        """Likewise, of a later micro-batch of a step, without the gradients that are there: those of weights used twice."""
        return max((found for found, _ in self._summed), default=0.0)

    def _pass(self) -> None:
        """Note what is kept, and the trained weights whose gradients the backward pass does not have yet, at this point."""
        self._passed.append((self._kept_now, self._trained))

    def passing_bytes(self, factor: float) -> float:
        """The most that is kept together with a multiple of the result that is computed, in either direction.

        The backward pass holds what was kept up to an operation when it computes the gradients of its inputs.
        """
        return max((kept + factor * made for kept, made in self._results), default=0.0)

    def recomputing_bytes(self, factor: float) -> float:
        """With checkpointing: the most that one layer keeps when it is recomputed, with a multiple of its largest result.

        Its backward pass begins there: the gradient of the last operations' inputs comes on top of all that it keeps.
        """
        return max((kept + factor * largest for kept, largest in self._recomputed), default=0.0)

    @property
    def _kept_now(self) -> float:
        return self.kept_bytes + (self._layer.bytes if self._layer is not None else 0.0)

    # ---- tensors

    def _computed(self, x: Tensor) -> Tensor:
        """A tensor in the type of computation, as autocast hands it to a product: a copy if it is wider."""
        if x.bytes_each <= self.rules.compute_bytes:
            return x
        return Tensor(x.rows, x.width, self.rules.compute_bytes, x.grad)

    def _keep_computed(self, count: float) -> None:
        """Keep a weight's copy in the type of computation, if that is not float32."""
        if self.rules.compute_bytes < FLOAT32:
            self.keep_bytes(count * self.rules.compute_bytes)

    def data(self, rows: float, width: float, bytes_each: int | None = None) -> Tensor:
        """An input, which needs no gradient."""
        made = Tensor(rows, width, FLOAT32 if bytes_each is None else bytes_each, grad=False)
        self.input_bytes += made.bytes
        return made

    def buffer(self, rows: float, width: float) -> Tensor:
        """A constant that the model holds anyway, in the type of computation."""
        return Tensor(rows, width, self.rules.compute_bytes, grad=False, kept=True)

    def result(
        self, of: Sequence[Tensor], rows: float, width: float, *, trains: bool = False, bytes_each: int | None = None
    ) -> Tensor:
        """A new tensor that depends on others, and on weights that may train; its type is the widest of the others'."""
        if bytes_each is None:
            bytes_each = max((each.bytes_each for each in of), default=FLOAT32)
        made = Tensor(rows, width, bytes_each, grad=trains or any(each.grad for each in of))
        if made.grad and self._layer is not None:
            self._layer.needs_grad = True
        self.largest_bytes = max(self.largest_bytes, made.bytes)
        self._results.append((self._kept_now, made.bytes))
        if self._layer is not None:
            self._layer.largest_bytes = max(self._layer.largest_bytes, made.bytes)
        return made

    def view(self, x: Tensor, rows: float, width: float) -> Tensor:
        """A part of a tensor, or the same values in another shape: to keep it keeps the whole tensor."""
        return Tensor(rows, width, x.bytes_each, x.grad, storage=x.storage or x)

    def keep(self, tensor: Tensor) -> None:
        """Keep a tensor for the backward pass; twice is once."""
        whole = tensor.storage or tensor
        if not whole.kept:
            whole.kept = True
            if self._layer is not None:
                self._layer.kept.append(whole)
            self.keep_bytes(whole.bytes)

    def keep_bytes(self, count: float) -> None:
        """Keep bytes for the backward pass that no later operation needs."""
        if self._layer is None:
            self.kept_bytes += count
        else:
            self._layer.bytes += count
        self._pass()

    @contextmanager
    def layer(self, *inputs: Tensor | None) -> Iterator[None]:
        """A layer that keeps nothing but its inputs if activations are checkpointed; None: an input that is absent."""
        if not self.rules.checkpointing:
            yield
            return
        wholes = [each.storage or each for each in inputs if each is not None]
        new = [each for each in dict.fromkeys(wholes) if not each.kept]
        for each in new:
            each.kept = True
        self._layer = layer = _Layer()
        yield
        self._layer = None
        for each in (*layer.kept, *new):
            each.kept = False
        if layer.needs_grad:
            self.recomputed_bytes = max(self.recomputed_bytes, layer.bytes)
            self._recomputed.append((layer.bytes, layer.largest_bytes))
            for each in new:
                self.keep(each)

    # ---- weights

    def weight(
        self,
        name: str,
        shape: tuple[int, ...],
        group: str | None = None,
        *,
        constant: bool = False,
        head: bool = False,
    ) -> bool:
        """A weight outside of the linear layers; return whether it trains. A name that came before is the same weight.

        Args:
            name: of the weight.
            shape: of the weight.
            group: part of the model.
            constant: whether no method trains it.
            head: whether it is new for the task, so that every method trains it.
        """
        trains = head or (self.rules.trains == "whole" and not constant)
        if head:
            self._add(Weights(name, group, shape, "head", True, FLOAT32))
            if self.rules.trains == "adapters":
                self._add(Weights(f"{name} (original)", group, shape, "original", False, FLOAT32))
        else:
            self._add(Weights(name, group, shape, "base", trains, self.rules.storage_bytes))
        return trains

    def _add(self, weights: Weights) -> None:
        if weights.name in self._known:
            if weights.trains:
                self._share(weights)
            return
        self._known[weights.name] = len(self._passed)
        self.weights.append(weights)
        if weights.trains:
            self._trained += weights.count
            self._pass()

    def _share(self, weights: Weights) -> None:
        """A trained weight is used once more; its gradients are summed at its first use, the last in the backward pass.

        Until then the gradient of this use waits in the type of computation. There it meets that of the first use, their
        sum, and in float32 a copy of the sum in the order of the weight.
        """
        first = self._known[weights.name]
        kept, before = self._passed[first][0], self._passed[first - 1][1]
        self._passed[first:] = [(kept, before - weights.count) for kept, before in self._passed[first:]]
        self._passed.append((self._passed[-1][0], self._trained))
        computed = self.rules.compute_bytes
        at_once = computed + 2 * FLOAT32 + (FLOAT32 if computed == FLOAT32 else 0)
        self._summed.append((kept + weights.count * at_once, before + weights.count))
