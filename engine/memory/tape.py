"""What a training step keeps in memory, from the shapes of a model's operations alone. Does not import torch.

A family plays its forward pass on a `Tape`, operation by operation. The tape follows the rules of torch's autograd: which
tensors need a gradient, and which are kept for the backward pass, each once. From the same pass it knows the weights,
their types and the adapters. Tests compare it with what torch really keeps.

Legend: rows are the positions of all examples of a batch together, a width is the number of values of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from engine.config.quantization import Quantization

FLOAT32: Final = 4
LONG: Final = 8
_STATISTICS: Final = 2
"""Mean and deviation that a norm keeps for each row, in float32."""


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
    kind: Literal["base", "four_bit", "adapter"]
    trains: bool
    bytes_each: float

    @property
    def count(self) -> int:
        """Number of values."""
        total = 1
        for size in self.shape:
            total *= size
        return total

    @property
    def bytes(self) -> float:
        """Size in bytes."""
        return self.count * self.bytes_each


@dataclass(frozen=True, slots=True)
class Adapters:
    """Which linear layers get an adapter, and of which rank."""

    rank: int
    targets: frozenset[str] | None
    """Suffixes of their names; None: those that the family adapts by default."""
    groups: frozenset[str] | None
    """Parts of the model; None: all."""
    has_dropout: bool = False
    ranks: Mapping[str, int] = field(default_factory=dict)
    """Ranks of single layers, by their whole name; 0: none."""

    def rank_of(self, name: str, group: str | None, is_default: bool) -> int:
        """Rank of the adapter on a linear layer; 0: it has none."""
        if self.groups is not None and group not in self.groups:
            return 0
        if self.targets is None:
            chosen = is_default
        else:
            chosen = any(name == target or name.endswith(f".{target}") for target in self.targets)
        return self.ranks.get(name, self.rank) if chosen else 0


@dataclass(frozen=True, slots=True)
class Rules:
    """How a run treats the weights."""

    trains: Literal["adapters", "heads", "whole"]
    compute_bytes: int
    """Bytes of a value of the type that it computes in."""
    storage_bytes: int = FLOAT32
    """Bytes of a weight that is not in 4 bits."""
    adapters: Adapters | None = None
    four_bit: Quantization | None = None
    mask_bytes: int = FLOAT32
    """Bytes of a value of a dropout mask: torch keeps factors on a processor, and bits as bytes on a GPU."""
    checkpointing: bool = False


class Tape:
    """Records one forward pass."""

    def __init__(self, rules: Rules) -> None:
        """An empty tape."""
        self.rules = rules
        self.weights: list[Weights] = []
        self.kept_bytes = 0.0
        """Bytes that are kept for the backward pass."""
        self.recomputed_bytes = 0.0
        """With checkpointing: the most that one layer keeps while its backward pass runs."""
        self.loss_bytes = 0.0
        """Bytes that the backward pass of the loss needs for a moment, while all else is still kept."""
        self.largest_bytes = 0.0
        """Largest result of an operation."""
        self.largest_four_bit = 0
        """Weights of the largest layer in 4 bits, which is unpacked for its product."""
        self._known: set[str] = set()
        self._layer: float | None = None
        """Bytes kept within the layer that is being recorded, if it will be recomputed."""

    # ---- tensors

    def data(self, rows: float, width: float, bytes_each: int | None = None) -> Tensor:
        """An input, which needs no gradient."""
        return Tensor(rows, width, self.rules.compute_bytes if bytes_each is None else bytes_each, grad=False)

    def result(self, of: Sequence[Tensor], rows: float, width: float, *, trains: bool = False) -> Tensor:
        """A new tensor that depends on others, and on weights that may train."""
        made = Tensor(rows, width, self.rules.compute_bytes, grad=trains or any(each.grad for each in of))
        self.largest_bytes = max(self.largest_bytes, made.bytes)
        return made

    def keep(self, tensor: Tensor) -> None:
        """Keep a tensor for the backward pass; twice is once."""
        if not tensor.kept:
            tensor.kept = True
            self.keep_bytes(tensor.bytes)

    def keep_bytes(self, count: float) -> None:
        """Keep bytes for the backward pass that no later operation needs."""
        if self._layer is None:
            self.kept_bytes += count
        else:
            self._layer += count

    # ---- weights

    def weight(self, name: str, shape: tuple[int, ...], group: str | None = None, *, constant: bool = False) -> bool:
        """A weight outside of the linear layers; return whether it trains. A name that came before is the same weight."""
        trains = self.rules.trains == "whole" and not constant
        self._add(Weights(name, group, shape, "base", trains, self.rules.storage_bytes))
        return trains

    def _add(self, weights: Weights) -> None:
        if weights.name not in self._known:
            self._known.add(weights.name)
            self.weights.append(weights)

    # ---- operations

    def linear(
        self,
        x: Tensor,
        name: str,
        outputs: int,
        group: str | None = None,
        *,
        bias: bool = True,
        head: bool = False,
        is_default: bool = True,
        four_bit: bool = True,
        shared: str | None = None,
    ) -> Tensor:
        """A product with a matrix.

        Args:
            x: its input.
            name: of the layer.
            outputs: width of the result.
            group: part of the model.
            bias: whether it has one.
            head: whether it is new for the task, so that every method trains it.
            is_default: whether it gets an adapter by default.
            four_bit: whether it is kept in 4 bits with a base that is.
            shared: name of the weight that it shares, such as a token embedding's; None: it has its own.
        """
        rules = self.rules
        inputs = round(x.width)
        trains = head or rules.trains == "whole"
        quantized = rules.four_bit is not None and four_bit and not head
        self._add(
            Weights(
                shared or f"{name}.weight",
                group,
                (outputs, inputs),
                "four_bit" if quantized else "base",
                trains,
                _four_bit_bytes(rules.four_bit) if quantized and rules.four_bit else FLOAT32 if head else rules.storage_bytes,
            )
        )
        if quantized:
            self.largest_four_bit = max(self.largest_four_bit, outputs * inputs)
        if bias:
            self._add(Weights(f"{name}.bias", group, (outputs,), "base", trains, FLOAT32 if head else rules.storage_bytes))
        rank = 0
        if rules.trains == "adapters" and rules.adapters is not None and not head:
            rank = rules.adapters.rank_of(name, group, is_default)
        if rank:
            self._add(Weights(f"{name}.lora_A", group, (rank, inputs), "adapter", True, FLOAT32))
            self._add(Weights(f"{name}.lora_B", group, (outputs, rank), "adapter", True, FLOAT32))
            if rules.adapters is not None and rules.adapters.has_dropout:
                self.keep(self.dropout(x, 1.0))
            else:
                self.keep(x)
            self.keep(Tensor(x.rows, rank, rules.compute_bytes, grad=True))
        if trains:
            self.keep(x)
        return self.result([x], x.rows, outputs, trains=trains or rank > 0)

    def norm(
        self, x: Tensor, name: str, group: str | None = None, *, bias: bool = True, statistics: int = _STATISTICS, head: bool = False
    ) -> Tensor:
        """A norm over the width, with a factor and perhaps a bias."""
        width = round(x.width)
        trains = self.weight(f"{name}.weight", (width,), group)
        if bias:
            self.weight(f"{name}.bias", (width,), group)
        trains = trains or head
        y = self.result([x], x.rows, x.width, trains=trains)
        if y.grad:
            self.keep(x)
            self.keep_bytes(statistics * x.rows * FLOAT32)
        return y

    def convolution(
        self, x: Tensor, name: str, shape: tuple[int, int, int], rows: float, group: str | None = None, *, bias: bool = True
    ) -> Tensor:
        """A convolution over positions.

        Args:
            x: its input.
            name: of the layer.
            shape: of its weight: outputs, inputs of a group, kernel.
            rows: positions of the result.
            group: part of the model.
            bias: whether it has one.
        """
        trains = self.weight(f"{name}.weight", shape, group)
        if bias:
            self.weight(f"{name}.bias", shape[:1], group)
        if trains:
            self.keep(x)
        return self.result([x], rows, shape[0], trains=trains)

    def activation(self, x: Tensor, *, keeps_result: bool = False) -> Tensor:
        """A function of each value, such as GELU; those of which the result is enough, such as ReLU, keep that."""
        y = self.result([x], x.rows, x.width)
        if x.grad:
            self.keep(y if keeps_result else x)
        return y

    def dropout(self, x: Tensor, probability: float) -> Tensor:
        """Dropout in training; none if the probability is zero."""
        if not probability:
            return x
        if x.grad:
            self.keep_bytes(x.rows * x.width * self.rules.mask_bytes)
        return self.result([x], x.rows, x.width)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """A sum."""
        return self.result([x, y], x.rows, x.width)

    def multiply(self, x: Tensor, y: Tensor) -> Tensor:
        """A product of each two values."""
        if x.grad:
            self.keep(y)
        if y.grad:
            self.keep(x)
        return self.result([x, y], x.rows, x.width)

    def fused_attention(
        self, queries: Tensor, keys: Tensor, values: Tensor, heads: int, *, is_copied: bool = False
    ) -> Tensor:
        """Attention that never stores the weights: keeps inputs, result, and a number for each query and head.

        Args:
            queries: of all heads.
            keys: of all heads.
            values: of all heads.
            heads: number of heads.
            is_copied: whether the model rearranges the result into a new tensor.
        """
        y = self.result([queries, keys, values], queries.rows, queries.width)
        if y.grad:
            for each in (queries, keys, values, y):
                self.keep(each)
            self.keep_bytes(queries.rows * heads * FLOAT32)
        return self.result([y], y.rows, y.width) if is_copied else y

    def cross_entropy(self, logits: Tensor) -> None:
        """The loss over classes: keeps their probabilities in float32, and the targets."""
        classes = logits.rows * logits.width * FLOAT32
        self.keep_bytes(classes + logits.rows * LONG + FLOAT32)
        self.loss_bytes = 2 * classes

    @contextmanager
    def layer(self, *inputs: Tensor) -> Iterator[None]:
        """A layer that keeps nothing but its inputs if activations are checkpointed."""
        if not self.rules.checkpointing:
            yield
            return
        self._layer = 0.0
        yield
        self.recomputed_bytes, self._layer = max(self.recomputed_bytes, self._layer), None
        for each in inputs:
            self.keep(each)


def _four_bit_bytes(quantization: Quantization) -> float:
    """Bytes of a 4-bit weight: half a byte, and its share of the constants of its block of 64.

    With double quantization a constant takes 8 bits, and a float32 is shared by 256 of them.
    """
    return 0.5 + (1 / 64 + 4 / (64 * 256) if quantization.double else 4 / 64)
