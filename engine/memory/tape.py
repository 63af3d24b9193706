"""What a training step keeps in memory, from the shapes of a model's operations alone. Does not import torch.

A family plays its forward pass on a `Tape`, operation by operation. The tape follows the rules of torch's autograd: which
tensors need a gradient, and which are kept for the backward pass, each once. From the same pass it knows the weights,
their types and the adapters. Tests compare it with what torch really keeps.

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
_KEEP_RESULT: Final = frozenset({"relu", "tanh", "sigmoid", "softmax"})
"""Functions whose derivative follows from their result."""


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


class Tape:
    """Records one forward pass."""

    def __init__(self, rules: Rules) -> None:
        """An empty tape."""
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
        rules, inputs = self.rules, round(x.width)
        if rules.four_bit is not None and four_bit and not head:
            each = _four_bit_bytes(rules.four_bit)
            self._add(Weights(f"{name}.weight", group, (outputs, inputs), "four_bit", False, each))
            self.largest_four_bit = max(self.largest_four_bit, outputs * inputs)
            trains = False
        else:
            trains = self.weight(shared or f"{name}.weight", (outputs, inputs), group, head=head)
        if bias:
            self.weight(f"{name}.bias", (outputs,), group, head=head)
        rank = 0
        if rules.trains == "adapters" and rules.adapters is not None and not head:
            rank = rules.adapters.rank_of(name, group, is_default)
        if rank:
            self._add(Weights(f"{name}.lora_A", group, (rank, inputs), "adapter", True, FLOAT32))
            self._add(Weights(f"{name}.lora_B", group, (outputs, rank), "adapter", True, FLOAT32))
            self._keep_adapter(x, rank, outputs)
        unpacks = rules.four_bit is not None and four_bit and not head
        computed = x if unpacks else self._computed(x)
        if trains:
            self.keep(computed)
        if computed.grad and not unpacks:
            self._keep_computed(outputs * inputs)
        of = [computed, Tensor(0, 0, rules.compute_bytes, grad=True)] if rank else [computed]
        return self.result(of, x.rows, outputs, trains=trains or rank > 0)

    def _keep_adapter(self, x: Tensor, rank: int, outputs: int) -> None:
        """What an adapter keeps; peft gives it its input in float32."""
        rules = self.rules
        wide = Tensor(x.rows, x.width, FLOAT32, x.grad) if x.bytes_each < FLOAT32 else x
        if rules.adapters is not None and rules.adapters.has_dropout:
            wide = self.dropout(wide, 1.0)
        self.keep(self._computed(wide))
        self.keep(Tensor(x.rows, rank, rules.compute_bytes, grad=True))
        if x.grad:
            self._keep_computed(rank * x.width)
        self._keep_computed(rank * outputs)

    def embedding(self, name: str, shape: tuple[int, int], ids: Tensor, group: str | None = None) -> Tensor:
        """Rows of a table; keeps their ids if it trains."""
        trains = self.weight(name, shape, group)
        if trains:
            self.keep(ids)
        return self.result([], ids.rows, shape[1], trains=trains, bytes_each=self.rules.storage_bytes)

    def norm(self, x: Tensor, name: str, group: str | None = None, *, head: bool = False) -> Tensor:
        """A layer norm over the width: keeps its input, and mean and deviation of each row."""
        return self._norm(x, name, group, 2 * x.rows, head=head)

    def group_norm(
        self, x: Tensor, name: str, groups: float, group: str | None = None, *, constant: bool = False
    ) -> Tensor:
        """A norm that keeps its input, and mean and deviation of each of the groups of all examples."""
        return self._norm(x, name, group, 2 * groups, constant=constant)

    def frozen_batch_norm(self, x: Tensor, name: str, group: str | None = None) -> Tensor:
        """A batch norm with recorded statistics, which are no weights: keeps its input."""
        return self._norm(x, name, group, 0)

    def rms_norm(self, x: Tensor, name: str, group: str | None = None) -> Tensor:
        """A norm by the root mean square, as transformers computes it, step by step.

        It keeps its input and a factor for each row; with trained weights the normalised values too.
        """
        trains = self.weight(f"{name}.weight", (round(x.width),), group)
        if x.grad:
            self.keep(x)
            self.keep_bytes(x.rows * FLOAT32)
        normed = self.result([x], x.rows, x.width)
        if trains:
            self.keep(normed)
        return self.result([normed], x.rows, x.width, trains=trains)

    def _norm(
        self,
        x: Tensor,
        name: str,
        group: str | None,
        statistics: float,
        *,
        head: bool = False,
        constant: bool = False,
    ) -> Tensor:
        shape = (round(x.width),)
        trains = self.weight(f"{name}.weight", shape, group, head=head, constant=constant)
        self.weight(f"{name}.bias", shape, group, head=head, constant=constant)
        y = self.result([x], x.rows, x.width, trains=trains)
        if y.grad:
            self.keep(x)
            self.keep_bytes(statistics * FLOAT32)
        return y

    def convolution(
        self,
        x: Tensor,
        name: str,
        shape: tuple[int, ...],
        rows: float,
        group: str | None = None,
        *,
        bias: bool = True,
        constant: bool = False,
    ) -> Tensor:
        """A convolution over positions: keeps its input, even if its weight is frozen.

        Args:
            x: its input.
            name: of the layer.
            shape: of its weight: outputs, inputs of a group, and the kernel's sizes.
            rows: positions of the result.
            group: part of the model.
            bias: whether it has one.
            constant: whether no method trains it.
        """
        trains = self.weight(f"{name}.weight", shape, group, constant=constant)
        if bias:
            self.weight(f"{name}.bias", shape[:1], group, constant=constant)
        y = self.convolved(x, rows, shape[0], trains=trains)
        if y.grad:
            self._keep_computed(math.prod(shape))
        return y

    def convolved(self, x: Tensor, rows: float, width: int, *, trains: bool) -> Tensor:
        """The result of a convolution whose weights are already recorded."""
        x = self._computed(x)
        y = self.result([x], rows, width, trains=trains)
        if y.grad:
            self.keep(x)
        return y

    def activation(self, x: Tensor, kind: str = "gelu") -> Tensor:
        """A function of each value; keeps its result if that is enough, as for ReLU, else its input."""
        y = self.result([x], x.rows, x.width)
        if x.grad:
            self.keep(y if kind in _KEEP_RESULT else x)
        return y

    def gated(self, x: Tensor) -> Tensor:
        """Half of the values, times the sigmoid of the other half (GLU): keeps its input."""
        if x.grad:
            self.keep(x)
        return self.result([x], x.rows, x.width / 2)

    def dropout(self, x: Tensor, probability: float) -> Tensor:
        """Dropout in training; none if the probability is zero."""
        if not probability:
            return x
        if x.grad:
            self.keep_bytes(x.rows * x.width * (1 if self.rules.on_gpu else x.bytes_each))
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

    def pooled(self, x: Tensor, rows: float) -> Tensor:
        """A mean over neighbouring positions with a stride: keeps its input."""
        if x.grad:
            self.keep(x)
        return self.result([x], rows, x.width)

    def chosen(self, x: Tensor, mask: Tensor, rows: float) -> Tensor:
        """The rows of a tensor that a mask names: keeps the mask."""
        if x.grad:
            self.keep(mask)
        return self.result([x], rows, x.width)

    def zeroed(self, x: Tensor) -> Tensor:
        """Zeros in place, where a mask of each value says so: keeps the mask."""
        if x.grad:
            self.keep_bytes(x.rows * x.width * BOOL)
        return x

    def unit(self, x: Tensor) -> Tensor:
        """Rows of length one: keeps the input and two lengths of each row."""
        if x.grad:
            self.keep(x)
            self.keep_bytes(2 * x.rows * x.bytes_each)
        return self.result([x], x.rows, x.width)

    def attention(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        heads: int,
        positions: float,
        *,
        mask: Tensor | None = None,
        bias: Tensor | None = None,
        dropout: float = 0.0,
        is_fused: bool = True,
        is_copied: bool = False,
        is_cached: bool = False,
    ) -> Tensor:
        """Attention.

        The fused one never stores the weights: it keeps its inputs, its result, a number for each query and head, and the
        mask as numbers. The other one keeps the weights.

        Args:
            queries: of all heads.
            keys: of all heads.
            values: of all heads.
            heads: number of heads.
            positions: keys of each example.
            mask: of bits; None: all keys count, or those up to the query's position.
            bias: that is added to the products of each head, as rows of heads and queries.
            dropout: on the weights.
            is_fused: whether the model asks for the fused one.
            is_copied: whether the model rearranges the fused one's result into a new tensor.
            is_cached: whether a decoder holds keys and values while it writes.
        """
        if is_cached:
            self.cached_bytes += keys.bytes + values.bytes
        queries, keys, values = (self._computed(each) for each in (queries, keys, values))
        biased = bias is not None and bias.grad
        if not is_fused:
            return self._stored_attention(queries, keys, values, heads, positions, bias, dropout)
        if (dropout or biased) and not self.rules.on_gpu:
            # torch falls back to one that computes in float32.
            wide = [Tensor(each.rows, each.width, FLOAT32, each.grad) for each in (queries, keys, values)]
            y = self._stored_attention(wide[0], wide[1], wide[2], heads, positions, bias, dropout)
            return self.result([y], y.rows, y.width, bytes_each=self.rules.compute_bytes)
        y = self.result([queries, keys, values], queries.rows, queries.width)
        if y.grad:
            for each in (queries, keys, values, y):
                self.keep(each)
            self.keep_bytes(queries.rows * heads * FLOAT32)
            if bias is not None:
                self.keep(bias)
            elif mask is not None:
                self.keep_bytes(queries.rows * positions * self.rules.compute_bytes)
        return self.result([y], y.rows, y.width) if is_copied else y

    def _stored_attention(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        heads: int,
        positions: float,
        bias: Tensor | None,
        dropout: float,
    ) -> Tensor:
        """Attention that stores its weights; queries, keys and values are copied by head."""
        of = [queries, keys] if bias is None else [queries, keys, bias]
        weights = self.result(of, queries.rows * heads, positions, bytes_each=FLOAT32)
        if queries.grad:
            self.keep_bytes(keys.bytes)
        if keys.grad:
            self.keep_bytes(queries.bytes)
        if weights.grad:
            self.keep(weights)
        dropped = self.dropout(weights, dropout)
        if dropped.grad:
            self.keep_bytes(values.bytes)
        if values.grad:
            self.keep(dropped if values.bytes_each == FLOAT32 else self._computed(dropped))
        return self.result([values], queries.rows, values.width, trains=dropped.grad)

    # ---- losses

    def cross_entropy(self, logits: Tensor) -> None:
        """The loss over classes: keeps their probabilities in float32, and the targets."""
        classes = logits.rows * logits.width * FLOAT32
        self.keep_bytes(classes + logits.rows * LONG + FLOAT32)
        self.loss_bytes = 2 * classes

    def binary_cross_entropy(self, logits: Tensor) -> None:
        """The loss over yes and no for each label: keeps the logits in float32, and the targets."""
        self.keep_bytes(2 * logits.rows * logits.width * FLOAT32)
        self.loss_bytes = 2 * logits.rows * logits.width * FLOAT32

    def alignment(self, logits: Tensor, examples: float, labels: float) -> None:
        """CTC's loss: keeps probabilities in float32, the labels, and a path's score at each frame and state.

        Args:
            logits: of each frame of all examples.
            examples: number of texts.
            labels: of each text, padding included.
        """
        classes = logits.rows * logits.width * FLOAT32
        states = logits.rows * (2 * labels + 1) * FLOAT32
        self.keep_bytes(classes + states + examples * (labels * LONG + FLOAT32))
        self.loss_bytes = 2 * classes + states


def _four_bit_bytes(quantization: Quantization) -> float:
    """Bytes of a 4-bit weight: half a byte, and its share of the constants of its block of 64.

    With double quantization a constant takes 8 bits, and a float32 is shared by 256 of them.
    """
    return 0.5 + (1 / 64 + 4 / (64 * 256) if quantization.double else 4 / 64)
